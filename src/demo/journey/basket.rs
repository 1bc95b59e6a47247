//! What a patient buys: picks from the catalogue with discounts. Knows nothing of paying.
use super::{Teller, profile};
use crate::catalogue::Use;

/// A line to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pick {
    pub(super) item: usize,
    pub(super) quantity: i64,
    pub(super) package: Option<usize>,
    /// Redeemed over several visits.
    pub(super) entitled: bool,
    /// Discount in percent of the list price.
    pub(super) discount: i64,
    /// Coupon in fen, on immediate lines only.
    pub(super) coupon: i64,
}

impl Pick {
    pub(super) fn now(item: usize) -> Self {
        Self { item, quantity: 1, package: None, entitled: false, discount: 0, coupon: 0 }
    }
}

/// Items only sold where the journey asks for them.
const RESERVED: [&str; 6] = ["FC90", "FC20", "FC22", "YZ90", "YZ20", "YM92"];

impl Teller<'_> {
    /// A deal of a line; `richer` above one makes packages likelier.
    pub(super) fn deal_picks(&mut self, line: i64, richer: f64) -> Vec<Pick> {
        let profile = profile::of(line);
        let mut weights: Vec<f64> = profile.mix.iter().map(|(_, weight)| *weight).collect();
        for (weight, (usage, _)) in weights.iter_mut().zip(profile.mix) {
            if matches!(usage, Use::Package | Use::Surgery) {
                *weight *= richer * richer;
            }
        }
        let chosen = profile.mix[self.dice.weighted(&weights)].0;
        let mut picks = self.picks_of(line, chosen);
        for (usage, chance) in profile.extras {
            if self.dice.chance(*chance * richer.min(1.2)) {
                picks.extend(self.picks_of(line, *usage));
            }
        }
        picks
    }

    /// Something small bought on the spot.
    pub(super) fn small_picks(&mut self, line: i64, richer: f64) -> Vec<Pick> {
        let usage = if self.dice.chance(0.8) { Use::Single } else { Use::Surgery };
        let mut picks = self.picks_of(line, if richer > 1.3 { Use::Surgery } else { usage });
        if picks.is_empty() || self.dice.chance(0.3) {
            picks.extend(self.picks_of(line, Use::Drug));
        }
        picks
    }

    /// Registration and examination lines of a visit.
    pub(super) fn exam_picks(&mut self, line: i64) -> Vec<Pick> {
        let exams = self.world.catalogue.of(line, Use::Exam);
        let mut picks: Vec<Pick> =
            self.dice.pick(&exams).map(|item| Pick::now(*item)).into_iter().collect();
        if matches!(line, 1 | 2) {
            let code = if self.dice.chance(0.3) { "GH02" } else { "GH01" };
            picks.push(Pick::now(self.world.catalogue.by_code(code)));
        }
        picks
    }

    pub(super) fn picks_of(&mut self, line: i64, usage: Use) -> Vec<Pick> {
        let catalogue = &self.world.catalogue;
        let mut items = catalogue.of(line, usage);
        items.retain(|item| !RESERVED.contains(&catalogue.items[*item].code.as_str()));
        let Some(item) = self.dice.pick(&items).copied() else { return Vec::new() };
        let discount = self.discount();
        match usage {
            Use::Package => self.package_picks(item, discount),
            Use::Course => {
                let costly = catalogue.items[item].price > 500_000;
                let quantity = if costly { 1 } else { self.dice.between(3, 8) };
                vec![Pick { quantity, entitled: true, discount, ..Pick::now(item) }]
            }
            // A year card is redeemed month by month.
            Use::Membership => vec![Pick { quantity: 12, entitled: true, ..Pick::now(item) }],
            _ => {
                let coupon = if self.dice.chance(0.08) { 2_000 } else { 0 };
                vec![Pick { discount, coupon, ..Pick::now(item) }]
            }
        }
    }

    /// A package is billed as the items it contains, each with its own entitlement.
    pub(super) fn package_picks(&mut self, package: usize, discount: i64) -> Vec<Pick> {
        let contains = &self.world.catalogue.items[package].contains;
        let one = |(item, times): &(usize, i64)| Pick {
            quantity: *times,
            package: Some(package),
            entitled: true,
            discount: discount + 10,
            ..Pick::now(*item)
        };
        contains.iter().map(one).collect()
    }

    fn discount(&mut self) -> i64 {
        [0, 0, 5, 10, 12, 15, 20, 30]
            [self.dice.weighted(&[3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 0.6, 0.15])]
    }
}
