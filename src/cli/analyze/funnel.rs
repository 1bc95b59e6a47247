//! `analyze funnel`: `unit,at,event` rows to levels per unit and counts per step.

use std::collections::BTreeMap;

use hub_domain::analysis::funnel::{self, Entry, Event, FOREIGN, Mode, Rule};
use serde_json::{Value, json};

use super::table::Table;
use super::{Error, Input, choice, time};

const MODES: &[(&str, Mode)] = &[
    ("ordered", Mode::Ordered),
    ("strict_order", Mode::StrictOrder),
    ("strict-order", Mode::StrictOrder),
    ("any_order", Mode::AnyOrder),
    ("any-order", Mode::AnyOrder),
];

const ENTRIES: &[(&str, Entry)] =
    &[("longest", Entry::Longest), ("first", Entry::First), ("each", Entry::Each)];

/// Columns: `unit,at,event`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Event names of the steps in order, separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    steps: Vec<String>,
    /// Longest time from the first step to the last: `90s`, `60m`, `2h`, `7d`, or seconds.
    #[arg(long, value_parser = time::duration)]
    window: i64,
    /// How steps must follow each other.
    #[arg(long, default_value = "ordered", value_parser = choice(MODES))]
    mode: Mode,
    /// Which attempt of a unit counts.
    #[arg(long, default_value = "longest", value_parser = choice(ENTRIES))]
    entry: Entry,
    /// Each step must lie later than the one before; the same instant will not do.
    #[arg(long)]
    strictly_later: bool,
}

pub(super) fn run(args: &Args) -> Result<Value, Error> {
    let steps = steps(&args.steps)?;
    let count = u8::try_from(steps.len()).unwrap_or(FOREIGN);
    let table = Table::read(args.input.path())?;
    let (units, instants) = (table.column("unit")?, table.column("at")?);
    let mut events: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    for ((unit, at), event) in units.iter().zip(instants).zip(table.column("event")?) {
        let step = steps.get(event.text()).copied().unwrap_or(FOREIGN);
        events.entry(unit.named()?).or_default().push(Event::new(at.instant()?, step));
    }
    let mut rule = Rule::new(count, args.window, args.mode, args.entry);
    rule.rising = args.strictly_later;
    let mut levels = serde_json::Map::new();
    let mut attempts = Vec::new();
    for (unit, mut events) in events {
        let own: Vec<usize> = funnel::attempts(&mut events, &rule).iter().map(Vec::len).collect();
        levels.insert(unit.to_owned(), own.iter().max().copied().unwrap_or(0).into());
        attempts.extend(own);
    }
    Ok(json!({ "levels": levels, "reached": funnel::reached(attempts, count) }))
}

/// Event name → step. One event fills one step, so a name may occur once.
fn steps(names: &[String]) -> Result<BTreeMap<&str, u8>, Error> {
    let refuse =
        |message: String, hint: &str| Err(Error::Options { message, hint: hint.to_owned() });
    let mut steps = BTreeMap::new();
    for (name, step) in names.iter().zip(0..FOREIGN) {
        let name = name.trim();
        if name.is_empty() {
            return refuse("a step has no name".into(), "write `--steps A,B,C`");
        }
        if steps.insert(name, step).is_some() {
            return refuse(
                format!("step `{name}` is listed twice"),
                "give repeated events names of their own, such as `visit_2`",
            );
        }
    }
    if steps.len() < names.len() {
        return refuse(format!("{} steps are too many", names.len()), "use at most 255 steps");
    }
    Ok(steps)
}
