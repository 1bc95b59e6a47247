//! The commit loop: load, look for the transaction, commit on exactly what was loaded, or reload.

use std::collections::HashMap;
use std::time::Duration;

use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Transaction};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::state::DeltaTableState;
use object_store::path::Path;
use uuid::Uuid;

use super::files::{DataFile, FILE_BYTES, FileWriter};
use super::{WriteMode, WriteOutcome, WriteSpec, Written, actions, sort};
use crate::damage::LINES;
use crate::table::DeltaTableHandle;
use crate::{LakeError, durable};

/// Commits between checkpoints, as Delta counts them.
const CHECKPOINT_EVERY: u64 = 100;
/// Attempts before giving up against rival writers.
const ATTEMPTS: u32 = 15;

/// Writes `rows` to the table of `handle`, once.
pub(crate) async fn write(
    handle: &DeltaTableHandle,
    spec: &WriteSpec,
    rows: SendableRecordBatchStream,
) -> Result<WriteOutcome, LakeError> {
    check(handle, spec)?;
    let mut state = handle.state(None).await?;
    if let Some(outcome) = already_done(handle, state.as_ref(), spec).await? {
        return Ok(outcome);
    }
    let table = handle.path().to_string();
    let partition = spec.partition_by.as_deref();
    let rows = sort::sorted(handle.lake().sort_runtime(), rows, partition, &spec.sort)
        .map_err(|error| LakeError::rows(&table, "sorted", error))?;
    let store = handle.log_store().object_store(None);
    let files = FileWriter::new(&table, store, spec)?.write_all(rows).await?;
    check_months(handle, spec, &files)?;
    sync_files(handle, &files).await?;
    for attempt in 0..ATTEMPTS {
        match commit_on(handle, state.as_ref(), spec, &files).await {
            Ok(version) => {
                return Ok(written(version, &files));
            }
            Err(lost) if is_rival(&lost) => pause(attempt).await,
            Err(error) => return acknowledge(handle, spec, &files, error).await,
        }
        state = handle.state(None).await?;
        if let Some(outcome) = already_done(handle, state.as_ref(), spec).await? {
            return Ok(outcome);
        }
    }
    Err(LakeError::Contended { table, attempts: ATTEMPTS })
}

/// What `files` amount to.
fn amount(files: &[DataFile]) -> Written {
    let rows = files.iter().map(|file| file.rows).sum();
    let bytes = files.iter().map(|file| file.size).sum();
    Written { rows, bytes, files: files.len() as u64 }
}

/// What committing `files` as `version` did.
fn written(version: u64, files: &[DataFile]) -> WriteOutcome {
    WriteOutcome { version, rows: amount(files).rows, skipped: false }
}

fn check(handle: &DeltaTableHandle, spec: &WriteSpec) -> Result<(), LakeError> {
    let bad =
        |reason: String| Err(LakeError::BadWrite { table: handle.path().to_string(), reason });
    if let Some(key) = spec.metadata.keys().find(|key| !key.starts_with("clinichub.")) {
        return bad(format!("metadata key `{key}` does not start with `clinichub.`"));
    }
    let named = spec.sort.iter().map(|key| &key.column).chain(&spec.partition_by);
    for column in named {
        if spec.schema.index_of(column).is_err() {
            return bad(format!("no column `{column}` to lay the files out by"));
        }
    }
    if matches!(spec.mode, WriteMode::ReplaceMonths(_)) && spec.partition_by.is_none() {
        return bad("months can be replaced only in a table partitioned by month".to_owned());
    }
    Ok(())
}

fn check_months(
    handle: &DeltaTableHandle,
    spec: &WriteSpec,
    files: &[DataFile],
) -> Result<(), LakeError> {
    let WriteMode::ReplaceMonths(months) = &spec.mode else { return Ok(()) };
    let inside = |file: &DataFile| {
        file.partition.as_ref().and_then(Option::as_ref).is_some_and(|month| months.contains(month))
    };
    if files.iter().all(inside) {
        return Ok(());
    }
    let reason = format!("it replaces {months:?} and holds rows of other months");
    Err(LakeError::BadWrite { table: handle.path().to_string(), reason })
}

async fn already_done(
    handle: &DeltaTableHandle,
    state: Option<&DeltaTableState>,
    spec: &WriteSpec,
) -> Result<Option<WriteOutcome>, LakeError> {
    let Some(state) = state else { return Ok(None) };
    let known = handle.txn_version(state, &spec.txn.app_id).await?;
    let done = known.is_some_and(|known| known >= spec.txn.version);
    Ok(done.then(|| WriteOutcome::known(state.version())))
}

