//! Frequency, recency, age and monetary value of customers.
//!
//! The summary that buy-till-you-die models take, with the definitions of the `lifetimes`
//! package: purchases are gathered per calendar period (day, Monday-to-Sunday week, month);
//!
//! * frequency: periods with a purchase after the first one;
//! * recency: periods from the first to the last purchase (so 0 for a single one);
//! * t: periods from the first purchase to `as_of`;
//! * monetary: mean of the sums of the repeat periods, 0 without any.
//!
//! Purchases after `as_of` are not seen; amounts below zero (refunds) lower their period's sum.
//! Owns the summary. Must not know which payments count as purchases.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use num_rational::BigRational;
use num_traits::Zero;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::exact;

/// One purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Who.
    pub person: String,
    /// Clinic-local day.
    pub on: NaiveDate,
    /// Amount in yuan.
    pub amount: Decimal,
}

/// Length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Calendar day.
    Day,
    /// Monday to Sunday.
    Week,
    /// Calendar month.
    Month,
}

impl Unit {
    /// The number of the period that holds `day`; neighbouring periods differ by one.
    fn number(self, day: NaiveDate) -> i32 {
        match self {
            Self::Day => day.num_days_from_ce(),
            // Day 1 of the common era is a Monday.
            Self::Week => (day.num_days_from_ce() - 1).div_euclid(7),
            Self::Month => day.year() * 12 + day.month0() as i32,
        }
    }
}

/// The summary of one customer; counts are in periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfm {
    /// Repeat periods.
    pub frequency: u32,
    /// First to last purchase.
    pub recency: u32,
    /// First purchase to the day of the summary.
    pub t: u32,
    /// Mean value of a repeat period in yuan.
    pub monetary: Decimal,
}

/// An amount outgrew 28 digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the purchases of `{person}` add up to more than 28 digits")]
pub struct TooLarge {
    /// Whose.
    pub person: String,
}

/// Summaries of everyone with a purchase up to `as_of`.
///
/// # Errors
/// [`TooLarge`] when a sum does not fit a decimal.
pub fn rfm(
    purchases: &[Purchase],
    as_of: NaiveDate,
    unit: Unit,
) -> Result<BTreeMap<String, Rfm>, TooLarge> {
    let mut periods: BTreeMap<&str, BTreeMap<i32, BigRational>> = BTreeMap::new();
    for purchase in purchases.iter().filter(|it| it.on <= as_of) {
        let own = periods.entry(&purchase.person).or_default();
        *own.entry(unit.number(purchase.on)).or_insert_with(BigRational::zero) +=
            exact::fraction(purchase.amount);
    }
    let now = unit.number(as_of);
    let mut summaries = BTreeMap::new();
    for (person, sums) in periods {
        let mut numbers = sums.keys();
        let first = *numbers.next().expect("a person has a purchase");
        let last = *numbers.next_back().unwrap_or(&first);
        let repeats = sums.len() - 1;
        let mut mean = BigRational::zero();
        if repeats > 0 {
            mean = sums.values().skip(1).sum::<BigRational>();
            mean /= BigRational::from_integer(repeats.into());
        }
        let monetary =
            exact::decimal(&mean).ok_or_else(|| TooLarge { person: person.to_owned() })?;
        let summary = Rfm {
            frequency: u32::try_from(repeats).expect("periods are numbered by i32"),
            recency: first.abs_diff(last),
            t: first.abs_diff(now),
            monetary,
        };
        summaries.insert(person.to_owned(), summary);
    }
    Ok(summaries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn bought(person: &str, on: &str, amount: i64) -> Purchase {
        Purchase { person: person.into(), on: day(on), amount: amount.into() }
    }

    fn summary(frequency: u32, recency: u32, t: u32, monetary: &str) -> Rfm {
        Rfm { frequency, recency, t, monetary: monetary.parse().expect("a decimal") }
    }

    #[test]
    fn weeks_gather_purchases() {
        let purchases = [
            bought("ann", "2026-01-05", 100), // Monday
            bought("ann", "2026-01-11", 50),  // Sunday of the same week
            bought("ann", "2026-01-12", 30),
            bought("ann", "2026-01-13", 30),
            bought("ann", "2026-02-02", 100),
            bought("ann", "2026-02-20", 999), // not seen yet
            bought("bob", "2026-02-01", 70),
            bought("eve", "2026-03-01", 70),
        ];
        let got = rfm(&purchases, day("2026-02-15"), Unit::Week).expect("sums");
        assert_eq!(got["ann"], summary(2, 4, 5, "80"));
        assert_eq!(got["bob"], summary(0, 0, 2, "0"));
        assert!(!got.contains_key("eve"));
    }

    #[test]
    fn days_and_months_count_their_own_periods() {
        let purchases = [
            bought("ann", "2025-12-31", 100),
            bought("ann", "2026-01-01", 10),
            bought("ann", "2026-01-31", 15),
        ];
        let of = |unit| rfm(&purchases, day("2026-03-01"), unit).expect("sums")["ann"];
        assert_eq!(of(Unit::Day), summary(2, 31, 60, "12.5"));
        assert_eq!(of(Unit::Month), summary(1, 1, 3, "25"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn days_agree_with_the_definition(
            rows in prop::collection::vec((0u64..40, 0i64..500), 1..20),
        ) {
            let start = day("2026-01-01");
            let on = |offset: u64| start + chrono::Days::new(offset);
            let as_of = on(30);
            let purchases: Vec<Purchase> = rows.iter()
                .map(|(offset, yuan)| Purchase {
                    person: "ann".into(), on: on(*offset), amount: (*yuan).into(),
                })
                .collect();
            let mut days: Vec<u64> = rows.iter().map(|it| it.0).filter(|it| *it <= 30).collect();
            days.sort_unstable();
            days.dedup();
            let got = rfm(&purchases, as_of, Unit::Day).expect("sums");
            prop_assert_eq!(got.is_empty(), days.is_empty());
            if let Some(got) = got.get("ann") {
                let (first, last) = (days[0], days[days.len() - 1]);
                let repeats = days.len() - 1;
                prop_assert_eq!(got.frequency as usize, repeats);
                prop_assert_eq!(u64::from(got.recency), last - first);
                prop_assert_eq!(u64::from(got.t), 30 - first);
                let later = rows.iter().filter(|it| it.0 > first && it.0 <= 30);
                let sum: i64 = later.map(|it| it.1).sum();
                let mean = if repeats == 0 { 0.0 } else { sum as f64 / repeats as f64 };
                let monetary: f64 = got.monetary.to_string().parse().expect("a number");
                prop_assert!((monetary - mean).abs() < 1e-9);
            }
        }
    }
}
