//! PostgreSQL, read in one repeatable-read transaction by binary COPY.

mod tls;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use hub_domain::contract::ColumnType;
use tokio_postgres::binary_copy::{BinaryCopyOutRow, BinaryCopyOutStream};
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Column};

use super::cell::Cell;
use super::config::{SourceConfig, SourceUrl};
use super::error::{Cause, ExtractError, Told};
use super::intake::{Intake, broken};
use super::outlet::{BatchStream, pulled};
use super::reject::Place;
use super::schema::{FoundColumn, Native, Relation, TableSpec};
use super::source::Source;
use super::sql::{cursor_column, from_clause, quoted};
use super::watermark::Bound;
use wire::{Raw, Wire};

/// An open PostgreSQL transaction.
pub(super) struct Postgres {
    client: Client,
}

impl Postgres {
    pub(super) async fn open(config: &SourceConfig, zone: Tz) -> Result<Self, Cause> {
        let url = config.url.as_ref().map(SourceUrl::reveal).unwrap_or_default();
        let client = tls::connect(url).await?;
        client.batch_execute(&begin(config.limits.statement_timeout.seconds(), zone)).await?;
        // Without a read, a transaction has no moment yet.
        client.simple_query("SELECT 1").await?;
        Ok(Self { client })
    }
}

/// Statements that open the transaction and fix how values are written in it.
fn begin(timeout_seconds: u64, zone: Tz) -> String {
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n\
         SET LOCAL statement_timeout = '{timeout_seconds}s';\n\
         SET LOCAL lock_timeout = '30s';\n\
         SET LOCAL idle_in_transaction_session_timeout = 0;\n\
         SET LOCAL synchronize_seqscans = off;\n\
         SET LOCAL datestyle = 'ISO, YMD';\n\
         SET LOCAL intervalstyle = 'iso_8601';\n\
         SET LOCAL extra_float_digits = 1;\n\
         SET LOCAL timezone = '{}'",
        zone.name()
    )
}

#[async_trait]
impl Source for Postgres {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let from = from_clause(relation, '"');
        let statement = self.client.prepare(&format!("SELECT * FROM {from}")).await?;
        let primary = self.primary_key(relation).await?;
        let found = |column: &Column| {
            let (column_type, native) = found_type(column);
            let name = column.name().to_owned();
            let primary = primary.contains(&name);
            FoundColumn { name, column_type, native, primary }
        };
        Ok(statement.columns().iter().map(found).collect())
    }

    async fn open<'a>(&'a mut self, intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        let spec = Arc::clone(intake.spec());
        let wires: Vec<Wire> = spec.asked().map(Wire::of).collect();
        let types: Vec<Type> = wires.iter().map(|wire| wire.copy_type()).collect();
        let sql = copy_statement(&spec, &wires, intake.bound().as_ref());
        let copy = self.client.copy_out(&sql).await;
        let copy = copy.map_err(|error| broken(&spec, error))?;
        let rows: BoxStream<'a, Result<BinaryCopyOutRow, tokio_postgres::Error>> =
            BinaryCopyOutStream::new(copy, &types).boxed();
        let rows = rows.map_err(move |error| broken(&spec, error)).boxed();
        Ok(pulled(intake, rows, move |intake, row| take(intake, &row, &wires)))
    }

    async fn close(self: Box<Self>) {
        // The transaction read only; dropping the connection ends it as well.
        let _ = self.client.batch_execute("ROLLBACK").await;
    }
}

impl Postgres {
    async fn primary_key(&self, relation: &Relation) -> Result<Vec<String>, Cause> {
        let Relation::Table(_) = relation else { return Ok(Vec::new()) };
        let from = from_clause(relation, '"');
        let name = from.strip_suffix(" AS t").unwrap_or(&from);
        let rows = self
            .client
            .query(
                "SELECT a.attname::text FROM pg_catalog.pg_index i \
                 JOIN pg_catalog.pg_attribute a \
                 ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
                 WHERE i.indrelid = $1::text::regclass AND i.indisprimary",
                &[&name],
            )
            .await?;
        rows.iter().map(|row| row.try_get(0).map_err(Cause::from)).collect()
    }
}

fn found_type(column: &Column) -> (ColumnType, Native) {
    let mut kind = column.type_();
    while let Kind::Domain(base) = kind.kind() {
        kind = base;
    }
    match *kind {
        Type::INT2 | Type::INT4 | Type::INT8 => (ColumnType::Int64, Native::Int),
        Type::BOOL => (ColumnType::Bool, Native::Bool),
        Type::DATE => (ColumnType::Date, Native::Date),
        Type::TIMESTAMP => (ColumnType::Timestamp, Native::Wall),
        Type::TIMESTAMPTZ => (ColumnType::Timestamp, Native::Instant),
        Type::NUMERIC => (numeric_type(column.type_modifier()), Native::Other),
        _ => (ColumnType::Text, Native::Other),
    }
}

/// Precision and scale are packed into the modifier, 4 more than said; -1 is neither.
fn numeric_type(modifier: i32) -> ColumnType {
    let packed = modifier - 4;
    let (precision, scale) = (packed >> 16, packed & 0x7ff);
    if modifier >= 4 && (1..=38).contains(&precision) && scale <= precision {
        ColumnType::Decimal(precision as u8, scale as i8)
    } else {
        ColumnType::Text
    }
}

fn copy_statement(spec: &TableSpec, wires: &[Wire], bound: Option<&Bound>) -> String {
    let expression = |(column, wire): (&super::schema::SpecColumn, &Wire)| {
        let cast = wire.cast();
        match &column.at_source {
            Some(name) => format!("t.{}::{cast}", quoted(name, '"')),
            None => format!("NULL::{cast}"),
        }
    };
    let columns: Vec<String> = spec.asked().zip(wires).map(expression).collect();
    let from = from_clause(&spec.relation, '"');
    let filter = bound.and_then(|bound| filter(spec, bound)).unwrap_or_default();
    let columns = columns.join(", ");
    format!("COPY (SELECT {columns} FROM {from}{filter}) TO STDOUT (FORMAT binary)")
}

/// The condition of a cursor read. A column that cannot be compared as what it is declared to be
/// is read whole, and the intake drops what is before the bound.
fn filter(spec: &TableSpec, bound: &Bound) -> Option<String> {
    let column = cursor_column(spec, '"')?;
    let native = spec.columns[spec.cursor?.column].native;
    let literal = match (bound, native) {
        (Bound::Text(text), Native::Wall) => format!("TIMESTAMP '{text}'"),
        (Bound::Text(text), Native::Instant) => format!("TIMESTAMPTZ '{text}+00'"),
        (Bound::Text(text), Native::Date) => format!("DATE '{text}'"),
        (Bound::Int(value), Native::Int) => value.to_string(),
        _ => return None,
    };
    Some(format!(" WHERE {column} >= {literal} OR {column} IS NULL"))
}

fn take(intake: &mut Intake, row: &BinaryCopyOutRow, wires: &[Wire]) -> Result<(), ExtractError> {
    let mut cells = Vec::with_capacity(wires.len());
    for (index, wire) in wires.iter().enumerate() {
        let raw: Option<Raw<'_>> =
            row.try_get(index).map_err(|error| broken(intake.spec(), error))?;
        let cell = match raw {
            None => Cell::Null,
            Some(Raw(bytes)) => wire.cell(bytes).ok_or_else(|| {
                broken(intake.spec(), Told(format!("column {index} came in a wrong width")))
            })?,
        };
        cells.push(cell);
    }
    intake.row(&cells, &Place::Unknown)
}
