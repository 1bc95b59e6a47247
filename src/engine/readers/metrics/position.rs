//! Values that stand at the end of a period: windows of days, and stocks.
//!
//! Owns which days each asked period looks back on, and the statement that reads them. What adds
//! up is added up per day first and per period after; the rest is aggregated per period.

use std::fmt::Write as _;

use chrono::{Days, Months, NaiveDate};
use datafusion::common::ScalarValue;
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::{DimensionFilter, Window};

use super::compile::{Axis, dimension_predicates, period_expression};
use super::measure::{Measure, Reach, aggregate_text, lookup, lookup_on};

/// One period and the days it looks back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// First day of the period; none for a whole range.
    pub(crate) period: Option<NaiveDate>,
    /// First day looked back on.
    pub(crate) since: NaiveDate,
    /// Its last day.
    pub(crate) until: NaiveDate,
}

/// The periods of `range` at `grain`, or the whole range, and how far each looks back.
pub(crate) fn asked(range: DateRange, grain: Option<Grain>, reach: &Reach) -> Vec<Asked> {
    let since = |until: NaiveDate| match reach {
        Reach::Window(window) => first_day(*window, until),
        _ => until,
    };
    let Some(grain) = grain else {
        return vec![Asked { period: None, since: since(range.to), until: range.to }];
    };
    let one = |start: NaiveDate| {
        let until = (grain.next(start) - Days::new(1)).min(range.to);
        Asked { period: Some(start), since: since(until), until }
    };
    grain.periods(range).into_iter().map(one).collect()
}

/// First day of a window that ends with `until`.
#[must_use]
pub fn first_day(window: Window, until: NaiveDate) -> NaiveDate {
    match window {
        Window::Days(days) => until - Days::new(u64::from(days.saturating_sub(1))),
        // From the day after, so that months that end with a month are whole ones.
        Window::Months(months) => until + Days::new(1) - Months::new(months),
        Window::ToDate(grain) => grain.start(until),
    }
}

/// The same as an SQL expression over the column `until`.
pub(crate) fn first_day_expression(window: Window, until: &str) -> String {
    match window {
        Window::Days(days) => format!("{until} - interval '{} days'", days.saturating_sub(1)),
        Window::Months(months) => {
            format!("{until} + interval '1 day' - interval '{months} months'")
        }
        Window::ToDate(grain) => period_expression(until, grain),
    }
}

/// Asked periods as a relation of `asked_period`, `asked_since` and `asked_until`.
pub(crate) fn asked_relation(asked: &[Asked]) -> String {
    let rows: Vec<String> = asked
        .iter()
        .map(|one| {
            let period = one.period.unwrap_or(one.until);
            format!("(date '{period}', date '{}', date '{}')", one.since, one.until)
        })
        .collect();
    format!("(values {}) as asked(asked_period, asked_since, asked_until)", rows.join(", "))
}

/// What a statement over positions reads.
pub(crate) struct Positions<'a> {
    /// Relation of asked periods, see [`asked_relation`].
    pub(crate) asked: String,
    /// Whether rows are split by period.
    pub(crate) by_period: bool,
    /// Dimensions rows are split by.
    pub(crate) axes: &'a [Axis],
    /// Filters, each with what holds its dimension.
    pub(crate) filters: Vec<(&'a DimensionFilter, &'a Axis)>,
    /// Measures that share relation, time and reach, with their inputs' columns `v0…`.
    pub(crate) measures: Vec<&'a Measure<'a>>,
    pub(crate) approximate: bool,
}

