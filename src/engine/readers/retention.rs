//! Retention: persons per cohort and bucket, counted over the visits the caller sees.
//!
//! Owns the statement; maturity, cumulation and quotients are `hub_domain::analysis::retention`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use datafusion::common::ScalarValue;
use hub_domain::Error;
use hub_domain::analysis::retention::{Counted, Timing, table};
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::DimensionFilter;
use hub_domain::retention::{
    Bracket, BucketClock, CohortScope, RetentionMode, RetentionQuery, RetentionResult,
};

use super::Source;
use super::decode::rows;
use super::metrics::compile::{date_param, dimension_predicates};

/// Most buckets or brackets of one answer.
const MOST_BUCKETS: u32 = 400;
const MOST_BRACKETS: usize = 30;

/// Dimensions of visits, with their columns.
const DIMENSIONS: [(&str, &str); 8] = [
    ("site", "site_id"),
    ("brand", "brand_id"),
    ("city", "city"),
    ("business_line", "business_line"),
    ("department", "dept_id"),
    ("channel", "channel_id"),
    ("doctor", "doctor_id"),
    ("consultant", "consultant_id"),
];

/// Answers a question about retention.
///
/// # Errors
/// `BadInput` for an impossible range, bracket or dimension.
pub(crate) async fn answer(
    source: &dyn Source,
    query: &RetentionQuery,
) -> Result<RetentionResult, Error> {
    let range = DateRange::new(query.range.from, query.range.to)?;
    if matches!(query.bucket, Grain::FiscalMonth(_)) {
        let hint = "ask for `MONTH`, or another bucket of the calendar";
        return Err(Error::bad_input_hint("retention has no months of the books", hint));
    }
    let brackets = brackets(query)?;
    let (sql, params) = statement(query, &brackets)?;
    let batches = source.fetch(&sql, params).await?;
    let mut cohorts: BTreeMap<NaiveDate, Counted> = BTreeMap::new();
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    for row in rows(&batches) {
        let Some(cohort) = row.day_opt("cohort")? else { continue };
        let counted = cohorts.entry(cohort).or_default();
        if query.mode == RetentionMode::Bracket {
            counted.size = count(row.int("persons")?);
            for number in 0..brackets.len() {
                let persons = count(row.int(&format!("bracket{number}"))?);
                counted.by_bucket.insert(u32::try_from(number).unwrap_or(u32::MAX), persons);
            }
            continue;
        }
        let bucket = u32::try_from(row.int("bucket")?).unwrap_or(0);
        let persons = count(row.int("persons")?);
        counted.by_bucket.insert(bucket, persons);
        counted.size += match query.mode {
            // Everybody has the entry in bucket 0, and one last visit.
            RetentionMode::ReturnOn if bucket > 0 => 0,
            _ => persons,
        };
    }
    let mut freshness = source.freshness();
    let timing =
        Timing { range, bucket: query.bucket, clock: query.clock, through: freshness.data_through };
    let (rows, total) = table(&cohorts, query.mode, &brackets, &timing);
    freshness.provisional = range.to > freshness.data_through;
    Ok(RetentionResult { rows, total, freshness })
}

/// The brackets asked for, or every single bucket.
fn brackets(query: &RetentionQuery) -> Result<Vec<Bracket>, Error> {
    if query.mode != RetentionMode::Bracket {
        if !query.brackets.is_empty() {
            let hint = "ask for mode `BRACKET`, or leave `brackets` out";
            return Err(Error::bad_input_hint("brackets belong to one mode only", hint));
        }
        let last = query.buckets.min(MOST_BUCKETS);
        return Ok((0..=last).map(|k| Bracket { from: k, to: k }).collect());
    }
    if query.brackets.is_empty() || query.brackets.len() > MOST_BRACKETS {
        let what = format!("give one to {MOST_BRACKETS} brackets");
        return Err(Error::bad_input_hint(what, "such as [{from: 1, to: 3}, {from: 4, to: 6}]"));
    }
    for bracket in &query.brackets {
        if bracket.from > bracket.to || bracket.to > MOST_BUCKETS {
            let what = format!("`{}`–`{}` is no bracket", bracket.from, bracket.to);
            let hint = format!("buckets run from 0 to {MOST_BUCKETS}");
            return Err(Error::bad_input_hint(what, hint));
        }
    }
    Ok(query.brackets.clone())
}

