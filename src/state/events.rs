//! Changes of alerts in the order they happened, for processes that serve subscriptions while
//! another one runs the night.

use hub_domain::alert::{Alert, AlertEvent};
use sqlx::{Row, Sqlite, Transaction};

use crate::{Error, State, text};

const TABLE: &str = "alert_event";

impl State {
    /// Number of the newest change; 0 before the first.
    ///
    /// # Errors
    /// `Read`.
    pub async fn last_alert_event(&self) -> Result<i64, Error> {
        let row = sqlx::query("select coalesce(max(seq), 0) as seq from alert_event")
            .fetch_one(&self.pool)
            .await
            .map_err(Error::read(TABLE))?;
        row.try_get("seq").map_err(Error::read(TABLE))
    }

    /// Changes after number `seq`, oldest first, each with its number.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn alert_events_after(&self, seq: i64) -> Result<Vec<(i64, AlertEvent)>, Error> {
        let rows =
            sqlx::query("select seq, body from alert_event where seq > $1 order by seq limit 1000")
                .bind(seq)
                .fetch_all(&self.pool)
                .await
                .map_err(Error::read(TABLE))?;
        rows.iter()
            .map(|row| {
                let seq = row.try_get("seq").map_err(Error::read(TABLE))?;
                let body: String = row.try_get("body").map_err(Error::read(TABLE))?;
                let alert: Alert = text::parse_body(TABLE, &body)?;
                Ok((seq, AlertEvent { state: alert.state, alert }))
            })
            .collect()
    }
}

pub(crate) async fn append(tx: &mut Transaction<'_, Sqlite>, body: &str) -> Result<(), Error> {
    sqlx::query("insert into alert_event (body) values ($1)")
        .bind(body)
        .execute(&mut **tx)
        .await
        .map_err(Error::write(TABLE))?;
    Ok(())
}
