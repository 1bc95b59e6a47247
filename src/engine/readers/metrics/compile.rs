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
use hub_domain::metric::{DimensionFilter, MetricDefinition, Rollup};

use super::measure::{Measure, Reach, aggregate_text, measure, with_rollup};
use super::position::{Positions, asked, asked_relation};
use super::window::Shift;
use crate::readers::catalogue::{Catalogue, Metric};
use crate::readers::formula::{Atom, Side};

/// One aggregated input read over one shifted range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Input {
    /// Id of a metric that aggregates rows itself.
    pub metric: String,
    /// Which of its numbers.
    pub side: Side,
    /// Where in time it is read.
    pub shift: Shift,
}

impl Input {
    /// An input of a formula read at `shift`.
    #[must_use]
    pub fn new(atom: &Atom, shift: Shift) -> Self {
        let shift = shift.earlier(atom.earlier);
        Self { metric: atom.metric.clone(), side: atom.side, shift }
    }

    /// The input of a formula, wherever it is read.
    #[must_use]
    pub fn atom(&self) -> Atom {
        Atom { metric: self.metric.clone(), side: self.side, earlier: 0 }
    }
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
    /// Last day of the data.
    pub through: NaiveDate,
    /// Whether distinct values may be counted approximately.
    pub approximate: bool,
}

impl Reading<'_> {
    /// The shift an input is read together with. One row over a range and over the days right
    /// before it are one pass; with groups they stay apart, because values seen only in the
    /// comparison make no rows.
    fn read_with(&self, shift: Shift, reach: &Reach) -> Shift {
        let one_row = self.group_by.is_empty() && !self.by_period && self.grain.is_none();
        let together = one_row && *reach == Reach::Period && shift.is_previous();
        if together { Shift::default() } else { shift }
    }
}

/// What holds a dimension in a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Axis {
    /// SQL expression over the relation.
    pub(crate) expression: String,
    /// How the value is looked up by that expression at the end of each period.
    pub(crate) rollup: Option<Rollup>,
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
pub fn inputs_of(metric: &Metric, shift: Shift, into: &mut BTreeSet<Input>) {
    into.extend(metric.resolved.atoms().into_iter().map(|atom| Input::new(atom, shift)));
}

/// Inputs of equal shift, relation, day, reach and dimensions share a statement: they read the
/// same rows in the same pieces. What adds up stays apart where only that is added up per day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SameRows {
    shift: Shift,
    relation: String,
    time: String,
    reach: Reach,
    adds_up: bool,
    axes: Vec<Axis>,
}