/// The text and its parameters. Answers have `cohort` and, per bucket, `persons`; with brackets
/// the size as `persons` and `bracket0`, `bracket1`, ….
fn statement(
    query: &RetentionQuery,
    brackets: &[Bracket],
) -> Result<(String, Vec<ScalarValue>), Error> {
    let mut params = vec![date_param(query.range.from), date_param(query.range.to)];
    let fits = predicates(&query.filter, &DIMENSIONS, &mut params)?;
    let fits = if fits.is_empty() { "true".to_owned() } else { fits.join(" and ") };
    let within = match query.scope {
        CohortScope::FirstEver => "",
        CohortScope::FirstWithin => " and fits",
    };
    let counted = match query.mode {
        RetentionMode::ReturnOn => "select cohort, bucket, count(distinct person_id) as persons\n\
             from returned group by cohort, bucket"
            .to_owned(),
        RetentionMode::OnOrAfter => "select cohort, bucket, count(*) as persons\nfrom (\n  \
             select cohort, person_id, max(bucket) as bucket from returned group by cohort, \
             person_id\n)\ngroup by cohort, bucket"
            .to_owned(),
        RetentionMode::Bracket => {
            let mut counts = String::new();
            for (number, Bracket { from, to }) in brackets.iter().enumerate() {
                let _ = write!(
                    counts,
                    ",\n  count(distinct case when bucket between {from} and {to} then person_id \
                     end) as bracket{number}"
                );
            }
            format!(
                "select cohort, count(distinct person_id) as persons{counts}\nfrom returned \
                 group by cohort"
            )
        }
    };
    let bucket = bucket(query);
    let grain = query.bucket.sql_name();
    // The least instant first and its row then: `first_value` in an order takes ten times as long.
    // Of visits of one instant, one that fits is enough.
    let sql = format!(
        "with seen as (\n  select person_id, arrived_at, biz_date, is_paying,\n    \
         coalesce({fits}, false) as fits\n  from hub.visit\n  where person_id is not null\n),\n\
         start as (\n  select person_id, min(arrived_at) as entered_at\n  from seen where \
         is_paying{within}\n  group by person_id\n),\nentry as (\n  select start.person_id, \
         start.entered_at, min(seen.biz_date) as entered_on\n  from start\n  inner join seen on \
         start.person_id = seen.person_id and start.entered_at = seen.arrived_at\n  where \
         seen.is_paying and seen.fits\n  group by start.person_id, start.entered_at\n),\n\
         returned as (\n  select entry.person_id, cast(date_trunc('{grain}', entry.entered_on) \
         as date) as cohort,\n    {bucket} as bucket\n  from entry\n  inner join seen on \
         entry.person_id = seen.person_id\n  where entry.entered_on between $1 and $2\n    and \
         seen.arrived_at >= entry.entered_at{}\n)\n{counted}",
        within.replace("fits", "seen.fits"),
    );
    Ok((sql, params))
}

/// Number of the bucket of a visit, counted from its person's entry.
fn bucket(query: &RetentionQuery) -> String {
    if query.clock == BucketClock::Rolling {
        let micros = i64::from(Timing::rolling_days(query.bucket)) * 86_400_000_000;
        return format!(
            "(cast(seen.arrived_at as bigint) - cast(entry.entered_at as bigint)) / {micros}"
        );
    }
    let number = |day: &str| match query.bucket {
        Grain::Day => format!("cast(cast({day} as int) as bigint)"),
        // Day 0, 1970-01-01, was a Thursday.
        Grain::Week => format!("(cast(cast({day} as int) as bigint) + 3) / 7"),
        Grain::Month | Grain::FiscalMonth(_) => months(day),
        Grain::Quarter => format!("({}) / 3", months(day)),
        Grain::Year => format!("cast(date_part('year', {day}) as bigint)"),
    };
    format!("{} - {}", number("seen.biz_date"), number("entry.entered_on"))
}

fn months(day: &str) -> String {
    format!(
        "(cast(date_part('year', {day}) as bigint) * 12 + cast(date_part('month', {day}) as \
         bigint) - 1)"
    )
}

/// Predicates of `filter` over the columns of `dimensions`.
pub(super) fn predicates(
    filter: &[DimensionFilter],
    dimensions: &[(&str, &str)],
    params: &mut Vec<ScalarValue>,
) -> Result<Vec<String>, Error> {
    let mut predicates = Vec::new();
    for filter in filter {
        let found = dimensions.iter().find(|(id, _)| *id == filter.dimension);
        let Some((_, column)) = found else {
            let valid: Vec<&str> = dimensions.iter().map(|(id, _)| *id).collect();
            return Err(Error::bad_input_hint(
                format!("no dimension `{}` here", filter.dimension),
                format!("valid dimensions: {}", valid.join(", ")),
            ));
        };
        predicates.extend(dimension_predicates(filter, column, params));
    }
    Ok(predicates)
}
