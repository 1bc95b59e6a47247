//! Compaction: small files of one partition become few large ones, the rows stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake_core::table::state::DeltaTableState;

use crate::provider::LakeTable;
use crate::write::{FILE_BYTES, SortKey};
use crate::{Contracts, Lake, LakeError, TableId, Txn, WriteMode, WriteSpec};

/// Files smaller than this are worth joining.
const SMALL: u64 = (FILE_BYTES / 4) as u64;
/// So many small files of a partition are waited for: joining two every night would write the
/// same rows again and again.
const ENOUGH: usize = 8;
/// Times a rival may replace the chosen files before compaction leaves the table alone.
const ATTEMPTS: u32 = 3;

/// What compaction did to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Files of the newest version before.
    pub files_before: usize,
    /// Files after.
    pub files_after: usize,
    /// Version that has them; none in a dry run.
    pub version: Option<u64>,
}

/// One file of a table, as far as compaction looks at it.
struct Small {
    at: i64,
    path: String,
}

impl Lake {
    /// Joins the small files of a table's newest version; none when there are too few.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub async fn compact(
        &self,
        id: &TableId,
        contracts: &Contracts,
        dry_run: bool,
    ) -> Result<Option<Compacted>, LakeError> {
        for _ in 0..ATTEMPTS {
            match self.compact_once(id, contracts, dry_run).await {
                Err(LakeError::Overtaken { .. }) => {}
                other => return other,
            }
        }
        // A table that is being rewritten all the time has nothing to gain.
        Ok(None)
    }

    async fn compact_once(
        &self,
        id: &TableId,
        contracts: &Contracts,
        dry_run: bool,
    ) -> Result<Option<Compacted>, LakeError> {
        let handle = self.table(id);
        let Some(state) = handle.state(None).await? else { return Ok(None) };
        let Some(sort) = order(id, contracts) else { return Ok(None) };
        let (small, partitions) = small_files(&state);
        if small.is_empty() {
            return Ok(None);
        }
        let files_before = state.log_data().num_files();
        if dry_run {
            let files_after = files_before - small.len() + partitions;
            return Ok(Some(Compacted { files_before, files_after, version: None }));
        }
        let version = state.version();
        let table = LakeTable::load(self, id, version).await?.only(self, &small);
        let mode =
            WriteMode::ReplaceFiles { paths: small.into_iter().collect(), same_content: true };
        let app_id = format!("compact:{}", id.key());
        let known = handle.txn_version(&state, &app_id).await?;
        let txn = Txn { app_id, version: next_txn(version, known) };
        let mut spec = WriteSpec::new(table.schema(), mode, txn);
        spec.partition_by = state.metadata().partition_columns().first().cloned();
        spec.sort = sort;
        let rows = rows(&id.key(), table).await?;
        let done = handle.write(spec, rows).await?;
        if done.skipped {
            return Err(LakeError::Overtaken { table: id.key() });
        }
        let after = handle.state(Some(done.version)).await?;
        let files_after = after.map_or(0, |state| state.log_data().num_files());
        Ok(Some(Compacted { files_before, files_after, version: Some(done.version) }))
    }
}

/// A number above every version and transaction so far.
pub(super) fn next_txn(version: u64, known: Option<i64>) -> i64 {
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    known.map_or(version, |known| known.max(version)).saturating_add(1)
}

/// Order of rows in the files of a table; none when nobody says any more.
pub(super) fn order(id: &TableId, contracts: &Contracts) -> Option<Vec<SortKey>> {
    match id {
        TableId::Raw { .. } => Some(Vec::new()),
        TableId::Hub(name) => {
            let contract = contracts.table(name)?;
            Some(contract.sort.iter().filter_map(|entry| SortKey::parse(entry)).collect())
        }
    }
}

/// All rows of `table`, file by file.
pub(super) async fn rows(
    name: &str,
    table: LakeTable,
) -> Result<SendableRecordBatchStream, LakeError> {
    let failed = |error| LakeError::rows(name, "read", error);
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config(config);
    let frame = context.read_table(Arc::new(table)).map_err(failed)?;
    frame.execute_stream().await.map_err(failed)
}

/// Paths of the files to join, oldest first, and how many partitions they lie in.
fn small_files(state: &DeltaTableState) -> (Vec<String>, usize) {
    let mut partitions: BTreeMap<Vec<Option<String>>, Vec<Small>> = BTreeMap::new();
    for file in state.log_data().iter() {
        if u64::try_from(file.size()).unwrap_or_default() >= SMALL {
            continue;
        }
        let mut values: Vec<_> = file.partition_values_map().into_iter().collect();
        values.sort();
        let key = values.into_iter().map(|(_, value)| value).collect();
        let (at, path) = (file.modification_time(), file.object_store_path().to_string());
        partitions.entry(key).or_default().push(Small { at, path });
    }
    partitions.retain(|_, files| files.len() >= ENOUGH);
    let count = partitions.len();
    let mut chosen: Vec<Small> = partitions.into_values().flatten().collect();
    chosen.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    let paths: BTreeSet<&str> = chosen.iter().map(|file| file.path.as_str()).collect();
    debug_assert_eq!(paths.len(), chosen.len(), "a file is in a version once");
    (chosen.into_iter().map(|file| file.path).collect(), count)
}
