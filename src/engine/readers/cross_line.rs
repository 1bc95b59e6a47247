//! Conversion between business lines, from the first paid visits of `hub.line_entry`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hub_domain::calendar::DateRange;
use hub_domain::cross_line::CrossLineRow;
use hub_domain::{Error, Fen};
use rust_decimal::Decimal;

use super::Source;
use super::decode::rows;
use super::metrics::compile::date_param;
use super::metrics::{labels, rounded};

/// Longest window.
const MOST_DAYS: u32 = 3_650;

/// The matrix of persons who first paid in one line in `range`, and in another within
/// `window_days` after it. Every line of the cohort meets every other line.
///
/// # Errors
/// `BadInput` for an impossible range or window.
pub(crate) async fn answer(
    source: &dyn Source,
    range: DateRange,
    window_days: u32,
) -> Result<Vec<CrossLineRow>, Error> {
    let range = DateRange::new(range.from, range.to)?;
    if window_days == 0 || window_days > MOST_DAYS {
        return Err(Error::bad_input_hint(
            format!("a window of `{window_days}` days"),
            format!("windows have 1 to {MOST_DAYS} days"),
        ));
    }
    let through = source.freshness().data_through;
    let mature = through - chrono::Days::new(u64::from(window_days));
    let params = || vec![date_param(range.from), date_param(range.to), date_param(mature)];
    let names = ["business_line".to_owned()];
    let (sizes, pairs, labels) = (sizes(), pairs(window_days), labels::load(source, &names));
    let (sizes, pairs, labels) =
        futures::join!(source.fetch(&sizes, params()), source.fetch(&pairs, params()), labels);
    let (sizes, pairs, labels) = (sizes?, pairs?, labels?);

    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let mut cohorts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for row in rows(&sizes) {
        let both = (count(row.int("cohort")?), count(row.int("mature_cohort")?));
        cohorts.insert(row.text("business_line")?.to_owned(), both);
    }
    let mut found = Vec::new();
    let label = |line: &str| labels.get("business_line", Some(line));
    for (from, (cohort, mature_cohort)) in cohorts.iter().filter(|it| it.1.0 > 0) {
        for to in cohorts.keys().filter(|to| *to != from) {
            found.push(CrossLineRow {
                from_line: from.clone(),
                from_label: label(from),
                to_line: to.clone(),
                to_label: label(to),
                cohort: *cohort,
                persons: 0,
                rate: None,
                median_days: None,
                revenue: Fen(0),
                mature_cohort: *mature_cohort,
                mature_persons: 0,
                mature_rate: None,
            });
        }
    }
    for row in rows(&pairs) {
        let (from, to) = (row.text("from_line")?, row.text("to_line")?);
        let cell = found.iter_mut().find(|it| it.from_line == from && it.to_line == to);
        let Some(cell) = cell else { continue };
        cell.persons = count(row.int("persons")?);
        cell.mature_persons = count(row.int("mature_persons")?);
        cell.median_days = row.int_opt("median_days")?;
        cell.revenue = Fen(row.int("revenue_fen")?);
    }
    let rate = |part: u64, whole: u64| Decimal::from(part).checked_div(whole.into()).map(rounded);
    for cell in &mut found {
        cell.rate = rate(cell.persons, cell.cohort);
        cell.mature_rate = rate(cell.mature_persons, cell.mature_cohort);
    }
    Ok(found)
}

/// Persons by the line of their entry; lines nobody entered in the range are columns only.
fn sizes() -> String {
    "select business_line,\n  count(*) filter (where entered_on between $1 and $2) as cohort,\n  \
     count(*) filter (where entered_on between $1 and $2 and entered_on <= $3) as mature_cohort\n\
     from hub.line_entry\ngroup by business_line"
        .to_owned()
}

fn pairs(window_days: u32) -> String {
    format!(
        "with pair as (\n  select a.person_id, a.business_line as from_line, b.business_line as \
         to_line,\n    a.entered_on as from_on, b.entered_on as to_on\n  from hub.line_entry as \
         a\n  inner join hub.line_entry as b\n    on a.person_id = b.person_id and \
         a.business_line <> b.business_line\n  where a.entered_on between $1 and $2\n    and \
         b.entered_at > a.entered_at\n    and b.entered_on <= a.entered_on + interval \
         '{window_days} days'\n),\npaid as (\n  select pair.person_id, pair.from_line, \
         pair.to_line, sum(payment.cash_fen) as cash_fen\n  from pair\n  inner join hub.payment \
         as payment\n    on pair.person_id = payment.person_id and pair.to_line = \
         payment.business_line\n  where payment.is_cash and payment.biz_date >= pair.to_on\n    \
         and payment.biz_date <= pair.from_on + interval '{window_days} days'\n  group by \
         pair.person_id, pair.from_line, pair.to_line\n)\nselect pair.from_line, \
         pair.to_line,\n  count(*) as persons,\n  count(*) filter (where pair.from_on <= $3) as \
         mature_persons,\n  cast(round(percentile_cont(0.5) within group (order by cast(\n    \
         cast(pair.to_on as int) - cast(pair.from_on as int) as double))) as bigint) as \
         median_days,\n  cast(coalesce(sum(paid.cash_fen), 0) as bigint) as revenue_fen\nfrom \
         pair\nleft join paid on pair.person_id = paid.person_id\n  and pair.from_line = \
         paid.from_line and pair.to_line = paid.to_line\ngroup by pair.from_line, pair.to_line"
    )
}
