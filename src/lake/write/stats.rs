//! Statistics of a written file, as the Delta log keeps them.
//!
//! They decide which files a reader skips, so a bound that is not certain is left out: decimals
//! of more than 15 digits do not survive the log's JSON numbers.

use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use datafusion::common::ScalarValue;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaData;
use serde_json::{Map, Value, json};

/// Largest decimal precision whose values a JSON number holds exactly.
pub(crate) const EXACT_DIGITS: u8 = 15;

/// Statistics JSON of a file of `schema`.
pub(super) fn of_file(schema: &Schema, metadata: &ParquetMetaData) -> Result<String> {
    let (mut mins, mut maxs, mut nulls) = (Map::new(), Map::new(), Map::new());
    let parquet_schema = metadata.file_metadata().schema_descr();
    for field in schema.fields() {
        let read = StatisticsConverter::try_new(field.name(), schema, parquet_schema)?;
        let groups = metadata.row_groups();
        let counts = read.row_group_null_counts(groups)?;
        if counts.iter().all(|count| count.is_some()) {
            let total: u64 = counts.iter().flatten().sum();
            nulls.insert(field.name().clone(), json!(total));
        }
        if !has_bounds(field.data_type()) {
            continue;
        }
        let lowest = extreme(&read.row_group_mins(groups)?, std::cmp::Ordering::Less);
        let highest = extreme(&read.row_group_maxes(groups)?, std::cmp::Ordering::Greater);
        if let (Some(low), Some(high)) = (lowest, highest) {
            mins.insert(field.name().clone(), low);
            maxs.insert(field.name().clone(), high);
        }
    }
    let rows = metadata.file_metadata().num_rows();
    Ok(json!({
        "numRecords": rows, "minValues": mins, "maxValues": maxs, "nullCount": nulls,
    })
    .to_string())
}

fn has_bounds(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, _) => *precision <= EXACT_DIGITS,
        DataType::Boolean => false,
        _ => true,
    }
}

/// The smallest or largest of the bounds of all row groups that have values.
fn extreme(bounds: &arrow::array::ArrayRef, wanted: std::cmp::Ordering) -> Option<Value> {
    let mut best: Option<ScalarValue> = None;
    for index in 0..bounds.len() {
        let value = ScalarValue::try_from_array(bounds, index).ok()?;
        if value.is_null() {
            continue;
        }
        let better = best.as_ref().is_none_or(|best| value.partial_cmp(best) == Some(wanted));
        if better {
            best = Some(value);
        }
    }
    best.as_ref().and_then(to_json)
}

fn to_json(value: &ScalarValue) -> Option<Value> {
    match value {
        ScalarValue::Int64(Some(value)) => Some(json!(value)),
        ScalarValue::Utf8(Some(text)) => Some(json!(text)),
        ScalarValue::Date32(Some(days)) => {
            let date = NaiveDate::from_epoch_days(*days)?;
            Some(json!(date.format("%Y-%m-%d").to_string()))
        }
        ScalarValue::TimestampMicrosecond(Some(micros), _) => {
            let instant = DateTime::from_timestamp_micros(*micros)?;
            Some(json!(instant.to_rfc3339_opts(SecondsFormat::Micros, true)))
        }
        ScalarValue::Decimal128(Some(units), _, scale) => {
            let number: f64 = decimal_text(*units, *scale).parse().ok()?;
            Some(json!(number))
        }
        _ => None,
    }
}

fn decimal_text(units: i128, scale: i8) -> String {
    format!("{units}e{}", -i32::from(scale))
}
