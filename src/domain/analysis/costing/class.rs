//! One class of cost of one run: the network of who gives to whom, cut into groups of centres
//! that serve each other, and every group allocated and rounded for itself.

use std::collections::BTreeMap;

use num_rational::BigRational;
use num_traits::Zero;
use rust_decimal::Decimal;

use super::{Books, Centre, Kind, Method, PLACES, Refusal, RuleVersion, Scope, Share};
use crate::analysis::allocation::{self, Driver, Received};
use crate::analysis::exact;

/// What all classes of cost of a run share.
pub(super) struct Network<'a> {
    pub(super) books: &'a Books,
    pub(super) rules: &'a RuleVersion,
    pub(super) method: Method,
    /// Code → index of the centre.
    pub(super) index: &'a BTreeMap<&'a str, usize>,
    /// Level of each centre; none for final ones.
    pub(super) levels: &'a [Option<u32>],
}

/// Giver, taker, units.
type Line = (usize, usize, Decimal);

/// Centre, kind, level, exact amount and whole fen of one row.
type Rounded = (usize, Kind, u32, Decimal, i64);

impl Network<'_> {
    /// Shares of one class of cost, whose direct amounts are given by centre.
    pub(super) fn shares(&self, cost_class: &str, direct: &[i64]) -> Result<Vec<Share>, Refusal> {
        let lines = self.lines(cost_class)?;
        let mut shares = Vec::new();
        for members in groups(direct.len(), &lines) {
            if members.iter().all(|centre| direct[*centre] == 0) {
                continue;
            }
            let received = self.received(cost_class, direct, &members, &lines)?;
            let found = self.rounded(direct, &members, &received);
            let too_large = |at: usize| Refusal::TooLarge { centre: self.centre(at).code.clone() };
            for (centre, kind, level, amount, fen) in found.map_err(too_large)? {
                let cost_class = cost_class.to_owned();
                shares.push(Share { centre, cost_class, kind, level, amount, fen });
            }
        }
        Ok(shares)
    }

    fn centre(&self, at: usize) -> &Centre {
        &self.books.centres[at]
    }

    /// Who takes how much from every service centre.
    fn lines(&self, cost_class: &str) -> Result<Vec<Line>, Refusal> {
        let mut lines = Vec::new();
        for (giver, centre) in self.books.centres.iter().enumerate() {
            let Some(rule) = self.rules.driver_of(&centre.class, &centre.code, cost_class) else {
                continue;
            };
            let mut own = self.takers(giver, &rule.driver, rule.scope)?;
            if let Some(other) = rule.otherwise.as_ref().filter(|_| own.is_empty()) {
                own = self.takers(giver, other, rule.scope)?;
            }
            lines.extend(own);
        }
        Ok(lines)
    }

    /// Who takes any units of `driver` from `giver`, among those that may under the method.
    fn takers(&self, giver: usize, driver: &str, scope: Scope) -> Result<Vec<Line>, Refusal> {
        let code = self.centre(giver).code.as_str();
        let of_driver = || self.books.drivers.iter().filter(|it| it.driver == driver);
        let own = |from: &Option<String>| from.as_deref() == Some(code);
        // Units counted for this very giver win over units of the taker.
        let is_named = of_driver().any(|it| own(&it.from));
        let mut lines = Vec::new();
        for value in of_driver() {
            let wanted = if is_named { own(&value.from) } else { value.from.is_none() };
            if !wanted {
                continue;
            }
            let taker = self.index.get(value.to.as_str());
            let taker =
                *taker.ok_or_else(|| Refusal::UnknownCentre { centre: value.to.clone() })?;
            let reached = is_named || self.within(scope, giver, taker);
            if reached && self.may_take(giver, taker) && !value.qty.is_zero() {
                lines.push((giver, taker, value.qty));
            }
        }
        Ok(lines)
    }

    /// Whether the method lets `taker` take from `giver` at all.
    fn may_take(&self, giver: usize, taker: usize) -> bool {
        giver != taker
            && match self.method {
                Method::Direct => self.levels[taker].is_none(),
                Method::Reciprocal => true,
                Method::StepDown | Method::ThreeLevel => {
                    self.step(taker).is_none_or(|step| Some(step) > self.step(giver))
                }
            }
    }

    fn within(&self, scope: Scope, giver: usize, taker: usize) -> bool {
        let (giver, taker) = (self.centre(giver), self.centre(taker));
        match scope {
            Scope::Site => giver.site.is_some() && giver.site == taker.site,
            Scope::Brand => giver.brand.is_some() && giver.brand == taker.brand,
            Scope::Group => true,
        }
    }

    /// What the members of a group receive from each other.
    fn received(
        &self,
        cost_class: &str,
        direct: &[i64],
        members: &[usize],
        lines: &[Line],
    ) -> Result<Received, Refusal> {
        let code = |at: usize| self.centre(at).code.clone();
        let centres: Vec<allocation::Centre> = members
            .iter()
            .map(|at| allocation::Centre {
                code: code(*at),
                step: self.step(*at),
                is_final: self.levels[*at].is_none(),
                direct: direct[*at].into(),
            })
            .collect();
        let drivers: Vec<Driver> = lines
            .iter()
            .filter(|line| members.binary_search(&line.0).is_ok())
            .map(|(from, to, qty)| Driver { from: code(*from), to: code(*to), qty: *qty })
            .collect();
        let method = match self.method {
            Method::Direct => allocation::Method::Direct,
            Method::StepDown | Method::ThreeLevel => allocation::Method::StepDown,
            Method::Reciprocal => allocation::Method::Reciprocal,
        };
        let found = allocation::received(&centres, &drivers, method);
        Ok(found.map_err(|error| self.refusal(cost_class, &drivers, error))?.1)
    }

    fn step(&self, at: usize) -> Option<u32> {
        let Centre { class, code, .. } = self.centre(at);
        let level = self.levels[at]?;
        Some(if self.method == Method::StepDown { self.rules.rank_of(class, code) } else { level })
    }

    fn refusal(&self, cost_class: &str, drivers: &[Driver], error: allocation::Error) -> Refusal {
        use allocation::Error as Failed;
        let driver = |giver: &str| {
            let class = self.index.get(giver).map(|at| &self.centre(*at).class);
            let rule = class.and_then(|it| self.rules.driver_of(it, giver, cost_class));
            rule.map(|rule| rule.driver.clone())
        };
        let class = || cost_class.to_owned();
        match error {
            Failed::ZeroDriver { code: centre } => match driver(&centre) {
                Some(driver) => Refusal::ZeroDriver { centre, cost_class: class(), driver },
                None => Refusal::NoDriver { centre, cost_class: class() },
            },
            Failed::NoStep { code: centre, .. } => {
                Refusal::NoDriver { centre, cost_class: class() }
            }
            Failed::NegativeDriver { row, .. } => {
                let centre = drivers[row].to.clone();
                Refusal::NegativeDriver {
                    centre,
                    driver: driver(&drivers[row].from).unwrap_or_default(),
                }
            }
            Failed::Singular { codes } => {
                Refusal::Singular { centre: codes.join("`, `"), cost_class: class() }
            }
            Failed::RepeatedCentre { code: centre, .. } => Refusal::RepeatedCentre { centre },
            Failed::UnknownCentre { code: centre, .. } => Refusal::UnknownCentre { centre },
            Failed::TooLarge { code: centre } => Refusal::TooLarge { centre },
        }
    }

    /// Amounts of a group, rounded so that nothing is lost; the index of a centre when one does
    /// not fit.
    fn rounded(
        &self,
        direct: &[i64],
        members: &[usize],
        received: &Received,
    ) -> Result<Vec<Rounded>, usize> {
        let mut parts: Vec<(usize, u32, BigRational)> = Vec::new();
        for (at, given) in members.iter().zip(received) {
            let mut by_level: BTreeMap<u32, BigRational> = BTreeMap::new();
            for (giver, amount) in given {
                let level = self.levels[members[*giver]].unwrap_or_default();
                *by_level.entry(level).or_insert_with(BigRational::zero) += amount;
            }
            parts.extend(by_level.into_iter().map(|(level, amount)| (*at, level, amount)));
        }
        let (kept, passing): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|(at, _, _)| self.levels[*at].is_none());
        let first = members.first().copied().unwrap_or_default();
        let amounts: Vec<BigRational> = kept.iter().map(|it| it.2.clone()).collect();
        let exact = exact::rounded_to_sum(&amounts, PLACES).ok_or(first)?;
        let whole = exact::rounded_to_sum(&amounts, 0).ok_or(first)?;
        let mut rows = Vec::new();
        for ((at, level, _), (amount, fen)) in kept.iter().zip(exact.into_iter().zip(whole)) {
            rows.push((*at, Kind::Received, *level, amount, fen.try_into().map_err(|_| *at)?));
        }
        for (at, level, amount) in &passing {
            let exact = exact::rounded(amount, PLACES).ok_or(*at)?;
            let fen = exact::rounded(amount, 0).ok_or(*at)?.try_into().map_err(|_| *at)?;
            rows.push((*at, Kind::Received, *level, exact, fen));
        }
        rows.retain(|row| !row.3.is_zero() || row.4 != 0);
        for at in members.iter().filter(|at| direct[**at] != 0) {
            let amount = exact::rounded(&exact::fraction(direct[*at].into()), PLACES).ok_or(*at)?;
            rows.push((*at, Kind::Direct, 0, amount, direct[*at]));
        }
        for at in members {
            let Some(level) = self.levels[*at] else { continue };
            let own = || rows.iter().filter(|row| row.0 == *at);
            let amount: Decimal = own().map(|it| it.3).sum();
            let fen: i64 = own().map(|it| it.4).sum();
            if !amount.is_zero() || fen != 0 {
                rows.push((*at, Kind::Passed, level, -amount, -fen));
            }
        }
        Ok(rows)
    }
}

/// Centres that are connected by lines, each group in ascending order.
fn groups(centres: usize, lines: &[Line]) -> Vec<Vec<usize>> {
    let mut head: Vec<usize> = (0..centres).collect();
    for (from, to, _) in lines.iter().filter(|line| !line.2.is_zero()) {
        let (one, other) = (root(&mut head, *from), root(&mut head, *to));
        head[one.max(other)] = one.min(other);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for centre in 0..centres {
        groups.entry(root(&mut head, centre)).or_default().push(centre);
    }
    groups.into_values().collect()
}

fn root(head: &mut [usize], centre: usize) -> usize {
    let mut at = centre;
    while head[at] != at {
        head[at] = head[head[at]];
        at = head[at];
    }
    at
}
