//! MySQL and MariaDB, read in one consistent snapshot. Rows come as raw values, because zero and
//! partly zero dates are ordinary there and most drivers' date types cannot hold them.
//!
//! One connection, whatever the limit allows: the snapshot of a transaction cannot be shared.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use futures::TryStreamExt;
use hub_domain::contract::ColumnType;
use mysql_async::consts::{ColumnFlags, ColumnType as MysqlType};
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, Opts, Params, Row, Value};
use tokio::sync::oneshot;

use super::cell::{Cell, Civil, ZoneTable, convert};
use super::column::Column as Target;
use super::config::{SourceConfig, SourceUrl};
use super::error::{Cause, ExtractError, Told};
use super::intake::{Intake, broken};
use super::outlet::{BatchStream, Share, shared};
use super::reconcile::{self, Measuring};
use super::reject::Place;
use super::schema::{FoundColumn, Native, Relation, SpecColumn, TableSpec};
use super::selection::Dialect;
use super::source::Source;
use super::sql::{from_clause, name_parts, quoted};

/// An open MySQL or MariaDB snapshot.
pub(super) struct Mysql {
    /// The connection; none while a reader has it.
    connection: Option<Conn>,
    /// Where the reader gives it back.
    back: Option<oneshot::Receiver<Conn>>,
}

impl Mysql {
    pub(super) async fn open(config: &SourceConfig) -> Result<Self, Cause> {
        let url = config.url.as_ref().map(SourceUrl::reveal).unwrap_or_default();
        let url = match url.strip_prefix("mariadb://") {
            Some(rest) => format!("mysql://{rest}"),
            None => url.to_owned(),
        };
        let options =
            Opts::from_url(&url).map_err(|_| Told("the address cannot be read".into()))?;
        let mut connection = Conn::new(options).await?;
        let timeout = config.limits.statement_timeout.seconds();
        for statement in session(timeout, config.limits.lock_timeout.seconds()) {
            connection.query_drop(statement).await?;
        }
        // MySQL counts milliseconds, MariaDB seconds, each under its own name.
        let limits = [
            format!("SET SESSION max_execution_time = {}", timeout.saturating_mul(1_000)),
            format!("SET SESSION max_statement_time = {timeout}"),
        ];
        let [mysql, mariadb] = limits;
        if connection.query_drop(mysql).await.is_err()
            && connection.query_drop(mariadb).await.is_err()
        {
            tracing::debug!("the source has no statement timeout");
        }
        connection.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
        Ok(Self { connection: Some(connection), back: None })
    }

    /// The connection, when the reader that had it last is done.
    async fn take(&mut self) -> Result<Conn, Cause> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let lost = || Cause::from(Told("the connection was lost in an earlier read".into()));
        self.back.take().ok_or_else(lost)?.await.map_err(|_| lost())
    }
}

/// Statements that fix how values are written, whatever the server's defaults are. TIMESTAMP
/// columns come in UTC; DATETIME columns know no zone.
fn session(timeout_seconds: u64, lock_seconds: u64) -> [String; 5] {
    [
        "SET NAMES utf8mb4".to_owned(),
        "SET SESSION sql_mode = '', time_zone = '+00:00'".to_owned(),
        // The server must wait while the lake is being written.
        format!("SET SESSION net_write_timeout = {}", timeout_seconds.max(60)),
        format!("SET SESSION lock_wait_timeout = {}", lock_seconds.max(1)),
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
    ]
}

#[async_trait]
impl Source for Mysql {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let from = from_clause(relation, '`');
        let mut connection = self.take().await?;
        let statement = connection.prep(format!("SELECT * FROM {from}")).await?;
        let found = statement.columns().iter().map(found_column).collect();
        connection.close(statement).await?;
        self.connection = Some(connection);
        Ok(found)
    }

    async fn open<'a>(&'a mut self, mut intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        let spec = Arc::clone(intake.spec());
        let mut connection = self.take().await.map_err(|error| broken(&spec, error))?;
        let primary = primary_key(&mut connection, &spec.relation).await;
        if is_unique(&spec, &primary.map_err(|error| broken(&spec, error))?) {
            intake = intake.unique_at_source();
        }
        let sql = select(&spec, intake.condition(Dialect::Mysql));
        let (give, back) = oneshot::channel();
        self.back = Some(back);
        let read = async move |mut share: Share| {
            read(&mut connection, &sql, &mut share).await?;
            // Nobody waits for it any more when the source is closed meanwhile.
            let _ = give.send(connection);
            Ok(share)
        };
        Ok(shared(intake, std::iter::once(read)))
    }

    async fn measure(&mut self, intake: &Intake) -> Result<Option<Measuring>, Cause> {
        // One connection reads in one snapshot, so it counts first.
        let condition = intake.condition(Dialect::Mysql);
        let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        let mut connection = self.take().await?;
        let counted = reconcile::measure_mysql(&mut connection, intake.spec(), &filter).await?;
        self.connection = Some(connection);
        Ok(Some(Box::pin(std::future::ready(Ok(counted)))))
    }

    async fn close(mut self: Box<Self>) {
        // The transaction read only; a connection that is gone has ended it as well.
        let Ok(mut connection) = self.take().await else { return };
        let _ = connection.query_drop("ROLLBACK").await;
        let _ = connection.disconnect().await;
    }
}

