//! `analyze three-level`: departments, orders and rules to full cost by level.

use std::collections::BTreeSet;

use hub_domain::analysis::three_level::{self, Class, Department, Error as Refused, Order, Rules};
use serde_json::{Map, Value, json};

use super::allocation::{centre, links_of, refused};
use super::table::{self, Cell, Table};
use super::{Error, number};

/// Three-level allocation of hospital departments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV with `code,class,direct` and one column per driver.
    #[arg(long, value_name = "FILE")]
    centers: String,
    /// CSV with `from,to,qty`: services ordered between a technical and another department.
    #[arg(long, value_name = "FILE")]
    orders: Option<String>,
    /// YAML that says by which driver each level is shared.
    #[arg(long, value_name = "FILE")]
    rules: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<Value, Error> {
    let rules = args.rules.as_deref().map_or_else(|| Ok(Rules::default()), rules)?;
    let table = Table::read(&args.centers)?;
    let departments = departments(&table, &rules)?;
    let links = args.orders.as_deref().map(Table::read).transpose()?;
    let ordered = links.as_ref().map_or_else(|| Ok(Vec::new()), links_of)?;
    let orders: Vec<Order> =
        ordered.into_iter().map(|(from, to, qty)| Order { from, to, qty }).collect();
    let answer = three_level::three_level(&departments, &orders, &rules).map_err(|error| {
        let hint = match &error {
            Refused::Allocation(error) => {
                return refused(&table, links.as_ref().unwrap_or(&table), error);
            }
            Refused::NegativeDriver { .. } => "a driver counts units; it is zero or more",
            Refused::NoDriver { .. }
            | Refused::UnknownDriver { .. }
            | Refused::UnknownDepartment { .. } => {
                let hint = "the `--rules` file gives each level a column of its departments, \
                            or `orders`";
                return Error::Options { message: error.to_string(), hint: hint.into() };
            }
        };
        table.refuse(usize::MAX, &error, hint)
    })?;
    let shown = answer.departments.iter().map(|it| {
        let mut shown = centre(&it.cost);
        for (name, share) in ["level1", "level2", "level3"].iter().zip(it.levels) {
            shown.insert((*name).to_owned(), share.map_or(Value::Null, number));
        }
        (it.cost.code.clone(), Value::Object(shown))
    });
    Ok(json!({ "centers": shown.collect::<Map<_, _>>(), "total": number(answer.total) }))
}

fn rules(path: &str) -> Result<Rules, Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::ReadRules {
        file: path.to_owned(),
        source,
    };
    let text = String::from_utf8(table::read(path)?).map_err(|error| failed(error.into()))?;
    serde_saphyr::from_str(&text).map_err(|error| failed(error.into()))
}

/// Departments with the driver columns `rules` name; other columns are not read.
fn departments(table: &Table, rules: &Rules) -> Result<Vec<Department>, Error> {
    let levels = [&rules.level1, &rules.level2, &rules.level3];
    let named = levels.iter().flat_map(|it| it.default.iter().chain(it.centres.values()));
    let names: BTreeSet<&String> = named.collect();
    let drivers: Vec<(&String, Vec<Cell<'_>>)> =
        names.into_iter().filter_map(|name| Some((name, table.optional(name)?))).collect();
    let (codes, classes) = (table.column("code")?, table.column("class")?);
    let costs = table.column("direct")?;
    let mut departments = Vec::with_capacity(codes.len());
    for (row, code) in codes.iter().enumerate() {
        let class = Class::parse(classes[row].text()).ok_or_else(|| {
            let hint = "use `admin`, `med_support`, `med_tech` or `clinical…`";
            classes[row].not("a class", hint)
        })?;
        let units = |it: &(&String, Vec<Cell<'_>>)| -> Result<_, Error> {
            Ok((it.0.clone(), it.1[row].decimal_or_zero()?))
        };
        departments.push(Department {
            code: code.named()?.to_owned(),
            class,
            direct: costs[row].decimal_or_zero()?,
            drivers: drivers.iter().map(units).collect::<Result<_, Error>>()?,
        });
    }
    Ok(departments)
}
