//! File bounds as DataFusion wants them: to prune files, and to estimate a scan.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use datafusion::physical_optimizer::pruning::PruningStatistics;

use super::files::{ColumnBounds, DataFile};

/// Bounds of all files, column by column.
pub(super) struct FileBounds<'a> {
    files: &'a [DataFile],
    schema: &'a Schema,
}

impl<'a> FileBounds<'a> {
    /// Bounds of `files`, whose columns are those of `schema`.
    pub(super) fn new(files: &'a [DataFile], schema: &'a SchemaRef) -> Self {
        Self { files, schema: schema.as_ref() }
    }

    fn pick(
        &self,
        column: &Column,
        bound: impl Fn(&ColumnBounds) -> Option<ScalarValue>,
    ) -> Option<ArrayRef> {
        let index = self.schema.index_of(&column.name).ok()?;
        let unknown = ScalarValue::try_from(self.schema.field(index).data_type()).ok()?;
        let of_file = |file: &DataFile| {
            file.columns.get(index).and_then(&bound).unwrap_or_else(|| unknown.clone())
        };
        ScalarValue::iter_to_array(self.files.iter().map(of_file)).ok()
    }
}

impl PruningStatistics for FileBounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.pick(column, |bounds| bounds.low.clone())
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.pick(column, |bounds| bounds.high.clone())
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let index = self.schema.index_of(&column.name).ok()?;
        let of_file = |file: &DataFile| file.columns.get(index).and_then(|bounds| bounds.nulls);
        Some(Arc::new(self.files.iter().map(of_file).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.files.iter().map(|file| file.rows.map(|rows| rows as u64));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// Statistics of a scan over `files`; exact where the log is.
pub(super) fn summary(files: &[&DataFile], schema: &SchemaRef) -> Statistics {
    let rows: Option<usize> = files.iter().map(|file| file.rows).sum();
    let bytes: u64 = files.iter().map(|file| file.size()).sum();
    Statistics {
        num_rows: rows.map_or(Precision::Absent, Precision::Exact),
        total_byte_size: usize::try_from(bytes).map_or(Precision::Absent, Precision::Inexact),
        column_statistics: (0..schema.fields().len()).map(|i| column(files, i)).collect(),
    }
}

fn column(files: &[&DataFile], index: usize) -> ColumnStatistics {
    let mut all = files.iter().filter_map(|file| file.columns.get(index));
    let nulls: Option<u64> =
        files.iter().map(|file| file.columns.get(index).and_then(|bounds| bounds.nulls)).sum();
    let exact = all.clone().all(|bounds| bounds.exact);
    let first = all.next();
    let fold = |pick: fn(&ColumnBounds) -> &Option<ScalarValue>, wanted| {
        let mut best = pick(first?).clone()?;
        for bounds in all.clone() {
            let value = pick(bounds).as_ref()?;
            if value.partial_cmp(&best) == Some(wanted) {
                best = value.clone();
            }
        }
        Some(best)
    };
    let precision = |value: Option<ScalarValue>| match value {
        None => Precision::Absent,
        Some(value) if exact => Precision::Exact(value),
        Some(value) => Precision::Inexact(value),
    };
    let nulls = nulls.and_then(|nulls| usize::try_from(nulls).ok());
    ColumnStatistics {
        null_count: nulls.map_or(Precision::Absent, Precision::Exact),
        min_value: precision(fold(|bounds| &bounds.low, std::cmp::Ordering::Less)),
        max_value: precision(fold(|bounds| &bounds.high, std::cmp::Ordering::Greater)),
        ..ColumnStatistics::new_unknown()
    }
}
