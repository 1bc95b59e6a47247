//! From metric ids to SQL: simple metrics that read the same rows share one statement.
//!
//! Pure: the same definitions and question give the same text. Owns statement shape and parameter
//! order. Must not run anything, and must not know row policy: the tables apply it below.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::NaiveDate;
use datafusion::common::ScalarValue;
use hub_domain::Error;
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::{Aggregate, DimensionFilter};

use super::window::Shift;
use crate::readers::catalogue::{Catalogue, Metric, Simple};
use crate::readers::formula::{Part, Resolved};
use crate::registry::Term;

/// One simple metric read over one shifted range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Input {
    /// Id of a simple metric.
    pub metric: String,
    /// Where in time it is read.
    pub shift: Shift,
}

/// How inputs are read: the part of a question that SQL answers.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Days asked for.
    pub range: DateRange,
    /// Grain the shifts are counted in.
    pub grain: Option<Grain>,
    /// Dimension ids rows are split by.
    pub group_by: &'a [String],
    /// Whether rows are split by period too; needs a grain.
    pub by_period: bool,
    /// All must hold.
    pub filter: &'a [DimensionFilter],
}

impl Reading<'_> {
    /// The shift an input is read together with. One row over a range and over the days right
    /// before it are one pass; with groups they stay apart, because values seen only in the
    /// comparison make no rows.
    fn read_with(&self, shift: Shift) -> Shift {
        let one_row = self.group_by.is_empty() && !self.by_period && self.grain.is_none();
        if one_row && shift.is_previous() { Shift::default() } else { shift }
    }
}

/// One statement. Its columns are `d0…` (dimensions), `period` with a grain, `v0…` (inputs).
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Text with `$n` for parameters.
    pub sql: String,
    /// Parameters, `$1` first.
    pub params: Vec<ScalarValue>,
    /// Input behind `v0`, `v1`, ….
    pub inputs: Vec<Input>,
    /// Shift the inputs share, or the one a comparison is read with.
    pub shift: Shift,
}

impl Statement {
    /// The text with parameters written out, for people to read and run.
    #[must_use]
    pub fn display(&self) -> String {
        let mut text = self.sql.clone();
        for (index, value) in self.params.iter().enumerate().rev() {
            text = text.replace(&format!("${}", index + 1), &literal(value));
        }
        text
    }
}

fn literal(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Date32(Some(days)) => {
            let day = NaiveDate::default() + chrono::TimeDelta::days(i64::from(*days));
            format!("date '{day}'")
        }
        ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    }
}

/// A day as a statement parameter.
#[must_use]
pub fn date_param(day: NaiveDate) -> ScalarValue {
    let days = (day - NaiveDate::default()).num_days();
    ScalarValue::Date32(i32::try_from(days).ok())
}

/// A text as a statement parameter.
#[must_use]
pub fn text_param(text: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(text.to_owned()))
}

/// Every input of `metric` read at `shift`.
pub fn inputs_of(catalogue: &Catalogue, metric: &Metric, shift: Shift, into: &mut BTreeSet<Input>) {
    let add = |terms: &[Term], shift: Shift, into: &mut BTreeSet<Input>| {
        into.extend(terms.iter().map(|term| Input { metric: term.metric.clone(), shift }));
    };
    match &metric.resolved {
        Resolved::Simple => {
            into.insert(Input { metric: metric.definition.id.clone(), shift });
        }
        Resolved::Sum(terms) => add(terms, shift, into),
        Resolved::Ratio { numerator, denominator, offset, .. } => {
            for (part, shift) in [(numerator, shift), (denominator, shift.earlier(*offset))] {
                match part {
                    Part::Sum(terms) => add(terms, shift, into),
                    Part::Quotient(id) => {
                        if let Some(inner) = catalogue.find(id) {
                            inputs_of(catalogue, inner, shift, into);
                        }
                    }
                }
            }
        }
    }
}

/// Inputs with equal shift, table, time column and dimension expressions share a statement: they
/// read the same rows in the same pieces.
type SameRows<'a> = (Shift, &'a str, &'a str, Vec<&'a str>);

/// Statements that read `inputs`, in a fixed order.
///
/// # Errors
/// `BadInput` when an input cannot be split or filtered by a dimension asked for.
pub fn compile(
    catalogue: &Catalogue,
    inputs: &BTreeSet<Input>,
    reading: &Reading<'_>,
) -> Result<Vec<Statement>, Error> {
    let mut groups: BTreeMap<SameRows<'_>, Vec<(&Input, Simple<'_>)>> = BTreeMap::new();
    for input in inputs {
        let metric = catalogue.metric(&input.metric)?;
        let Some(simple) = metric.simple() else { continue };
        let asked = reading.group_by.iter().chain(reading.filter.iter().map(|f| &f.dimension));
        let expressions = asked
            .map(|id| dimension_expression(catalogue, metric, simple, id))
            .collect::<Result<Vec<&str>, Error>>()?;
        let key = (reading.read_with(input.shift), simple.source, simple.time, expressions);
        groups.entry(key).or_default().push((input, simple));
    }
    Ok(groups
        .into_iter()
        .map(|((shift, source, time, expressions), members)| {
            let (dimensions, filters) = expressions.split_at(reading.group_by.len());
            let shared = Shared { shift, source, time, dimensions, filters };
            statement(reading, &shared, &members)
        })
        .collect())
}

fn dimension_expression<'a>(
    catalogue: &Catalogue,
    metric: &Metric,
    simple: Simple<'a>,
    id: &str,
) -> Result<&'a str, Error> {
    if let Some(expression) = simple.dimensions.get(id) {
        return Ok(expression);
    }
    catalogue.dimension(id)?;
    Err(not_groupable(&metric.definition.id, id, &metric.dimensions))
}

