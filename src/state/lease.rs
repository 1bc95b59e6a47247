//! Leases with fencing tokens: at most one holder of a name, taken over after expiry.
//!
//! A token is given out once: every taking, by whomever, makes a new one. What is done under a
//! lease carries its token, so that a holder that slept through its own expiry can be told from
//! the one that took over.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Error, State, text};

const TABLE: &str = "lease";

/// A held lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is held.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Grows with every taking; late writers with an older token must stop.
    pub token: u64,
    /// When it was taken.
    pub since: DateTime<Utc>,
    /// When others may take it, unless it is renewed.
    pub until: DateTime<Utc>,
}

/// A wish to hold a lease.
#[derive(Debug, Clone)]
pub struct Bid {
    /// What to hold.
    pub name: String,
    /// Who wants it; differs between any two that may want it at once.
    pub holder: String,
    /// How long it holds without being renewed.
    pub ttl: TimeDelta,
    /// The token will be larger than this: what was done under a lease may outlive this database.
    pub above: u64,
}

/// What became of a [`Bid`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The lease is held by the bidder.
    Held(Lease),
    /// Somebody else holds it.
    Busy(Lease),
}

impl State {
    /// Takes the lease of `bid` if it is free or expired, or held under token `dead`, whose
    /// holder is known to have ended.
    ///
    /// # Errors
    /// `Write`, `Read`.
    pub async fn take_lease(&self, bid: &Bid, dead: Option<u64>) -> Result<Claim, Error> {
        loop {
            let now = self.clock.now();
            let row = sqlx::query(
                "insert into lease (name, holder, token, since, expires_at)
                 values ($1, $2, $3 + 1, $4, $5)
                 on conflict (name) do update set
                   token = case when lease.token > $3 then lease.token else $3 end + 1,
                   holder = excluded.holder,
                   since = excluded.since,
                   expires_at = excluded.expires_at
                 where lease.expires_at <= $4 or lease.token = $6
                 returning *",
            )
            .bind(&bid.name)
            .bind(&bid.holder)
            .bind(signed(bid.above))
            .bind(text::instant(now))
            .bind(text::instant(now + bid.ttl))
            .bind(dead.map(signed))
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::write(TABLE))?;
            if let Some(row) = row {
                return Ok(Claim::Held(lease(&row)?));
            }
            // Given back between the two statements: try again.
            let holds = self.lease(&bid.name).await?.filter(|lease| lease.until > now);
            if let Some(other) = holds {
                return Ok(Claim::Busy(other));
            }
        }
    }

    /// The lease `name` as it was taken last; it may have expired.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn lease(&self, name: &str) -> Result<Option<Lease>, Error> {
        let row = sqlx::query("select * from lease where name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::read(TABLE))?;
        row.as_ref().map(lease).transpose()
    }

    /// Holds on to `lease` for another `ttl`; false when somebody else took it meanwhile.
    ///
    /// # Errors
    /// `Write`.
    pub async fn renew_lease(&self, lease: &Lease, ttl: TimeDelta) -> Result<bool, Error> {
        let until = self.clock.now() + ttl;
        self.extend(lease, text::instant(until)).await
    }

    /// Gives a lease back, when it is still held.
    ///
    /// # Errors
    /// `Write`.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Error> {
        self.extend(lease, self.now()).await.map(|_| ())
    }

    async fn extend(&self, lease: &Lease, until: String) -> Result<bool, Error> {
        let done = sqlx::query("update lease set expires_at = $1 where name = $2 and token = $3")
            .bind(until)
            .bind(&lease.name)
            .bind(signed(lease.token))
            .execute(&self.pool)
            .await
            .map_err(Error::write(TABLE))?;
        Ok(done.rows_affected() > 0)
    }
}

fn signed(token: u64) -> i64 {
    i64::try_from(token).unwrap_or(i64::MAX)
}

