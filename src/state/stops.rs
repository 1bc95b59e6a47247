//! Sources whose reading is switched off, by whom it may concern: every node, every night.

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::{Error, State, text};

const TABLE: &str = "source_stop";

/// A source that is not to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStop {
    /// Source id.
    pub source: String,
    /// What the operator said; empty when nothing.
    pub reason: String,
    /// Since when.
    pub stopped_at: DateTime<Utc>,
}

impl State {
    /// Switches reading of `source` off; a source stopped already keeps its time and takes the
    /// new reason.
    ///
    /// # Errors
    /// `Write`.
    pub async fn stop_source(&self, source: &str, reason: &str) -> Result<(), Error> {
        sqlx::query(
            "insert into source_stop (source, reason, stopped_at) values ($1, $2, $3)
             on conflict (source) do update set reason = excluded.reason",
        )
        .bind(source)
        .bind(reason)
        .bind(self.now())
        .execute(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        Ok(())
    }

    /// Switches reading of `source` on; false when it was not off.
    ///
    /// # Errors
    /// `Write`.
    pub async fn start_source(&self, source: &str) -> Result<bool, Error> {
        let done = sqlx::query("delete from source_stop where source = $1")
            .bind(source)
            .execute(&self.pool)
            .await
            .map_err(Error::write(TABLE))?;
        Ok(done.rows_affected() > 0)
    }

    /// The switch of one source; none while it may be read.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn source_stop(&self, source: &str) -> Result<Option<SourceStop>, Error> {
        let row = sqlx::query("select reason, stopped_at from source_stop where source = $1")
            .bind(source)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::read(TABLE))?;
        let Some(row) = row else { return Ok(None) };
        let reason = row.try_get("reason").map_err(Error::read(TABLE))?;
        let stopped_at: String = row.try_get("stopped_at").map_err(Error::read(TABLE))?;
        let stopped_at = text::parse_instant(TABLE, &stopped_at)?;
        Ok(Some(SourceStop { source: source.to_owned(), reason, stopped_at }))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{noon, open};

    #[tokio::test]
    async fn a_source_is_off_until_it_is_switched_on() {
        let (state, _dir) = open().await;
        assert_eq!(state.source_stop("his").await.expect("read"), None);
        state.stop_source("his", "").await.expect("stopped");
        state.stop_source("his", "the vendor asks for a quiet night").await.expect("stopped");
        let stop = state.source_stop("his").await.expect("read").expect("off");
        assert_eq!(stop.reason, "the vendor asks for a quiet night");
        assert_eq!(stop.stopped_at, noon());
        assert_eq!(state.source_stop("crm").await.expect("read"), None);
        assert!(state.start_source("his").await.expect("started"));
        assert!(!state.start_source("his").await.expect("started"));
        assert_eq!(state.source_stop("his").await.expect("read"), None);
    }
}
