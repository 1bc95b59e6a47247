//! Actual cost of a service item of one department, by minutes worked.
//!
//! With cases n, minutes per case m and heads of role r per case h_r, item i takes
//! w_ir = n·m·h_r minutes of role r and w_i = Σ_r w_ir minutes in all. A pool of labour is
//! shared by the minutes of its role, every other pool by all minutes:
//!
//! unit cost = (Σ_r labour_r · w_ir / Σ w_r + Σ_p pool_p · w_i / Σ w) / n + material + risk fund.
//!
//! `direct` uses the department's own pools, `support` adds what medical support passed to it
//! (level 2 of the three-level allocation), `full` adds the share of administration (level 1).
//! Formula of the published costaccount workbook; its other method, which multiplies the sum of
//! all role rates by the sum of all heads, overstates labour and is not used.
//!
//! Owns the formula for one department. Must not know how pools were allocated.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use num_rational::BigRational;
use num_traits::Zero;
use rust_decimal::Decimal;

use super::exact;

/// Where the cost of a pool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The department's own cost.
    Direct,
    /// Passed on by medical support.
    Support,
    /// Passed on by administration.
    Admin,
}

/// Cost to be shared over items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The role whose minutes share it; none: all minutes do.
    pub role: Option<String>,
    /// Where it comes from.
    pub layer: Layer,
    /// Amount in yuan.
    pub amount: Decimal,
}

/// A service item as performed by the department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Unique code.
    pub code: String,
    /// Cases in the period, more than zero.
    pub cases: Decimal,
    /// Minutes per case.
    pub minutes: Decimal,
    /// Role → heads per case.
    pub heads: BTreeMap<String, Decimal>,
    /// Material that cannot be charged, per case.
    pub material: Decimal,
    /// Medical risk fund, per case.
    pub risk: Decimal,
}

/// Cost of one case in yuan, to 20 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemCost {
    /// Own cost of the department.
    pub direct: Decimal,
    /// With medical support.
    pub support: Decimal,
    /// With medical support and administration.
    pub full: Decimal,
}

/// Why items cannot be costed. `row` counts items from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two rows for one item.
    #[error("item `{code}` is listed twice")]
    RepeatedItem {
        /// Index of the second one.
        row: usize,
        /// Its code.
        code: String,
    },
    /// Nothing was performed, so a case has no cost.
    #[error("item `{code}` has no cases")]
    NoCases {
        /// Index of the item.
        row: usize,
        /// Its code.
        code: String,
    },
    /// Minutes or heads below zero.
    #[error("item `{code}` has negative minutes or heads")]
    Negative {
        /// Index of the item.
        row: usize,
        /// Its code.
        code: String,
    },
    /// An item needs a role that has no pool.
    #[error("item `{code}` needs role `{role}`, which has no pool")]
    NoPool {
        /// Index of the item.
        row: usize,
        /// Its code.
        code: String,
        /// The role.
        role: String,
    },
    /// A pool nobody works off: its cost would vanish.
    #[error("no item takes minutes of {}", pool.as_ref().map_or_else(
        || "any role".to_owned(), |role| format!("role `{role}`")))]
    NoMinutes {
        /// The role of the pool.
        pool: Option<String>,
    },
    /// An amount outgrew 28 digits.
    #[error("the cost of item `{code}` has more than 28 digits")]
    TooLarge {
        /// Index of the item.
        row: usize,
        /// Its code.
        code: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::RepeatedItem { .. } => "add up the cases of the item in one row",
            Self::NoCases { .. } => "leave out items that were not performed",
            Self::Negative { .. } => "minutes and heads are zero or more",
            Self::NoPool { .. } => "add the role to the pools, with amount 0 if it costs nothing",
            Self::NoMinutes { .. } => "add the items of the role, or leave the pool out",
            Self::TooLarge { .. } => "use a larger currency unit",
        }
    }
}

/// Unit costs of `items`, in their order.
///
/// # Errors
/// See [`Error`]; a pool without minutes fails the run instead of losing its cost.
pub fn item_costs(pools: &[Pool], items: &[Item]) -> Result<Vec<ItemCost>, Error> {
    check(pools, items)?;
    let roles: BTreeSet<Option<&str>> = pools.iter().map(|it| it.role.as_deref()).collect();
    let mut costs =
        vec![[BigRational::zero(), BigRational::zero(), BigRational::zero()]; items.len()];
    for role in roles {
        let minutes: Vec<BigRational> = items.iter().map(|item| minutes(item, role)).collect();
        let total: BigRational = minutes.iter().sum();
        for pool in pools.iter().filter(|it| it.role.as_deref() == role) {
            if pool.amount.is_zero() {
                continue;
            }
            if total.is_zero() {
                return Err(Error::NoMinutes { pool: pool.role.clone() });
            }
            let rate = exact::fraction(pool.amount) / &total;
            for (cost, minutes) in costs.iter_mut().zip(&minutes) {
                cost[pool.layer as usize] += &rate * minutes;
            }
        }
    }
    let unit = |(row, (item, layers)): (usize, (&Item, [BigRational; 3]))| {
        let cases = exact::fraction(item.cases);
        let [own, support, admin] = layers.map(|amount| amount / &cases);
        let direct = own + exact::fraction(item.material) + exact::fraction(item.risk);
        let support = support + &direct;
        let full = admin + &support;
        let plain = |amount: &BigRational| {
            let code = || item.code.clone();
            exact::decimal(amount).ok_or_else(|| Error::TooLarge { row, code: code() })
        };
        Ok(ItemCost { direct: plain(&direct)?, support: plain(&support)?, full: plain(&full)? })
    };
    items.iter().zip(costs).enumerate().map(unit).collect()
}

/// Minutes an item takes of `role`, or of all roles, over all its cases.
fn minutes(item: &Item, role: Option<&str>) -> BigRational {
    let heads = item.heads.iter().filter(|it| role.is_none_or(|role| role == it.0.as_str()));
    let heads: BigRational = heads.map(|it| exact::fraction(*it.1)).sum();
    exact::fraction(item.cases) * exact::fraction(item.minutes) * heads
}

fn check(pools: &[Pool], items: &[Item]) -> Result<(), Error> {
    let roles: BTreeSet<&str> = pools.iter().filter_map(|it| it.role.as_deref()).collect();
    let mut seen = BTreeSet::new();
    for (row, item) in items.iter().enumerate() {
        let code = item.code.clone();
        if !seen.insert(&item.code) {
            return Err(Error::RepeatedItem { row, code });
        }
        if item.cases <= Decimal::ZERO {
            return Err(Error::NoCases { row, code });
        }
        if item.minutes < Decimal::ZERO || item.heads.values().any(|it| *it < Decimal::ZERO) {
            return Err(Error::Negative { row, code });
        }
        let mut used = item.heads.iter().filter(|it| !it.1.is_zero());
        if let Some((role, _)) = used.find(|it| !roles.contains(it.0.as_str())) {
            return Err(Error::NoPool { row, code, role: role.clone() });
        }
    }
    Ok(())
}
