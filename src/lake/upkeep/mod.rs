//! Keeping the lake small: compaction, expiry of snapshots, removal of files nobody reads.
//!
//! Nothing here changes what a kept snapshot answers. Every step may be killed at any moment and
//! run again; files leave only when no kept version names them, and only after a grace in which
//! readers that still hold an older version come to their end. Logs are never shortened: they are
//! what tells an unreferenced file from an orphan, and what watermarks are read from.

mod compact;
mod expire;
mod history;
mod leftovers;
mod redact;
mod remove;
mod sweep;
mod waiting;

use chrono::TimeDelta;
use futures::TryStreamExt;

pub use compact::Compacted;
pub use expire::{Retention, plan as plan_expiry};
pub use remove::{Removed, RowMatch};
pub use sweep::Swept;

use crate::publish::object_error;
use crate::{Contracts, Lake, LakeError, TableId};

/// How long a file stays on disk after the last kept version let go of it, unless told otherwise.
pub const GRACE: TimeDelta = TimeDelta::hours(24);

/// Which of the three an upkeep does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Small files become large ones.
    pub compact: bool,
    /// Snapshots expire, and files only they named leave.
    pub vacuum: bool,
    /// Files no commit ever named leave.
    pub orphans: bool,
}

impl Parts {
    /// All three.
    pub const ALL: Self = Self { compact: true, vacuum: true, orphans: true };
}

/// What an upkeep is asked for.
#[derive(Debug, Clone)]
pub struct UpkeepRequest<'a> {
    /// What it does.
    pub parts: Parts,
    /// How long snapshots are kept; none: they stay.
    pub retention: Option<Retention>,
    /// How long unreferenced files stay.
    pub grace: TimeDelta,
    /// Order of rows in hub tables.
    pub contracts: &'a Contracts,
    /// Only tells what it would do.
    pub dry_run: bool,
}

/// What an upkeep did to one table.
#[derive(Debug, Default)]
pub struct TableUpkeep {
    /// Snapshot key of the table.
    pub table: String,
    /// What compaction did; none when there was nothing to do.
    pub compacted: Option<Compacted>,
    /// What was found and removed on disk.
    pub swept: Option<Swept>,
    /// What went wrong; the table is as it was.
    pub failed: Option<LakeError>,
}

/// What an upkeep did.
#[derive(Debug, Default)]
pub struct UpkeepReport {
    /// Snapshots that expired, oldest first.
    pub expired: Vec<u64>,
    /// Leftovers of interrupted uploads removed, which belong to no table.
    pub leftovers: u64,
    /// Every table on disk, in key order.
    pub tables: Vec<TableUpkeep>,
}

impl UpkeepReport {
    /// The first failure, when there was one.
    #[must_use]
    pub fn failure(&self) -> Option<&LakeError> {
        self.tables.iter().find_map(|table| table.failed.as_ref())
    }

    /// Bytes of files removed.
    #[must_use]
    pub fn bytes_freed(&self) -> u64 {
        self.tables.iter().filter_map(|table| table.swept.as_ref()).map(|s| s.bytes_freed).sum()
    }
}

impl Lake {
    /// Does what `request` asks for, table by table. A table that fails is told in the report and
    /// does not keep the others waiting.
    ///
    /// # Errors
    /// Snapshots or the list of tables cannot be read or changed.
    pub async fn upkeep(&self, request: &UpkeepRequest<'_>) -> Result<UpkeepReport, LakeError> {
        let mut report = UpkeepReport::default();
        let mut kept = self.snapshots().await?;
        if let Some(retention) = request.retention.filter(|_| request.parts.vacuum) {
            let oldest = plan_expiry(&kept, self.now(), retention);
            report.expired = kept.iter().map(|s| s.id).filter(|id| *id < oldest).collect();
            kept.retain(|snapshot| snapshot.id >= oldest);
            if !request.dry_run {
                self.may_write().await?;
                self.expire(&report.expired).await?;
                self.forget_definitions(&kept).await?;
            }
        }
        let mut waiting = self.waiting().await?;
        for id in self.tables().await? {
            let mut table = TableUpkeep { table: id.key(), ..TableUpkeep::default() };
            let known = waiting.of(&id);
            if !request.dry_run {
                self.may_write().await?;
            }
            let done = self.upkeep_table(request, &id, &kept, known, &mut table).await;
            match done {
                Ok(still) => waiting.set(&id, still),
                Err(error) => table.failed = Some(error),
            }
            report.tables.push(table);
        }
        if !request.dry_run {
            self.keep_waiting(&waiting).await?;
        }
        if request.parts.orphans && !request.dry_run {
            report.leftovers = leftovers::remove(self, request.grace).await?;
        }
        Ok(report)
    }

    async fn upkeep_table(
        &self,
        request: &UpkeepRequest<'_>,
        id: &TableId,
        kept: &[hub_domain::snapshot::Snapshot],
        known: waiting::Files,
        told: &mut TableUpkeep,
    ) -> Result<waiting::Files, LakeError> {
        if request.parts.compact {
            told.compacted = self.compact(id, request.contracts, request.dry_run).await?;
        }
        if !request.parts.vacuum && !request.parts.orphans {
            return Ok(known);
        }
        let versions = kept.iter().filter_map(|snapshot| snapshot.tables.get(&id.key()).copied());
        let sweep = sweep::Sweep {
            lake: self,
            id,
            versions: versions.collect(),
            parts: request.parts,
            grace: request.grace,
            dry_run: request.dry_run,
        };
        let (swept, still) = sweep.run(known).await?;
        told.swept = Some(swept);
        Ok(still)
    }

    /// Every table that has a folder, in key order.
    ///
    /// # Errors
    /// The folders cannot be listed.
    pub async fn tables(&self) -> Result<Vec<TableId>, LakeError> {
        let mut found = Vec::new();
        for folder in [TableId::hub("x"), TableId::raw("x", "x")] {
            let path = folder.path();
            let above = object_store::path::Path::from_iter(path.parts().take(1));
            let listed = self.place().store.list_with_delimiter(Some(&above)).await;
            let listed = listed.map_err(|source| object_error(&above, "listed", source))?;
            found.extend(listed.common_prefixes.iter().filter_map(TableId::at));
        }
        found.sort_by_key(TableId::key);
        Ok(found)
    }

    /// Objects below `folder` as text relative to it, with size and age stamp.
    async fn objects(
        &self,
        folder: &object_store::path::Path,
    ) -> Result<Vec<object_store::ObjectMeta>, LakeError> {
        let listed = self.place().store.list(Some(folder));
        listed.try_collect().await.map_err(|source| object_error(folder, "listed", source))
    }
}
