//! `clinichub sources`: what is configured, what each table last delivered, and the switch that
//! keeps a source from being read.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hub_domain::page::PageRequest;
use hub_domain::run::LoadStatus;

use super::table::table;
use super::{ConfigArgs, Usage, print};
use crate::app::App;

/// Options of `sources`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SourcesArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Option<SourcesCommand>,
}

/// What to do with the sources.
#[derive(Debug, Subcommand)]
enum SourcesCommand {
    /// Sources, whether they are read, and what each table last delivered.
    List(ConfigArgs),
    /// Keeps a source from being read until it is started, also by a night that runs already.
    Stop {
        /// Source id.
        source: String,
        /// Why; shown wherever the source is.
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Lets a stopped source be read again.
    Start {
        /// Source id.
        source: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

pub(super) async fn run(args: SourcesArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        None => list(&args.config).await,
        Some(SourcesCommand::List(config)) => list(&config).await,
        Some(SourcesCommand::Stop { source, reason, config }) => {
            let app = opened(&config, &source).await?;
            app.state.stop_source(&source, reason.trim()).await?;
            print(&format!("source `{source}` is stopped: no night reads it until it is started"));
            Ok(ExitCode::SUCCESS)
        }
        Some(SourcesCommand::Start { source, config }) => {
            let app = opened(&config, &source).await?;
            let was = app.state.start_source(&source).await?;
            let told = if was { "is read again" } else { "was not stopped" };
            print(&format!("source `{source}` {told}"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The deployment, when it has the source.
async fn opened(config: &ConfigArgs, source: &str) -> anyhow::Result<App> {
    let app = config.open().await?;
    if !app.config.sources.contains_key(source) {
        let known: Vec<&str> = app.config.sources.keys().map(String::as_str).collect();
        let known = known.join("`, `");
        let what = format!("no source `{source}`\n  hint: the sources are `{known}`");
        return Err(Usage(what).into());
    }
    Ok(app)
}

async fn list(config: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let app = config.open().await?;
    let page = app.state.runs_page(&PageRequest { first: 100, after: None }).await?;
    let mut last = BTreeMap::new();
    for run in page.edges.into_iter().map(|edge| edge.node) {
        let landed = run.loads.into_iter().filter(|load| load.status == LoadStatus::Loaded);
        for load in landed {
            let key = (load.source.clone(), load.table.clone());
            last.entry(key).or_insert((run.business_date, load));
        }
    }
    let mut rows = Vec::new();
    for (id, source) in &app.config.sources {
        let kind = match source.kind.caveat() {
            Some(caveat) => format!("{} ({caveat})", source.kind.name()),
            None => source.kind.name().to_owned(),
        };
        let state = state(&app, id).await?;
        let known: Vec<_> = last.iter().filter(|((of, _), _)| of == id).collect();
        let row = |table: &str, told: String| {
            vec![id.clone(), kind.clone(), state.clone(), table.to_owned(), told]
        };
        if known.is_empty() {
            rows.push(row("(never read)", String::new()));
        }
        for ((_, name), (date, load)) in known {
            let counts =
                format!("{date}: {} read, {} quarantined", load.rows_read, load.rows_rejected());
            rows.push(row(name, counts));
        }
    }
    print(&table(&["source", "kind", "state", "table", "last night"], &rows));
    Ok(ExitCode::SUCCESS)
}

/// `on`, or since when and why it is not.
async fn state(app: &App, source: &str) -> anyhow::Result<String> {
    let Some(stop) = app.state.source_stop(source).await? else { return Ok("on".to_owned()) };
    let since = stop.stopped_at.with_timezone(&app.engine.config().zone).format("%Y-%m-%d %H:%M");
    let why = if stop.reason.is_empty() { String::new() } else { format!(": {}", stop.reason) };
    Ok(format!("stopped since {since}{why}"))
}
