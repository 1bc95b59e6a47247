//! Acquisition channels and their campaigns. Knows no leads.
use crate::cell::{Fen, Row, TenThousandths, row};
use crate::dice::Dice;
use crate::error::Error;
use crate::reference::Sheet;
use crate::time::{Day, Month};

/// A channel; only leaves bring leads.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) code: String,
    parent: Option<String>,
    name: String,
    medium: String,
    kind: String,
    rebate: f64,
    pub(crate) weight: f64,
    /// Spend kind of the channel's campaigns, when it runs any.
    pub(crate) spend: Option<String>,
}

impl Channel {
    pub(crate) fn is_referral(&self) -> bool {
        self.kind == "转介绍"
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.medium == "线下"
    }
}

/// A campaign of one channel: three months, one quarter after another.
#[derive(Debug, Clone)]
pub(crate) struct Campaign {
    pub(crate) code: String,
    pub(crate) channel: usize,
    name: String,
    pub(crate) from: Day,
    pub(crate) to: Day,
    goal: &'static str,
    /// Planned spend in fen.
    pub(crate) budget: i64,
}

/// All channels and campaigns.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    pub(crate) all: Vec<Channel>,
    pub(crate) campaigns: Vec<Campaign>,
    weights: Vec<f64>,
}

impl Channels {
    pub(crate) fn make(dice: &mut Dice, span: (Day, Day), people: u64) -> Result<Self, Error> {
        let sheet = Sheet::read("channels.csv", include_str!("../../data/demo/channels.csv"))?;
        let mut all = Vec::new();
        for entry in sheet.entries() {
            all.push(Channel {
                code: entry.owned("code"),
                parent: entry.maybe("parent"),
                name: entry.owned("name"),
                medium: entry.owned("medium"),
                kind: entry.owned("kind"),
                rebate: entry.number("rebate")?,
                weight: entry.number("weight")?,
                spend: entry.maybe("campaign"),
            });
        }
        let weights = all.iter().map(|channel| channel.weight).collect();
        let campaigns = campaigns(&all, dice, span, people);
        Ok(Self { all, campaigns, weights })
    }

    /// A channel drawn by weight; `referral` multiplies the recommending ones.
    pub(crate) fn draw(&self, dice: &mut Dice, referral: f64) -> usize {
        let mut weights = self.weights.clone();
        for (weight, channel) in weights.iter_mut().zip(&self.all) {
            if channel.is_referral() {
                *weight *= referral;
            }
        }
        dice.weighted(&weights)
    }

    pub(crate) fn by_code(&self, code: &str) -> usize {
        self.all.iter().position(|channel| channel.code == code).expect("a code of channels.csv")
    }

    /// The campaign of a channel that runs on a day.
    pub(crate) fn campaign(&self, channel: usize, day: Day) -> Option<usize> {
        self.campaigns
            .iter()
            .position(|one| one.channel == channel && one.from <= day && day <= one.to)
    }

    /// `channel` rows.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let one = |channel: &Channel| {
            row![
                &channel.code,
                channel.parent.clone(),
                &channel.name,
                &channel.medium,
                &channel.kind,
                TenThousandths((channel.rebate * 10_000.0).round() as i64)
            ]
        };
        self.all.iter().map(one).collect()
    }

    /// `campaign` rows.
    pub(crate) fn campaign_rows(&self) -> Vec<Row> {
        let one = |campaign: &Campaign| {
            row![
                &campaign.code,
                &self.all[campaign.channel].code,
                &campaign.name,
                campaign.from,
                campaign.to,
                campaign.goal,
                Fen(campaign.budget)
            ]
        };
        self.campaigns.iter().map(one).collect()
    }
}

fn campaigns(all: &[Channel], dice: &mut Dice, span: (Day, Day), people: u64) -> Vec<Campaign> {
    let mut campaigns = Vec::new();
    let first = Month(span.0.month().0 / 3 * 3);
    for (index, channel) in all.iter().enumerate() {
        if channel.spend.is_none() {
            continue;
        }
        let mut start = first;
        while start.first() <= span.1 {
            let quarter = start.0 % 12 / 3 + 1;
            // About 90 yuan a person a year over all channels.
            let share = channel.weight / 100.0;
            let budget = share * people as f64 * 4_000.0 * dice.real(0.8, 1.2);
            campaigns.push(Campaign {
                code: format!("A{}Q{quarter}-{}", start.0 / 12, channel.code),
                channel: index,
                name: format!("{}{}年Q{quarter}投放,常规", channel.name, start.0 / 12),
                from: start.first(),
                to: Month(start.0 + 2).last(),
                goal: if channel.is_offline() { "到店" } else { "线索" },
                budget: (budget as i64 + 100_000) / 10_000 * 10_000,
            });
            start = Month(start.0 + 3);
        }
    }
    campaigns
}