fn lease(row: &SqliteRow) -> Result<Lease, Error> {
    let text = |column| row.try_get::<String, _>(column).map_err(Error::read(TABLE));
    let instant = |column| text::parse_instant(TABLE, &text(column)?);
    let token: i64 = row.try_get("token").map_err(Error::read(TABLE))?;
    let until = instant("expires_at")?;
    // A lease of before this column was kept.
    let since = if text("since")?.is_empty() { until } else { instant("since")? };
    let token = u64::try_from(token).unwrap_or_default();
    Ok(Lease { name: text("name")?, holder: text("holder")?, token, since, until })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use hub_domain::clock::Clock;

    use super::*;
    use crate::tests::noon;

    #[derive(Debug, Clone)]
    struct Hands(Arc<Mutex<DateTime<Utc>>>);

    impl Clock for Hands {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().expect("no holder panics")
        }
    }

    impl Hands {
        fn move_by(&self, seconds: i64) {
            *self.0.lock().expect("no holder panics") += TimeDelta::seconds(seconds);
        }
    }

    async fn open() -> (State, Hands, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite://{}", dir.path().join("state.db").display());
        let hands = Hands(Arc::new(Mutex::new(noon())));
        let state = State::open(&url, Arc::new(hands.clone())).await.expect("opened");
        (state, hands, dir)
    }

    fn bid(holder: &str) -> Bid {
        let (name, holder) = ("nightly".to_owned(), holder.to_owned());
        Bid { name, holder, ttl: TimeDelta::seconds(60), above: 0 }
    }

    async fn take(state: &State, holder: &str) -> Claim {
        state.take_lease(&bid(holder), None).await.expect("asked")
    }

    fn held(claim: Claim) -> Lease {
        match claim {
            Claim::Held(lease) => lease,
            Claim::Busy(lease) => panic!("held by {}", lease.holder),
        }
    }

    #[tokio::test]
    async fn one_holder_at_a_time_and_tokens_grow() {
        let (state, hands, _dir) = open().await;
        let a = held(take(&state, "a").await);
        hands.move_by(10);
        let Claim::Busy(told) = take(&state, "b").await else { panic!("two holders") };
        assert_eq!(told, a, "the other is told who holds it since when and until when");
        state.release_lease(&a).await.expect("released");
        let b = held(take(&state, "b").await);
        assert!(b.token > a.token);
        // Even the same holder gets a new token: an old run of it must be told apart.
        state.release_lease(&b).await.expect("released");
        assert!(held(take(&state, "b").await).token > b.token);
    }

    #[tokio::test]
    async fn an_expired_lease_is_taken_over_and_cannot_be_renewed_after() {
        let (state, hands, _dir) = open().await;
        let minute = TimeDelta::seconds(60);
        let a = held(take(&state, "a").await);
        hands.move_by(59);
        assert!(matches!(take(&state, "b").await, Claim::Busy(_)));
        assert!(state.renew_lease(&a, minute).await.expect("renewed"));
        hands.move_by(59);
        assert!(matches!(take(&state, "b").await, Claim::Busy(_)));
        hands.move_by(1);
        let b = held(take(&state, "b").await);
        assert!(b.token > a.token);
        assert!(!state.renew_lease(&a, minute).await.expect("asked"));
        state.release_lease(&a).await.expect("no harm");
        assert!(matches!(take(&state, "c").await, Claim::Busy(lease) if lease == b));
    }

    #[tokio::test]
    async fn a_dead_holder_is_taken_over_at_once_but_only_the_one_known_dead() {
        let (state, _hands, _dir) = open().await;
        let a = held(take(&state, "a").await);
        let b = state.take_lease(&bid("b"), Some(a.token)).await.expect("asked");
        assert_eq!(held(b).token, a.token + 1);
        let c = state.take_lease(&bid("c"), Some(a.token)).await.expect("asked");
        assert!(matches!(c, Claim::Busy(lease) if lease.holder == "b"));
    }

    #[tokio::test]
    async fn tokens_stay_above_what_was_done_under_older_ones() {
        let (state, _hands, _dir) = open().await;
        let bid = Bid { above: 41, ..bid("a") };
        let first = held(state.take_lease(&bid, None).await.expect("asked"));
        assert_eq!(first.token, 42);
        state.release_lease(&first).await.expect("released");
        assert_eq!(held(state.take_lease(&bid, None).await.expect("asked")).token, 43);
    }
}
