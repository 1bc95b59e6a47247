//! What a raw table holds already: its watermark, its quarantine, its current keys.
//!
//! Reads through the lake's provider only; writes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, ident};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use hub_domain::run::TableLoad;
use hub_lake::{DeltaTableHandle, Lake, TableId, Txn};

use super::cell::Value;
use super::error::{Cause, Told};
use super::keys::{KeyHash, KeySet, hash_key, landed_value};
use super::reject::Reject;
use super::schema::{Described, TableSpec};
use super::sealed::Sealer;

/// Commit metadata that holds the [`TableLoad`] of the commit as JSON.
pub const LOAD_METADATA: &str = "clinichub.load";

/// Commit metadata that holds the source's columns as JSON.
pub(super) const COLUMNS_METADATA: &str = "clinichub.columns";

/// A raw table at one version.
pub(super) struct Landed {
    lake: Lake,
    id: TableId,
    /// Its newest version.
    pub(super) version: u64,
}

/// The values of a key, in the order of the key.
pub(super) type Key = Vec<Option<Value<'static>>>;

impl Landed {
    /// The table as it is now; none when nothing was landed yet.
    pub(super) async fn open(lake: &Lake, id: TableId) -> Result<Option<Self>, Cause> {
        let version = lake.table(&id).version().await?;
        Ok(version.map(|version| Self { lake: lake.clone(), id, version }))
    }

    /// The table as it was at `version`.
    pub(super) fn at(lake: &Lake, id: TableId, version: u64) -> Self {
        Self { lake: lake.clone(), id, version }
    }

