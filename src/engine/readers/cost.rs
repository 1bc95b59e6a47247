//! Cost structure from `hub.cost_direct`, beside it the same slices of `hub.cost_full`.
//!
//! Owns periods (`YYYY-MM`, `YYYY`) and shares. A period with a month that could not be allocated
//! has no full cost: a sum of the other months would pass for it.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use datafusion::common::ScalarValue;
use hub_domain::cost::{CostDimension, CostRow, CostStructure};
use hub_domain::{Error, Fen};
use rust_decimal::Decimal;

use super::decode::{all, rows};
use super::metrics::compile::text_param;
use super::metrics::rounded;
use super::{Source, org};

/// What became of the period's months under the published method.
const RUNS: &str = "select distinct status from hub.cost_run \
                    where is_published and month between $1 and $2";

/// Costs of `period` under `org_unit`, split by `by`.
///
/// # Errors
/// `BadInput` for a period that is no month or year, `NotFound` for an org unit that does not
/// exist or is not visible.
pub(crate) async fn structure(
    source: &dyn Source,
    period: &str,
    org_unit: Option<&str>,
    by: CostDimension,
) -> Result<CostStructure, Error> {
    let (from, to) = months(period)?;
    let mut params = vec![text_param(&from), text_param(&to)];
    let inside = match org_unit {
        None => String::new(),
        Some(id) => under(source, id, &mut params).await?,
    };
    let key = match by {
        CostDimension::CostClass => "cost_class",
        CostDimension::Department => "dept_id",
        CostDimension::Site => "site_id",
        CostDimension::Month => "month",
    };
    let sums = |table: &str| {
        format!(
            "select {key} as key, sum(amount_fen) as amount_fen from hub.{table} \
             where month between $1 and $2{inside} group by {key}"
        )
    };
    let needs_names = matches!(by, CostDimension::Department | CostDimension::Site);
    let names =
        async { if needs_names { org::units(source, None, None).await } else { Ok(Vec::new()) } };
    let (direct, full) = (sums("cost_direct"), sums("cost_full"));
    let (direct, full, runs, units) = futures::join!(
        source.fetch(&direct, params.clone()),
        source.fetch(&full, params.clone()),
        source.fetch(RUNS, params[..2].to_vec()),
        names
    );
    let (direct, full, runs, units) = (direct?, full?, runs?, units?);
    let states = all(&runs, |row| row.text("status").map(str::to_owned))?;
    let is_known = states == ["allocated"];
    let classes = source.definitions().catalogue.dimension("cost_class");
    let name = |key: &str| {
        let unit = units.iter().find(|unit| unit.id == key).map(|unit| &unit.name);
        let class = || classes.as_ref().ok().and_then(|dimension| dimension.labels.get(key));
        unit.or_else(class).map_or_else(|| key.to_owned(), Clone::clone)
    };

    let mut slices = slices(&direct, &full)?;
    if by != CostDimension::Month {
        slices.sort_by_key(|slice| std::cmp::Reverse(slice.1));
    }
    let total: Fen = slices.iter().map(|slice| slice.1).sum();
    let full: Fen = slices.iter().map(|slice| slice.2).sum();
    let share = |amount: Fen| Decimal::from(amount.0).checked_div(total.0.into()).map(rounded);
    let known = |full: Fen| is_known.then_some(full);
    let rows = slices.into_iter().map(|(key, amount, full)| CostRow {
        label: name(&key),
        key,
        amount,
        share: share(amount),
        full: known(full),
    });
    Ok(CostStructure {
        period: period.to_owned(),
        rows: rows.collect(),
        total,
        full: known(full),
        freshness: source.freshness(),
    })
}

/// Key, direct and full cost of every slice, in order of keys.
fn slices(direct: &[RecordBatch], full: &[RecordBatch]) -> Result<Vec<(String, Fen, Fen)>, Error> {
    let mut slices: BTreeMap<String, (Fen, Fen)> = BTreeMap::new();
    for row in rows(direct) {
        let key = row.text_opt("key")?.unwrap_or("unknown").to_owned();
        slices.entry(key).or_default().0 = Fen(row.int("amount_fen")?);
    }
    for row in rows(full) {
        let key = row.text_opt("key")?.unwrap_or("unknown").to_owned();
        slices.entry(key).or_default().1 = Fen(row.int("amount_fen")?);
    }
    Ok(slices.into_iter().map(|(key, (direct, full))| (key, direct, full)).collect())
}

/// First and last month of `YYYY-MM` or `YYYY`.
pub(super) fn months(period: &str) -> Result<(String, String), Error> {
    let first = |month: &str| format!("{month}-01").parse::<NaiveDate>().is_ok();
    match period.len() {
        7 if first(period) => Ok((period.to_owned(), period.to_owned())),
        4 if first(&format!("{period}-01")) => Ok((format!("{period}-01"), format!("{period}-12"))),
        _ => Err(Error::bad_input_hint(
            format!("`{}` is no period", period.chars().take(20).collect::<String>()),
            "write a month as `2026-03` or a year as `2026`",
        )),
    }
}

/// Restricts to the departments under an org unit.
async fn under(
    source: &dyn Source,
    id: &str,
    params: &mut Vec<ScalarValue>,
) -> Result<String, Error> {
    let units = org::subtree(source, id).await?;
    if units.is_empty() {
        return Err(Error::NotFound { what: "org unit" });
    }
    let mut names = Vec::with_capacity(units.len());
    for unit in &units {
        params.push(text_param(&unit.id));
        names.push(format!("${}", params.len()));
    }
    // Every cost is booked on a department, so the units below say which.
    Ok(format!(" and dept_id in ({})", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_months_or_years() {
        assert_eq!(months("2026").expect("a year").1, "2026-12");
        assert_eq!(months("2026-03").expect("a month").0, "2026-03");
        for wrong in ["2026-13", "26", "2026-3", "", "2026-03-01", "二〇二六"] {
            assert!(matches!(months(wrong), Err(Error::BadInput { .. })), "{wrong}");
        }
    }
}
