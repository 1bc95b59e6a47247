//! `clinichub analyze`: the analytical rules on plain CSV files, no lake needed.
//!
//! Owns options, reading of CSV cells into rows of `hub_domain::analysis`, and the JSON shape of
//! the answers (`src/docs/analyze.md`). Must not know lake, engine or state, and decides
//! nothing the rules decide.

mod allocation;
mod anomaly;
mod attribution;
mod error;
mod funnel;
mod item_cost;
mod rfm;
mod table;
#[cfg(test)]
mod tests;
mod three_level;
mod time;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use rust_decimal::Decimal;
use serde_json::Value;

pub use error::Error;

/// The kinds of analysis; every one prints one JSON object.
#[derive(Debug, clap::Subcommand)]
pub enum Analyze {
    /// How far each unit got through the steps of a funnel.
    Funnel(funnel::Args),
    /// Credit of conversions over the channels of paths.
    Attribution(attribution::Args),
    /// Cost of service centres passed on to final centres.
    Allocation(allocation::Args),
    /// Three-level allocation of hospital departments (三级分摊).
    ThreeLevel(three_level::Args),
    /// Actual cost of one case of each service item.
    ItemCost(item_cost::Args),
    /// Frequency, recency, age and monetary value per person.
    Rfm(rfm::Args),
    /// Robust score of every point against its own history.
    Anomaly(anomaly::Args),
}

/// Runs one analysis.
///
/// # Errors
/// Unreadable files, missing columns, cells that do not parse, and what the rule refuses; see
/// [`Error::exit_code`].
pub fn run(analysis: Analyze) -> Result<Value, Error> {
    match analysis {
        Analyze::Funnel(args) => funnel::run(&args),
        Analyze::Attribution(args) => attribution::run(&args),
        Analyze::Allocation(args) => allocation::run(&args),
        Analyze::ThreeLevel(args) => three_level::run(&args),
        Analyze::ItemCost(args) => item_cost::run(&args),
        Analyze::Rfm(args) => rfm::run(&args),
        Analyze::Anomaly(args) => anomaly::run(&args),
    }
}

/// The file of a kind that reads one.
#[derive(Debug, clap::Args)]
pub struct Input {
    /// CSV file with a header row; `-` or nothing: standard input.
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// The same as the positional file.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    input: Option<String>,
}

impl Input {
    fn path(&self) -> &str {
        self.file.as_deref().or(self.input.as_deref()).unwrap_or("-")
    }
}

/// An option with named values; spellings with a hyphen are understood and not shown.
fn choice<T: Copy + Send + Sync + 'static>(
    values: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    let names = values.iter().map(|it| PossibleValue::new(it.0).hide(it.0.contains('-')));
    PossibleValuesParser::new(names).map(move |name| {
        let found = values.iter().find(|it| it.0 == name);
        found.expect("clap lets only known names through").1
    })
}

/// A decimal as a JSON number, the nearest double.
fn number(amount: Decimal) -> Value {
    amount.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