async fn commit_on(
    handle: &DeltaTableHandle,
    state: Option<&DeltaTableState>,
    spec: &WriteSpec,
    files: &[DataFile],
) -> Result<u64, DeltaTableError> {
    let table = handle.path().to_string();
    let now = handle.lake().now_millis();
    let other = |error: LakeError| DeltaTableError::GenericError { source: Box::new(error) };
    handle.lake().may_write().await.map_err(other)?;
    let mut list: Vec<Action> = match state {
        None => actions::create(&table, spec, now).map_err(other)?,
        Some(state) => {
            let mut list: Vec<Action> =
                actions::evolve(&table, state, spec).map_err(other)?.into_iter().collect();
            list.extend(actions::removes(&table, state, spec).map_err(other)?);
            list
        }
    };
    list.extend(actions::adds(spec, files, now));
    let mut metadata = spec.whole_metadata(amount(files));
    if let Some(state) = state.filter(|_| !spec.mode.changes_data()) {
        metadata.extend(handle.inherited_metadata(state.version()).await.map_err(other)?);
    }
    let token = handle.lake().lease_token();
    metadata.insert("clinichub.lease_token".to_owned(), token.to_string());
    let mut metadata: HashMap<String, serde_json::Value> =
        metadata.into_iter().map(|(key, value)| (key, value.into())).collect();
    // And the transaction, and what says all this.
    metadata.insert(LINES.to_owned(), (list.len() + 2).into());
    let txn = Transaction::new_with_last_update(&spec.txn.app_id, spec.txn.version, Some(now));
    let properties = CommitProperties::default()
        .with_metadata(metadata)
        .with_application_transaction(txn)
        // One try on the loaded version: a rival's commit is answered by reloading.
        .with_max_retries(0)
        // Old versions are what published snapshots point at.
        .with_cleanup_expired_logs(Some(false));
    let operation = operation(spec);
    let read = state.map(|state| state as &dyn deltalake_core::kernel::transaction::TableReference);
    let commit = CommitBuilder::from(properties).with_actions(list);
    let prepared = commit.build(read, handle.log_store().clone(), operation);
    let done = prepared.into_prepared_commit_future().await?.await?;
    let version = done.version;
    if (version + 1).is_multiple_of(CHECKPOINT_EVERY) {
        // Only this needs the work Delta does after a commit, which replays the log.
        done.await?;
    }
    Ok(version)
}

/// What the commit calls itself.
fn operation(spec: &WriteSpec) -> DeltaOperation {
    let mode = match spec.mode {
        WriteMode::ReplaceFiles { same_content: true, .. } => {
            let target_size = i64::try_from(FILE_BYTES).unwrap_or(i64::MAX);
            return DeltaOperation::Optimize { predicate: None, target_size };
        }
        WriteMode::ReplaceFiles { same_content: false, .. } => {
            return DeltaOperation::Delete { predicate: None };
        }
        WriteMode::Append => SaveMode::Append,
        WriteMode::Overwrite | WriteMode::ReplaceMonths(_) => SaveMode::Overwrite,
    };
    let partition_by = spec.partition_by.clone().map(|column| vec![column]);
    DeltaOperation::Write { mode, partition_by, predicate: None }
}

/// Whether another writer took the version this attempt wanted.
fn is_rival(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_)
                    | TransactionError::VersionAlreadyExists(_)
                    | TransactionError::CommitConflict(_)
            }
    )
}

/// A commit that failed for another reason may still have happened: the acknowledgement was
/// lost, or the work after it failed. The log knows.
async fn acknowledge(
    handle: &DeltaTableHandle,
    spec: &WriteSpec,
    files: &[DataFile],
    error: DeltaTableError,
) -> Result<WriteOutcome, LakeError> {
    if let DeltaTableError::GenericError { source } = error {
        return match source.downcast::<LakeError>() {
            Ok(own) => Err(*own),
            Err(source) => Err(LakeError::Commit {
                table: handle.path().to_string(),
                source: Box::new(DeltaTableError::GenericError { source }),
            }),
        };
    }
    let state = handle.state(None).await?;
    match already_done(handle, state.as_ref(), spec).await? {
        Some(done) => {
            // Others may have written since.
            let version = handle.version_of(&spec.txn).await?.unwrap_or(done.version);
            Ok(written(version, files))
        }
        None => {
            Err(LakeError::Commit { table: handle.path().to_string(), source: Box::new(error) })
        }
    }
}

/// Waits longer after every loss, by chance up to twice as long: rivals that lost together do not
/// meet again.
async fn pause(attempt: u32) {
    let base = 8_u64 << attempt.min(7);
    let jitter = base * u64::from(Uuid::new_v4().as_bytes()[0]) / 256;
    tokio::time::sleep(Duration::from_millis(base + jitter)).await;
}

async fn sync_files(handle: &DeltaTableHandle, files: &[DataFile]) -> Result<(), LakeError> {
    let below = |path: &Path| Path::from_iter(handle.path().parts().chain(path.parts()));
    let objects = files.iter().map(|file| below(&file.path)).collect();
    durable::sync(handle.lake().place(), objects).await
}
