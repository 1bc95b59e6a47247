//! What is configured, whether it is read, what each table last delivered and how old it is.

use std::collections::BTreeMap;
use std::process::ExitCode;

use hub_domain::freshness::{Layer, TableFreshness};
use hub_domain::page::PageRequest;
use hub_domain::ports::ReadSession;
use hub_domain::run::{LoadStatus, TableLoad};
use hub_domain::snapshot::SnapshotPick;
use hub_domain::{Error, Principal};

use super::table::table;
use super::{ConfigArgs, print};
use crate::app::App;

/// Runs looked through for the last load of a table.
const RUNS: usize = 100;

type Id = (String, String);

/// Prints every table of every source.
pub(super) async fn list(config: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let app = config.open().await?;
    let (loads, ages) = (last_loads(&app).await?, ages(&app).await?);
    let mut rows = Vec::new();
    for (id, source) in &app.config.sources {
        let kind = match source.kind.caveat() {
            Some(caveat) => format!("{} ({caveat})", source.kind.name()),
            None => source.kind.name().to_owned(),
        };
        let state = state(&app, id).await?;
        let mut names: Vec<&String> = source.tables.keys().collect();
        if names.is_empty() {
            let contract = app.engine.contracts().sources.get(id);
            names.extend(contract.into_iter().flat_map(|contract| contract.tables.keys()));
        }
        for name in names {
            let key = (id.clone(), name.clone());
            let told = row(&key, loads.get(&key), ages.get(&key));
            rows.push([vec![id.clone(), kind.clone(), state.clone()], told].concat());
        }
    }
    let head = [
        "source",
        "kind",
        "state",
        "table",
        "last load",
        "read",
        "rejected",
        "watermark",
        "data through",
        "age",
        "freshness",
    ];
    print(&table(&head, &rows));
    Ok(ExitCode::SUCCESS)
}

/// What is known of one table.
fn row((_, table): &Id, load: Option<&TableLoad>, age: Option<&TableFreshness>) -> Vec<String> {
    let none = || "-".to_owned();
    let at = age.and_then(|age| age.last_load_at);
    let counted = |of: fn(&TableLoad) -> u64| load.map_or_else(none, |load| of(load).to_string());
    let state = age.map_or("never read", |age| age.state.name());
    vec![
        table.clone(),
        at.map_or_else(none, |at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        counted(|load| load.rows_read),
        counted(TableLoad::rows_rejected),
        load.and_then(|load| load.watermark_after.clone()).unwrap_or_else(none),
        age.and_then(|age| age.data_through).map_or_else(none, |day| day.to_string()),
        age.and_then(|age| age.age_seconds).map_or_else(none, hours),
        state.to_owned(),
    ]
}

fn hours(seconds: u64) -> String {
    format!("{:.1} h", seconds as f64 / 3_600.0)
}

/// The newest record of every table.
async fn last_loads(app: &App) -> anyhow::Result<BTreeMap<Id, TableLoad>> {
    let page = app.state.runs_page(&PageRequest { first: RUNS, after: None }).await?;
    let mut last = BTreeMap::new();
    let loads = page.edges.into_iter().flat_map(|edge| edge.node.loads);
    for load in loads.filter(|load| load.status == LoadStatus::Loaded) {
        last.entry((load.source.clone(), load.table.clone())).or_insert(load);
    }
    Ok(last)
}

/// How old the landed tables of the newest snapshot are.
async fn ages(app: &App) -> anyhow::Result<BTreeMap<Id, TableFreshness>> {
    let opened = app.engine.open(&Principal::group("sources"), SnapshotPick::Latest).await;
    let session = match opened {
        Ok(session) => session,
        Err(Error::NoSnapshot) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let tables = session.table_freshness().await?.into_iter();
    let raw = tables.filter(|table| table.layer == Layer::Raw);
    Ok(raw.map(|found| ((found.source.clone(), found.table.clone()), found)).collect())
}

/// `on`, or since when and why it is not.
async fn state(app: &App, source: &str) -> anyhow::Result<String> {
    let Some(stop) = app.state.source_stop(source).await? else { return Ok("on".to_owned()) };
    let since = stop.stopped_at.with_timezone(&app.engine.config().zone).format("%Y-%m-%d %H:%M");
    let why = if stop.reason.is_empty() { String::new() } else { format!(": {}", stop.reason) };
    Ok(format!("stopped since {since}{why}"))
}
