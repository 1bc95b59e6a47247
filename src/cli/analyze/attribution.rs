//! `analyze attribution`: `path,conversions,value` rows to credits per channel.

use hub_domain::analysis::attribution::{self, Error as Refused, Model, Path};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::table::{Cell, Table};
use super::{Error, Input, choice, number};

const MODELS: &[(&str, Model)] = &[
    ("first", Model::First),
    ("last", Model::Last),
    ("linear", Model::Linear),
    ("u", Model::U),
    ("j", Model::J),
    ("inverse_j", Model::InverseJ),
    ("inverse-j", Model::InverseJ),
    ("time_decay", Model::TimeDecay),
    ("time-decay", Model::TimeDecay),
    ("participation", Model::Participation),
    ("markov", Model::Markov),
    ("shapley", Model::Shapley),
];

/// Columns: `path` (such as `C1>C2>C3`), `conversions`, `value`, optionally `lost` and `days`
/// (from each touch to the conversion, such as `14>7>0`).
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// How credit is shared.
    #[arg(long, value_parser = choice(MODELS))]
    model: Model,
}

pub(super) fn run(args: &Args) -> Result<Value, Error> {
    let table = Table::read(args.input.path())?;
    let paths = table.column("path")?;
    let counts = table.column("conversions")?;
    let amounts = table.column("value")?;
    let lost = table.optional("lost");
    let days = table.optional("days");
    let mut rows = Vec::with_capacity(paths.len());
    for (row, path) in paths.iter().enumerate() {
        rows.push(Path {
            channels: channels(*path)?,
            days: days.as_ref().map_or(Ok(Vec::new()), |it| ages(it[row], *path))?,
            conversions: counts[row].decimal()?,
            value: amounts[row].decimal_or_zero()?,
            lost: lost.as_ref().map_or(Ok(Decimal::ZERO), |it| it[row].decimal_or_zero())?,
        });
    }
    let credits = attribution::attribute(&rows, args.model).map_err(|error| match &error {
        Refused::EmptyPath { row }
        | Refused::NegativeCount { row, .. }
        | Refused::LostValue { row, .. } => table.refuse(*row, &error, error.hint()),
        Refused::TooLarge { .. } => table.refuse(usize::MAX, &error, error.hint()),
    })?;
    let shown = credits.into_iter().map(|(channel, credit)| {
        let mut shown = Map::new();
        shown.insert("conversions".into(), number(credit.conversions));
        shown.insert("value".into(), number(credit.value));
        if let Some(removal) = credit.removal {
            shown.insert("removal".into(), number(removal));
        }
        (channel, Value::Object(shown))
    });
    Ok(json!(shown.collect::<Map<String, Value>>()))
}

fn channels(path: Cell<'_>) -> Result<Vec<String>, Error> {
    if path.text().is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = path.text().split('>').map(|it| it.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(path.not("a path", "write channels as `C1>C2>C3`"));
    }
    Ok(names)
}

/// Days of the touches of `path`, as many as it has.
fn ages(days: Cell<'_>, path: Cell<'_>) -> Result<Vec<u32>, Error> {
    let hint = "write the days of every touch as `14>7>0`";
    let ages: Result<Vec<u32>, _> = days.text().split('>').map(|it| it.trim().parse()).collect();
    match ages {
        Ok(ages) if ages.len() == path.text().split('>').count() => Ok(ages),
        _ => Err(days.not("the days of a path", hint)),
    }
}
