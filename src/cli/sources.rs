//! `clinichub sources`: the list of them, and the switch that keeps a source from being read.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::sources_list::list;
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
