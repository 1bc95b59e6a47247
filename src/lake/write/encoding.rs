//! How the columns of a file are encoded, judged by the first rows that go into it.
//!
//! A dictionary pays where values repeat. Where they do not it costs more than everything else
//! about writing a file: every value is looked up in a table that has outgrown the cache, to be
//! stored anyway. Differences of neighbours are far cheaper to write and nearly as small for
//! whole numbers in a narrow range; landings, which are written every night and read once or
//! twice, use them wherever they cost no more than a byte per value.

use std::collections::HashSet;

use arrow::array::{Array, ArrowPrimitiveType, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::{SortKey, sort};

/// Rows of a row group.
const GROUP_ROWS: usize = 131_072;
/// Rows of a row group of tables read by person: one person costs one small group.
const LOOKUP_GROUP_ROWS: usize = 8_192;
/// Columns readers look up by value.
const LOOKUP_COLUMNS: [&str; 2] = ["person_id", "phone_hash"];
/// A first batch of fewer rows than this promises a small file: whatever is done, it is cheap.
const LARGE_BATCH: usize = 4_096;
/// Values of a column looked at.
const SAMPLE: usize = 1_024;
/// Decimals of up to this many digits are stored as integers.
const INTEGER_DIGITS: u8 = 18;

/// Properties of a file of `schema`, sorted by `keys`, that begins with `first`.
pub(super) fn properties(
    schema: &Schema,
    keys: &[SortKey],
    first: &RecordBatch,
) -> parquet::errors::Result<WriterProperties> {
    let by_person = keys.first().is_some_and(|key| LOOKUP_COLUMNS.contains(&key.column.as_str()));
    let group_rows = if by_person { LOOKUP_GROUP_ROWS } else { GROUP_ROWS };
    let sorting = keys.iter().filter_map(|key| {
        let index = schema.index_of(&key.column).ok()?;
        let options = sort::options(key.descending);
        Some(SortingColumn {
            column_idx: i32::try_from(index).ok()?,
            descending: options.descending,
            nulls_first: options.nulls_first,
        })
    });
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(group_rows))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting.collect()));
    // Rows in the order of a column need no filter on it: bounds already say where a value is.
    let leading = keys.first().map(|key| key.column.as_str());
    for name in LOOKUP_COLUMNS.into_iter().filter(|name| Some(*name) != leading) {
        let is_text = schema.field_with_name(name).is_ok_and(|f| f.data_type() == &DataType::Utf8);
        if is_text {
            let column = ColumnPath::from(name);
            builder = builder
                .set_column_bloom_filter_enabled(column.clone(), true)
                .set_column_bloom_filter_fpp(column.clone(), 0.01)
                .set_column_bloom_filter_max_ndv(column, group_rows as u64);
        }
    }
    if first.num_rows() >= LARGE_BATCH {
        // Only landings are unsorted.
        let landing = keys.is_empty();
        for (field, values) in schema.fields().iter().zip(first.columns()) {
            // Not parsed: a name is one column, even with a point in it.
            let column = ColumnPath::new(vec![field.name().clone()]);
            builder = match choice(values.as_ref(), landing) {
                Choice::Dictionary => builder,
                Choice::Plain => builder.set_column_dictionary_enabled(column, false),
                Choice::Differences => builder
                    .set_column_dictionary_enabled(column.clone(), false)
                    .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED),
            };
        }
    }
    Ok(builder.build())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Dictionary,
    Plain,
    Differences,
}

/// What suits a column that begins with `values`.
fn choice(values: &dyn Array, landing: bool) -> Choice {
    match values.data_type() {
        DataType::Utf8 => {
            let sample = sample(values.as_string::<i32>().iter());
            if repeats(&sample) { Choice::Dictionary } else { Choice::Plain }
        }
        DataType::Int64 => of_numbers(&numbers::<Int64Type>(values), landing),
        DataType::Date32 => of_numbers(&numbers::<Date32Type>(values), landing),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            of_numbers(&numbers::<TimestampMicrosecondType>(values), landing)
        }
        DataType::Decimal128(precision, _) => {
            let chosen = of_numbers(&numbers::<Decimal128Type>(values), landing);
            let plain = *precision > INTEGER_DIGITS && chosen == Choice::Differences;
            if plain { Choice::Plain } else { chosen }
        }
        _ => Choice::Dictionary,
    }
}

fn of_numbers(sample: &[i128], landing: bool) -> Choice {
    if !repeats(sample) {
        return Choice::Differences;
    }
    let (Some(least), Some(most)) = (sample.iter().min(), sample.iter().max()) else {
        return Choice::Dictionary;
    };
    // A difference has a sign; an entry of a dictionary is its number.
    let difference = i128::BITS - (most - least).leading_zeros() + u32::from(most != least);
    let entry = distinct(sample).next_power_of_two().trailing_zeros();
    if landing && difference <= entry + 8 { Choice::Differences } else { Choice::Dictionary }
}

/// The first values that are not NULL.
fn sample<T>(values: impl Iterator<Item = Option<T>>) -> Vec<T> {
    values.flatten().take(SAMPLE).collect()
}

fn numbers<T>(values: &dyn Array) -> Vec<i128>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    sample(values.as_primitive::<T>().iter().map(|value| value.map(Into::into)))
}

/// Whether values repeat: one in twenty of the sample does. Too few to tell are said to.
fn repeats<T: std::hash::Hash + Eq>(sample: &[T]) -> bool {
    sample.len() < SAMPLE / 2 || distinct(sample) * 20 < sample.len() * 19
}

fn distinct<T: std::hash::Hash + Eq>(sample: &[T]) -> usize {
    sample.iter().collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Int64Array, StringArray};
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn a_dictionary_is_kept_where_it_pays() {
        let rows = 8_192;
        let texts = |of: fn(usize) -> String| {
            Arc::new(StringArray::from_iter_values((0..rows).map(of))) as Arc<dyn Array>
        };
        let decimals = Decimal128Array::from_iter_values((0..rows as i128).map(|n| n * 7));
        let columns: Vec<(&str, Arc<dyn Array>)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(0..rows as i64))),
            ("doctor", Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|n| n % 900)))),
            (
                "far",
                Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|n| (n % 2) << 40))),
            ),
            ("no", texts(|n| format!("V{n}"))),
            ("kind", texts(|n| format!("{}", n % 4))),
            ("paid", Arc::new(decimals.with_precision_and_scale(12, 2).expect("a type"))),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, values)| Field::new(*name, values.data_type().clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.into_iter().map(|(_, values)| values).collect();
        let first = RecordBatch::try_new(Arc::clone(&schema), arrays).expect("a batch");
        let by_kind = [SortKey { column: "kind".to_owned(), descending: false }];
        let landing = properties(&schema, &[], &first).expect("properties");
        let sorted = properties(&schema, &by_kind, &first).expect("properties");
        let small = properties(&schema, &[], &first.slice(0, 100)).expect("properties");
        let delta = Some(Encoding::DELTA_BINARY_PACKED);
        for (name, in_landing, in_sorted) in [
            ("id", (false, delta), (false, delta)),
            ("doctor", (false, delta), (true, None)),
            ("far", (true, None), (true, None)),
            ("no", (false, None), (false, None)),
            ("kind", (true, None), (true, None)),
            ("paid", (false, delta), (false, delta)),
        ] {
            let column = ColumnPath::from(name);
            let found =
                |of: &WriterProperties| (of.dictionary_enabled(&column), of.encoding(&column));
            assert_eq!((found(&landing), found(&sorted)), (in_landing, in_sorted), "{name}");
            assert_eq!(found(&small), (true, None), "{name}");
        }
    }
}