/// Columns of the primary key of a table that keeps it and that reads in snapshots. Flags of
/// columns will not do: a view shows those of the tables it joins.
async fn primary_key(connection: &mut Conn, relation: &Relation) -> Result<Vec<String>, Cause> {
    let Relation::Table(name) = relation else { return Ok(Vec::new()) };
    let parts = name_parts(name, '`');
    let (schema, table) = match parts.as_slice() {
        [schema, table] => (Some(*schema), *table),
        [table] if !table.contains('`') => (None, *table),
        // A name quoted by hand: nothing is promised rather than taken apart.
        _ => return Ok(Vec::new()),
    };
    let sql = "SELECT k.COLUMN_NAME FROM information_schema.STATISTICS k \
               JOIN information_schema.TABLES t \
               ON t.TABLE_SCHEMA = k.TABLE_SCHEMA AND t.TABLE_NAME = k.TABLE_NAME \
               WHERE k.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND k.TABLE_NAME = ? \
               AND k.INDEX_NAME = 'PRIMARY' AND t.ENGINE = 'InnoDB'";
    Ok(connection.exec(sql, (schema, table)).await?)
}

/// Whether the source itself keeps keys of the spec from coming twice: the primary key is among
/// them, and none of its values is read as something else.
fn is_unique(spec: &TableSpec, primary: &[String]) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let holds = |name: &String| {
        spec.key.iter().any(|index| {
            let column = &spec.columns[*index];
            let native = matches!(
                (column.column_type, column.native),
                (ColumnType::Text, _)
                    | (ColumnType::Int64, Native::Int)
                    | (ColumnType::Date, Native::Date)
                    | (ColumnType::Timestamp, Native::Wall | Native::Instant)
            );
            native && column.at_source.as_ref().is_some_and(|source| same(source, name))
        })
    };
    !primary.is_empty() && primary.iter().all(holds)
}

pub(super) fn found_column(column: &Column) -> FoundColumn {
    let (column_type, native) = match column.column_type() {
        MysqlType::MYSQL_TYPE_TINY
        | MysqlType::MYSQL_TYPE_SHORT
        | MysqlType::MYSQL_TYPE_INT24
        | MysqlType::MYSQL_TYPE_LONG
        | MysqlType::MYSQL_TYPE_LONGLONG
        | MysqlType::MYSQL_TYPE_YEAR => (ColumnType::Int64, Native::Int),
        MysqlType::MYSQL_TYPE_BIT if column.column_length() == 1 => {
            (ColumnType::Bool, Native::Bits)
        }
        MysqlType::MYSQL_TYPE_BIT => (ColumnType::Int64, Native::Bits),
        MysqlType::MYSQL_TYPE_NEWDECIMAL => (decimal_type(column), Native::Other),
        MysqlType::MYSQL_TYPE_DATE | MysqlType::MYSQL_TYPE_NEWDATE => {
            (ColumnType::Date, Native::Date)
        }
        MysqlType::MYSQL_TYPE_DATETIME | MysqlType::MYSQL_TYPE_DATETIME2 => {
            (ColumnType::Timestamp, Native::Wall)
        }
        MysqlType::MYSQL_TYPE_TIMESTAMP | MysqlType::MYSQL_TYPE_TIMESTAMP2 => {
            (ColumnType::Timestamp, Native::Instant)
        }
        _ => (ColumnType::Text, Native::Other),
    };
    let primary = column.flags().contains(ColumnFlags::PRI_KEY_FLAG);
    let nullable = Some(!column.flags().contains(ColumnFlags::NOT_NULL_FLAG));
    FoundColumn { name: column.name_str().into_owned(), column_type, native, primary, nullable }
}

/// The display width counts a sign and a point besides the digits.
fn decimal_type(column: &Column) -> ColumnType {
    let scale = u32::from(column.decimals());
    let signed = !column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let precision = column.column_length().saturating_sub(u32::from(signed) + u32::from(scale > 0));
    if (1..=38).contains(&precision) && scale <= precision {
        ColumnType::Decimal(precision as u8, scale as i8)
    } else {
        ColumnType::Text
    }
}

fn select(spec: &TableSpec, condition: Option<String>) -> String {
    let columns: Vec<String> = spec
        .asked()
        .map(|column| match &column.at_source {
            Some(name) => format!("t.{}", quoted(name, '`')),
            None => "NULL".to_owned(),
        })
        .collect();
    let from = from_clause(&spec.relation, '`');
    let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    format!("SELECT {} FROM {from}{filter}", columns.join(", "))
}

