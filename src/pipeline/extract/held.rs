//! The current rows of a raw table inside ranges: which keys they have and a hash of what they
//! hold. Enough to leave out a row that was landed just so before, and to find keys whose rows
//! are gone.
//!
//! Holds 48 bytes per row, never a value. Memory is that of the ranges, not of the table.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::scalar::ScalarValue;
use hub_domain::contract::ColumnType;

use super::error::{Cause, Told};
use super::keys::{KeyHash, hash_key, landed_value};
use super::landed::Landed;
use super::schema::TableSpec;
use super::selection::{At, Range};
use super::watermark;

struct HeldRow {
    sequence: i64,
    content: u128,
    /// Whether the source marks it as deleted.
    deleted: bool,
    /// Whether it lies in a window whose vanished rows are deleted ones.
    window: bool,
}

/// Current rows by key.
#[derive(Default)]
pub(super) struct Held {
    rows: HashMap<KeyHash, HeldRow>,
}

impl Held {
    /// Reads the current rows of `ranges`; those of `windows`, which are among them, are marked.
    pub(super) async fn read(
        prior: &Landed,
        spec: &TableSpec,
        ranges: &[Range],
        windows: &[Range],
    ) -> Result<Self, Cause> {
        let mut held = Self::default();
        let Some(inside) = ranges.iter().filter_map(|r| expression(spec, r)).reduce(Expr::or)
        else {
            return Ok(held);
        };
        let filter = ident("_reject_reason").is_null().and(inside);
        let mut names: Vec<&str> = spec.columns.iter().map(|c| c.name.as_str()).collect();
        names.extend(["_load_seq", "_deleted"]);
        prior.scan(&names, filter, |batch| held.take(spec, windows, batch)).await?;
        let Some(oldest) = held.rows.values().map(|row| row.sequence).min() else {
            return Ok(held);
        };
        // A row may have left the ranges, or its table, since: then it is not current here.
        let later = ident("_reject_reason").is_null().and(ident("_load_seq").gt(lit(oldest)));
        prior
            .each_key(spec, later, |key, sequence, _, _| {
                if held.rows.get(&key).is_some_and(|row| row.sequence < sequence) {
                    held.rows.remove(&key);
                }
            })
            .await?;
        Ok(held)
    }

    fn take(
        &mut self,
        spec: &TableSpec,
        windows: &[Range],
        batch: &RecordBatch,
    ) -> Result<(), Cause> {
        let sequences = batch.column(spec.columns.len()).as_primitive_opt::<Int64Type>();
        let wrong = || Told("a `_` column has another type than landed".into());
        let deleted = batch.column(spec.columns.len() + 1).as_boolean_opt();
        let (sequences, deleted) = (sequences.ok_or_else(wrong)?, deleted.ok_or_else(wrong)?);
        for row in 0..batch.num_rows() {
            let (key, content) = hashes(spec, batch, row)?;
            let sequence = sequences.value(row);
            if self.rows.get(&key).is_some_and(|known| known.sequence > sequence) {
                continue;
            }
            let mut window = false;
            for range in windows {
                window |= range.holds(position(spec, batch, range.column, row)?);
            }
            self.rows
                .insert(key, HeldRow { sequence, content, deleted: deleted.value(row), window });
        }
        Ok(())
    }

    /// `batch` without the rows that are held just so already.
    pub(super) fn without_unchanged(
        &self,
        spec: &TableSpec,
        batch: RecordBatch,
    ) -> Result<RecordBatch, Cause> {
        if self.rows.is_empty() {
            return Ok(batch);
        }
        let wrong = || Told("a `_` column is missing from a batch".into());
        let reason = batch.column_by_name("_reject_reason").ok_or_else(wrong)?;
        let deleted = batch.column_by_name("_deleted").and_then(|c| c.as_boolean_opt());
        let deleted = deleted.ok_or_else(wrong)?;
        let names: Vec<usize> = spec
            .columns
            .iter()
            .map(|column| batch.schema().index_of(&column.name))
            .collect::<Result<_, _>>()?;
        let values = batch.project(&names)?;
        let mut kept = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let (key, content) = hashes(spec, &values, row)?;
            let same =
                |held: &HeldRow| held.content == content && held.deleted == deleted.value(row);
            kept.push(reason.is_valid(row) || !self.rows.get(&key).is_some_and(same));
        }
        Ok(filter_record_batch(&batch, &BooleanArray::from(kept))?)
    }

    /// Whether the key has a current row in the ranges.
    pub(super) fn has(&self, key: KeyHash) -> bool {
        self.rows.get(&key).is_some_and(|row| !row.deleted)
    }

    /// Keys of rows in windows that are not `present`.
    pub(super) fn absent(&self, present: impl Fn(KeyHash) -> bool) -> HashSet<KeyHash> {
        let absent =
            self.rows.iter().filter(|(key, row)| row.window && !row.deleted && !present(**key));
        absent.map(|(key, _)| *key).collect()
    }
}

/// Hashes of key and content of a row; the batch has the columns of the spec, in their order.
fn hashes(spec: &TableSpec, batch: &RecordBatch, row: usize) -> Result<(KeyHash, u128), Cause> {
    let mut values = Vec::with_capacity(spec.columns.len());
    for (array, column) in batch.columns().iter().zip(&spec.columns) {
        let value = landed_value(array.as_ref(), column.column_type, row);
        values.push(value.map_err(|what| Told(what.into()))?);
    }
    let key = hash_key(spec.key.iter().map(|index| values[*index].as_ref()));
    Ok((key, hash_key(values.iter().map(Option::as_ref))))
}

fn position(spec: &TableSpec, batch: &RecordBatch, column: usize, row: usize) -> Result<At, Cause> {
    let array = batch.column(column).as_ref();
    let value = landed_value(array, spec.columns[column].column_type, row);
    let value = value.map_err(|what| Told(what.into()))?;
    Ok(value.as_ref().and_then(watermark::position).map_or(At::Null, At::Position))
}

/// The range over landed values; none when it has no bound.
fn expression(spec: &TableSpec, range: &Range) -> Option<Expr> {
    let column = &spec.columns[range.column];
    let name = || ident(column.name.as_str());
    let from = range.from.map(|from| name().gt_eq(lit(scalar(column.column_type, from))));
    let to = range.to.map(|to| name().lt(lit(scalar(column.column_type, to))));
    let inside = match (from, to) {
        (Some(from), Some(to)) => from.and(to),
        (from, to) => from.or(to)?,
    };
    Some(if range.odd { inside.or(name().is_null()) } else { inside })
}

fn scalar(column_type: ColumnType, position: i64) -> ScalarValue {
    match column_type {
        ColumnType::Timestamp => {
            ScalarValue::TimestampMicrosecond(Some(position), Some("UTC".into()))
        }
        ColumnType::Date => ScalarValue::Date32(i32::try_from(position).ok()),
        _ => ScalarValue::Int64(Some(position)),
    }
}
