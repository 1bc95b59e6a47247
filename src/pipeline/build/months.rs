//! Months: which partitions of a table a new result changes.
//!
//! A commit keeps one digest per partition, independent of the order of rows. The next result is
//! digested before anything is written: only partitions whose rows differ are written again, so
//! a late fact re-opens its own month and a night without news writes no file. Wrong only if two
//! sets of rows share a digest of 128 bits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// Key under which a commit keeps the digests of its partitions.
pub(super) const MONTHS_METADATA: &str = "clinichub.months";

/// Two hashes of 64 bits make one of 128. Whatever changes them has every month written again.
const SEEDS: [u64; 2] = [0x6d6f_6e74_6873, 0x7265_6f70_656e];

/// Rows a digest keeps at hand, in bytes, so that a small result is not computed twice.
const KEPT_BYTES: usize = 64 << 20;

/// Digests of a table's partitions; rows without a value of the partition column are under ``.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Months {
    /// What decides how the rows lie in files; a table laid out otherwise is written whole.
    pub(super) layout: String,
    digests: BTreeMap<String, Digest>,
}

/// Count and sum of the hashes of a partition's rows; a row is hashed as one text of bytes, so that
/// a value that moves to another column is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Digest {
    rows: u64,
    #[serde(with = "hexadecimal")]
    sum: u128,
}

/// A result, digested; its rows if they are few.
pub(super) struct Digested {
    pub(super) months: Months,
    pub(super) rows: Option<Vec<RecordBatch>>,
}

impl Months {
    /// The digests a commit kept; none when it kept none, or of another kind.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As a commit keeps them.
    pub(super) fn print(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Partitions whose rows differ, with those that came and those that are gone.
    pub(super) fn changed(&self, now: &Self) -> BTreeSet<String> {
        let names = self.digests.keys().chain(now.digests.keys());
        let differ = |name: &&String| self.digests.get(*name) != now.digests.get(*name);
        names.filter(differ).cloned().collect()
    }

    fn add(&mut self, other: Self) {
        for (name, digest) in other.digests {
            self.add_to(&name, digest);
        }
    }

    fn add_to(&mut self, name: &str, digest: Digest) {
        if !self.digests.contains_key(name) {
            self.digests.insert(name.to_owned(), Digest::default());
        }
        if let Some(sum) = self.digests.get_mut(name) {
            sum.rows += digest.rows;
            sum.sum = sum.sum.wrapping_add(digest.sum);
        }
    }
}

/// Digests rows batch by batch.
pub(super) struct Digester {
    converter: RowConverter,
    partition: usize,
    months: Months,
}

impl Digester {
    /// For rows of `schema` that lie in files by column `partition`.
    pub(super) fn new(schema: &SchemaRef, partition: &str) -> Result<Self, ArrowError> {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        let partition = schema.index_of(partition)?;
        Ok(Self { converter: RowConverter::new(fields)?, partition, months: Months::default() })
    }

    /// Takes the rows of `batch` in.
    pub(super) fn digest(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        let names = batch.column(self.partition);
        let rows = self.converter.convert_columns(batch.columns())?;
        let rows: ArrayRef = Arc::new(rows.try_into_binary()?);
        let (low, high) = (hashes(&rows, SEEDS[0])?, hashes(&rows, SEEDS[1])?);
        for run in arrow::compute::partition(&[Arc::clone(names)])?.ranges() {
            let name = names.as_string_opt::<i32>().filter(|_| names.is_valid(run.start));
            let name = name.map_or("", |names| names.value(run.start));
            let mut digest = Digest { rows: run.len() as u64, sum: 0 };
            for (low, high) in low[run.clone()].iter().zip(&high[run]) {
                let hash = u128::from(*high) << 64 | u128::from(*low);
                digest.sum = digest.sum.wrapping_add(hash);
            }
            self.months.add_to(name, digest);
        }
        Ok(())
    }

