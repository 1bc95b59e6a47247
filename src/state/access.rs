//! Who saw what. Accesses are written in groups: one commit serves every request that waited for
//! it, and no answer leaves before its access is stored.

use async_trait::async_trait;
use hub_domain::clock::SharedClock;
use hub_domain::ports::{Access, AccessLog};
use hub_domain::principal::Principal;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use crate::{Error, State, text};

const TABLE: &str = "access";
/// Most accesses in one commit.
const GROUP: usize = 256;

struct Entry {
    principal: Principal,
    access: Access,
    done: oneshot::Sender<bool>,
}

/// Handle of the background writer; it ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Entry>);

impl Writer {
    pub(crate) fn start(pool: SqlitePool, clock: SharedClock) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Entry>(1_024);
        tokio::spawn(async move {
            let mut group = Vec::with_capacity(GROUP);
            while receiver.recv_many(&mut group, GROUP).await > 0 {
                let stored = write(&pool, &text::instant(clock.now()), &group).await;
                if let Err(error) = &stored {
                    tracing::error!(error = %error, "accesses were not stored");
                }
                for entry in group.drain(..) {
                    // The asker may have gone; its access is stored all the same.
                    let _ = entry.done.send(stored.is_ok());
                }
            }
        });
        Self(sender)
    }
}

async fn write(pool: &SqlitePool, now: &str, group: &[Entry]) -> Result<(), Error> {
    let mut tx = pool.begin().await.map_err(Error::write(TABLE))?;
    for Entry { principal, access, .. } in group {
        sqlx::query(
            "insert into access
               (at, user_name, role, operation, purpose, person_count, query_hash)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(now)
        .bind(&principal.user)
        .bind(principal.role.name())
        .bind(&access.operation)
        .bind(&access.purpose)
        .bind(i64::try_from(access.person_count).unwrap_or(i64::MAX))
        .bind(&access.query_hash)
        .execute(&mut *tx)
        .await
        .map_err(Error::write(TABLE))?;
    }
    tx.commit().await.map_err(Error::write(TABLE))
}

#[async_trait]
impl AccessLog for State {
    async fn record(&self, principal: &Principal, access: Access) -> Result<(), hub_domain::Error> {
        let (done, stored) = oneshot::channel();
        let entry = Entry { principal: principal.clone(), access, done };
        self.access.0.send(entry).await.map_err(|_| Error::AccessLogClosed)?;
        match stored.await {
            Ok(true) => Ok(()),
            _ => Err(Error::AccessLogClosed.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::tests::open;

    #[tokio::test]
    async fn every_access_is_stored_before_its_answer() {
        let (state, _dir) = open().await;
        let tasks = (0..50).map(|n| {
            let state = state.clone();
            async move {
                let access = Access {
                    operation: "patient".into(),
                    purpose: None,
                    person_count: n,
                    query_hash: None,
                };
                state.record(&Principal::group("g"), access).await
            }
        });
        let mut set = tokio::task::JoinSet::new();
        tasks.for_each(|task| {
            set.spawn(task);
        });
        while let Some(result) = set.join_next().await {
            result.expect("joined").expect("stored");
        }
        let row = sqlx::query("select count(*) as n, sum(person_count) as p from access")
            .fetch_one(&state.pool)
            .await
            .expect("counted");
        assert_eq!(row.get::<i64, _>("n"), 50);
        assert_eq!(row.get::<i64, _>("p"), (0..50).sum::<i64>());
    }
}