/// The refusal of a dimension a metric does not have.
pub(crate) fn not_groupable(metric: &str, dimension: &str, valid: &[String]) -> Error {
    Error::bad_input_hint(
        format!("metric `{metric}` cannot be grouped or filtered by `{dimension}`"),
        format!("valid dimensions of `{metric}`: {}", valid.join(", ")),
    )
}

struct Shared<'a> {
    shift: Shift,
    source: &'a str,
    time: &'a str,
    dimensions: &'a [&'a str],
    filters: &'a [&'a str],
}

fn statement(
    reading: &Reading<'_>,
    shared: &Shared<'_>,
    members: &[(&Input, Simple<'_>)],
) -> Statement {
    let time = shared.time;
    let shifts: BTreeSet<Shift> = members.iter().map(|(input, _)| input.shift).collect();
    let ranges: BTreeMap<Shift, DateRange> =
        shifts.iter().map(|shift| (*shift, shift.range(reading.range, reading.grain))).collect();
    let from = ranges.values().map(|range| range.from).min().unwrap_or(reading.range.from);
    let to = ranges.values().map(|range| range.to).max().unwrap_or(reading.range.to);
    let mut params = vec![date_param(from), date_param(to)];
    let windows = windows(time, &ranges, &mut params);
    let mut keys: Vec<String> = shared.dimensions.iter().map(|it| (*it).to_owned()).collect();
    let mut columns: Vec<String> =
        keys.iter().enumerate().map(|(index, it)| format!("{it} as d{index}")).collect();
    if let (true, Some(grain)) = (reading.by_period, reading.grain) {
        let period = period_expression(time, grain);
        columns.push(format!("{period} as period"));
        keys.push(period);
    }

    let mut predicates = vec![format!("{time} between $1 and $2")];
    for (filter, expression) in reading.filter.iter().zip(shared.filters) {
        predicates.extend(dimension_predicates(filter, expression, &mut params));
    }
    let filters: BTreeSet<Option<&str>> = members.iter().map(|(_, it)| it.filter).collect();
    let common = filters.len() == 1;
    let window = |input: &Input| windows.get(&input.shift).map(String::as_str);
    if !filters.contains(&None) {
        // Rows no input counts would only make dimension values without data.
        let any: Vec<String> = filters.iter().flatten().map(|it| format!("({it})")).collect();
        predicates.push(format!("({})", any.join(" or ")));
    }
    for (index, (input, simple)) in members.iter().enumerate() {
        let filter = if common { None } else { simple.filter };
        let filter = match (window(input), filter) {
            (Some(window), Some(filter)) => Some(format!("{window} and ({filter})")),
            (window, filter) => window.or(filter).map(str::to_owned),
        };
        columns.push(format!("{} as v{index}", aggregate(*simple, filter.as_deref())));
    }

    let mut sql = format!(
        "select {}\nfrom hub.{}\nwhere {}",
        columns.join(", "),
        shared.source,
        predicates.join("\n  and ")
    );
    if !keys.is_empty() {
        let _ = write!(sql, "\ngroup by {}", keys.join(", "));
    }
    let inputs = members.iter().map(|(input, _)| (*input).clone()).collect();
    Statement { sql, params, inputs, shift: shared.shift }
}

/// The days of each shift as a predicate, when there are several in one statement.
fn windows(
    time: &str,
    ranges: &BTreeMap<Shift, DateRange>,
    params: &mut Vec<ScalarValue>,
) -> BTreeMap<Shift, String> {
    if ranges.len() < 2 {
        return BTreeMap::new();
    }
    let window = |(shift, range): (&Shift, &DateRange)| {
        params.extend([date_param(range.from), date_param(range.to)]);
        (*shift, format!("{time} between ${} and ${}", params.len() - 1, params.len()))
    };
    ranges.iter().map(window).collect()
}

/// First day of the period a row belongs to.
pub(crate) fn period_expression(time: &str, grain: Grain) -> String {
    match grain {
        Grain::Day => time.to_owned(),
        _ => format!("cast(date_trunc('{}', {time}) as date)", grain.sql_name()),
    }
}

/// The aggregate of a simple metric over rows that keep `filter`.
pub(crate) fn aggregate(simple: Simple<'_>, filter: Option<&str>) -> String {
    let expression = simple.expression.unwrap_or("*");
    let mut text = match simple.aggregate {
        Aggregate::Count => "count(*)".to_owned(),
        Aggregate::Sum => format!("sum({expression})"),
        Aggregate::CountDistinct => format!("count(distinct {expression})"),
    };
    if let Some(filter) = filter {
        let _ = write!(text, " filter (where {filter})");
    }
    text
}

/// Predicates of one dimension filter over the column or expression that holds the dimension.
pub(crate) fn dimension_predicates(
    filter: &DimensionFilter,
    expression: &str,
    params: &mut Vec<ScalarValue>,
) -> Vec<String> {
    let mut list = |values: &[String]| {
        let mut names = Vec::with_capacity(values.len());
        for value in values {
            params.push(text_param(value));
            names.push(format!("${}", params.len()));
        }
        names.join(", ")
    };
    let mut predicates = Vec::new();
    match filter.any_of.as_deref() {
        Some([]) => predicates.push("false".to_owned()),
        Some(values) => predicates.push(format!("{expression} in ({})", list(values))),
        None => {}
    }
    match filter.none_of.as_deref() {
        None | Some([]) => {}
        Some(values) => predicates
            .push(format!("({expression} is null or {expression} not in ({}))", list(values))),
    }
    match filter.is_null {
        Some(true) => predicates.push(format!("{expression} is null")),
        Some(false) => predicates.push(format!("{expression} is not null")),
        None => {}
    }
    predicates
}
