//! Messages waiting to be delivered. The sender claims what is due, tries, and writes the result.

use chrono::{DateTime, TimeDelta, Utc};
use hub_domain::alert::Delivery;
use sqlx::Row;

use crate::{Error, State, text};

const TABLE: &str = "delivery";

/// A claimed message: exactly what is signed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// `webhook-id`, constant over retries.
    pub id: String,
    /// Hook id.
    pub hook: String,
    /// Exact bytes.
    pub body: String,
    /// Tries before this one.
    pub attempts: u32,
}

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The hook took it.
    Delivered,
    /// Try again at the instant.
    Retry(DateTime<Utc>),
    /// Given up: tries used up, or the hook said it is gone.
    Dead,
}

impl State {
    /// Claims messages that are due. A claim lasts `hold`; a sender that dies loses it then.
    ///
    /// # Errors
    /// `Write`, `Inconsistent`.
    pub async fn claim_deliveries(
        &self,
        limit: u32,
        hold: TimeDelta,
    ) -> Result<Vec<Outgoing>, Error> {
        let now = self.clock.now();
        let rows = sqlx::query(
            "update delivery set next_attempt_at = $1
             where id in (
               select id from delivery where status = 'pending' and next_attempt_at <= $2
               order by next_attempt_at, id limit $3)
             returning id, hook, body, attempts",
        )
        .bind(text::instant(now + hold))
        .bind(text::instant(now))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        rows.iter()
            .map(|row| {
                let get = |column| row.try_get::<String, _>(column).map_err(Error::read(TABLE));
                let attempts: i64 = row.try_get("attempts").map_err(Error::read(TABLE))?;
                Ok(Outgoing {
                    id: get("id")?,
                    hook: get("hook")?,
                    body: get("body")?,
                    attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }

    /// Writes what came of one try; `result` is a status or an error class, never a body.
    ///
    /// # Errors
    /// `Write`.
    pub async fn finish_delivery(
        &self,
        id: &str,
        outcome: &Outcome,
        result: &str,
    ) -> Result<(), Error> {
        let (status, next) = match outcome {
            Outcome::Delivered => ("delivered", None),
            Outcome::Retry(at) => ("pending", Some(text::instant(*at))),
            Outcome::Dead => ("dead", None),
        };
        sqlx::query(
            "update delivery
             set status = $1, attempts = attempts + 1, next_attempt_at = $2, last_result = $3
             where id = $4",
        )
        .bind(status)
        .bind(next)
        .bind(result)
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        Ok(())
    }

    /// When the next pending message is due.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn next_delivery_at(&self) -> Result<Option<DateTime<Utc>>, Error> {
        let row =
            sqlx::query("select min(next_attempt_at) as at from delivery where status = 'pending'")
                .fetch_one(&self.pool)
                .await
                .map_err(Error::read(TABLE))?;
        let at: Option<String> = row.try_get("at").map_err(Error::read(TABLE))?;
        at.map(|at| text::parse_instant(TABLE, &at)).transpose()
    }

    /// All messages, newest first, without their bodies.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn deliveries(&self) -> Result<Vec<Delivery>, Error> {
        let rows = sqlx::query(
            "select id, hook, alert_id, status, attempts, next_attempt_at, last_result
             from delivery order by created_at desc, id limit 1000",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::read(TABLE))?;
        rows.iter().map(decode).collect()
    }
}

fn decode(row: &sqlx::sqlite::SqliteRow) -> Result<Delivery, Error> {
    let get = |column| row.try_get::<String, _>(column).map_err(Error::read(TABLE));
    let maybe = |column| row.try_get::<Option<String>, _>(column).map_err(Error::read(TABLE));
    let attempts: i64 = row.try_get("attempts").map_err(Error::read(TABLE))?;
    let next = maybe("next_attempt_at")?;
    Ok(Delivery {
        id: get("id")?,
        hook: get("hook")?,
        alert_id: get("alert_id")?,
        status: get("status")?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        next_attempt_at: next.map(|at| text::parse_instant(TABLE, &at)).transpose()?,
        last_result: maybe("last_result")?,
    })
}
