//! How far schedules have come, so that a restart neither repeats a start nor forgets one.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row;

use crate::{Error, State, text};

const TABLE: &str = "schedule";

/// The newest start of a schedule that ran or was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The start.
    pub due: DateTime<Utc>,
    /// Business days before this one are covered.
    pub through: NaiveDate,
}

impl State {
    /// How far schedule `name` has come; none when it never started.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn schedule_mark(&self, name: &str) -> Result<Option<Mark>, Error> {
        let row = sqlx::query("select due, through from schedule where name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::read(TABLE))?;
        let Some(row) = row else { return Ok(None) };
        let text = |column| row.try_get::<String, _>(column).map_err(Error::read(TABLE));
        let through = text("through")?.parse().map_err(|source: chrono::ParseError| {
            Error::Inconsistent { table: TABLE, source: source.into() }
        })?;
        Ok(Some(Mark { due: text::parse_instant(TABLE, &text("due")?)?, through }))
    }

    /// Remembers how far schedule `name` has come.
    ///
    /// # Errors
    /// `Write`.
    pub async fn mark_schedule(&self, name: &str, mark: Mark) -> Result<(), Error> {
        sqlx::query(
            "insert into schedule (name, due, through) values ($1, $2, $3)
             on conflict (name) do update set due = excluded.due, through = excluded.through",
        )
        .bind(name)
        .bind(text::instant(mark.due))
        .bind(mark.through.to_string())
        .execute(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{noon, open};

    #[tokio::test]
    async fn a_mark_is_kept_per_schedule() {
        let (state, _dir) = open().await;
        assert_eq!(state.schedule_mark("nightly").await.expect("read"), None);
        let mark = Mark { due: noon(), through: noon().date_naive() };
        state.mark_schedule("nightly", mark).await.expect("kept");
        assert_eq!(state.schedule_mark("nightly").await.expect("read"), Some(mark));
        assert_eq!(state.schedule_mark("other").await.expect("read"), None);
    }
}
