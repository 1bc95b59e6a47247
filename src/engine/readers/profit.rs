//! Profit drivers: a chain of metrics as factors, and its change shared out over them by
//! `hub_domain::analysis::profit_driver`.
//!
//! Owns which metrics make the chain; their formulas are the catalogue's.

#[cfg(test)]
mod tests;

use hub_domain::analysis::profit_driver::{self, contributions, drivers};
use hub_domain::calendar::DateRange;
use hub_domain::metric::MetricsQuery;
use hub_domain::profit::{ProfitBasis, ProfitDrivers, ProfitFactor, ProfitQuery};
use hub_domain::{Error, Fen};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Source;
use super::metrics::{self, Visible, rounded};

/// Ids and names of the factors of cash, in order; on earned revenue two more follow.
const FACTORS: [(&str, &str, &str); 5] = [
    ("traffic", "客流量", "Persons who came"),
    ("conversion", "转化率", "Paying persons ÷ persons"),
    ("frequency", "购买频次", "Paying visits ÷ paying person"),
    ("ticket", "客单价", "Revenue ÷ paying visit"),
    ("margin_rate", "毛利率", "Gross margin ÷ revenue"),
];

/// Answers a question about profit drivers.
///
/// # Errors
/// `BadInput` for impossible ranges, and for changes the method cannot share out.
pub(crate) async fn answer(
    source: &dyn Source,
    query: &ProfitQuery,
) -> Result<ProfitDrivers, Error> {
    let range = DateRange::new(query.range.from, query.range.to)?;
    let base_range = match query.base {
        Some(base) => DateRange::new(base.from, base.to)?,
        None => range.previous(),
    };
    let (base, now) =
        futures::join!(totals(source, query, base_range), totals(source, query, range));
    let (base, now) = (base?, now?);
    let refused =
        |error: profit_driver::Error| Error::bad_input_hint(error.to_string(), error.hint());
    let shares = contributions(&base.chain, &now.chain, query.method).map_err(refused)?;
    let (before, after) =
        (drivers(&base.chain).map_err(refused)?, drivers(&now.chain).map_err(refused)?);
    let mut factors: Vec<ProfitFactor> = FACTORS
        .iter()
        .zip(before.into_iter().zip(after))
        .zip(&shares)
        .map(|(((id, zh, en), (base, now)), share)| ProfitFactor {
            id: (*id).to_owned(),
            label_zh: (*zh).to_owned(),
            label_en: (*en).to_owned(),
            base: base.map(rounded),
            now: now.map(rounded),
            contribution: fen(*share),
        })
        .collect();
    if let (Some(before), Some(after)) = (base.fixed, now.fixed) {
        factors.push(ProfitFactor {
            id: "fixed_cost".into(),
            label_zh: "固定成本".into(),
            label_en: "Costs outside the margin".into(),
            base: Some(before),
            now: Some(after),
            contribution: fen(before - after),
        });
    }
    let (before, after) = (base.result(), now.result());
    let mut freshness = source.freshness();
    freshness.provisional = range.to > freshness.data_through;
    Ok(ProfitDrivers {
        base_range,
        change: factors.iter().map(|factor| factor.contribution).sum(),
        factors,
        base: fen(before),
        now: fen(after),
        method: query.method,
        freshness,
    })
}

/// Amounts are whole fen already.
fn fen(amount: Decimal) -> Fen {
    Fen(amount.round().to_i64().unwrap_or(i64::MAX))
}

/// The chain over one range.
struct Totals {
    /// Persons, paying persons, paying visits, revenue, and the margin where there is one.
    chain: Vec<Decimal>,
    /// Costs the margin leaves out.
    fixed: Option<Decimal>,
}

impl Totals {
    fn result(&self) -> Decimal {
        self.chain.last().copied().unwrap_or_default() - self.fixed.unwrap_or_default()
    }
}

async fn totals(
    source: &dyn Source,
    query: &ProfitQuery,
    range: DateRange,
) -> Result<Totals, Error> {
    let chain = ["persons_seen", "paying_persons", "paying_visits"];
    let ids: Vec<&str> = match query.basis {
        ProfitBasis::Cash => chain.into_iter().chain(["revenue_cash"]).collect(),
        ProfitBasis::Earned => {
            chain.into_iter().chain(["gross_margin_pct", "direct_cost"]).collect()
        }
    };
    let asked = MetricsQuery { filter: query.filter.clone(), ..MetricsQuery::total(&ids, range) };
    let answer = metrics::answer(source, &asked, Visible::All).await?;
    let value = |at: usize| answer.totals.get(at).and_then(|it| it.value).unwrap_or_default();
    let mut chain: Vec<Decimal> = (0..3).map(value).collect();
    let Some(margin) = answer.totals.get(3) else {
        return Err(Error::internal("a metric gave no total"));
    };
    if query.basis == ProfitBasis::Cash {
        chain.push(margin.value.unwrap_or_default());
        return Ok(Totals { chain, fixed: None });
    }
    let earned = margin.denominator.unwrap_or_default();
    let margin = margin.numerator.unwrap_or_default();
    chain.extend([earned, margin]);
    // What the margin has taken off already is not fixed: all direct cost, less earned − margin.
    Ok(Totals { chain, fixed: Some(value(4) - (earned - margin)) })
}
