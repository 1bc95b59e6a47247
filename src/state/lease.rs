//! Leases with fencing tokens: at most one holder of a name, taken over after expiry.

use chrono::TimeDelta;
use sqlx::Row;

use crate::{Error, State, text};

const TABLE: &str = "lease";

/// A held lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is held.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Grows with every change of holder; late writers with an older token must stop.
    pub token: i64,
}

impl State {
    /// Takes or renews the lease `name` for `holder`; none while somebody else holds it.
    ///
    /// # Errors
    /// `Write`, `Read`.
    pub async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        ttl: TimeDelta,
    ) -> Result<Option<Lease>, Error> {
        let now = self.clock.now();
        let row = sqlx::query(
            "insert into lease (name, holder, token, expires_at) values ($1, $2, 1, $3)
             on conflict (name) do update set
               token = case when lease.holder = excluded.holder then lease.token
                            else lease.token + 1 end,
               holder = excluded.holder,
               expires_at = excluded.expires_at
             where lease.holder = excluded.holder or lease.expires_at <= $4
             returning token",
        )
        .bind(name)
        .bind(holder)
        .bind(text::instant(now + ttl))
        .bind(text::instant(now))
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        let Some(row) = row else { return Ok(None) };
        let token = row.try_get("token").map_err(Error::read(TABLE))?;
        Ok(Some(Lease { name: name.to_owned(), holder: holder.to_owned(), token }))
    }

    /// Gives a lease back, when it is still held.
    ///
    /// # Errors
    /// `Write`.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Error> {
        sqlx::query("update lease set expires_at = $1 where name = $2 and token = $3")
            .bind(self.now())
            .bind(&lease.name)
            .bind(lease.token)
            .execute(&self.pool)
            .await
            .map_err(Error::write(TABLE))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::open;

    #[tokio::test]
    async fn one_holder_at_a_time_and_tokens_grow() {
        let (state, _dir) = open().await;
        let minute = TimeDelta::seconds(60);
        let a = state.acquire_lease("nightly", "a", minute).await.expect("ok").expect("free");
        assert!(state.acquire_lease("nightly", "b", minute).await.expect("ok").is_none());
        state.release_lease(&a).await.expect("released");
        let b = state.acquire_lease("nightly", "b", minute).await.expect("ok").expect("free");
        assert!(b.token > a.token);
    }
}
