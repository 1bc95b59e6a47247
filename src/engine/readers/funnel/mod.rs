//! Funnels: how many attempts reached each step and how long that took.
//!
//! Owns the statement and how its answers become series; the counting rule is
//! `hub_domain::analysis::funnel`, reached through the aggregate `funnel_chains`. Attempts whose
//! window is still open are told apart: they may yet convert.

mod statement;
#[cfg(test)]
mod tests;

use chrono::Days;
use hub_domain::Error;
use hub_domain::calendar::DateRange;
use hub_domain::funnel::{
    BreakdownAt, FunnelDefinition, FunnelQuery, FunnelResult, FunnelSeries, StepCount,
};

use super::Source;
use super::decode::{Row, rows};
use super::metrics::labels;

/// Answers a funnel.
///
/// # Errors
/// `BadInput` for an unknown funnel, dimension or step, with what is valid.
pub(crate) async fn answer(
    source: &dyn Source,
    query: &FunnelQuery,
) -> Result<FunnelResult, Error> {
    let range = DateRange::new(query.range.from, query.range.to)?;
    let funnel = find(&source.definitions().funnels, &query.id)?;
    if let Some(BreakdownAt::Step(name)) = &query.breakdown_at
        && funnel.step(name).is_none()
    {
        let steps: Vec<&str> = funnel.steps.iter().map(|step| step.id()).collect();
        return Err(Error::bad_input_hint(
            format!("funnel `{}` has no step `{name}`", funnel.id),
            format!("steps: {}", steps.join(", ")),
        ));
    }
    let mut freshness = source.freshness();
    let mature_through = freshness.data_through - Days::new(funnel.window_days());
    let (sql, params) = statement::statement(funnel, query, mature_through)?;
    let names: Vec<String> = query.breakdown.iter().cloned().collect();
    let (batches, labels) =
        futures::join!(source.fetch(&sql, params), labels::load(source, &names));
    let (batches, labels) = (batches?, labels?);

    let mut total = empty(funnel, None);
    let mut series: Vec<FunnelSeries> = Vec::new();
    for row in rows(&batches) {
        let counts = counts(funnel, row)?;
        let into = if row.int("all_values")? == 1 {
            &mut total
        } else {
            let value = row.text_opt("value")?;
            let index = series.iter().position(|known| known.value.as_deref() == value);
            let index = index.unwrap_or_else(|| {
                series.push(empty(funnel, value));
                series.len() - 1
            });
            &mut series[index]
        };
        match (row.int("all_ages")? == 1, row.flag("is_mature")?) {
            (true, _) => into.steps = counts,
            (false, true) => into.mature = counts,
            (false, false) => into.open = counts,
        }
    }
    if let Some(dimension) = &query.breakdown {
        for one in &mut series {
            one.label = labels.get(dimension, one.value.as_deref());
        }
        let entered = |one: &FunnelSeries| one.steps.first().map(|step| step.reached);
        series.sort_by(|a, b| entered(b).cmp(&entered(a)).then_with(|| a.value.cmp(&b.value)));
    }
    freshness.provisional = range.to > freshness.data_through;
    Ok(FunnelResult { definition: funnel.clone(), total, series, mature_through, freshness })
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

/// A series nothing has entered.
fn empty(funnel: &FunnelDefinition, value: Option<&str>) -> FunnelSeries {
    let none = |step: &hub_domain::funnel::FunnelStep| StepCount {
        step: step.clone(),
        reached: 0,
        median_seconds: None,
        p90_seconds: None,
    };
    let steps: Vec<StepCount> = funnel.steps.iter().map(none).collect();
    FunnelSeries {
        value: value.map(str::to_owned),
        label: None,
        steps: steps.clone(),
        mature: steps.clone(),
        open: steps,
    }
}

fn counts(funnel: &FunnelDefinition, row: Row<'_>) -> Result<Vec<StepCount>, Error> {
    let mut counts = Vec::with_capacity(funnel.steps.len());
    for (step, number) in funnel.steps.iter().zip(1..) {
        // Nothing lies before the first step, so it took no time.
        let time = |name: &str| match number {
            1 => Ok(None),
            _ => row.int_opt(&format!("{name}{number}")),
        };
        counts.push(StepCount {
            step: step.clone(),
            reached: u64::try_from(row.int(&format!("reached{number}"))?).unwrap_or(0),
            median_seconds: time("median")?,
            p90_seconds: time("p90")?,
        });
    }
    Ok(counts)
}
