//! `analyze anomaly`: `series,at,value` rows to one scored row per point.

use chrono::Days;
use hub_domain::analysis::anomaly::{self, Calendar, Error as Refused, Grain, Options, Point};
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::table::Table;
use super::{Error, Input, choice};

const GRAINS: &[(&str, Grain)] = &[("day", Grain::Day), ("hour", Grain::Hour)];

/// Columns: `series,at,value`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Distance of points: compared by weekday, or by weekday and hour.
    #[arg(long, default_value = "day", value_parser = choice(GRAINS))]
    grain: Grain,
    /// CSV of special days, `date,kind` or `from,to,kind`; kinds are compared among themselves.
    #[arg(long, value_name = "FILE")]
    calendar: Option<String>,
    /// Scales away from the expected value at which a point is flagged.
    #[arg(long, default_value_t = 3.0, value_parser = positive)]
    threshold: f64,
    /// Comparable points before a point; fewer give no score.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    history: u16,
    /// Smallest scale as a share of the expected value.
    #[arg(long, default_value_t = 0.05, value_parser = positive)]
    floor: f64,
    /// Values and expectations below this are never flagged.
    #[arg(long, default_value_t = 0.0, value_parser = positive)]
    volume: f64,
}

pub(super) fn run(args: &Args) -> Result<Value, Error> {
    let calendar = args.calendar.as_deref().map_or_else(|| Ok(Calendar::new()), calendar)?;
    let table = Table::read(args.input.path())?;
    let (names, instants) = (table.column("series")?, table.column("at")?);
    let mut points = Vec::with_capacity(names.len());
    for ((series, at), value) in names.iter().zip(&instants).zip(table.column("value")?) {
        points.push(Point {
            series: series.named()?.to_owned(),
            at: at.local()?,
            value: value.decimal()?.to_f64().unwrap_or(f64::NAN),
        });
    }
    let options = Options {
        grain: args.grain,
        history: args.history.into(),
        threshold: args.threshold,
        floor: args.floor,
        volume: args.volume,
    };
    let scores = anomaly::score(&points, &calendar, options).map_err(|error| match &error {
        Refused::RepeatedPoint { row, .. } | Refused::NotFinite { row, .. } => {
            table.refuse(*row, &error, error.hint())
        }
    })?;
    let shown = points.iter().zip(instants).zip(scores).map(|((point, at), score)| {
        json!({
            "series": point.series,
            "at": at.text(),
            "value": point.value,
            "score": score.map(|it| it.score),
            "expected": score.map(|it| it.expected),
            "lower": score.map(|it| it.lower),
            "upper": score.map(|it| it.upper),
            "flag": score.is_some_and(|it| it.flag),
        })
    });
    Ok(json!({ "points": shown.collect::<Vec<Value>>() }))
}

/// Special days of a file; without a `kind` every day is a holiday.
fn calendar(path: &str) -> Result<Calendar, Error> {
    let table = Table::read(path)?;
    let (from, to) = match table.optional("date") {
        Some(days) => (days.clone(), days),
        None => (table.column("from")?, table.column("to")?),
    };
    let kinds = table.optional("kind");
    let mut calendar = Calendar::new();
    for (row, (from, to)) in from.iter().zip(to).enumerate() {
        let kind = kinds.as_ref().map_or("holiday", |it| it[row].text());
        if matches!(kind, "" | "normal") {
            continue;
        }
        let (mut day, last) = (from.day()?, to.day()?);
        if (last - day).num_days() > 366 {
            return Err(to.not("a day of the same year", "give each holiday a row of its own"));
        }
        while day <= last {
            calendar.insert(day, kind.to_owned());
            day = day + Days::new(1);
        }
    }
    Ok(calendar)
}

/// A finite number that is zero or more.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("give a number of zero or more".to_owned()),
    }
}
