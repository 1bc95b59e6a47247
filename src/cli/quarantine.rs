//! `clinichub quarantine`: refused rows counted, placed, opened and tried again.

mod list;
mod retry;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use super::{ConfigArgs, Usage};
use crate::app::App;

/// What to do with the quarantine.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Rows in quarantine by source table, column and reason.
    List(ConfigArgs),
    /// Rows in quarantine of one source table: where each stands and why.
    Show(show::ShowArgs),
    /// Tries rows in quarantine again under the present contracts and configuration.
    Retry(retry::RetryArgs),
}

pub(super) async fn run(command: QuarantineCommand) -> anyhow::Result<ExitCode> {
    match command {
        QuarantineCommand::List(config) => list::run(&config.open().await?).await,
        QuarantineCommand::Show(args) => show::run(args).await,
        QuarantineCommand::Retry(args) => retry::run(args).await,
    }
}

/// Every source table: those configured, or those of the source's contract.
fn tables(app: &App) -> Vec<(String, String)> {
    let mut tables = Vec::new();
    for (id, source) in &app.config.sources {
        if source.tables.is_empty() {
            let contract = app.engine.contracts().sources.get(id);
            let names = contract.into_iter().flat_map(|contract| contract.tables.keys());
            tables.extend(names.map(|table| (id.clone(), table.clone())));
        } else {
            tables.extend(source.tables.keys().map(|table| (id.clone(), table.clone())));
        }
    }
    tables
}

/// The source table called `name`.
fn named(app: &App, name: &str) -> Result<(String, String), Usage> {
    let found = tables(app).into_iter().find(|(source, table)| {
        name.split_once('.').is_some_and(|(s, t)| s == source && t == table)
    });
    found.ok_or_else(|| {
        let hint = "write `source.table`; `clinichub sources` lists them";
        Usage(format!("no source table `{name}`\n  hint: {hint}"))
    })
}
