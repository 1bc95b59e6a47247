//! `clinichub runs`: what past nights did.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use hub_domain::page::PageRequest;

use super::table::table;
use super::{ConfigArgs, print};

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// The last runs, newest first.
    List(ConfigArgs),
    /// One run as JSON: rows, watermarks, stages.
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

pub(super) async fn run(command: RunsCommand) -> anyhow::Result<ExitCode> {
    match command {
        RunsCommand::List(config) => {
            let app = config.open().await?;
            let page = app.state.runs_page(&PageRequest { first: 50, after: None }).await?;
            let rows: Vec<Vec<String>> = page
                .edges
                .into_iter()
                .map(|edge| {
                    let run = edge.node;
                    let read: u64 = run.loads.iter().map(|load| load.rows_read).sum();
                    vec![
                        run.id,
                        run.business_date.to_string(),
                        format!("{:?}", run.status).to_lowercase(),
                        run.snapshot_id.map(|id| id.to_string()).unwrap_or_default(),
                        read.to_string(),
                        run.error.unwrap_or_default().lines().next().unwrap_or_default().into(),
                    ]
                })
                .collect();
            print(&table(&["run", "date", "status", "snapshot", "rows read", "error"], &rows));
        }
        RunsCommand::Show { id, config } => {
            let app = config.open().await?;
            let run = app.state.run(&id).await?.with_context(|| format!("no run `{id}`"))?;
            print(&serde_json::to_string_pretty(&run)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
