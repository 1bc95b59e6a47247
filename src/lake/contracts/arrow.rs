//! Contract types as Arrow types, and the schemas of hub and raw tables.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use hub_domain::contract::{ColumnType, SourceTable, TableContract};

/// Arrow type of a column type. Instants are UTC in µs: the one form every Delta reader accepts.
#[must_use]
pub fn arrow_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// Schema of a hub table, columns in contract order.
#[must_use]
pub fn arrow_schema(contract: &TableContract) -> SchemaRef {
    let fields: Vec<Field> = contract
        .columns
        .iter()
        .map(|column| Field::new(&column.name, arrow_type(column.column_type), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// Schema of a source table as a reader delivers it, columns in alphabetical order.
#[must_use]
pub fn source_arrow_schema(table: &SourceTable) -> SchemaRef {
    let fields: Vec<Field> = table
        .columns
        .iter()
        .map(|(name, column)| Field::new(name, arrow_type(column.column_type), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// Schema of a raw table: the source's columns, all nullable because rejected rows carry none,
/// and the columns every landing adds.
#[must_use]
pub fn raw_schema(table: &SourceTable) -> SchemaRef {
    let declared = table
        .columns
        .iter()
        .map(|(name, column)| Field::new(name, arrow_type(column.column_type), true));
    let added = [
        Field::new("_load_id", DataType::Utf8, false),
        Field::new("_extracted_at", arrow_type(ColumnType::Timestamp), false),
        Field::new("_load_seq", DataType::Int64, false),
        Field::new("_deleted", DataType::Boolean, false),
        Field::new("_reject_reason", DataType::Utf8, true),
        Field::new("_reject_column", DataType::Utf8, true),
        Field::new("_reject_key", DataType::Utf8, true),
        Field::new("_reject_sealed", DataType::Utf8, true),
        Field::new("_recovered", DataType::Utf8, true),
    ];
    Arc::new(Schema::new(declared.chain(added).collect::<Vec<_>>()))
}
