//! The statement behind a funnel: events numbered as steps, attempts per unit, then counts and
//! times per step for every group of attempts that is asked for.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use datafusion::common::ScalarValue;
use hub_domain::Error;
use hub_domain::funnel::{BreakdownAt, FunnelDefinition, FunnelMode, FunnelQuery};

use crate::readers::metrics::compile::{date_param, dimension_predicates};

/// The text and its parameters, `$1` first. Answers have `all_values` and `all_ages` (1 where the
/// row is over all of them), `value`, `is_mature`, and per step `reached`, `median` and `p90`.
///
/// # Errors
/// `BadInput` when a dimension is not one of the funnel's.
pub(super) fn statement(
    funnel: &FunnelDefinition,
    query: &FunnelQuery,
    mature_through: NaiveDate,
) -> Result<(String, Vec<ScalarValue>), Error> {
    let mut params =
        vec![date_param(query.range.from), date_param(query.range.to), date_param(mature_through)];
    let (events, told) = events(funnel, query, &mut params)?;
    let rule = serde_json::to_string(&funnel.rule()).map_err(Error::internal)?;
    let value = match breakdown_at(funnel, query) {
        BreakdownAt::FirstStep => "a['tag'][1]".to_owned(),
        BreakdownAt::LastStep => "a['tag'][cast(array_length(a['tag']) as bigint)]".to_owned(),
        BreakdownAt::Step(name) => {
            format!("a['tag'][{}]", funnel.step(&name).unwrap_or_default() + 1)
        }
    };
    let count = funnel.steps.len();
    let mut shown = String::new();
    for step in 1..=count {
        for name in ["reached", "median", "p90"] {
            let _ = write!(shown, ",\n  steps[{step}]['{name}'] as {name}{step}");
        }
    }
    let (by_value, sets) = match &query.breakdown {
        Some(_) => ("value", "(value, is_mature), (value), (is_mature), ()"),
        None => ("null", "(is_mature), ()"),
    };
    let all_values = if query.breakdown.is_some() { "grouping(value)" } else { "1" };
    let sql = format!(
        "with event as (\n{events}\n),\nattempt as (\n  select unnest(funnel_chains(at, step, \
         {told}, {})) as a from event group by unit\n),\nentry as (\n  select {value} as \
         value, local_date(a['at'][1]) <= $3 as is_mature, a['at'] as at\n  from attempt\n),\n\
         counted as (\n  select {all_values} as all_values, grouping(is_mature) as all_ages, \
         {by_value} as value, is_mature, funnel_steps(at, {count}) as steps\n  from entry\n  group \
         by grouping sets ({sets})\n)\nselect all_values, all_ages, value, is_mature{shown}\nfrom \
         counted",
        quoted(&rule),
    );
    Ok((sql, params))
}

/// Which event's value the answer is split by.
fn breakdown_at(funnel: &FunnelDefinition, query: &FunnelQuery) -> BreakdownAt {
    query.breakdown_at.clone().unwrap_or_else(|| funnel.breakdown_at.clone())
}

/// Events with their step, in the days that matter; and what else is told of each: what attempts
/// hold constant, what they are split by, whether they may begin there.
fn events(
    funnel: &FunnelDefinition,
    query: &FunnelQuery,
    params: &mut Vec<ScalarValue>,
) -> Result<(String, String), Error> {
    let mut predicates = vec![format!("{} is not null", funnel.unit_column)];
    let enters = match &funnel.cohort {
        Some(column) => {
            predicates.push(format!("{column} between $1 and $2"));
            None
        }
        None => {
            // Days around the range, so that no time zone matters; `first` needs all before.
            params.push(instant_param(query.range.to + Days::new(funnel.window_days() + 2)));
            predicates.push(format!("{} < ${}", funnel.at, params.len()));
            if funnel.entry != hub_domain::funnel::FunnelEntry::First {
                params.push(instant_param(query.range.from - Days::new(2)));
                predicates.push(format!("{} >= ${}", funnel.at, params.len()));
            }
            Some(format!("local_date({}) between $1 and $2", funnel.at))
        }
    };
    for filter in &query.filter {
        let expression = dimension(funnel, &filter.dimension)?;
        predicates.extend(dimension_predicates(filter, expression, params));
    }
    if funnel.mode != FunnelMode::StrictOrder {
        // Foreign events change nothing unless order is strict.
        let steps = funnel.steps.iter().map(|step| &step.event);
        let names: Vec<String> =
            steps.chain(funnel.exclude.iter().map(|it| &it.event)).map(|it| quoted(it)).collect();
        predicates.push(format!("{} in ({})", funnel.event, names.join(", ")));
    }
    predicates.extend(funnel.hold_constant.iter().map(|column| format!("{column} is not null")));
    let held = match funnel.hold_constant.as_slice() {
        [] => None,
        columns => Some(format!("concat_ws(chr(31), {})", columns.join(", "))),
    };
    let tag = query.breakdown.as_ref().map(|id| dimension(funnel, id)).transpose()?;
    let tag = tag.map(|expression| format!("cast({expression} as text)"));
    // What is the same of all events travels as a constant, not as a column.
    let (mut columns, mut told) = (String::new(), Vec::new());
    let none = "cast(null as text)";
    for (name, of_event, of_all) in
        [("held", held, none), ("tag", tag, none), ("enters", enters, "true")]
    {
        told.push(if of_event.is_some() { name } else { of_all });
        if let Some(expression) = of_event {
            let _ = write!(columns, ", {expression} as {name}");
        }
    }
    let text = format!(
        "  select {} as unit, {} as at, {} as step{columns}\n  from hub.{}\n  where {}",
        funnel.unit_column,
        funnel.at,
        numbered(funnel),
        funnel.source,
        predicates.join("\n    and "),
    );
    Ok((text, told.join(", ")))
}

/// The step an event fills, tried from the last step down; then what it excludes.
///
/// Without conditions it is a look-up of the event's name, which costs one comparison.
fn numbered(funnel: &FunnelDefinition) -> String {
    let steps = funnel.steps.iter().enumerate().rev();
    let steps = steps.map(|(number, step)| (&step.event, &step.filter, number));
    let excluded = funnel.exclude.iter().zip(funnel.steps.len()..);
    let excluded = excluded.map(|(it, number)| (&it.event, &it.filter, number));
    let all: Vec<_> = steps.chain(excluded).collect();
    let looks_up = all.iter().all(|(_, filter, _)| filter.is_none());
    let mut text = if looks_up { format!("case {}", funnel.event) } else { "case".to_owned() };
    for (event, filter, number) in all {
        let _ = match filter {
            _ if looks_up => write!(text, " when {}", quoted(event)),
            None => write!(text, " when {} = {}", funnel.event, quoted(event)),
            Some(filter) => {
                write!(text, " when {} = {} and ({filter})", funnel.event, quoted(event))
            }
        };
        let _ = write!(text, " then {number}");
    }
    text.push_str(" else -1 end");
    text
}

fn dimension<'a>(funnel: &'a FunnelDefinition, id: &str) -> Result<&'a String, Error> {
    funnel.dimensions.get(id).ok_or_else(|| {
        let valid: Vec<&str> = funnel.dimensions.keys().map(String::as_str).collect();
        Error::bad_input_hint(
            format!("funnel `{}` has no dimension `{id}`", funnel.id),
            format!("valid dimensions: {}", valid.join(", ")),
        )
    })
}

/// The first instant of a day, in UTC.
fn instant_param(day: NaiveDate) -> ScalarValue {
    let micros = (day - NaiveDate::default()).num_days().saturating_mul(86_400_000_000);
    ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
