//! Whether metrics fit the contracts and each other, type by type.

use hub_domain::calendar::Grain;
use hub_domain::contract::ColumnType;
use hub_domain::metric::{
    Aggregate, Cohort, Cumulative, Derived, Expression, Formula, MetricDefinition, Simple,
    Standing, Stock, Window,
};
use rust_decimal::Decimal;

use super::{Checker, Faults, hint, near};
use crate::registry::circle;

impl Checker<'_> {
    pub(super) fn metric(&self, metric: &MetricDefinition, faults: &mut Faults) {
        if let Some(circle) = circle::through(self.registry, &metric.id) {
            let what = format!("metrics define each other in a circle: `{}`", circle.names());
            return faults.add(&[circle.key], what, hint("one of them needs an input of its own"));
        }
        match &metric.formula {
            Formula::Simple(simple) => self.simple(metric, simple, faults),
            Formula::Stock(stock) => self.stock(metric, stock, faults),
            Formula::Cumulative(cumulative) => self.cumulative(metric, cumulative, faults),
            Formula::Conversion(cohort) => self.cohort(metric, cohort, false, faults),
            Formula::Cohort(cohort) => self.cohort(metric, cohort, true, faults),
            Formula::Derived(derived) => self.derived(metric, derived, faults),
            Formula::Ratio(ratio) => {
                not_additive(
                    metric,
                    "ratio",
                    "numerators and denominators add, quotients do not",
                    faults,
                );
                self.inputs(metric, ("numerator", &ratio.numerator), faults);
                self.inputs(metric, ("denominator", &ratio.denominator), faults);
                self.shares_dimensions(metric, faults);
            }
        }
        if let Some(own) = metric.formula.own_dimensions() {
            let entries = matches!(metric.formula, Formula::Conversion(_) | Formula::Cohort(_));
            let at: &[&str] = if entries { &["base"] } else { &[] };
            self.known_dimensions(at, own, faults);
        }
        for id in metric.allowed_dimensions.iter().flatten() {
            if self.registry.dimension(id).is_none() {
                let known = self.registry.dimensions.iter().map(|it| it.id.as_str());
                let what = format!("unknown dimension `{id}`");
                faults.add(&["allowed_dimensions", id], what, near(id, known));
            }
        }
        if metric.additive && !metric.targets.is_empty() {
            let hint = hint("goals of what adds up are rows of `hub.target`, by month and site");
            faults.add(&["targets"], format!("`{}` adds up and has targets", metric.id), hint);
        }
    }

    fn simple(&self, metric: &MetricDefinition, simple: &Simple, faults: &mut Faults) {
        let source = (&["source"][..], simple.source.as_str());
        self.column(source, (&["time"], &simple.time), &[ColumnType::Date], faults);
        aggregated(simple.aggregate, simple.expression.as_deref(), faults);
        match (simple.aggregate, simple.percentile) {
            (Aggregate::Percentile, Some(share))
                if share > Decimal::ZERO && share < Decimal::ONE => {}
            (Aggregate::Percentile, _) => faults.add(
                &["percentile"],
                "the percentile lies between 0 and 1",
                hint("`percentile: 0.9` is the value nine tenths of the rows lie below"),
            ),
            (_, Some(_)) => {
                let hint = hint("use `aggregate: percentile`, or drop `percentile`");
                faults.add(&["percentile"], "only a percentile has a share", hint);
            }
            _ => {}
        }
        if metric.additive && !simple.aggregate.adds_up() {
            faults.add(
                &["additive"],
                format!("`{}` does not add up and is declared additive", metric.id),
                hint("distinct counts and medians of disjoint rows do not add; drop `additive`"),
            );
        }
    }

    fn stock(&self, metric: &MetricDefinition, stock: &Stock, faults: &mut Faults) {
        not_additive(metric, "stock", "stocks add over dimensions, never over time", faults);
        aggregated(stock.aggregate, stock.expression.as_deref(), faults);
        let source = (&["source"][..], stock.source.as_str());
        match &stock.stands {
            Standing::Movements { time } => {
                let time = (&["stands", "movements", "time"][..], time.as_str());
                self.column(source, time, &[ColumnType::Date], faults);
                if !stock.aggregate.adds_up() {
                    let hint = hint("count changes up, or say from when until when a row stands");
                    faults.add(&["aggregate"], "changes can only be added up", hint);
                }
            }
            // Expressions of the days are planned with the view.
            Standing::Interval { .. } => self.table(source.0, source.1, faults),
            Standing::Reading { time, key } => {
                let time = (&["stands", "reading", "time"][..], time.as_str());
                self.column(source, time, &[ColumnType::Date], faults);
                for column in key {
                    let at = ["stands", "reading", "key", column];
                    self.column(source, (&at, column), &[], faults);
                }
                if key.is_empty() {
                    let hint = hint("name the columns that say what was read");
                    faults.add(&["stands"], "the key of the readings is missing", hint);
                }
            }
        }
        let known =
            matches!(stock.aggregate, Aggregate::Count | Aggregate::Sum | Aggregate::CountDistinct);
        if !known {
            let hint = hint("use `count`, `sum` or `count_distinct`");
            faults.add(&["aggregate"], "a stock is counted or summed", hint);
        }
    }

    fn cumulative(&self, metric: &MetricDefinition, cumulative: &Cumulative, faults: &mut Faults) {
        not_additive(metric, "window", "windows of days share days with each other", faults);
        match self.registry.metric(&cumulative.metric).map(|inner| &inner.formula) {
            Some(Formula::Simple(_)) => {}
            Some(_) => faults.add(
                &["metric"],
                format!("`{}` is not a simple metric", cumulative.metric),
                hint("make each simple input cumulative, and compute from these"),
            ),
            None => faults.add(
                &["metric"],
                format!("`{}` needs the unknown metric `{}`", metric.id, cumulative.metric),
                near(&cumulative.metric, self.registry.metrics.keys().map(String::as_str)),
            ),
        }
        let fits = match cumulative.window {
            Window::Days(days) => (1..=3_660).contains(&days),
            Window::Months(months) => (1..=120).contains(&months),
            Window::ToDate(grain) => !matches!(grain, Grain::Day | Grain::Week),
        };
        if !fits {
            let hint =
                hint("`{ days: 30 }`, `{ months: 12 }` or `{ to_date: year }`, ten years at most");
            faults.add(&["window"], "the window is no span of days", hint);
        }
    }

    fn cohort(&self, metric: &MetricDefinition, cohort: &Cohort, adds: bool, faults: &mut Faults) {
        not_additive(metric, "cohort", "numerators and denominators add, quotients do not", faults);
        let (base, event) = (&cohort.base, &cohort.event);
        for (key, source, time) in
            [("base", &base.source, &base.time), ("event", &event.source, &event.time)]
        {
            let (table, time) = ((&[key, "source"], source), (&[key, "time"], time));
            let (table, time) = ((&table.0[..], table.1.as_str()), (&time.0[..], time.1.as_str()));
            self.column(table, time, &[ColumnType::Date], faults);
        }
        match (adds, event.aggregate, &event.expression) {
            (true, Some(Aggregate::Count), None) | (true, Some(Aggregate::Sum), Some(_)) => {}
            (false, None, None) => {}
            (true, ..) => faults.add(
                &["event", "aggregate"],
                "a cohort counts or sums its events",
                hint("`aggregate: count`, or `aggregate: sum` with an expression"),
            ),
            (false, ..) => faults.add(
                &["event", "aggregate"],
                "a conversion only asks whether an event follows",
                hint("drop `aggregate` and `expression`, or use `type: cohort`"),
            ),
        }
        if cohort.within.after > cohort.within.days {
            let hint = hint("an event counts from `after` to `days` days after the entry");
            faults.add(&["within"], "`after` lies behind `days`", hint);
        }
    }

    fn derived(&self, metric: &MetricDefinition, derived: &Derived, faults: &mut Faults) {
        let inputs = self.inputs(metric, ("expression", &derived.expression), faults);
        let is_sum = Expression::parse(&derived.expression).is_ok_and(|it| it.is_sum());
        if metric.additive && !is_sum {
            let hint = hint("only sums and differences of additive metrics add up");
            faults.add(&["additive"], format!("`{}` is declared additive", metric.id), hint);
        }
        for input in inputs.iter().filter(|input| metric.additive && !input.additive) {
            faults.add(
                &["additive"],
                format!("`{}` is declared additive, `{}` is not", metric.id, input.id),
                hint("drop `additive`, or use additive inputs"),
            );
        }
        self.shares_dimensions(metric, faults);
    }

    /// Metrics the formula under `key` names; they must exist.
    fn inputs(
        &self,
        metric: &MetricDefinition,
        (key, text): (&str, &str),
        faults: &mut Faults,
    ) -> Vec<&MetricDefinition> {
        let parsed = match Expression::parse(text) {
            Ok(parsed) => parsed,
            Err(what) => {
                let hint = hint("write a formula over metric ids such as `(a - b) / c`");
                faults.add(&[key], what, hint);
                return Vec::new();
            }
        };
        let mut inputs = Vec::new();
        for id in parsed.leaves() {
            match self.registry.metric(id) {
                None => {
                    let known = self.registry.metrics.keys().map(String::as_str);
                    let what = format!("`{}` needs the unknown metric `{id}`", metric.id);
                    faults.add(&[key], what, near(id, known));
                }
                Some(input) => inputs.push(input),
            }
        }
        inputs
    }

    fn shares_dimensions(&self, metric: &MetricDefinition, faults: &mut Faults) {
        let inputs = self.registry.inputs(&metric.id);
        let complete = inputs.iter().all(|id| self.registry.metric(id).is_some());
        if complete && self.registry.metric_dimensions(&metric.id).is_empty() {
            let what = format!("the inputs of `{}` share no dimension", metric.id);
            faults.add(&["type"], what, hint("give all of them `site`"));
        }
    }
}

fn not_additive(metric: &MetricDefinition, kind: &str, why: &str, faults: &mut Faults) {
    if metric.additive {
        let what = format!("{kind} `{}` is declared additive", metric.id);
        faults.add(&["additive"], what, hint(why));
    }
}

fn aggregated(aggregate: Aggregate, expression: Option<&str>, faults: &mut Faults) {
    match (aggregate, expression) {
        (Aggregate::Count, Some(_)) => faults.add(
            &["expression"],
            "a count takes no expression",
            hint("use `filter`, or aggregate `sum` or `count_distinct`"),
        ),
        (Aggregate::Count, None) | (_, Some(_)) => {}
        (_, None) => faults.add(
            &["aggregate"],
            "the expression is missing",
            hint("say what is summed or counted: add `expression`"),
        ),
    }
}
