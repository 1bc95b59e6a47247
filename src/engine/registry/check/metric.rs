//! Whether metrics fit the contracts and each other, type by type.

use hub_domain::calendar::Grain;
use hub_domain::contract::ColumnType;
use hub_domain::metric::{
    Aggregate, Cohort, Cumulative, Derived, Expression, Formula, MetricDefinition, Simple,
    Standing, Stock, Window,
};
use rust_decimal::Decimal;

use super::{Checker, Fault};

impl Checker<'_> {
    pub(super) fn metric(&self, metric: &MetricDefinition, faults: &mut Vec<Fault>) {
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
                self.inputs(metric, &ratio.numerator, faults);
                self.inputs(metric, &ratio.denominator, faults);
                self.shares_dimensions(metric, faults);
            }
        }
        if let Some(own) = metric.formula.own_dimensions() {
            self.known_dimensions(own, faults);
        }
        for id in metric.allowed_dimensions.iter().flatten() {
            if self.registry.dimension(id).is_none() {
                faults.push((format!("unknown dimension `{id}`"), None));
            }
        }
        if metric.additive && !metric.targets.is_empty() {
            let hint = "goals of what adds up are rows of `hub.target`, by month and site";
            faults.push((format!("`{}` adds up and has targets", metric.id), Some(hint)));
        }
    }

    fn simple(&self, metric: &MetricDefinition, simple: &Simple, faults: &mut Vec<Fault>) {
        self.column(&simple.source, &simple.time, &[ColumnType::Date], faults);
        aggregated(simple.aggregate, simple.expression.as_deref(), faults);
        match (simple.aggregate, simple.percentile) {
            (Aggregate::Percentile, Some(share))
                if share > Decimal::ZERO && share < Decimal::ONE => {}
            (Aggregate::Percentile, _) => faults.push((
                "the percentile lies between 0 and 1".to_owned(),
                Some("`percentile: 0.9` is the value nine tenths of the rows lie below"),
            )),
            (_, Some(_)) => {
                let hint = "use `aggregate: percentile`, or drop `percentile`";
                faults.push(("only a percentile has a share".to_owned(), Some(hint)));
            }
            _ => {}
        }
        if metric.additive && !simple.aggregate.adds_up() {
            faults.push((
                format!("`{}` does not add up and is declared additive", metric.id),
                Some("distinct counts and medians of disjoint rows do not add; drop `additive`"),
            ));
        }
    }

    fn stock(&self, metric: &MetricDefinition, stock: &Stock, faults: &mut Vec<Fault>) {
        not_additive(metric, "stock", "stocks add over dimensions, never over time", faults);
        aggregated(stock.aggregate, stock.expression.as_deref(), faults);
        match &stock.stands {
            Standing::Movements { time } => {
                self.column(&stock.source, time, &[ColumnType::Date], faults);
                if !stock.aggregate.adds_up() {
                    let hint = "count changes up, or say from when until when a row stands";
                    faults.push(("changes can only be added up".to_owned(), Some(hint)));
                }
            }
            // Expressions of the days are planned with the view.
            Standing::Interval { .. } => self.table(&stock.source, faults),
            Standing::Reading { time, key } => {
                self.column(&stock.source, time, &[ColumnType::Date], faults);
                key.iter().for_each(|column| self.column(&stock.source, column, &[], faults));
                if key.is_empty() {
                    faults.push(("the key of the readings is missing".to_owned(), None));
                }
            }
        }
        let known =
            matches!(stock.aggregate, Aggregate::Count | Aggregate::Sum | Aggregate::CountDistinct);
        if !known {
            faults.push(("a stock is counted or summed".to_owned(), None));
        }
    }

    fn cumulative(
        &self,
        metric: &MetricDefinition,
        cumulative: &Cumulative,
        faults: &mut Vec<Fault>,
    ) {
        not_additive(metric, "window", "windows of days share days with each other", faults);
        match self.registry.metric(&cumulative.metric).map(|inner| &inner.formula) {
            Some(Formula::Simple(_)) => {}
            Some(_) => faults.push((
                format!("`{}` is not a simple metric", cumulative.metric),
                Some("make each simple input cumulative, and compute from these"),
            )),
            None => faults.push((
                format!("`{}` needs the unknown metric `{}`", metric.id, cumulative.metric),
                None,
            )),
        }
        let fits = match cumulative.window {
            Window::Days(days) => (1..=3_660).contains(&days),
            Window::Months(months) => (1..=120).contains(&months),
            Window::ToDate(grain) => !matches!(grain, Grain::Day | Grain::Week),
        };
        if !fits {
            let hint = "`{ days: 30 }`, `{ months: 12 }` or `{ to_date: year }`, ten years at most";
            faults.push(("the window is no span of days".to_owned(), Some(hint)));
        }
    }

    fn cohort(
        &self,
        metric: &MetricDefinition,
        cohort: &Cohort,
        adds: bool,
        faults: &mut Vec<Fault>,
    ) {
        not_additive(metric, "cohort", "numerators and denominators add, quotients do not", faults);
        let (base, event) = (&cohort.base, &cohort.event);
        self.column(&base.source, &base.time, &[ColumnType::Date], faults);
        self.column(&event.source, &event.time, &[ColumnType::Date], faults);
        match (adds, event.aggregate, &event.expression) {
            (true, Some(Aggregate::Count), None) | (true, Some(Aggregate::Sum), Some(_)) => {}
            (false, None, None) => {}
            (true, ..) => faults.push((
                "a cohort counts or sums its events".to_owned(),
                Some("`aggregate: count`, or `aggregate: sum` with an expression"),
            )),
            (false, ..) => faults.push((
                "a conversion only asks whether an event follows".to_owned(),
                Some("drop `aggregate` and `expression`, or use `type: cohort`"),
            )),
        }
        if cohort.within.after > cohort.within.days {
            faults.push(("`after` lies behind `days`".to_owned(), None));
        }
    }

    fn derived(&self, metric: &MetricDefinition, derived: &Derived, faults: &mut Vec<Fault>) {
        let inputs = self.inputs(metric, &derived.expression, faults);
        let is_sum = Expression::parse(&derived.expression).is_ok_and(|it| it.is_sum());
        if metric.additive && !is_sum {
            let hint = "only sums and differences of additive metrics add up";
            faults.push((format!("`{}` is declared additive", metric.id), Some(hint)));
        }
        for input in inputs.iter().filter(|input| metric.additive && !input.additive) {
            faults.push((
                format!("`{}` is declared additive, `{}` is not", metric.id, input.id),
                Some("drop `additive`, or use additive inputs"),
            ));
        }
        self.shares_dimensions(metric, faults);
    }

    /// Metrics a formula names; they must exist.
    fn inputs(
        &self,
        metric: &MetricDefinition,
        text: &str,
        faults: &mut Vec<Fault>,
    ) -> Vec<&MetricDefinition> {
        let parsed = match Expression::parse(text) {
            Ok(parsed) => parsed,
            Err(what) => {
                faults.push((what, Some("write a formula over metric ids such as `(a - b) / c`")));
                return Vec::new();
            }
        };
        let mut inputs = Vec::new();
        for id in parsed.leaves() {
            match self.registry.metric(id) {
                None => {
                    faults.push((format!("`{}` needs the unknown metric `{id}`", metric.id), None));
                }
                Some(input) => inputs.push(input),
            }
        }
        inputs
    }

    fn shares_dimensions(&self, metric: &MetricDefinition, faults: &mut Vec<Fault>) {
        let inputs = self.registry.inputs(&metric.id);
        let complete = inputs.iter().all(|id| self.registry.metric(id).is_some());
        if complete && self.registry.metric_dimensions(&metric.id).is_empty() {
            let what = format!("the inputs of `{}` share no dimension", metric.id);
            faults.push((what, Some("give all of them `site`")));
        }
    }
}

fn not_additive(
    metric: &MetricDefinition,
    kind: &str,
    hint: &'static str,
    faults: &mut Vec<Fault>,
) {
    if metric.additive {
        faults.push((format!("{kind} `{}` is declared additive", metric.id), Some(hint)));
    }
}

fn aggregated(aggregate: Aggregate, expression: Option<&str>, faults: &mut Vec<Fault>) {
    match (aggregate, expression) {
        (Aggregate::Count, Some(_)) => faults.push((
            "a count takes no expression".to_owned(),
            Some("use `filter`, or aggregate `sum` or `count_distinct`"),
        )),
        (Aggregate::Count, None) | (_, Some(_)) => {}
        (_, None) => faults.push(("the expression is missing".to_owned(), None)),
    }
}
