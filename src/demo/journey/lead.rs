//! How people find the group: touches, leads, what sales does with them, and referrals.
use super::Teller;
use crate::cell::{Row, row};
use crate::crm::{Lead, Referral};
use crate::org::DENTAL;
use crate::staff::{CONSULTANT, DOCTOR, NURSE, SERVICE};
use crate::table::Tab;
use crate::time::{At, Day};

/// How a person entered a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) lead: Option<usize>,
    pub(super) channel: usize,
    /// When sales had talked to the person.
    pub(super) at: At,
    /// Ready to make an appointment.
    pub(super) books: bool,
}

const LOST: [&str; 6] = ["价格高", "对比同行", "距离远", "联系不上", "回去考虑", "非目标项目"];
const INTERESTS: [&str; 6] = ["咨询", "产检分娩", "儿保疫苗", "皮肤注射", "口腔治疗", "产后恢复"];

impl Teller<'_> {
    /// A lead of someone who never books.
    pub(super) fn onlooker(&mut self, p: usize) {
        let line = if self.city == 0 && self.dice.chance(0.4) { DENTAL } else { 3 };
        let site = self.site_of(line);
        let entry = self.acquire(p, line, site, None);
        if let Some(lead) = entry.lead {
            let at = entry.at.days(self.dice.days(2, 25));
            self.lose(lead, at);
        }
    }

    /// The person appears for a line at a site, on a day or when the season has it.
    pub(super) fn acquire(&mut self, p: usize, line: i64, site: usize, day: Option<Day>) -> Entry {
        let day = day.unwrap_or_else(|| self.world.calendar.lead_day(&mut self.dice, site));
        let at = day.at(self.dice.between(8, 20), self.dice.between(0, 59));
        let at = at.seconds(self.dice.between(0, 59));
        let preference = if line == DENTAL { 1.5 } else { 1.0 };
        let channel = self.world.channels.draw(&mut self.dice, preference);
        let walks_in = self.world.channels.all[channel].code == "OFF-LG";
        if walks_in || self.dice.chance(0.08) || self.patients[p].legacy && self.dice.chance(0.7) {
            return Entry { lead: None, channel, at, books: true };
        }
        let customer = self.customer(p, channel, at);
        let campaign = self.world.channels.campaign(channel, day).filter(|_| self.dice.chance(0.8));
        let id = format!("L{:08}", self.shared.next(Tab::Lead));
        self.touches(customer, &id, channel, campaign, at);
        let grade = self.dice.weighted(&[0.18, 0.34, 0.33, 0.15]);
        let interest = INTERESTS[line as usize % INTERESTS.len()].to_owned();
        let lead = self.story.leads.len();
        let sellers = self.world.staff.at(site, CONSULTANT, None, day);
        let owner = self.dice.pick(&sellers).map(|member| member.id);
        let mut created = Lead {
            id,
            customer_id: self.story.customers[customer].id.clone(),
            channel,
            campaign,
            site,
            created: at,
            grade: Some(["A", "B", "C", "D"][grade]),
            interest: Some(interest).filter(|_| self.dice.chance(0.9)),
            owner,
            lost_reason: None,
            events: vec![(at, "新建")],
        };
        let (reached, books) = self.work(&mut created, grade);
        self.story.leads.push(created);
        self.recommend(customer, site, channel, at);
        Entry { lead: Some(lead), channel, at: reached, books }
    }

    /// Sales works the lead; returns when it was reached and whether it will book.
    fn work(&mut self, lead: &mut Lead, grade: usize) -> (At, bool) {
        let assigned = lead.created.minutes(self.dice.between(1, 50));
        if self.dice.chance(0.02) {
            return (lead.created.days(2), false);
        }
        lead.events.push((assigned, "已分配"));
        let wait = self.dice.skewed(24.0) as i64 + 1;
        let reached = assigned.minutes(wait);
        if self.dice.chance(0.05) {
            return (reached, false);
        }
        lead.events.push((reached, "已联系"));
        if self.dice.chance(0.07) {
            lead.events.push((reached.minutes(8), "无效"));
            lead.lost_reason = Some("非目标项目");
            return (reached.minutes(8), false);
        }
        if self.dice.chance(0.75) {
            lead.events.push((reached.minutes(15), "有效"));
        }
        (reached.minutes(20), self.dice.chance([0.97, 0.9, 0.78, 0.5][grade]))
    }

    /// A lead that came to nothing.
    pub(super) fn lose(&mut self, lead: usize, at: At) {
        let reason = self.dice.pick(&LOST).copied();
        let lead = &mut self.story.leads[lead];
        if lead.events.iter().any(|(_, status)| *status == "无效") || lead.events.len() < 2 {
            return;
        }
        lead.events.push((at, "已流失"));
        lead.lost_reason = reason;
    }

    fn touches(
        &mut self,
        customer: usize,
        lead: &str,
        channel: usize,
        campaign: Option<usize>,
        at: At,
    ) {
        let seen = self.dice.between(0, 3);
        let anonymous = format!("d{:x}", self.dice.between(1 << 32, 1 << 44));
        for _ in 0..seen {
            let before = at.minutes(-self.dice.between(30, 60 * 24 * 18));
            let other = self.world.channels.draw(&mut self.dice, 0.2);
            let from = if self.dice.chance(0.55) { channel } else { other };
            let kind =
                ["浏览", "阅读", "直播", "评价"][self.dice.weighted(&[0.5, 0.3, 0.12, 0.08])];
            let row =
                self.touch(None, Some(anonymous.clone()), None, from, None, kind, "入", before);
            self.story.put(Tab::Touch, before, row);
        }
        let known = Some(self.story.customers[customer].id.clone());
        let kind = ["表单", "电话", "消息"][self.dice.weighted(&[0.45, 0.3, 0.25])];
        let session = Some(anonymous).filter(|_| seen > 0);
        let own = Some(lead.to_owned());
        let row =
            self.touch(known.clone(), session, own.clone(), channel, campaign, kind, "入", at);
        self.story.put(Tab::Touch, at, row);
        if self.dice.chance(0.6) {
            let later = at.minutes(self.dice.between(20, 3000));
            let row = self.touch(known, None, own, channel, None, "消息", "出", later);
            self.story.put(Tab::Touch, later, row);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one argument per column of the export")]
    pub(super) fn touch(
        &mut self,
        customer: Option<String>,
        anonymous: Option<String>,
        lead: Option<String>,
        channel: usize,
        campaign: Option<usize>,
        kind: &'static str,
        direction: &'static str,
        at: At,
    ) -> Row {
        let channels = &self.world.channels;
        let staff = self.world.staff.at(0, SERVICE, None, at.day());
        let staff = self.dice.pick(&staff).map(|member| member.id).filter(|_| direction == "出");
        row![
            format!("T{:09}", self.shared.next(Tab::Touch)),
            customer,
            anonymous,
            lead,
            &channels.all[channel].code,
            campaign.map(|at| channels.campaigns[at].code.clone()),
            kind,
            direction,
            at,
            staff
        ]
    }

    /// Somebody recommended the group, when the channel says so.
    fn recommend(&mut self, referred: usize, site: usize, channel: usize, at: At) {
        let day = at.day();
        let (mut by_customer, mut by_staff) = (None, None);
        let kind = match self.world.channels.all[channel].code.as_str() {
            "REF-LDX" | "REF-QY" => {
                let own = self.story.customers[referred].id.clone();
                by_customer = self.shared.referrer(&mut self.dice, at).filter(|id| *id != own);
                if by_customer.is_none() {
                    return;
                }
                "客户"
            }
            "REF-YS" => {
                let doctors = self.world.staff.at(site, DOCTOR, None, day);
                let weights: Vec<f64> = doctors.iter().map(|doctor| doctor.referral).collect();
                by_staff = doctors.get(self.dice.weighted(&weights)).map(|doctor| doctor.id);
                "医生"
            }
            "REF-YG" => {
                let role = if self.dice.chance(0.5) { NURSE } else { CONSULTANT };
                let team = self.world.staff.at(site, role, None, day);
                by_staff = self.dice.pick(&team).map(|member| member.id);
                "员工"
            }
            "OFF-HZ" | "OFF-ZZ" | "OFF-TC" => "合作方",
            _ => return,
        };
        let customer = &self.story.customers[referred];
        let referred_id = customer.id.clone();
        let level = if by_customer.is_some() && self.dice.chance(0.1) { 2 } else { 1 };
        self.story.referrals.push(Referral {
            id: format!("R{:08}", self.shared.next(Tab::Referral)),
            kind,
            by_customer,
            by_staff,
            referred,
            referred_id,
            at: at.minutes(2),
            reward: [0, 5_000, 10_000, 20_000][self.dice.between(0, 3) as usize],
            level,
        });
    }
}
