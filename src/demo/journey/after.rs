//! What follows a visit: surveys, complaints, adverse events, follow-up tasks, tags and consents.
use super::Teller;
use super::visit::Sitting;
use crate::cell::{Row, row};
use crate::staff::{ASSISTANT, CONSULTANT, DOCTOR, SERVICE};
use crate::story::{Answer, Who};
use crate::table::Tab;
use crate::time::{At, Day};

const COMPLAINTS: [&str; 5] = ["等候时间长", "服务态度", "收费争议", "治疗效果", "环境卫生"];
const ADVERSE: [&str; 5] = ["跌倒", "用药错误", "术后感染", "过敏反应", "器械故障"];

impl Teller<'_> {
    /// Everything a visit may leave behind, decided before the patient departs.
    pub(super) fn after_visit(&mut self, sitting: &Sitting, won: bool, surgery: bool) {
        if self.late.is_some() {
            return;
        }
        let left = sitting.now.minutes(5);
        self.survey(sitting, left);
        if self.dice.chance(0.008) {
            self.complain(sitting, left);
        }
        if sitting.treated && self.dice.chance(0.003) {
            self.adverse(sitting, left);
        }
        let day = left.day();
        let site = sitting.desk.site;
        if surgery {
            for wait in [1, 3, 7, 30] {
                self.task(sitting.who, site, 5, left, day.plus(wait));
            }
        } else if !won && self.dice.chance(0.8) {
            self.task(sitting.who, site, 2, left, day.plus(1));
        } else if sitting.treated && self.dice.chance(0.35) {
            self.task(sitting.who, site, 3, left, day.plus(1));
        }
        let campaign = self.story.visits[sitting.visit].channel;
        let code = campaign.map(|at| self.world.channels.all[at].code.as_str());
        if sitting.first() && matches!(code, Some("OFF-YZ" | "OFF-SCHD")) {
            let category = if code == Some("OFF-YZ") { 7 } else { 8 };
            self.task(sitting.who, site, category, left, day.plus(2));
        }
    }

    fn survey(&mut self, sitting: &Sitting, left: At) {
        let at = left.minutes(self.dice.between(30, 2800));
        let site = sitting.desk.site;
        let nps = if self.dice.chance(0.13) {
            true
        } else if self.dice.chance(0.08) {
            false
        } else {
            return;
        };
        let score = if nps {
            [10, 9, 8, 7, 6, 4, 2][self.dice.weighted(&[0.3, 0.27, 0.16, 0.1, 0.08, 0.06, 0.03])]
        } else {
            [10, 8, 6, 4][self.dice.weighted(&[0.55, 0.3, 0.1, 0.05])]
        };
        let question =
            if nps { "您愿意向亲友推荐我们吗?" } else { "您对本次服务满意吗?" };
        let words = ["很好", "等太久", "医生耐心", "价格偏高", "环境舒服"];
        let comment = self.dice.pick(&words).copied().filter(|_| self.dice.chance(0.3));
        self.story.answers.push(Answer { site, at, nps, score });
        let row = row![
            self.shared.next(Tab::Survey),
            sitting.who.id,
            sitting.visit_id,
            self.world.site_id(site),
            if nps { 1i64 } else { 2 },
            question,
            score,
            comment,
            at
        ];
        self.story.put(Tab::Survey, at, row);
        if nps
            && score >= 9
            && let Some(customer) = self.patients[sitting.p].customer
        {
            self.shared.remember(self.story.customers[customer].id.clone(), at);
        }
    }

    fn complain(&mut self, sitting: &Sitting, left: At) {
        let at = left.minutes(self.dice.between(60, 5000));
        let site = sitting.desk.site;
        self.story.complaints.push((site, at));
        let id = self.shared.next(Tab::Complaint);
        let severity = 1 + self.dice.weighted(&[0.08, 0.32, 0.6]) as i64;
        let about = self.dice.pick(&COMPLAINTS).copied().unwrap_or("服务态度");
        let closed = at.days(self.dice.days(1, 20));
        let site_id = self.world.site_id(site);
        let (who, visit, doctor) = (sitting.who.id, sitting.visit_id, sitting.desk.doctor);
        let row = |done: Option<At>| -> Row {
            row![
                id,
                who,
                visit,
                site_id,
                doctor,
                severity,
                about,
                at,
                done,
                done.map(|_| "已沟通并补偿"),
                done.unwrap_or(at)
            ]
        };
        self.story.put_versions(Tab::Complaint, vec![(at, row(None)), (closed, row(Some(closed)))]);
    }

    fn adverse(&mut self, sitting: &Sitting, left: At) {
        let reported = left.minutes(self.dice.between(20, 2000));
        let row = row![
            self.shared.next(Tab::Adverse),
            sitting.encounter,
            self.world.site_id(sitting.desk.site),
            sitting.desk.dept,
            1 + self.dice.weighted(&[0.03, 0.1, 0.37, 0.5]) as i64,
            self.dice.pick(&ADVERSE).copied(),
            left,
            reported,
            reported
        ];
        self.story.put(Tab::Adverse, reported, row);
    }

    /// A missed appointment is called back.
    pub(super) fn call_back(&mut self, who: Who, site: usize, missed: At) {
        let day = missed.day();
        self.task(who, site, 1, day.plus(1).at(8, 30), day.plus(1));
    }

    /// A follow-up task with its owner by category and its outcome.
    pub(super) fn task(&mut self, who: Who, site: usize, category: i64, made: At, planned: Day) {
        let role = match category {
            3 if self.dice.chance(0.5) => DOCTOR,
            3 => ASSISTANT,
            2 | 4 | 5 => CONSULTANT,
            _ => SERVICE,
        };
        let mut team = self.world.staff.at(site, role, None, made.day());
        if team.is_empty() {
            team = self.world.staff.at(site, DOCTOR, None, made.day());
        }
        let owner = self.dice.pick(&team).map(|member| (member.id, member.role));
        let role = owner.map_or(role, |(_, role)| role);
        let id = self.shared.next(Tab::FollowUp);
        let due = planned.at(18, 0).max(made.minutes(60));
        let tool = 1 + self.dice.weighted(&[0.5, 0.15, 0.3, 0.05]) as i64;
        let site_id = self.world.site_id(site);
        let result = ["已预约", "考虑中", "无需求", "未接通"][self.dice.between(0, 3) as usize];
        let row = |done: Option<At>, status: i64, changed: At| -> Row {
            row![
                id,
                who.id,
                site_id,
                category,
                role,
                owner.map(|(id, _)| id),
                planned,
                due,
                done,
                tool,
                status,
                done.map(|_| result),
                changed
            ]
        };
        // A slow transaction shows a row a day after its own time of change.
        let first = self.shared.plan.slow_commit(made).unwrap_or(made);
        let mut versions = vec![(first, row(None, 0, made))];
        let done = due.minutes(-self.dice.between(-300, 500)).max(made.minutes(30));
        match self.dice.weighted(&[0.84, 0.05, 0.11]) {
            0 if done > first => versions.push((done, row(Some(done), 1, done))),
            1 if due > first => versions.push((due, row(None, 2, due))),
            _ => {}
        }
        self.story.put_versions(Tab::FollowUp, versions);
    }

    /// Tags and consents of a new customer.
    pub(super) fn tags_and_consents(&mut self, p: usize, customer: usize, at: At) {
        let id = self.story.customers[customer].id.clone();
        let child = self.patients[p].persona.child;
        let giver = if child { "监护人" } else { "本人" };
        let scopes = [("诊疗", 0.9), ("营销", 0.62), ("集团共享", 0.48), ("科研", 0.12)];
        for (scope, chance) in scopes {
            if !self.dice.chance(chance) {
                continue;
            }
            let consent = format!("K{:08}", self.shared.next(Tab::Consent));
            let given = at.minutes(self.dice.between(1, 90));
            let revoked = given.days(self.dice.days(10, 200));
            let row = |status: &'static str, revoked: Option<At>| -> Row {
                row![consent.clone(), &id, scope, status, giver, given, revoked]
            };
            let mut versions = vec![(given, row("同意", None))];
            if self.dice.chance(0.04) {
                versions.push((revoked, row("撤回", Some(revoked))));
            }
            self.story.put_versions(Tab::Consent, versions);
        }
        let labels = [("VIP", 0.05), ("价格敏感", 0.2), ("美容爱好", 0.12), ("孕产", 0.1)];
        for (label, chance) in labels {
            if !self.dice.chance(chance) {
                continue;
            }
            let value = self.dice.chance(0.3).then_some("高");
            let from = at.minutes(self.dice.between(5, 5000));
            let until = self.dice.chance(0.15).then(|| from.days(self.dice.days(20, 120)));
            let source = ["规则", "人工", "导入"][self.dice.between(0, 2) as usize];
            let row = |until: Option<At>| -> Row { row![&id, label, value, source, from, until] };
            let mut versions = vec![(from, row(None))];
            if let Some(until) = until {
                versions.push((until, row(Some(until))));
            }
            self.story.put_versions(Tab::Tag, versions);
        }
    }
}
