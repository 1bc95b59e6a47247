//! Full cost of a month's centres, by declared rules and per class of cost.
//!
//! Every service centre passes its cost on by the driver its rules name; see [`Method`] for the
//! order. Each class of cost is a calculation of its own, so that the structure of cost survives
//! allocation. Amounts are exact fractions to the end and are then rounded once, to 12 decimals
//! of a fen and to whole fen, by largest remainder: within every group of centres that serve each
//! other, final centres receive to the fen what service centres passed on.
//!
//! A run is one month by one method. A centre whose cost nobody takes refuses the whole run and
//! is named: a number with cost missing would be worse than none.
//!
//! Owns rules, runs and their rounding. Must not know where centres, costs and drivers come
//! from, nor how results are stored.

mod class;
mod refusal;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

pub use refusal::Refusal;
pub use rules::{DriverRule, Level, Method, RuleVersion, Scope};

/// Decimals of a fen that are kept.
pub const PLACES: u32 = 12;

/// A department that has cost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Centre {
    /// Unique code.
    pub code: String,
    /// Class, as the rules name it.
    pub class: String,
    /// Site it belongs to; none above sites.
    pub site: Option<String>,
    /// Brand it belongs to; none above brands.
    pub brand: Option<String>,
}

/// Direct cost of one centre and class of cost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Code of the centre.
    pub centre: String,
    /// Labour, material, …
    pub cost_class: String,
    /// Amount in fen.
    pub fen: i64,
}

/// Units of a driver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DriverValue {
    /// Name of the driver.
    pub driver: String,
    /// Giving centre; none for units of the taker whoever gives, such as heads.
    pub from: Option<String>,
    /// Taking centre.
    pub to: String,
    /// Units, zero or more.
    pub qty: Decimal,
}

impl DriverValue {
    /// Reads units written as `mantissa` × 10^−`scale`; none when they outgrow 28 digits.
    #[must_use]
    pub fn new(
        driver: &str,
        from: Option<&str>,
        to: &str,
        (mantissa, scale): (i128, u32),
    ) -> Option<Self> {
        let qty = Decimal::try_from_i128_with_scale(mantissa, scale).ok()?;
        let from = from.map(str::to_owned);
        Some(Self { driver: driver.to_owned(), from, to: to.to_owned(), qty })
    }
}

/// What a month's runs start from.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Month `YYYY-MM`.
    pub month: String,
    /// Every centre.
    pub centres: Vec<Centre>,
    /// Their direct cost.
    pub costs: Vec<Cost>,
    /// Driver units of the month.
    pub drivers: Vec<DriverValue>,
}

/// How a centre came to an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Its own cost.
    Direct,
    /// Taken from service centres of the row's level.
    Received,
    /// Given away, below zero.
    Passed,
}

impl Kind {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Received => "received",
            Self::Passed => "passed",
        }
    }
}

/// One amount of one centre. All amounts of a run add up to its direct cost, those of a service
/// centre to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Index of the centre in [`Books::centres`].
    pub centre: usize,
    /// Class of cost.
    pub cost_class: String,
    /// How it came to the amount.
    pub kind: Kind,
    /// Level of the giver; of the centre itself when it passes on; 0 for direct cost.
    pub level: u32,
    /// Fen, to 12 decimals.
    pub amount: Decimal,
    /// Whole fen.
    pub fen: i64,
}

impl Share {
    /// The amount in units of 10^−[`PLACES`] fen.
    #[must_use]
    pub fn units(&self) -> i128 {
        let mut amount = self.amount;
        amount.rescale(PLACES);
        amount.mantissa()
    }
}

/// One month by one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Digest of method, rules and books: the same run has the same id wherever it is made.
    pub id: String,
    /// The method.
    pub method: Method,
    /// Amounts by centre and class of cost, or why there are none.
    pub shares: Result<Vec<Share>, Refusal>,
}

/// All runs of `books` under the rules that hold.
#[must_use]
pub fn runs(books: &Books, rules: &RuleVersion) -> Vec<Run> {
    let run = |method: &Method| Run {
        id: id(books, rules, *method),
        method: *method,
        shares: shares(books, rules, *method),
    };
    rules.methods.iter().map(run).collect()
}

/// Amounts of a month by `method`, in order of centre, class of cost, kind and level.
///
/// # Errors
/// See [`Refusal`].
pub fn shares(books: &Books, rules: &RuleVersion, method: Method) -> Result<Vec<Share>, Refusal> {
    let mut index = BTreeMap::new();
    let takers = books.drivers.iter().flat_map(|it| it.from.as_ref().into_iter().chain([&it.to]));
    let active: BTreeSet<&String> = books.costs.iter().map(|it| &it.centre).chain(takers).collect();
    let mut levels = Vec::with_capacity(books.centres.len());
    for (row, centre) in books.centres.iter().enumerate() {
        if index.insert(centre.code.as_str(), row).is_some() {
            return Err(Refusal::RepeatedCentre { centre: centre.code.clone() });
        }
        let unknown =
            || Refusal::UnknownClass { centre: centre.code.clone(), class: centre.class.clone() };
        levels.push(match rules.level_of(&centre.class) {
            Some(level) => level,
            // A department opened since must not refuse the months before it.
            None if !active.contains(&centre.code) => None,
            None => return Err(unknown()),
        });
    }
    let mut direct: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for cost in &books.costs {
        let row = index.get(cost.centre.as_str());
        let row = *row.ok_or_else(|| Refusal::UnknownCentre { centre: cost.centre.clone() })?;
        let of_class = direct.entry(&cost.cost_class);
        of_class.or_insert_with(|| vec![0; books.centres.len()])[row] += cost.fen;
    }
    let network = class::Network { books, rules, method, index: &index, levels: &levels };
    let mut shares = Vec::new();
    for (cost_class, direct) in direct {
        shares.extend(network.shares(cost_class, &direct)?);
    }
    shares.sort_by(|a, b| {
        (a.centre, &a.cost_class, a.kind, a.level).cmp(&(b.centre, &b.cost_class, b.kind, b.level))
    });
    Ok(shares)
}

fn id(books: &Books, rules: &RuleVersion, method: Method) -> String {
    let centres: BTreeSet<&Centre> = books.centres.iter().collect();
    let mut costs: Vec<&Cost> = books.costs.iter().collect();
    let mut drivers: Vec<&DriverValue> = books.drivers.iter().collect();
    costs.sort();
    drivers.sort();
    let text = format!("{}|{method:?}|{rules:?}|{centres:?}|{costs:?}|{drivers:?}", books.month);
    hex::encode(&Sha256::digest(text)[..8])
}
