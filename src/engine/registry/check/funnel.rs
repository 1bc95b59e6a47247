//! Whether funnels hold together: what they name exists, their steps differ, their exclusions
//! lie between steps, and nothing is asked of a mode that has no such thing.

use hub_domain::contract::ColumnType;
use hub_domain::funnel::{BreakdownAt, FunnelDefinition, FunnelMode, FunnelStep, WindowAnchor};
use hub_domain::project::Problem;

use super::{Checker, Fault};
use crate::registry::files::{Located, line_of};

/// Most steps and exclusions together; numbers beyond are no events.
const MOST_EVENTS: usize = 64;

impl Checker<'_> {
    /// Checks every funnel; problems stand at the line of the word they are about.
    pub(super) fn funnels(&self, found: &[Located<FunnelDefinition>], problems: &mut Vec<Problem>) {
        for funnel in found {
            let text = self.project.files.get(&funnel.file).map_or("", String::as_str);
            for (word, (what, hint)) in self.faults(&funnel.value) {
                let mut problem = funnel.problem(what, hint);
                let line = line_of(text, &word);
                if line > 0 {
                    problem.line = line;
                }
                problems.push(problem);
            }
        }
    }

    /// Every fault with the word it is about.
    fn faults(&self, funnel: &FunnelDefinition) -> Vec<(String, Fault)> {
        let mut found = Vec::new();
        let mut add = |word: &str, faults: Vec<Fault>| {
            found.extend(faults.into_iter().map(|fault| (word.to_owned(), fault)));
        };
        let columns = [
            (&funnel.unit_column, &[][..]),
            (&funnel.at, &[ColumnType::Timestamp][..]),
            (&funnel.event, &[ColumnType::Text][..]),
        ];
        let cohort = funnel.cohort.iter().map(|column| (column, &[ColumnType::Date][..]));
        let held = funnel.hold_constant.iter().map(|column| (column, &[][..]));
        for (column, types) in columns.into_iter().chain(cohort).chain(held) {
            let mut faults = Vec::new();
            self.column(&funnel.source, column, types, &mut faults);
            add(column, faults);
        }
        for dimension in funnel.dimensions.keys() {
            let mut faults = Vec::new();
            let one = [(dimension.clone(), String::new())].into_iter().collect();
            self.known_dimensions(&one, &mut faults);
            add(dimension, faults);
        }
        self.events(funnel, &mut add);
        steps(funnel, &mut add);
        limits(funnel, &mut add);
        if let BreakdownAt::Step(name) = &funnel.breakdown_at
            && funnel.step(name).is_none()
        {
            let hint = "`breakdown_at` is `first_step`, `last_step` or the name of a step";
            add(name, vec![(format!("no step `{name}`"), Some(hint))]);
        }
        found
    }

    /// Events must be among the values the contract accepts, where it names them.
    fn events(&self, funnel: &FunnelDefinition, add: &mut impl FnMut(&str, Vec<Fault>)) {
        let contract = self.contracts.tables.get(&funnel.source);
        let column = contract.and_then(|contract| contract.column(&funnel.event));
        let Some(values) = column.and_then(|column| column.values.as_ref()) else { return };
        let steps = funnel.steps.iter().map(|step| &step.event);
        for event in steps.chain(funnel.exclude.iter().map(|it| &it.event)) {
            if !values.contains(event) {
                let what = format!("`{}.{}` has no event `{event}`", funnel.source, funnel.event);
                add(event, vec![(what, Some("see `values` of the column in `schema/tables`"))]);
            }
        }
    }
}

fn steps(funnel: &FunnelDefinition, add: &mut impl FnMut(&str, Vec<Fault>)) {
    let id = &funnel.id;
    let events = funnel.steps.len() + funnel.exclude.len();
    if funnel.steps.len() < 2 || events > MOST_EVENTS {
        let what =
            format!("funnel `{id}` needs two steps or more, and {MOST_EVENTS} events at most");
        add(id, vec![(what, None)]);
    }
    for (index, step) in funnel.steps.iter().enumerate() {
        let before = &funnel.steps[..index];
        if before.iter().any(|it| it.id() == step.id()) {
            let hint = "give steps of one event a `name` and a `filter` each";
            add(step.id(), vec![(format!("step `{}` is listed twice", step.id()), Some(hint))]);
        } else if before.iter().any(|it| it.event == step.event && it.filter == step.filter) {
            let what = format!("step `{}` takes the same events as another", step.id());
            add(step.id(), vec![(what, Some("one event fills one step; tell them by `filter`"))]);
        }
    }
    if funnel.window.seconds == 0 {
        add("window", vec![("a window of nothing".to_owned(), Some("write `30d` or `12h`"))]);
    }
}

/// What only makes sense in an order, and where exclusions stand.
fn limits(funnel: &FunnelDefinition, add: &mut impl FnMut(&str, Vec<Fault>)) {
    if funnel.mode == FunnelMode::AnyOrder {
        let stepwise = funnel.window_anchor == WindowAnchor::PerStep
            || funnel.steps.iter().any(|step| step.window.is_some());
        if stepwise || funnel.strictly_later || !funnel.exclude.is_empty() {
            let what = "steps in any order have no step before".to_owned();
            let hint = "leave out step windows, `strictly_later` and `exclude`";
            add("any_order", vec![(what, Some(hint))]);
        }
    }
    if funnel.mode == FunnelMode::StrictOrder && !funnel.exclude.is_empty() {
        let hint = "in strict order every other event ends an attempt; leave out `exclude`";
        add("exclude", vec![("exclusions say nothing here".to_owned(), Some(hint))]);
    }
    for it in &funnel.exclude {
        let [after, before] = [0, 1].map(|end| funnel.step(&it.between[end]));
        let ordered = matches!((after, before), (Some(after), Some(before)) if after < before);
        if !ordered {
            let what = format!("`{}` lies between no two steps", it.event);
            add(&it.event, vec![(what, Some("`between` names an earlier and a later step"))]);
            continue;
        }
        let inside = |step: usize| after <= Some(step) && Some(step) <= before;
        let mut steps = funnel.steps.iter().enumerate();
        if steps.any(|(step, of)| of.event == it.event && of.filter == it.filter && inside(step)) {
            let what = format!("`{}` is a step of the range it is excluded from", it.event);
            add(&it.event, vec![(what, None)]);
        }
        let alike = |of: &FunnelStep| of.event == it.event && of.filter != it.filter;
        if funnel.steps.iter().any(alike) {
            let what = format!("`{}` is also a step, by another filter", it.event);
            let hint = "one event is one step or excluded; give both the same filter";
            add(&it.event, vec![(what, Some(hint))]);
        }
    }
}
