//! `clinichub runs`: what past nights did.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use hub_domain::page::PageRequest;
use hub_domain::run::{Run, TableLoad};

use super::table::table;
use super::{ConfigArgs, print, runs_show};
use crate::app::App;

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// The last runs, newest first.
    List(ConfigArgs),
    /// One run: rows, bytes, watermarks and times per table, stages, error.
    Show {
        /// Its id, or `latest`.
        #[arg(default_value = "latest")]
        id: String,
        /// `table` for people, `json` for programs.
        #[arg(long, value_enum, default_value_t = RunFormat::Table)]
        format: RunFormat,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// How a run is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RunFormat {
    /// Aligned text.
    Table,
    /// The whole record.
    Json,
}

pub(super) async fn run(command: RunsCommand) -> anyhow::Result<ExitCode> {
    match command {
        RunsCommand::List(config) => {
            let app = config.open().await?;
            print(&list(&newest(&app, 50).await?));
        }
        RunsCommand::Show { id, format, config } => {
            let app = config.open().await?;
            let run = match id.as_str() {
                "latest" => newest(&app, 1).await?.pop().context("no run yet")?,
                id => app.state.run(id).await?.with_context(|| {
                    format!("no run `{id}`\n  hint: `clinichub runs list` names them")
                })?,
            };
            match format {
                RunFormat::Table => print(&runs_show::text(&run)),
                RunFormat::Json => print(&serde_json::to_string_pretty(&run)?),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn newest(app: &App, first: usize) -> anyhow::Result<Vec<Run>> {
    let page = app.state.runs_page(&PageRequest { first, after: None }).await?;
    Ok(page.edges.into_iter().map(|edge| edge.node).collect())
}

fn list(runs: &[Run]) -> String {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let sum = |of: fn(&TableLoad) -> u64| run.loads.iter().map(of).sum::<u64>().to_string();
            let error = run.error.as_deref().unwrap_or_default();
            vec![
                run.id.clone(),
                run.kind.clone(),
                run.business_date.to_string(),
                runs_show::status(run),
                run.snapshot_id.map(|id| id.to_string()).unwrap_or_default(),
                sum(|load| load.rows_read),
                sum(|load| load.rows_loaded),
                sum(TableLoad::rows_rejected),
                sum(|load| load.rows_deleted),
                runs_show::took(run),
                error.lines().next().unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    let head = [
        "run", "kind", "date", "status", "snapshot", "read", "written", "rejected", "deleted",
        "time", "error",
    ];
    table(&head, &rows)
}
