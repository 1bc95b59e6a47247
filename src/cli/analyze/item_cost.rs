//! `analyze item-cost`: pools and items of one department to the cost of a case.

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::analysis::item_cost::{self, Error as Refused, Item, Layer, Pool};
use serde_json::{Map, Value, json};

use super::table::{Cell, Table};
use super::{Error, number};

/// Actual cost of one case of each service item.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV with `role,amount`, optionally `layer`: labour of each role.
    #[arg(long, value_name = "FILE")]
    pools: String,
    /// CSV with `pool,amount`, optionally `layer`: cost shared by all minutes.
    #[arg(long, value_name = "FILE")]
    other: Option<String>,
    /// CSV with `item,cases,minutes`, heads per role, `material,risk`.
    #[arg(long, value_name = "FILE")]
    items: String,
}

pub(super) fn run(args: &Args) -> Result<Value, Error> {
    let mut pools = pools(&Table::read(&args.pools)?, "role")?;
    let roles: BTreeSet<String> = pools.iter().filter_map(|it| it.role.clone()).collect();
    if let Some(other) = &args.other {
        pools.extend(self::pools(&Table::read(other)?, "pool")?);
    }
    let table = Table::read(&args.items)?;
    let items = items(&table, &roles)?;
    let costs = item_cost::item_costs(&pools, &items).map_err(|error| {
        let row = match &error {
            Refused::RepeatedItem { row, .. }
            | Refused::NoCases { row, .. }
            | Refused::Negative { row, .. }
            | Refused::NoPool { row, .. }
            | Refused::TooLarge { row, .. } => *row,
            Refused::NoMinutes { .. } => usize::MAX,
        };
        table.refuse(row, &error, error.hint())
    })?;
    let shown = items.into_iter().zip(costs).map(|(item, cost)| {
        let shown = json!({
            "direct": number(cost.direct),
            "support": number(cost.support),
            "full": number(cost.full),
        });
        (item.code, shown)
    });
    Ok(json!(shown.collect::<Map<_, _>>()))
}

/// Pools of labour (`role`) or of other cost (`pool`). Without a `layer`, other pools named
/// `support` and `admin` are what the department received; the rest is its own cost.
fn pools(table: &Table, key: &str) -> Result<Vec<Pool>, Error> {
    let (names, amounts) = (table.column(key)?, table.column("amount")?);
    let layers = table.optional("layer");
    let mut pools = Vec::with_capacity(names.len());
    for (row, (name, amount)) in names.iter().zip(amounts).enumerate() {
        let layer = match &layers {
            Some(cells) => layer(cells[row].text())
                .ok_or_else(|| cells[row].not("a layer", "use `direct`, `support` or `admin`"))?,
            None if key == "pool" => layer(name.text()).unwrap_or(Layer::Direct),
            None => Layer::Direct,
        };
        let role = (key == "role").then(|| name.named().map(str::to_owned)).transpose()?;
        pools.push(Pool { role, layer, amount: amount.decimal_or_zero()? });
    }
    Ok(pools)
}

fn layer(text: &str) -> Option<Layer> {
    match text {
        "" | "direct" => Some(Layer::Direct),
        "support" => Some(Layer::Support),
        "admin" => Some(Layer::Admin),
        _ => None,
    }
}

/// Items; every column that is not named otherwise holds the heads of a role.
fn items(table: &Table, roles: &BTreeSet<String>) -> Result<Vec<Item>, Error> {
    let (codes, cases) = (table.column("item")?, table.column("cases")?);
    let (minutes, material) = (table.column("minutes")?, table.column("material")?);
    let risk = table.column("risk")?;
    let known = ["item", "name", "cases", "minutes", "material", "risk"];
    let own = table.headers().iter().filter(|it| !known.contains(&it.as_str()));
    let heads: Vec<(String, Vec<Cell<'_>>)> = own
        .filter_map(|header| {
            let short = header.strip_suffix("_heads").filter(|it| roles.contains(*it));
            Some((short.unwrap_or(header).to_owned(), table.optional(header)?))
        })
        .collect();
    for (at, (role, _)) in heads.iter().enumerate() {
        if heads[..at].iter().any(|(other, _)| other == role) {
            let (message, hint) = (format!("role `{role}` has two columns"), "keep one of them");
            return Err(table.refuse(usize::MAX, &message, hint));
        }
    }
    let mut items = Vec::with_capacity(codes.len());
    for (row, code) in codes.iter().enumerate() {
        let of_role = |it: &(String, Vec<Cell<'_>>)| -> Result<_, Error> {
            Ok((it.0.clone(), it.1[row].decimal_or_zero()?))
        };
        items.push(Item {
            code: code.named()?.to_owned(),
            cases: cases[row].decimal()?,
            minutes: minutes[row].decimal()?,
            heads: heads.iter().map(of_role).collect::<Result<BTreeMap<_, _>, Error>>()?,
            material: material[row].decimal_or_zero()?,
            risk: risk[row].decimal_or_zero()?,
        });
    }
    Ok(items)
}