    /// The newest load, searched back past commits that loaded nothing.
    pub(super) async fn last_load(&self) -> Result<Option<TableLoad>, Cause> {
        let text = self.newest(LOAD_METADATA).await?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// The source's columns as the newest load found them; none when no load kept them.
    pub(super) async fn described(&self) -> Result<Option<Vec<Described>>, Cause> {
        let text = self.newest(COLUMNS_METADATA).await?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// The newest commit's entry of that name.
    async fn newest(&self, entry: &str) -> Result<Option<String>, Cause> {
        let handle = self.lake.table(&self.id);
        for version in (0..=self.version).rev() {
            if let Some(text) = handle.commit_metadata(version).await?.remove(entry) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Its columns.
    pub(super) async fn schema(&self) -> Result<SchemaRef, Cause> {
        Ok(self.lake.provider(&self.id, self.version).await?.schema())
    }

    /// Whether rows of `schema` can be appended: every column it shares with the table has the
    /// same type.
    pub(super) async fn fits(&self, schema: &SchemaRef) -> Result<bool, Cause> {
        let held = self.lake.provider(&self.id, self.version).await?.schema();
        let same = |field: &std::sync::Arc<arrow::datatypes::Field>| {
            held.field_with_name(field.name()).is_ok_and(|h| h.data_type() == field.data_type())
        };
        Ok(schema.fields().iter().all(same) && held.fields().len() == schema.fields().len())
    }

    /// Every row in quarantine, with how often; what `sealer`'s present key did not seal has no
    /// content to compare.
    pub(super) async fn rejects(
        &self,
        sealer: Option<&Sealer>,
    ) -> Result<HashMap<Reject, u64>, Cause> {
        let names =
            ["_reject_reason", "_recovered", "_reject_column", "_reject_key", "_reject_sealed"];
        let filter = ident("_reject_reason").is_not_null().or(ident("_recovered").is_not_null());
        let (mut rejects, mut recovered) = (HashMap::new(), Vec::new());
        self.scan(&names, filter, |batch| {
            let texts = texts(batch)?;
            for row in 0..batch.num_rows() {
                let [reason, again, column, key, sealed] =
                    std::array::from_fn(|index| text_at(texts[index], row));
                let ours = sealer.is_some_and(|sealer| sealer.sealed_by_present_key(sealed));
                let sealed = if ours { sealed } else { "" };
                let landed = if reason.is_empty() { again } else { reason };
                let reject = Reject {
                    reason: landed.to_owned(),
                    column: column.to_owned(),
                    key: key.to_owned(),
                    sealed: sealed.to_owned(),
                };
                if reason.is_empty() {
                    recovered.push(reject);
                } else {
                    *rejects.entry(reject).or_default() += 1;
                }
            }
            Ok(())
        })
        .await?;
        for reject in &recovered {
            reject.take_known(&mut rejects);
        }
        Ok(rejects)
    }

    /// Keys whose current row is not deleted and that are not among `present`; `current` is told
    /// key and sequence of every row that is present and not deleted.
    pub(super) async fn gone(
        &self,
        spec: &TableSpec,
        present: impl Fn(KeyHash) -> bool,
        mut current: impl FnMut(KeyHash, i64),
    ) -> Result<Vec<Key>, Cause> {
        // Only keys that may be gone are kept: few, whatever the size of the table.
        let mut absent: HashMap<KeyHash, (i64, bool, Key)> = HashMap::new();
        let filter = ident("_reject_reason").is_null();
        self.each_key(spec, filter, |hash, sequence, deleted, values| {
            if present(hash) {
                if !deleted {
                    current(hash, sequence);
                }
            } else if absent.get(&hash).is_none_or(|known| known.0 < sequence) {
                let owned = values.into_iter().map(|v| v.map(Value::into_owned)).collect();
                absent.insert(hash, (sequence, deleted, owned));
            }
        })
        .await?;
        let mut absent: Vec<_> =
            absent.into_iter().filter(|(_, (_, deleted, _))| !deleted).collect();
        // In an order of its own, so that a rerun writes the same file.
        absent.sort_by_key(|(hash, _)| *hash);
        Ok(absent.into_iter().map(|(_, (_, _, key))| key).collect())
    }

    /// Keys that have a tombstone, with the sequence of its newest.
    pub(super) async fn buried(&self, spec: &TableSpec) -> Result<HashMap<KeyHash, i64>, Cause> {
        let mut buried: HashMap<KeyHash, i64> = HashMap::new();
        let filter = ident("_reject_reason").is_null().and(ident("_deleted"));
        self.each_key(spec, filter, |hash, sequence, _, _| {
            let newest = buried.entry(hash).or_insert(sequence);
            *newest = sequence.max(*newest);
        })
        .await?;
        Ok(buried)
    }

    /// The values of `keys`, in the order of their hashes.
    pub(super) async fn keys_of(
        &self,
        spec: &TableSpec,
        keys: &HashSet<KeyHash>,
    ) -> Result<Vec<Key>, Cause> {
        let mut found: BTreeMap<KeyHash, Key> = BTreeMap::new();
        if !keys.is_empty() {
            let filter = ident("_reject_reason").is_null();
            self.each_key(spec, filter, |hash, _, _, values| {
                if keys.contains(&hash) {
                    let owned = values.into_iter().map(|v| v.map(Value::into_owned));
                    found.entry(hash).or_insert_with(|| owned.collect());
                }
            })
            .await?;
        }
        Ok(found.into_values().collect())
    }

    /// Tells key, sequence and deletion of every row `filter` lets through.
    pub(super) async fn each_key(
        &self,
        spec: &TableSpec,
        filter: Expr,
        mut each: impl FnMut(KeyHash, i64, bool, Vec<Option<Value<'_>>>),
    ) -> Result<(), Cause> {
        let key: Vec<_> = spec.key.iter().map(|index| &spec.columns[*index]).collect();
        let mut names: Vec<&str> = key.iter().map(|column| column.name.as_str()).collect();
        names.extend(["_load_seq", "_deleted"]);
        self.scan(&names, filter, |batch| {
            let wrong = || Told("a `_` column has another type than landed".into());
            let sequences = batch.column(key.len()).as_primitive_opt::<Int64Type>();
            let deleted = batch.column(key.len() + 1).as_boolean_opt();
            let (sequences, deleted) = (sequences.ok_or_else(wrong)?, deleted.ok_or_else(wrong)?);
            for row in 0..batch.num_rows() {
                let mut values = Vec::with_capacity(key.len());
                for (array, column) in batch.columns().iter().zip(&key) {
                    let value = landed_value(array.as_ref(), column.column_type, row);
                    values.push(value.map_err(|what| Told(what.into()))?);
                }
                let hash = hash_key(values.iter().map(Option::as_ref));
                each(hash, sequences.value(row), deleted.value(row), values);
            }
            Ok(())
        })
        .await
    }

    /// Tells every batch of `columns` of the rows `filter` lets through.
    pub(super) async fn scan(
        &self,
        columns: &[&str],
        filter: Expr,
        mut each: impl FnMut(&RecordBatch) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        let provider = self.lake.provider(&self.id, self.version).await?;
        let wanted: Vec<Expr> = columns.iter().map(|name| ident(*name)).collect();
        let frame = SessionContext::new().read_table(provider)?.filter(filter)?.select(wanted)?;
        let mut batches = frame.execute_stream().await?;
        while let Some(batch) = batches.try_next().await? {
            each(&batch)?;
        }
        Ok(())
    }
}

/// The columns of a batch as texts.
pub(super) fn texts(batch: &RecordBatch) -> Result<Vec<&StringArray>, Cause> {
    let column = |array| AsArray::as_string_opt::<i32>(array);
    let texts: Option<Vec<_>> = batch.columns().iter().map(column).collect();
    texts.ok_or_else(|| Told("a `_reject` column is not text".into()).into())
}

/// The text at `row`, empty where there is none.
pub(super) fn text_at(texts: &StringArray, row: usize) -> &str {
    if texts.is_valid(row) { texts.value(row) } else { "" }
}

async fn load_of(handle: &DeltaTableHandle, version: u64) -> Result<Option<TableLoad>, Cause> {
    let metadata = handle.commit_metadata(version).await?;
    match metadata.get(LOAD_METADATA) {
        Some(text) => {
            let load: TableLoad = serde_json::from_str(text)?;
            Ok(Some(TableLoad { version: Some(version), ..load }))
        }
        None => Ok(None),
    }
}

/// The load an application landed under `txn`; none when it landed none.
pub(super) async fn load_under(
    lake: &Lake,
    id: &TableId,
    txn: &Txn,
) -> Result<Option<TableLoad>, Cause> {
    let handle = lake.table(id);
    match handle.version_of(txn).await? {
        Some(version) => load_of(&handle, version).await,
        None => Ok(None),
    }
}

/// Whether the table knows `txn` or a later one of the same application.
pub(super) async fn is_known(lake: &Lake, id: &TableId, txn: &Txn) -> Result<bool, Cause> {
    let known = lake.table(id).known_txn(&txn.app_id).await?;
    Ok(known.is_some_and(|known| known >= txn.version))
}

/// Keys as a set and as a question.
pub(super) fn among<'a>(keys: &'a KeySet, others: &'a KeySet) -> impl Fn(KeyHash) -> bool + 'a {
    move |hash| keys.contains(&hash) || others.contains(&hash)
}
