//! Operational state: runs, API keys, alerts with their deliveries, accesses, leases,
//! schedule marks, decisions about identity, tags by hand.
//!
//! Owns the only database the hub writes besides the lake, and all SQL over it. Must not know
//! Arrow, GraphQL or how an alert is judged. SQLite serves one node.

pub mod access;
pub mod alerts;
mod annotations;
mod counts;
pub mod error;
pub mod events;
pub mod identity;
pub mod keys;
pub mod lease;
pub mod outbox;
pub mod runs;
pub mod schedule;
pub mod stops;
mod suppression;
mod text;

use std::str::FromStr;
use std::time::Duration;

use hub_domain::clock::SharedClock;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use error::Error;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The state database. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pool: SqlitePool,
    clock: SharedClock,
    access: access::Writer,
}

impl State {
    /// Opens, and where needed creates and migrates, the database at `url` (`sqlite://path`).
    ///
    /// # Errors
    /// `Open` when the address is wrong or the file cannot be used, `Migrate` when it was made by
    /// a newer version.
    pub async fn open(url: &str, clock: SharedClock) -> Result<Self, Error> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|source| Error::Open { url: url.to_owned(), source })?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(20));
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .connect_with(options)
            .await
            .map_err(|source| Error::Open { url: url.to_owned(), source })?;
        MIGRATIONS.run(&pool).await.map_err(|source| Error::Migrate { source })?;
        let access = access::Writer::start(pool.clone(), clock.clone());
        Ok(Self { pool, clock, access })
    }

    fn now(&self) -> String {
        text::instant(self.clock.now())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, Utc};
    use hub_domain::clock::FixedClock;

    use super::State;

    pub(crate) fn noon() -> DateTime<Utc> {
        "2026-11-01T12:00:00Z".parse().expect("an instant")
    }

    /// A fresh database in a private folder; keep the folder alive.
    pub(crate) async fn open() -> (State, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite://{}", dir.path().join("state.db").display());
        let state = State::open(&url, Arc::new(FixedClock(noon()))).await.expect("opened");
        (state, dir)
    }
}
