//! Funnels: how many units reached each step, counted by the aggregate `funnel_level`.
//!
//! Owns the statement; the counting rule is `hub_domain::analysis::funnel`, reached through the
//! aggregate. Units belong to the cohort of their entry day; `mature_through` says which entries
//! have had their whole window.

use std::fmt::Write as _;

use chrono::Days;
use datafusion::common::ScalarValue;
use hub_domain::Error;
use hub_domain::calendar::DateRange;
use hub_domain::funnel::{
    FunnelDefinition, FunnelEntry, FunnelMode, FunnelResult, FunnelSeries, StepCount,
};
use hub_domain::metric::DimensionFilter;

use super::Source;
use super::decode::rows;
use super::metrics::compile::{date_param, dimension_predicates};
use super::metrics::labels;

const SECONDS_PER_DAY: i64 = 86_400;

/// Answers funnel `id`.
///
/// # Errors
/// `BadInput` for an unknown funnel or dimension, with what is valid.
pub(crate) async fn answer(
    source: &dyn Source,
    id: &str,
    range: DateRange,
    breakdown: Option<&str>,
    filter: &[DimensionFilter],
) -> Result<FunnelResult, Error> {
    let range = DateRange::new(range.from, range.to)?;
    let funnel = find(&source.definitions().funnels, id)?;
    let (sql, params) = statement(funnel, range, breakdown, filter)?;
    let names: Vec<String> = breakdown.map(str::to_owned).into_iter().collect();
    let (batches, labels) =
        futures::join!(source.fetch(&sql, params), labels::load(source, &names));
    let (batches, labels) = (batches?, labels?);

    let steps = funnel.steps.len();
    let mut total = vec![0; steps];
    let mut by_value: Vec<(Option<String>, Vec<u64>)> = Vec::new();
    for row in rows(&batches) {
        let level = usize::try_from(row.int("level")?).unwrap_or(0).min(steps);
        let units = u64::try_from(row.int("units")?).unwrap_or(0);
        let value = if breakdown.is_some() { row.text_opt("value")? } else { None };
        let index = match by_value.iter().position(|(known, _)| known.as_deref() == value) {
            Some(index) => index,
            None => {
                by_value.push((value.map(str::to_owned), vec![0; steps]));
                by_value.len() - 1
            }
        };
        for counts in [&mut total, &mut by_value[index].1] {
            for count in &mut counts[..level] {
                *count += units;
            }
        }
    }
    let mut series = Vec::new();
    if let Some(dimension) = breakdown {
        by_value.sort_by(|a, b| b.1.first().cmp(&a.1.first()).then_with(|| a.0.cmp(&b.0)));
        series.extend(by_value.into_iter().map(|(value, counts)| FunnelSeries {
            label: labels.get(dimension, value.as_deref()),
            value,
            steps: step_counts(funnel, &counts),
        }));
    }
    let mut freshness = source.freshness();
    freshness.provisional = range.to > freshness.data_through;
    let days = funnel.window_seconds.unsigned_abs().div_ceil(SECONDS_PER_DAY.unsigned_abs());
    Ok(FunnelResult {
        id: funnel.id.clone(),
        total: FunnelSeries { value: None, label: None, steps: step_counts(funnel, &total) },
        series,
        mature_through: freshness.data_through - Days::new(days),
        freshness,
    })
}

fn step_counts(funnel: &FunnelDefinition, counts: &[u64]) -> Vec<StepCount> {
    let steps = funnel.steps.iter().cloned();
    steps.zip(counts).map(|(step, &reached)| StepCount { step, reached }).collect()
}

fn find<'a>(funnels: &'a [FunnelDefinition], id: &str) -> Result<&'a FunnelDefinition, Error> {
    funnels.iter().find(|funnel| funnel.id.eq_ignore_ascii_case(id)).ok_or_else(|| {
        let valid: Vec<&str> = funnels.iter().map(|funnel| funnel.id.as_str()).collect();
        Error::bad_input_hint(
            format!("unknown funnel `{id}`"),
            format!("valid funnels: {}", valid.join(", ")),
        )
    })
}

/// The statement that counts units (attempts with `entry: each`) per level and breakdown value.
///
/// # Errors
/// `BadInput` when a dimension is not one of the funnel's.
pub(crate) fn statement(
    funnel: &FunnelDefinition,
    range: DateRange,
    breakdown: Option<&str>,
    filter: &[DimensionFilter],
) -> Result<(String, Vec<ScalarValue>), Error> {
    let dimension = |id: &str| {
        funnel.dimensions.get(id).ok_or_else(|| {
            let valid: Vec<&str> = funnel.dimensions.keys().map(String::as_str).collect();
            Error::bad_input_hint(
                format!("funnel `{}` has no dimension `{id}`", funnel.id),
                format!("valid dimensions: {}", valid.join(", ")),
            )
        })
    };
    let mut params = vec![date_param(range.from), date_param(range.to)];
    let mut predicates = vec![format!("{} between $1 and $2", funnel.cohort)];
    for filter in filter {
        let expression = dimension(&filter.dimension)?;
        predicates.extend(dimension_predicates(filter, expression, &mut params));
    }
    if funnel.mode != FunnelMode::StrictOrder {
        // Foreign events change nothing unless order is strict.
        let names: Vec<String> = funnel.steps.iter().map(|step| quoted(&step.event)).collect();
        predicates.push(format!("{} in ({})", funnel.event, names.join(", ")));
    }
    let mut step = format!("case {}", funnel.event);
    for (index, it) in funnel.steps.iter().enumerate() {
        let _ = write!(step, " when {} then {index}", quoted(&it.event));
    }
    step.push_str(" else -1 end");
    let (mode, entry) = (mode_name(funnel.mode), entry_name(funnel.entry));
    let each = funnel.entry == FunnelEntry::Each;
    let aggregate = if each { "funnel_attempts" } else { "funnel_level" };
    let level = format!(
        "{aggregate}({}, {step}, {}, '{mode}', '{entry}')",
        funnel.at, funnel.window_seconds
    );
    let level = if each { format!("unnest({level})") } else { level };
    let unit = &funnel.unit;
    let (value, outer) = match breakdown {
        Some(id) => (format!(", min({}) as value", dimension(id)?), "value, "),
        None => (String::new(), ""),
    };
    let sql = format!(
        "select {outer}level, count(*) as units\nfrom (select {level} as level{value}\nfrom hub.{}\
         \nwhere {}\ngroup by {unit})\ngroup by {outer}level",
        funnel.source,
        predicates.join("\n  and "),
    );
    Ok((sql, params))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn mode_name(mode: FunnelMode) -> &'static str {
    match mode {
        FunnelMode::Ordered => "ordered",
        FunnelMode::StrictOrder => "strict_order",
        FunnelMode::AnyOrder => "any_order",
    }
}

fn entry_name(entry: FunnelEntry) -> &'static str {
    match entry {
        FunnelEntry::Longest => "longest",
        FunnelEntry::First => "first",
        FunnelEntry::Each => "each",
    }
}
