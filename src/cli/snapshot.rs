//! `clinichub snapshot`: what is published, how two nights differ, and the way back.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use hub_domain::clock::Clock;
use hub_domain::snapshot::Snapshot;

use super::table::table;
use super::{ConfigArgs, print};
use crate::app::App;

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// All snapshots, newest last.
    List(ConfigArgs),
    /// One snapshot as JSON: tables, audits, run.
    Show {
        /// Its number.
        id: u64,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Tables whose version differs between two snapshots.
    Diff {
        /// The older number.
        from: u64,
        /// The newer number.
        to: u64,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Serves the tables of an older snapshot again, as a new snapshot.
    Rollback {
        /// Number of the snapshot to go back to.
        id: u64,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

pub(super) async fn run(command: SnapshotCommand) -> anyhow::Result<ExitCode> {
    match command {
        SnapshotCommand::List(config) => {
            let rows: Vec<Vec<String>> =
                config.open().await?.lake.snapshots().await?.iter().map(row).collect();
            print(&table(&["id", "business date", "published at", "tables", "rollback of"], &rows));
        }
        SnapshotCommand::Show { id, config } => {
            let snapshot = config.open().await?.lake.snapshot(id).await?;
            print(&serde_json::to_string_pretty(&snapshot)?);
        }
        SnapshotCommand::Diff { from, to, config } => {
            let lake = config.open().await?.lake;
            let (from, to) = (lake.snapshot(from).await?, lake.snapshot(to).await?);
            print(&diff(&from, &to));
        }
        SnapshotCommand::Rollback { id, config } => {
            let app = config.open().await?;
            let published =
                app.as_writer("rollback", false, |app| async move { rollback(&app, id).await });
            print(&format!("published snapshot {} with the tables of {id}", published.await?));
            print("the next nightly builds from what is landed: mend the source or query first");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Publishes the tables of snapshot `id` again; the new snapshot's number.
async fn rollback(app: &App, id: u64) -> anyhow::Result<u64> {
    app.lake.probe().await?;
    let newest = app.lake.latest().await?.context("nothing is published yet")?;
    if newest.id == id {
        bail!("snapshot {id} is the one being served");
    }
    let mut again = app.lake.snapshot(id).await?;
    again.id = newest.id + 1;
    again.published_at = Clock::now(&*app.clock);
    again.rollback_of = Some(id);
    again.lease_token = app.lake.lease_token();
    app.lake.publish(&again).await?;
    Ok(again.id)
}

fn row(snapshot: &Snapshot) -> Vec<String> {
    vec![
        snapshot.id.to_string(),
        snapshot.business_date.to_string(),
        snapshot.published_at.to_rfc3339(),
        snapshot.tables.len().to_string(),
        snapshot.rollback_of.map(|id| id.to_string()).unwrap_or_default(),
    ]
}

fn diff(from: &Snapshot, to: &Snapshot) -> String {
    let version = |of: &Snapshot, table: &str| {
        of.tables.get(table).map_or_else(|| "-".to_owned(), u64::to_string)
    };
    let names: std::collections::BTreeSet<&String> =
        from.tables.keys().chain(to.tables.keys()).collect();
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .map(|name| vec![name.clone(), version(from, name), version(to, name)])
        .filter(|row| row[1] != row[2])
        .collect();
    if rows.is_empty() {
        "no table differs".to_owned()
    } else {
        table(&["table", "from", "to"], &rows)
    }
}
