//! `clinichub quarantine`: rejected rows, counted and placed; never their values.

use std::process::ExitCode;

use clap::Subcommand;
use hub_domain::principal::Principal;
use hub_domain::snapshot::SnapshotPick;

use super::ConfigArgs;
use super::sql::{Format, write};

/// What to do with the quarantine.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Rejected rows by source table, column and reason, in the newest snapshot.
    List(ConfigArgs),
    /// Rejected rows of one source table, by load.
    Show {
        /// Source table such as `his.t_jz`.
        table: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

pub(super) async fn run(command: QuarantineCommand) -> anyhow::Result<ExitCode> {
    let (config, show) = match &command {
        QuarantineCommand::List(config) => (config, None),
        QuarantineCommand::Show { table, config } => (config, Some(table.replace('\'', "''"))),
    };
    let app = config.open().await?;
    let session = app.engine.open(&Principal::group("operator"), SnapshotPick::Latest).await?;
    let statement = match show {
        None => include_str!("quarantine/list.sql").to_owned(),
        Some(table) => include_str!("quarantine/show.sql").replace("$table", &table),
    };
    let answer = session.user_sql(&statement).await?;
    write(answer, Format::Table).await?;
    Ok(ExitCode::SUCCESS)
}
