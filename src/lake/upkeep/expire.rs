//! Which published snapshots are kept, and letting the others go.

use chrono::{DateTime, TimeDelta, Utc};
use hub_domain::snapshot::Snapshot;
use object_store::ObjectStoreExt;

use crate::id::snapshot_path;
use crate::publish::object_error;
use crate::{Lake, LakeError};

/// How long published snapshots are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Younger ones stay.
    pub snapshots: TimeDelta,
    /// So many of the newest stay, however old; at least 1.
    pub keep_last: usize,
}

/// Number of the oldest snapshot that stays. Those kept are always the newest ones without a gap,
/// so that what expired can be told from what never was.
#[must_use]
pub fn plan(published: &[Snapshot], now: DateTime<Utc>, retention: Retention) -> u64 {
    let newest_first = || published.iter().rev();
    let young = |snapshot: &&Snapshot| now - snapshot.published_at < retention.snapshots;
    let last = newest_first().take(retention.keep_last.max(1));
    let oldest = last.chain(newest_first().filter(young)).map(|snapshot| snapshot.id).min();
    let mut oldest = oldest.unwrap_or(0);
    // A rollback serves the tables of an older snapshot: that one stays, and what it refers to.
    for snapshot in newest_first() {
        if let Some(to) = snapshot.rollback_of.filter(|_| snapshot.id >= oldest) {
            oldest = oldest.min(to);
        }
    }
    oldest
}

impl Lake {
    /// Removes the objects of `expired`, in this order: oldest first, so that a stop in between
    /// leaves no gap.
    pub(super) async fn expire(&self, expired: &[u64]) -> Result<(), LakeError> {
        for id in expired {
            self.may_write().await?;
            let path = snapshot_path(*id);
            match self.place().store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(object_error(&path, "deleted", source)),
            }
            self.known_snapshots().remove(id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn night(id: u64, day: u32, rollback_of: Option<u64>) -> Snapshot {
        Snapshot {
            id,
            business_date: chrono::NaiveDate::from_ymd_opt(2026, 10, day).expect("a day"),
            published_at: format!("2026-10-{day:02}T02:30:00Z").parse().expect("an instant"),
            run_id: String::new(),
            tables: BTreeMap::new(),
            definition_hash: String::new(),
            audits: Vec::new(),
            rollback_of,
            lease_token: 0,
        }
    }

    #[test]
    fn the_newest_the_young_and_what_a_rollback_names_stay() {
        let now = "2026-10-21T00:00:00Z".parse().expect("an instant");
        let plain: Vec<Snapshot> = (1..=20).map(|day| night(u64::from(day), day, None)).collect();
        let keep = |days, keep_last| Retention { snapshots: TimeDelta::days(days), keep_last };
        assert_eq!(plan(&plain, now, keep(7, 1)), 14, "14 is 6 days and some hours old");
        assert_eq!(plan(&plain, now, keep(7, 10)), 11);
        assert_eq!(plan(&plain, now, keep(0, 0)), 20, "the newest always stays");
        assert_eq!(plan(&plain, now, keep(400, 1)), 1);
        assert_eq!(plan(&[], now, keep(1, 1)), 0);
        let mut back = plain;
        back[17].rollback_of = Some(12);
        back[11].rollback_of = Some(9);
        assert_eq!(plan(&back, now, keep(4, 1)), 9, "18 serves 12, and 12 serves 9");
        assert_eq!(plan(&back, now, keep(1, 1)), 20, "an expired rollback keeps nothing");
    }
}