/// Runs `sql` and passes its rows on: straight into their columns, or through the row path where
/// there is anything unusual about a row.
async fn read(connection: &mut Conn, sql: &str, share: &mut Share) -> Result<(), ExtractError> {
    let spec = Arc::clone(share.intake().spec());
    let failed = |error| broken(&spec, error);
    let mut rows = connection.exec_stream::<Row, _, _>(sql, Params::Empty).await.map_err(failed)?;
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let values: Vec<Option<Value>> = row.unwrap_raw();
        if !straight(share.intake(), &values, &spec) {
            judged(share.intake(), values, &spec)?;
        }
        share.pass_on().await?;
    }
    Ok(())
}

/// Appends a row; false, and nothing appended, when the row path has to see it.
fn straight(intake: &mut Intake, values: &[Option<Value>], spec: &TableSpec) -> bool {
    let (columns, zone) = intake.columns();
    let cursor = spec.cursor.map(|cursor| cursor.column);
    let (declared, extra) = values.split_at(columns.len().min(values.len()));
    let mut targets = columns.iter_mut().zip(&spec.columns).zip(declared).enumerate();
    let fits = targets.all(|(index, ((target, column), value))| match value {
        None | Some(Value::NULL) if column.nullable && cursor != Some(index) => {
            target.null();
            true
        }
        None | Some(Value::NULL) => false,
        Some(value) => put(value, target, column, zone),
    });
    // Undeclared columns are asked for only to refuse rows that have a value in them.
    if fits && extra.iter().all(|value| matches!(value, None | Some(Value::NULL))) {
        return intake.settle();
    }
    intake.undo();
    false
}

/// Appends a value to its column; false when it does not fit, and then nothing is appended.
fn put(value: &Value, target: &mut Target, column: &SpecColumn, zone: &mut ZoneTable) -> bool {
    let is_text = column.column_type == ColumnType::Text && column.native == Native::Other;
    if let (Value::Bytes(bytes), true) = (value, is_text) {
        return std::str::from_utf8(bytes).is_ok_and(|text| target.text(text));
    }
    match convert(cell(value, column.native), column.column_type, zone) {
        Ok(Some(value)) => target.append(Some(&value)),
        _ => false,
    }
}

fn judged(
    intake: &mut Intake,
    values: Vec<Option<Value>>,
    spec: &TableSpec,
) -> Result<(), ExtractError> {
    let values: Vec<Value> =
        values.into_iter().map(|value| plain(value.unwrap_or(Value::NULL))).collect();
    let asked = values.iter().zip(spec.asked());
    let cells: Vec<Cell<'_>> = asked.map(|(value, column)| cell(value, column.native)).collect();
    intake.row(&cells, &Place::Unknown)
}

/// Times of day have no declared type of their own; they are taken as text.
fn plain(value: Value) -> Value {
    match value {
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if negative { "-" } else { "" };
            let hours = u64::from(days) * 24 + u64::from(hours);
            let text = format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}");
            Value::Bytes(text.into_bytes())
        }
        other => other,
    }
}

fn cell(value: &Value, native: Native) -> Cell<'_> {
    match value {
        Value::NULL => Cell::Null,
        Value::Bytes(bytes) if native == Native::Bits && bytes.len() <= 8 => {
            Cell::Unsigned(bytes.iter().fold(0, |bits, byte| (bits << 8) | u64::from(*byte)))
        }
        Value::Bytes(bytes) => Cell::Text(bytes),
        Value::Int(value) => Cell::Int(*value),
        Value::UInt(value) => Cell::Unsigned(*value),
        // By its own shortest form: widening first would add digits nobody stored.
        Value::Float(value) => Cell::Real(value.to_string().parse().unwrap_or(f64::NAN)),
        Value::Double(value) => Cell::Real(*value),
        Value::Date(year, month, day, hour, minute, second, micro) => {
            let civil = Civil {
                year: i64::from(*year),
                month: u32::from(*month),
                day: u32::from(*day),
                hour: u32::from(*hour),
                minute: u32::from(*minute),
                second: u32::from(*second),
                micro: *micro,
            };
            if native == Native::Instant { instant(civil) } else { Cell::Civil(civil) }
        }
        // Made text by `plain`.
        Value::Time(..) => Cell::Never,
    }
}

/// A UTC date and time as an instant; what is no date stays as it is and is refused as such.
fn instant(civil: Civil) -> Cell<'static> {
    let day = i32::try_from(civil.year)
        .ok()
        .and_then(|year| NaiveDate::from_ymd_opt(year, civil.month, civil.day));
    day.and_then(|day| day.and_hms_micro_opt(civil.hour, civil.minute, civil.second, civil.micro))
        .map_or(Cell::Civil(civil), |at| Cell::Instant(at.and_utc().timestamp_micros()))
}
