//! `analyze allocation`: centres and drivers to full cost, and what its kin share with it.

use hub_domain::analysis::allocation::{
    self, Centre, CentreCost, Driver, Error as Refused, Method,
};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::table::Table;
use super::{Error, choice, number};

const METHODS: &[(&str, Method)] = &[
    ("direct", Method::Direct),
    ("step_down", Method::StepDown),
    ("step-down", Method::StepDown),
    ("reciprocal", Method::Reciprocal),
];

/// Cost of service centres passed on to final centres.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV with `code,name,step,is_final,direct`.
    #[arg(long, value_name = "FILE")]
    centers: String,
    /// CSV with `from,to,qty`: units of service that `to` takes from `from`.
    #[arg(long, value_name = "FILE")]
    drivers: String,
    /// How service centres are treated among themselves.
    #[arg(long, value_parser = choice(METHODS))]
    method: Method,
}

pub(super) fn run(args: &Args) -> Result<Value, Error> {
    let table = Table::read(&args.centers)?;
    let (codes, finals) = (table.column("code")?, table.column("is_final")?);
    let (steps, costs) = (table.optional("step"), table.column("direct")?);
    let mut centres = Vec::with_capacity(codes.len());
    for (row, code) in codes.iter().enumerate() {
        centres.push(Centre {
            code: code.named()?.to_owned(),
            step: steps.as_ref().map_or(Ok(None), |it| it[row].whole())?,
            is_final: finals[row].flag()?,
            direct: costs[row].decimal_or_zero()?,
        });
    }
    let links = Table::read(&args.drivers)?;
    let drivers: Vec<Driver> =
        links_of(&links)?.into_iter().map(|(from, to, qty)| Driver { from, to, qty }).collect();
    let answer = allocation::allocate(&centres, &drivers, args.method)
        .map_err(|error| refused(&table, &links, &error))?;
    let shown = answer.centres.iter().map(|it| (it.code.clone(), Value::Object(centre(it))));
    Ok(json!({ "centers": shown.collect::<Map<_, _>>(), "total": number(answer.total) }))
}

/// From, to, quantity.
pub(super) type Link = (String, String, Decimal);

/// `from,to,qty` rows.
pub(super) fn links_of(table: &Table) -> Result<Vec<Link>, Error> {
    let (from, to) = (table.column("from")?, table.column("to")?);
    let rows = from.iter().zip(to).zip(table.column("qty")?);
    rows.map(|((from, to), qty)| {
        Ok((from.named()?.to_owned(), to.named()?.to_owned(), qty.decimal_or_zero()?))
    })
    .collect()
}

/// Gives an allocation error the place of the row it counts.
pub(super) fn refused(centres: &Table, links: &Table, error: &Refused) -> Error {
    let (table, row) = match error {
        Refused::RepeatedCentre { row, .. } | Refused::NoStep { row, .. } => (centres, *row),
        Refused::UnknownCentre { row, .. } | Refused::NegativeDriver { row, .. } => (links, *row),
        Refused::ZeroDriver { .. } | Refused::Singular { .. } => (links, usize::MAX),
        Refused::TooLarge { .. } => (centres, usize::MAX),
    };
    table.refuse(row, error, error.hint())
}

/// Numbers for reading, and exact texts: 20 decimals, and fen that add up to the total.
pub(super) fn centre(cost: &CentreCost) -> Map<String, Value> {
    let fields = [
        ("direct", number(cost.direct)),
        ("allocated", number(cost.allocated)),
        ("full", number(cost.full)),
        ("full_exact", cost.full.to_string().into()),
        ("full_rounded", cost.rounded.to_string().into()),
        ("is_final", cost.is_final.into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
