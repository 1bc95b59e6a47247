//! A query's columns as the contract wants them: by name, in order, cast where nothing is lost.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, cast};
use datafusion::prelude::DataFrame;
use hub_domain::contract::TableContract;
use hub_lake::arrow_type;

use super::BuildError;

/// `frame` with exactly the columns of `contract`.
pub(crate) fn conform(frame: DataFrame, contract: &TableContract) -> Result<DataFrame, BuildError> {
    let table = &contract.table;
    let columns = |what: String, hint| BuildError::Columns { table: table.clone(), what, hint };
    let found = found(frame.schema());
    let missing: Vec<&str> = contract
        .columns
        .iter()
        .filter(|column| !found.iter().any(|(name, _)| *name == column.name))
        .map(|column| column.name.as_str())
        .collect();
    if !missing.is_empty() {
        let what = format!("does not deliver `{}`", missing.join("`, `"));
        return Err(columns(what, "deliver every column of the contract"));
    }
    let surplus: Vec<&str> = found
        .iter()
        .filter(|(name, _)| contract.column(name).is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if !surplus.is_empty() {
        let what = format!("delivers `{}`, which the contract does not know", surplus.join("`, `"));
        return Err(columns(what, "add the column to the contract or drop it"));
    }
    let mut wanted: Vec<Expr> = Vec::with_capacity(contract.columns.len());
    for column in &contract.columns {
        let target = arrow_type(column.column_type);
        let source = found.iter().find(|(name, _)| *name == column.name).map(|(_, t)| t);
        let expression = Expr::Column(Column::from_name(&column.name));
        match source {
            Some(source) if *source == target => wanted.push(expression),
            Some(source) if keeps_values(source, &target) => {
                wanted.push(cast(expression, target).alias(&column.name));
            }
            other => {
                let found = other.map_or_else(String::new, ToString::to_string);
                let what = format!(
                    "delivers `{}` as {found}, the contract says {}",
                    column.name, column.column_type
                );
                return Err(columns(what, "cast it in the query"));
            }
        }
    }
    frame.select(wanted).map_err(|cause| BuildError::plan(table, &cause))
}

fn found(schema: &DFSchema) -> Vec<(String, DataType)> {
    schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
}

/// Whether a cast keeps every value or fails: it never rounds and never guesses a zone.
fn keeps_values(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (T::Null, _) => true,
        (T::Dictionary(_, value), to) => **value == *to || keeps_values(value, to),
        (T::Utf8View | T::LargeUtf8, T::Utf8) => true,
        (from, T::Int64) if from.is_integer() => true,
        (T::Decimal128(_, 0), T::Int64) => true,
        (from, T::Decimal128(_, _)) if from.is_integer() => true,
        (T::Decimal128(_, from), T::Decimal128(_, to)) => from <= to,
        (T::Timestamp(unit, Some(_)), T::Timestamp(TimeUnit::Microsecond, Some(_))) => {
            *unit != TimeUnit::Nanosecond
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_casts_that_keep_values_are_made() {
        let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
        let micros = utc(TimeUnit::Microsecond);
        for (from, to, kept) in [
            (DataType::Int32, DataType::Int64, true),
            (DataType::UInt64, DataType::Int64, true),
            (DataType::Float64, DataType::Int64, false),
            (DataType::Decimal128(12, 2), DataType::Int64, false),
            (DataType::Decimal128(38, 0), DataType::Int64, true),
            (DataType::Decimal128(12, 2), DataType::Decimal128(20, 4), true),
            (DataType::Decimal128(12, 4), DataType::Decimal128(20, 2), false),
            (DataType::Utf8View, DataType::Utf8, true),
            (DataType::Int64, DataType::Utf8, false),
            (utc(TimeUnit::Second), micros.clone(), true),
            (utc(TimeUnit::Nanosecond), micros.clone(), false),
            (DataType::Timestamp(TimeUnit::Microsecond, None), micros, false),
            (DataType::Null, DataType::Date32, true),
        ] {
            assert_eq!(keeps_values(&from, &to), kept, "{from} to {to}");
        }
    }
}