    /// Digests of all rows so far.
    pub(super) fn months(&self) -> &Months {
        &self.months
    }
}

fn hashes(rows: &ArrayRef, seed: u64) -> Result<Vec<u64>, DataFusionError> {
    let mut hashes = vec![0; rows.len()];
    create_hashes([rows], &RandomState::with_seed(seed), &mut hashes)?;
    Ok(hashes)
}

/// Digests all rows of `streams`, side by side.
pub(super) async fn digest(
    streams: Vec<SendableRecordBatchStream>,
    partition: &str,
    layout: String,
) -> Result<Digested, DataFusionError> {
    let mut running = JoinSet::new();
    let share = KEPT_BYTES / streams.len().max(1);
    for mut stream in streams {
        let mut digester = Digester::new(&stream.schema(), partition)?;
        running.spawn(async move {
            let (mut kept, mut bytes) = (Some(Vec::new()), 0);
            while let Some(batch) = stream.try_next().await? {
                digester.digest(&batch)?;
                bytes += batch.get_array_memory_size();
                kept = kept.filter(|_| bytes <= share);
                if let Some(kept) = &mut kept {
                    kept.push(batch);
                }
            }
            Ok::<_, DataFusionError>((digester.months, kept))
        });
    }
    let mut months = Months { layout, digests: BTreeMap::new() };
    let mut rows = Some(Vec::new());
    while let Some(done) = running.join_next().await {
        let stopped = |error| DataFusionError::External(Box::new(error));
        let (part, kept) = done.map_err(stopped)??;
        months.add(part);
        rows = rows.zip(kept).map(|(mut rows, kept)| {
            rows.extend(kept);
            rows
        });
    }
    Ok(Digested { months, rows })
}

/// The rows of `batch` that lie in `months`.
pub(super) fn only(
    batch: &RecordBatch,
    partition: &str,
    months: &BTreeSet<String>,
) -> Result<RecordBatch, ArrowError> {
    let names = batch.column(batch.schema().index_of(partition)?).as_string::<i32>();
    let wanted: BooleanArray =
        names.iter().map(|name| Some(name.is_some_and(|name| months.contains(name)))).collect();
    filter_record_batch(batch, &wanted)
}

/// A sum of hashes as text: JSON numbers are too narrow for it.
mod hexadecimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(sum: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{sum:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    /// Month and two cells.
    type Row = (Option<&'static str>, Option<&'static str>, Option<&'static str>);

    fn rows(rows: &[Row]) -> RecordBatch {
        let field = |name| Field::new(name, DataType::Utf8, true);
        let schema = Arc::new(Schema::new(vec![field("month"), field("a"), field("b")]));
        let column = |pick: fn(&Row) -> Option<&'static str>| {
            Arc::new(rows.iter().map(pick).collect::<StringArray>()) as _
        };
        RecordBatch::try_new(
            schema,
            vec![column(|row| row.0), column(|row| row.1), column(|row| row.2)],
        )
        .expect("a batch")
    }

    fn months(batches: &[RecordBatch]) -> Months {
        let mut digester = Digester::new(&batches[0].schema(), "month").expect("digests");
        for batch in batches {
            digester.digest(batch).expect("is digested");
        }
        digester.months
    }

    #[test]
    fn order_and_batches_do_not_matter_and_every_cell_does() {
        let (x, y, z) = (
            (Some("2026-01"), Some("1"), None),
            (Some("2026-02"), None, Some("1")),
            (None, Some("2"), Some("2")),
        );
        let whole = months(&[rows(&[x, y, x, z])]);
        assert_eq!(whole, months(&[rows(&[z, x]), rows(&[]), rows(&[x, y])]));
        assert_eq!(Months::parse(&whole.print()), Some(whole.clone()));
        // The same value in another column, one row more, another row in its place.
        let moved = (Some("2026-01"), None, Some("1"));
        let january = BTreeSet::from(["2026-01".to_owned()]);
        for other in [vec![moved, y, x, z], vec![x, y, x, x, z], vec![moved, y, moved, z]] {
            assert_eq!(whole.changed(&months(&[rows(&other)])), january);
        }
        let without = months(&[rows(&[x, x])]);
        let gone = BTreeSet::from([String::new(), "2026-02".to_owned()]);
        assert_eq!(whole.changed(&without), gone);
        assert_eq!(without.changed(&whole), gone);
    }

    #[test]
    fn rows_of_other_months_are_left_out() {
        let batch = rows(&[(Some("2026-01"), None, None), (None, None, None)]);
        let kept = only(&batch, "month", &BTreeSet::from(["2026-01".to_owned()]));
        assert_eq!(kept.expect("filters").num_rows(), 1);
    }
}
