//! The command line: one file per command, messages and exit codes.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the audit refused to publish.

mod alerts;
pub mod analyze;
mod backfill;
mod check;
mod check_diff;
mod demo;
mod erase;
mod keys;
mod nightly;
mod progress;
mod progress_expected;
mod prompt;
mod quarantine;
mod runs;
mod runs_show;
mod schema;
mod serve;
mod snapshot;
mod sources;
mod sources_list;
mod sql;
mod table;
mod upkeep;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use hub_domain::clock::{SharedClock, SystemClock};

use crate::app::App;
use crate::config::{Config, Invalid};

/// Clinic data hub: nightly Delta loads, governed metrics, GraphQL boards, SQL, alerts.
#[derive(Debug, Parser)]
#[command(name = "clinichub", version, about)]
pub struct Cli {
    /// Log filter, such as `info` or `hub_pipeline=debug`.
    #[arg(long, global = true, default_value = "warn", env = "CLINICHUB_LOG")]
    pub log: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a demo group, runs its nights and serves its boards.
    Demo(demo::DemoArgs),
    /// Runs one nightly: extract, build, audit, publish, detect, notify.
    Nightly(nightly::NightlyArgs),
    /// Reads days of the past again and publishes what changed.
    Backfill(backfill::BackfillArgs),
    /// Serves GraphQL, SQL over HTTP, the schedule and webhooks.
    Serve(serve::ServeArgs),
    /// Answers one SQL statement, or prompts for many.
    Sql(sql::SqlArgs),
    /// Validates configuration, contracts, queries, metrics, boards and alerts.
    Check(check::CheckArgs),
    /// Published snapshots.
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Configured sources and what they last delivered; stops and starts them.
    Sources(sources::SourcesArgs),
    /// Past runs.
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// Rejected rows: how many, where and why.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Alerts, what a rule would have fired, and deliveries.
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    /// The analytical rules on plain files; JSON out.
    #[command(subcommand)]
    Analyze(analyze::Analyze),
    /// Prints the SDL or the configuration's JSON Schema.
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    /// API keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Joins small files, lets old snapshots expire, removes files nobody reads.
    Upkeep(upkeep::UpkeepArgs),
    /// Removes a person from every table, and proves it.
    Erase(erase::EraseArgs),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Configuration file.
    #[arg(long, default_value = "clinichub.yaml")]
    pub config: PathBuf,
}

impl ConfigArgs {
    async fn open(&self) -> anyhow::Result<App> {
        open(&self.config).await
    }
}

async fn open(path: &Path) -> anyhow::Result<App> {
    App::open(Config::load(path)?, clock()).await
}

fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

/// Runs a command and tells how the process should exit.
pub async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Nightly(args) => Box::pin(nightly::run(args)).await,
        Command::Backfill(args) => Box::pin(backfill::run(args)).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Sql(args) => sql::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Snapshot(command) => snapshot::run(command).await,
        Command::Sources(args) => sources::run(args).await,
        Command::Runs(command) => runs::run(command).await,
        Command::Quarantine(command) => quarantine::run(command).await,
        Command::Alerts(command) => alerts::run(command).await,
        Command::Analyze(analysis) => return analyzed(analysis),
        Command::Schema(command) => schema::run(&command),
        Command::Keys(command) => keys::run(command).await,
        Command::Upkeep(args) => upkeep::run(args).await,
        Command::Erase(args) => Box::pin(erase::run(args)).await,
    };
    match done {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn analyzed(analysis: analyze::Analyze) -> ExitCode {
    match analyze::run(analysis) {
        Ok(answer) => {
            print(&answer.to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let code = error.exit_code();
            report(&anyhow::Error::from(error));
            ExitCode::from(code)
        }
    }
}

/// The command was asked for something that does not exist or does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn failed(error: &anyhow::Error) -> ExitCode {
    report(error);
    let asked_wrong = error.is::<Invalid>() || error.is::<Usage>();
    if asked_wrong { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// One line per cause, the outermost first; causes that only repeat are left out.
fn report(error: &anyhow::Error) {
    let mut told = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !told.contains(&text) {
            eprintln!("{} {text}", if told.is_empty() { "error:" } else { "  caused by:" });
            told.push_str(&text);
        }
    }
}

/// The one way to standard output; a reader that went away ends the program quietly.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}
