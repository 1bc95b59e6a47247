//! `analyze rfm`: `person,on,amount` rows to one summary per person.

use chrono::NaiveDate;
use hub_domain::analysis::rfm::{self, Purchase, Unit};
use serde_json::{Map, Value, json};

use super::table::Table;
use super::{Error, Input, choice, number};

const UNITS: &[(&str, Unit)] = &[("day", Unit::Day), ("week", Unit::Week), ("month", Unit::Month)];

/// Columns: `person,on,amount`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Day of the summary, `YYYY-MM-DD`; later purchases are not seen.
    #[arg(long)]
    as_of: NaiveDate,
    /// Length of a period.
    #[arg(long, default_value = "week", value_parser = choice(UNITS))]
    unit: Unit,
}

pub(super) fn run(args: &Args) -> Result<Value, Error> {
    let table = Table::read(args.input.path())?;
    let (people, days) = (table.column("person")?, table.column("on")?);
    let mut purchases = Vec::with_capacity(people.len());
    for ((person, on), amount) in people.iter().zip(days).zip(table.column("amount")?) {
        purchases.push(Purchase {
            person: person.named()?.to_owned(),
            on: on.day()?,
            amount: amount.decimal()?,
        });
    }
    let summaries = rfm::rfm(&purchases, args.as_of, args.unit)
        .map_err(|error| table.refuse(usize::MAX, &error, "use a larger currency unit"))?;
    let shown = summaries.into_iter().map(|(person, it)| {
        let summary = json!({
            "frequency": it.frequency,
            "recency": it.recency,
            "t": it.t,
            "monetary": number(it.monetary),
        });
        (person, summary)
    });
    Ok(json!(shown.collect::<Map<String, Value>>()))
}
