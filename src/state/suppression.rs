//! Keyed hashes of rows that must not come back after an erasure.

use std::collections::HashSet;

use sqlx::Row;

use crate::{Error, State};

const TABLE: &str = "suppression";

impl State {
    /// Every hash.
    ///
    /// # Errors
    /// `Read`.
    pub async fn suppressed(&self) -> Result<HashSet<String>, Error> {
        let rows = sqlx::query("select digest from suppression")
            .fetch_all(&self.pool)
            .await
            .map_err(Error::read(TABLE))?;
        rows.iter().map(|row| row.try_get("digest").map_err(Error::read(TABLE))).collect()
    }

    /// Adds `digests`, all or none of them.
    ///
    /// # Errors
    /// `Write`.
    pub async fn suppress(&self, digests: &[String]) -> Result<(), Error> {
        let now = self.now();
        let mut tx = self.pool.begin().await.map_err(Error::write(TABLE))?;
        for digest in digests {
            sqlx::query(
                "insert into suppression (digest, since) values ($1, $2)
                 on conflict (digest) do nothing",
            )
            .bind(digest)
            .bind(&now)
            .execute(&mut *tx)
            .await
            .map_err(Error::write(TABLE))?;
        }
        tx.commit().await.map_err(Error::write(TABLE))
    }

    /// Takes `digests` away, all or none of them.
    ///
    /// # Errors
    /// `Write`.
    pub async fn release(&self, digests: &[String]) -> Result<(), Error> {
        let mut tx = self.pool.begin().await.map_err(Error::write(TABLE))?;
        for digest in digests {
            sqlx::query("delete from suppression where digest = $1")
                .bind(digest)
                .execute(&mut *tx)
                .await
                .map_err(Error::write(TABLE))?;
        }
        tx.commit().await.map_err(Error::write(TABLE))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::open;

    #[tokio::test]
    async fn hashes_are_kept_once() {
        let (state, _dir) = open().await;
        assert!(state.suppressed().await.expect("read").is_empty());
        state.suppress(&["a".into(), "b".into()]).await.expect("kept");
        state.suppress(&["b".into(), "c".into()]).await.expect("kept");
        let found = state.suppressed().await.expect("read");
        assert_eq!(found, ["a", "b", "c"].map(String::from).into());
        state.release(&["b".into(), "z".into()]).await.expect("released");
        assert_eq!(state.suppressed().await.expect("read"), ["a", "c"].map(String::from).into());
    }
}
