//! Allocated cost from `hub.cost_run` and `hub.cost_allocation`.
//!
//! Allocation was done by night over the whole group; a principal sees the departments of its own
//! sites, with what they took from each level, never whom they took it from.

use std::collections::BTreeMap;

use hub_domain::analysis::costing::Method;
use hub_domain::cost::{AllocatedCentre, AllocatedClass, CostAllocation, CostRun};
use hub_domain::{Error, Fen};

use super::decode::{all, rows};
use super::metrics::compile::text_param;
use super::{Source, cost, org};

const RUNS: &str = "select month, run_id, rule_version, status, is_published, dept_id, message \
                    from hub.cost_run where month between $1 and $2 and method in ($3, 'none') \
                    order by month";

const AMOUNTS: &str = "select dept_id, class, is_final, cost_class, kind, level, \
                       sum(amount_fen) as amount_fen from hub.cost_allocation \
                       where month between $1 and $2 and method = $3 and kind <> 'passed' \
                       group by dept_id, class, is_final, cost_class, kind, level \
                       order by dept_id, cost_class, level";

/// Departments of `period` by `method`.
///
/// # Errors
/// `BadInput` for a period that is no month or year.
pub(crate) async fn allocation(
    source: &dyn Source,
    period: &str,
    method: Method,
) -> Result<CostAllocation, Error> {
    let (from, to) = cost::months(period)?;
    let params = vec![text_param(&from), text_param(&to), text_param(method.name())];
    let (runs, amounts, units) = futures::join!(
        source.fetch(RUNS, params.clone()),
        source.fetch(AMOUNTS, params),
        org::units(source, None, None)
    );
    let (runs, amounts, units) = (runs?, amounts?, units?);
    let runs = all(&runs, |row| {
        let owned = |name| Ok(row.text_opt(name)?.map(str::to_owned));
        Ok(CostRun {
            month: row.text("month")?.to_owned(),
            id: owned("run_id")?,
            rule_version: owned("rule_version")?,
            allocated: row.text("status")? == "allocated",
            published: row.flag("is_published")?,
            centre: owned("dept_id")?,
            message: owned("message")?,
        })
    })?;
    let classes = source.definitions().catalogue.dimension("cost_class");
    let mut centres: BTreeMap<String, AllocatedCentre> = BTreeMap::new();
    for row in rows(&amounts) {
        let (code, cost_class) = (row.text("dept_id")?, row.text("cost_class")?);
        let centre = centres.entry(code.to_owned()).or_default();
        if centre.org_unit.is_empty() {
            let unit = units.iter().find(|unit| unit.id == code);
            code.clone_into(&mut centre.org_unit);
            centre.label = unit.map_or_else(|| code.to_owned(), |unit| unit.name.clone());
            row.text("class")?.clone_into(&mut centre.class);
            centre.is_final = row.flag("is_final")?;
        }
        let label = classes.as_ref().ok().and_then(|it| it.labels.get(cost_class));
        let label = label.map_or(cost_class, String::as_str);
        add(centre, cost_class, label, row.int("level")?, Fen(row.int("amount_fen")?));
    }
    Ok(CostAllocation {
        period: period.to_owned(),
        method,
        runs,
        centres: centres.into_values().collect(),
        freshness: source.freshness(),
    })
}

/// Adds an amount of a level, 0 for direct cost; rows come in order of class and level.
fn add(centre: &mut AllocatedCentre, cost_class: &str, label: &str, level: i64, amount: Fen) {
    if centre.classes.last().is_none_or(|class| class.cost_class != cost_class) {
        let (cost_class, label) = (cost_class.to_owned(), label.to_owned());
        centre.classes.push(AllocatedClass { cost_class, label, ..AllocatedClass::default() });
    }
    let Some(class) = centre.classes.last_mut() else { return };
    if level == 0 {
        class.direct = class.direct + amount;
        return;
    }
    class.received = class.received + amount;
    let level = u32::try_from(level).unwrap_or_default();
    match centre.levels.iter_mut().find(|known| known.0 == level) {
        Some(known) => known.1 = known.1 + amount,
        None => centre.levels.push((level, amount)),
    }
    centre.levels.sort_by_key(|known| known.0);
}
