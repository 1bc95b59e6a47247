//! Rows of the CRM that follow a person: customers, leads, referrals; and HIS patient records,
//! which carry the same facts. Knows how they look at a given night, not why they arise.
use crate::cell::{Fen, Row, row};
use crate::story::Kept;
use crate::table::Tab;
use crate::time::{At, Day};
use crate::world::World;

/// Facts a system holds about a person, as far as it was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) name: Option<String>,
    pub(crate) sex: Option<i64>,
    pub(crate) birth: Option<Day>,
    pub(crate) card: Option<String>,
    pub(crate) phone: Option<String>,
    /// 1 self … 9 other; goes with the phone.
    pub(crate) relation: Option<i64>,
    pub(crate) wechat: Option<String>,
}

/// `t_br`.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: i64,
    /// Whose record it is, by place in the household; no source knows it.
    pub(crate) human: usize,
    pub(crate) mrn: String,
    pub(crate) facts: Facts,
    pub(crate) channel: Option<usize>,
    pub(crate) consultant: Option<i64>,
    pub(crate) service: Option<i64>,
    pub(crate) doctor: Option<i64>,
    pub(crate) district: String,
    pub(crate) job: Option<String>,
    pub(crate) married: i64,
    pub(crate) site: usize,
    pub(crate) created: At,
    /// When the row came to be in the source; old patients were there before the span.
    pub(crate) seen: At,
    /// A later change of the owning consultant.
    pub(crate) handed_over: Option<(At, i64)>,
}

impl Kept for Record {
    const TAB: Tab = Tab::Record;

    fn changed(&self) -> At {
        self.handed_over.map_or(self.seen, |(at, _)| at.max(self.seen))
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        if self.seen > cut {
            return None;
        }
        let handed = self.handed_over.filter(|(at, _)| *at <= cut);
        let facts = &self.facts;
        Some(row![
            self.id,
            &self.mrn,
            facts.name.clone(),
            facts.sex,
            facts.birth,
            facts.card.clone(),
            facts.phone.clone(),
            facts.relation,
            facts.wechat.clone(),
            self.channel.map(|at| world.channels.all[at].code.clone()),
            handed.map(|(_, to)| to).or(self.consultant),
            self.service,
            self.doctor,
            &self.district,
            self.job.clone(),
            self.married,
            world.site_id(self.site),
            self.created,
            handed.map_or(self.seen, |(at, _)| at.max(self.seen))
        ])
    }
}

/// `customer`.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: String,
    /// As of a record.
    pub(crate) human: usize,
    pub(crate) facts: Facts,
    pub(crate) channel: usize,
    pub(crate) created: At,
    /// The HIS record the CRM was told of, and when.
    pub(crate) link: Option<(usize, String, At)>,
}

impl Kept for Customer {
    const TAB: Tab = Tab::Customer;

    fn changed(&self) -> At {
        self.link.as_ref().map_or(self.created, |(_, _, at)| *at)
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        if self.created > cut {
            return None;
        }
        let link = self.link.as_ref().filter(|(_, _, at)| *at <= cut);
        let facts = &self.facts;
        Some(row![
            &self.id,
            facts.name.clone(),
            facts.sex.map(|sex| if sex == 1 { "男" } else { "女" }),
            facts.birth,
            facts.card.clone(),
            facts.phone.clone(),
            facts.relation.map(relation_word),
            facts.wechat.clone(),
            &world.channels.all[self.channel].code,
            link.map(|(_, mrn, _)| mrn.clone()),
            self.created,
            link.map_or(self.created, |(_, _, at)| *at)
        ])
    }
}

fn relation_word(code: i64) -> &'static str {
    match code {
        1 => "本人",
        2 => "副号",
        3 => "配偶",
        4 => "父亲",
        5 => "母亲",
        6 => "子女",
        7 => "兄弟姐妹",
        _ => "其他",
    }
}

/// `lead`; status and times follow from its events.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    pub(crate) id: String,
    pub(crate) customer_id: String,
    pub(crate) channel: usize,
    pub(crate) campaign: Option<usize>,
    pub(crate) site: usize,
    pub(crate) created: At,
    pub(crate) grade: Option<&'static str>,
    pub(crate) interest: Option<String>,
    pub(crate) owner: Option<i64>,
    pub(crate) lost_reason: Option<&'static str>,
    /// Moments of change with the new status; the first is the creation.
    pub(crate) events: Vec<(At, &'static str)>,
}

impl Lead {
    pub(crate) fn lives(&self, cut: At) -> bool {
        self.created <= cut
    }

    /// Events in time order, as `lead_event` tells them.
    pub(crate) fn history(&self) -> Vec<(At, Option<&'static str>, &'static str)> {
        let mut sorted = self.events.clone();
        sorted.sort_by_key(|(at, _)| *at);
        let mut previous = None;
        let mut history = Vec::with_capacity(sorted.len());
        for (at, status) in sorted {
            history.push((at, previous, status));
            previous = Some(status);
        }
        history
    }

    fn since(&self, wanted: &str, cut: At) -> Option<At> {
        let hits = self.events.iter().filter(|(at, status)| *status == wanted && *at <= cut);
        hits.map(|(at, _)| *at).min()
    }
}

impl Kept for Lead {
    const TAB: Tab = Tab::Lead;

    fn changed(&self) -> At {
        self.events.iter().map(|(at, _)| *at).max().unwrap_or(self.created)
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        let now = self.events.iter().filter(|(at, _)| *at <= cut).max_by_key(|(at, _)| *at);
        let (at, status) = *now?;
        let assigned = self.since("已分配", cut);
        let closed = matches!(status, "已流失" | "无效");
        Some(row![
            &self.id,
            &self.customer_id,
            &world.channels.all[self.channel].code,
            self.campaign.map(|at| world.channels.campaigns[at].code.clone()),
            &world.org.sites[self.site].code,
            self.created,
            self.grade.filter(|_| assigned.is_some()),
            self.interest.clone(),
            status,
            self.owner.filter(|_| assigned.is_some()),
            assigned,
            self.since("已联系", cut),
            self.lost_reason.filter(|_| closed),
            if status == "无效" { "否" } else { "是" },
            at
        ])
    }
}

/// `referral`.
#[derive(Debug, Clone)]
pub(crate) struct Referral {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) by_customer: Option<String>,
    pub(crate) by_staff: Option<i64>,
    /// Position of the referred customer in the story.
    pub(crate) referred: usize,
    pub(crate) referred_id: String,
    pub(crate) at: At,
    pub(crate) reward: i64,
    pub(crate) level: i64,
}

impl Kept for Referral {
    const TAB: Tab = Tab::Referral;

    fn changed(&self) -> At {
        self.at
    }

    fn row(&self, cut: At, _: &World) -> Option<Row> {
        (self.at <= cut).then(|| {
            row![
                &self.id,
                self.kind,
                self.by_customer.clone(),
                self.by_staff,
                &self.referred_id,
                self.at,
                Fen(self.reward),
                self.level
            ]
        })
    }
}