/// Statements that read `inputs`, in a fixed order.
///
/// # Errors
/// `BadInput` when an input cannot be split or filtered by a dimension asked for.
pub fn compile(
    catalogue: &Catalogue,
    inputs: &BTreeSet<Input>,
    reading: &Reading<'_>,
) -> Result<Vec<Statement>, Error> {
    let find = |id: &str| catalogue.find(id).map(|metric| &metric.definition);
    let mut groups: BTreeMap<SameRows, Vec<(&Input, Measure<'_>)>> = BTreeMap::new();
    for input in inputs {
        let definition: &MetricDefinition = &catalogue.metric(&input.metric)?.definition;
        let measured = measure(definition, input.side, &find, true, reading.through);
        let Some(mut measured) = measured else { continue };
        let axes = axes(catalogue, definition, &mut measured, reading)?;
        let same = SameRows {
            shift: reading.read_with(input.shift, &measured.reach),
            relation: measured.relation.clone(),
            time: measured.time.clone(),
            adds_up: measured.reach != Reach::Period && measured.aggregate.adds_up(),
            reach: measured.reach.clone(),
            axes,
        };
        groups.entry(same).or_default().push((input, measured));
    }
    let one = |(same, members): (&SameRows, &Vec<(&Input, Measure<'_>)>)| match same.reach {
        Reach::Period => flow(reading, same, members),
        _ => position(reading, same, members),
    };
    Ok(groups.iter().map(one).collect())
}

/// What holds each dimension asked for. A looked-up dimension of a flow is looked up as of the
/// day of each row; of a stock, as of the end of each period.
fn axes(
    catalogue: &Catalogue,
    metric: &MetricDefinition,
    measured: &mut Measure<'_>,
    reading: &Reading<'_>,
) -> Result<Vec<Axis>, Error> {
    let mut axes = Vec::new();
    let asked = reading.group_by.iter().chain(reading.filter.iter().map(|f| &f.dimension));
    for id in asked {
        axes.push(axis(catalogue, metric, measured, id)?);
    }
    Ok(axes)
}

fn axis(
    catalogue: &Catalogue,
    metric: &MetricDefinition,
    measured: &mut Measure<'_>,
    id: &str,
) -> Result<Axis, Error> {
    let dimension = catalogue.dimension(id)?;
    let rolled = dimension.rollup.as_ref();
    if let Some(axis) = rolled_axis(measured, id, rolled) {
        return Ok(axis);
    }
    if let Some(expression) = measured.dimensions.get(id) {
        return Ok(Axis { expression: expression.clone(), rollup: None });
    }
    let valid = catalogue.find(&metric.id).map(|it| it.dimensions.clone()).unwrap_or_default();
    Err(not_groupable(&metric.id, id, &valid))
}

/// The axis of a dimension that follows from another one the measure has.
pub(crate) fn rolled_axis(
    measured: &mut Measure<'_>,
    id: &str,
    rollup: Option<&Rollup>,
) -> Option<Axis> {
    let rollup = rollup?;
    let of = measured.dimensions.get(&rollup.of)?;
    if matches!(measured.reach, Reach::Always | Reach::Standing { .. }) {
        return Some(Axis { expression: of.clone(), rollup: Some(rollup.clone()) });
    }
    let expression = format!("rolled_{id}");
    // A dimension that is grouped and filtered by is looked up once.
    if !measured.relation.contains(&format!(" as {expression} ")) {
        let wrapped = with_rollup(&measured.relation, &measured.time, of, id, rollup);
        measured.relation = wrapped;
    }
    Some(Axis { expression, rollup: None })
}

/// Values that stand at the end of each period.
fn position(
    reading: &Reading<'_>,
    same: &SameRows,
    members: &[(&Input, Measure<'_>)],
) -> Statement {
    let range = same.shift.range(reading.range, reading.grain);
    let grain = reading.grain.filter(|_| reading.by_period);
    let periods = asked(range, grain, &same.reach);
    let first = periods.iter().map(|one| one.since).min().unwrap_or(range.from);
    let last = periods.iter().map(|one| one.until).max().unwrap_or(range.to);
    let (axes, filter_axes) = same.axes.split_at(reading.group_by.len());
    let positions = Positions {
        asked: asked_relation(&periods),
        by_period: reading.by_period && reading.grain.is_some(),
        axes,
        filters: reading.filter.iter().zip(filter_axes).collect(),
        measures: members.iter().map(|(_, measure)| measure).collect(),
        approximate: reading.approximate,
    };
    let (sql, params) = positions.statement(Some((first, last)));
    let inputs = members.iter().map(|(input, _)| (*input).clone()).collect();
    Statement { sql, params, inputs, shift: same.shift }
}

/// The refusal of a dimension a metric does not have.
fn not_groupable(metric: &str, dimension: &str, valid: &[String]) -> Error {
    Error::bad_input_hint(
        format!("metric `{metric}` cannot be grouped or filtered by `{dimension}`"),
        format!("valid dimensions of `{metric}`: {}", valid.join(", ")),
    )
}

/// Aggregates of the rows of each period.
fn flow(reading: &Reading<'_>, same: &SameRows, members: &[(&Input, Measure<'_>)]) -> Statement {
    let time = same.time.as_str();
    let (axes, filter_axes) = same.axes.split_at(reading.group_by.len());
    let shifts: BTreeSet<Shift> = members.iter().map(|(input, _)| input.shift).collect();
    let ranges: BTreeMap<Shift, DateRange> =
        shifts.iter().map(|shift| (*shift, shift.range(reading.range, reading.grain))).collect();
    let from = ranges.values().map(|range| range.from).min().unwrap_or(reading.range.from);
    let to = ranges.values().map(|range| range.to).max().unwrap_or(reading.range.to);
    let mut params = vec![date_param(from), date_param(to)];
    let windows = windows(time, &ranges, &mut params);
    let mut keys: Vec<String> = axes.iter().map(|axis| axis.expression.clone()).collect();
    let mut columns: Vec<String> =
        keys.iter().enumerate().map(|(index, it)| format!("{it} as d{index}")).collect();
    if let (true, Some(grain)) = (reading.by_period, reading.grain) {
        let period = period_expression(time, grain);
        columns.push(format!("{period} as period"));
        keys.push(period);
    }

    let mut predicates = vec![format!("{time} between $1 and $2")];
    for (filter, axis) in reading.filter.iter().zip(filter_axes) {
        predicates.extend(dimension_predicates(filter, &axis.expression, &mut params));
    }
    let filters: BTreeSet<Option<&str>> =
        members.iter().map(|(_, it)| it.filter.as_deref()).collect();
    let common = filters.len() == 1;
    let window = |input: &Input| windows.get(&input.shift).map(String::as_str);
    if !filters.contains(&None) {
        // Rows no input counts would only make dimension values without data.
        let any: Vec<String> = filters.iter().flatten().map(|it| format!("({it})")).collect();
        predicates.push(format!("({})", any.join(" or ")));
    }
    for (index, (input, measure)) in members.iter().enumerate() {
        let filter = if common { None } else { measure.filter.as_deref() };
        let filter = match (window(input), filter) {
            (Some(window), Some(filter)) => Some(format!("{window} and ({filter})")),
            (window, filter) => window.or(filter).map(str::to_owned),
        };
        let value = aggregate_text(measure, filter.as_deref(), reading.approximate);
        columns.push(format!("{value} as v{index}"));
    }

    let mut sql = format!(
        "select {}\nfrom {}\nwhere {}",
        columns.join(", "),
        same.relation,
        predicates.join("\n  and ")
    );
    if !keys.is_empty() {
        let _ = write!(sql, "\ngroup by {}", keys.join(", "));
    }
    let inputs = members.iter().map(|(input, _)| (*input).clone()).collect();
    Statement { sql, params, inputs, shift: same.shift }
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
        Grain::FiscalMonth(start) => {
            let lead = format!("interval '{} days'", start.lead());
            format!("cast(cast(date_trunc('month', {time} - {lead}) as date) + {lead} as date)")
        }
        _ => format!("cast(date_trunc('{}', {time}) as date)", grain.sql_name()),
    }
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