impl Positions<'_> {
    /// The statement; `bounds` are the first and last day rows can matter on, where known.
    pub(crate) fn statement(
        &self,
        bounds: Option<(NaiveDate, NaiveDate)>,
    ) -> (String, Vec<ScalarValue>) {
        let mut params = Vec::new();
        let Some(measure) = self.measures.first() else { return (String::new(), params) };
        let (columns, from, predicates) = match measure.aggregate.adds_up() {
            true => self.added_up(measure, bounds, &mut params),
            false => self.aggregated(measure, bounds, &mut params),
        };
        let mut keys = Vec::new();
        let mut select = Vec::new();
        for (index, axis) in self.axes.iter().enumerate() {
            let value = self.value(axis, measure.aggregate.adds_up());
            select.push(format!("{value} as d{index}"));
            keys.push(value);
        }
        if self.by_period {
            select.push("asked_period as period".to_owned());
            keys.push("asked_period".to_owned());
        }
        select.extend(columns);
        let mut sql = format!("select {}\nfrom {from}", select.join(", "));
        if !predicates.is_empty() {
            let _ = write!(sql, "\nwhere {}", predicates.join("\n  and "));
        }
        if !keys.is_empty() {
            let _ = write!(sql, "\ngroup by {}", keys.join(", "));
        }
        (sql, params)
    }

    /// Every dimension asked, once.
    fn all_axes(&self) -> Vec<&Axis> {
        let mut all: Vec<&Axis> = Vec::new();
        for axis in self.axes.iter().chain(self.filters.iter().map(|(_, axis)| *axis)) {
            if !all.contains(&axis) {
                all.push(axis);
            }
        }
        all
    }

    fn position(&self, axis: &Axis) -> usize {
        self.all_axes().iter().position(|it| *it == axis).unwrap_or_default()
    }

    /// What holds the value of `axis` outside: after adding up per day, or over plain rows.
    fn value(&self, axis: &Axis, added_up: bool) -> String {
        match (&axis.rollup, added_up) {
            (Some(_), _) => format!("rolled{}.rolled_value", self.position(axis)),
            (None, true) => format!("moved.c{}", self.position(axis)),
            (None, false) => axis.expression.clone(),
        }
    }

    /// Look-ups of dimensions that stand as of the end of the period.
    fn lookups(&self, added_up: bool) -> String {
        let mut joins = String::new();
        for (index, axis) in self.all_axes().into_iter().enumerate() {
            let Some(rollup) = &axis.rollup else { continue };
            let key = match added_up {
                true => format!("moved.c{index}"),
                false => format!("({})", axis.expression),
            };
            let name = format!("rolled{index}");
            let on = lookup_on(&name, &key, "asked.asked_until");
            let _ = write!(joins, "\nleft join {} as {name} on {on}", lookup(rollup));
        }
        joins
    }

    /// Predicates of the filters on dimensions that are (or are not) looked up.
    fn predicates(&self, looked_up: bool, params: &mut Vec<ScalarValue>) -> Vec<String> {
        let mut predicates = Vec::new();
        for (filter, axis) in &self.filters {
            if axis.rollup.is_some() == looked_up {
                let value = match looked_up {
                    true => self.value(axis, true),
                    false => axis.expression.clone(),
                };
                predicates.extend(dimension_predicates(filter, &value, params));
            }
        }
        predicates
    }

    fn added_up(
        &self,
        shared: &Measure<'_>,
        bounds: Option<(NaiveDate, NaiveDate)>,
        params: &mut Vec<ScalarValue>,
    ) -> (Vec<String>, String, Vec<String>) {
        let time = &shared.time;
        let window = matches!(shared.reach, Reach::Window(_));
        let day = match bounds {
            // Everything before the first day that is asked about counts on it.
            Some((first, _)) if !window => format!("greatest({time}, date '{first}')"),
            _ => time.clone(),
        };
        let mut inner = vec![format!("{time} is not null")];
        if let Some((first, last)) = bounds {
            inner.push(format!("{time} <= date '{last}'"));
            inner.extend(window.then(|| format!("{time} >= date '{first}'")));
        }
        inner.extend(self.predicates(false, params));
        let axes = self.all_axes();
        let mut keys: Vec<String> = axes.iter().map(|axis| axis.expression.clone()).collect();
        keys.push(day.clone());
        let mut columns: Vec<String> = axes
            .iter()
            .enumerate()
            .map(|(index, axis)| format!("{} as c{index}", axis.expression))
            .collect();
        columns.push(format!("{day} as moved_on"));
        for (index, measure) in self.measures.iter().enumerate() {
            let text = aggregate_text(measure, measure.filter.as_deref(), false);
            columns.push(format!("{text} as m{index}"));
        }
        let moved = format!(
            "(select {} from {} where {} group by {})",
            columns.join(", "),
            shared.relation,
            inner.join(" and "),
            keys.join(", ")
        );
        let within = match window {
            true => "moved.moved_on between asked.asked_since and asked.asked_until",
            false => "moved.moved_on <= asked.asked_until",
        };
        let from = format!(
            "{}\ninner join {moved} as moved on {within}{}",
            self.asked,
            self.lookups(true)
        );
        let values =
            (0..self.measures.len()).map(|index| format!("sum(moved.m{index}) as v{index}"));
        (values.collect(), from, self.predicates(true, params))
    }

    fn aggregated(
        &self,
        shared: &Measure<'_>,
        bounds: Option<(NaiveDate, NaiveDate)>,
        params: &mut Vec<ScalarValue>,
    ) -> (Vec<String>, String, Vec<String>) {
        let time = &shared.time;
        let within = match &shared.reach {
            Reach::Standing { from, until } => {
                format!("{from} <= asked_until and ({until} is null or {until} > asked_until)")
            }
            _ => format!("{time} between asked_since and asked_until"),
        };
        let mut predicates = Vec::new();
        predicates.extend(bounds.map(|(first, last)| match &shared.reach {
            Reach::Standing { from, until } => {
                format!("{from} <= date '{last}' and ({until} is null or {until} > date '{first}')")
            }
            _ => format!("{time} between date '{first}' and date '{last}'"),
        }));
        predicates.extend(self.predicates(false, params));
        predicates.extend(self.predicates(true, params));
        let from = format!(
            "{} as stood\ninner join {} on {within}{}",
            shared.relation,
            self.asked,
            self.lookups(false)
        );
        let value = |(index, measure): (usize, &&Measure<'_>)| {
            let filter = measure.filter.as_deref();
            format!("{} as v{index}", aggregate_text(measure, filter, self.approximate))
        };
        (self.measures.iter().enumerate().map(value).collect(), from, predicates)
    }
}
