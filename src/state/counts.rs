//! Counts over the operational state, for monitoring: numbers only, nothing of what they count.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Error, State, text};

impl State {
    /// Messages to hooks by status: `pending`, `delivered`, `dead`.
    ///
    /// # Errors
    /// `Read`.
    pub async fn delivery_counts(&self) -> Result<BTreeMap<String, u64>, Error> {
        let rows =
            sqlx::query("select status as name, count(*) as n from delivery group by status")
                .fetch_all(&self.pool)
                .await
                .map_err(Error::read("delivery"))?;
        counted("delivery", &rows)
    }

    /// Alerts that fire now, by rule.
    ///
    /// # Errors
    /// `Read`.
    pub async fn firing_by_rule(&self) -> Result<BTreeMap<String, u64>, Error> {
        let rows = sqlx::query(
            "select rule as name, count(*) as n from alert where state = 'firing' group by rule",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::read("alert"))?;
        counted("alert", &rows)
    }

    /// Leases ever taken, by name, and whether somebody holds them now.
    ///
    /// # Errors
    /// `Read`.
    pub async fn lease_states(&self) -> Result<BTreeMap<String, bool>, Error> {
        let rows = sqlx::query("select name, expires_at from lease")
            .fetch_all(&self.pool)
            .await
            .map_err(Error::read("lease"))?;
        let now = self.clock.now();
        rows.iter()
            .map(|row| {
                let name: String = row.try_get("name").map_err(Error::read("lease"))?;
                let until: String = row.try_get("expires_at").map_err(Error::read("lease"))?;
                Ok((name, text::parse_instant("lease", &until)? > now))
            })
            .collect()
    }
}

fn counted(table: &'static str, rows: &[SqliteRow]) -> Result<BTreeMap<String, u64>, Error> {
    rows.iter()
        .map(|row| {
            let name: String = row.try_get("name").map_err(Error::read(table))?;
            let count: i64 = row.try_get("n").map_err(Error::read(table))?;
            Ok((name, u64::try_from(count).unwrap_or_default()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::lease::{Bid, Claim};
    use crate::tests::open;

    #[tokio::test]
    async fn a_lease_is_held_until_it_is_given_back() {
        let (state, _dir) = open().await;
        assert!(state.lease_states().await.expect("read").is_empty());
        let (name, holder) = ("nightly".to_owned(), "a".to_owned());
        let bid = Bid { name, holder, ttl: TimeDelta::seconds(60), above: 0 };
        let claim = state.take_lease(&bid, None).await.expect("asked");
        let Claim::Held(lease) = claim else { panic!("nobody else asked") };
        assert!(state.lease_states().await.expect("read")["nightly"]);
        state.release_lease(&lease).await.expect("released");
        assert!(!state.lease_states().await.expect("read")["nightly"]);
        assert!(state.delivery_counts().await.expect("read").is_empty());
        assert!(state.firing_by_rule().await.expect("read").is_empty());
    }
}
