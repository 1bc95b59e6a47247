//! Removing rows from a table for good: the files that hold them are written again without them.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use super::compact::{next_txn, order, rows};
use crate::provider::LakeTable;
use crate::{Contracts, Lake, LakeError, TableId, Txn, WriteMode, WriteSpec};

/// Times a rival may replace the files that are being rewritten.
const ATTEMPTS: u32 = 5;
/// Commit metadata: how many rows the commit took away for good.
const ERASED_METADATA: &str = "clinichub.erased";

/// Says of every row of a batch whether it is meant; all columns of the table are there.
pub type RowMatch = Arc<dyn Fn(&RecordBatch) -> Result<BooleanArray, ArrowError> + Send + Sync>;

/// What a removal did to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Rows taken away, or that would be.
    pub rows: u64,
    /// Files that held them.
    pub files: usize,
    /// Version without them; none when nothing was written.
    pub version: Option<u64>,
}

impl Lake {
    /// Takes the rows `matches` means out of the newest version of `id`. Older versions keep
    /// their files until those are swept.
    ///
    /// # Errors
    /// The table cannot be read or written, or others replace its files all the time.
    pub async fn remove_rows(
        &self,
        id: &TableId,
        contracts: &Contracts,
        matches: &RowMatch,
        dry_run: bool,
    ) -> Result<Removed, LakeError> {
        for _ in 0..ATTEMPTS {
            match self.remove_once(id, contracts, matches, dry_run).await {
                Err(LakeError::Overtaken { .. }) => {}
                other => return other,
            }
        }
        Err(LakeError::Contended { table: id.key(), attempts: ATTEMPTS })
    }

    async fn remove_once(
        &self,
        id: &TableId,
        contracts: &Contracts,
        matches: &RowMatch,
        dry_run: bool,
    ) -> Result<Removed, LakeError> {
        let handle = self.table(id);
        let Some(state) = handle.state(None).await? else { return Ok(Removed::default()) };
        let version = state.version();
        let table = LakeTable::load(self, id, version).await?;
        let mut removed = Removed::default();
        let mut paths = Vec::new();
        for file in state.log_data().iter() {
            let path = file.object_store_path().to_string();
            let one = table.only(self, std::slice::from_ref(&path));
            let found = count(&id.key(), one, matches).await?;
            if found > 0 {
                removed.rows += found;
                paths.push(path);
            }
        }
        removed.files = paths.len();
        if paths.is_empty() || dry_run {
            return Ok(removed);
        }
        let app_id = format!("erase:{}", id.key());
        let known = handle.txn_version(&state, &app_id).await?;
        let txn = Txn { app_id, version: next_txn(version, known) };
        let rest = without(&id.key(), table.only(self, &paths), matches).await?;
        let mode =
            WriteMode::ReplaceFiles { paths: paths.into_iter().collect(), same_content: false };
        let mut spec = WriteSpec::new(table.schema(), mode, txn)
            .with_metadata(ERASED_METADATA, removed.rows.to_string());
        spec.partition_by = state.metadata().partition_columns().first().cloned();
        spec.sort = order(id, contracts).unwrap_or_default();
        let done = handle.write(spec, rest).await?;
        if done.skipped {
            return Err(LakeError::Overtaken { table: id.key() });
        }
        Ok(Removed { version: Some(done.version), ..removed })
    }

    /// Rows of `id` at `version`, and how many of them `matches` means.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn count_rows(
        &self,
        id: &TableId,
        version: u64,
        matches: &RowMatch,
    ) -> Result<(u64, u64), LakeError> {
        let table = LakeTable::load(self, id, version).await?;
        let all = table.row_count().unwrap_or_default();
        Ok((all, count(&id.key(), table, matches).await?))
    }
}

async fn count(name: &str, table: LakeTable, matches: &RowMatch) -> Result<u64, LakeError> {
    let failed = |error| LakeError::rows(name, "read", error);
    let mut batches = rows(name, table).await?;
    let mut found = 0;
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        let meant = matches(&batch).map_err(|error| LakeError::rows(name, "read", error))?;
        found += meant.true_count() as u64;
    }
    Ok(found)
}

/// The rows of `table` that are not meant.
async fn without(
    name: &str,
    table: LakeTable,
    matches: &RowMatch,
) -> Result<datafusion::execution::SendableRecordBatchStream, LakeError> {
    let (schema, matches) = (table.schema(), Arc::clone(matches));
    let batches = rows(name, table).await?.map(move |batch| {
        let batch = batch?;
        let others = not(&matches(&batch)?)?;
        Ok(filter_record_batch(&batch, &others)?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}
