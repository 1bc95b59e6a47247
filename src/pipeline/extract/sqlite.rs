//! SQLite files, read in one transaction. A column's declared type binds nothing in SQLite, so
//! every cell is taken by its own storage class.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use hub_domain::contract::ColumnType;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::cell::{Cell, ZoneTable};
use super::config::SourceConfig;
use super::error::{Cause, ExtractError, Told};
use super::intake::{Intake, broken};
use super::outlet::{BatchStream, Outlet, blocking};
use super::reconcile::{Counter, Measured, Measuring};
use super::reject::Place;
use super::schema::{FoundColumn, Native, Relation, TableSpec};
use super::selection::Dialect;
use super::source::Source;
use super::sql::{from_clause, name_parts, quoted};

/// An open SQLite file.
pub(super) struct Sqlite {
    connection: Arc<Mutex<Connection>>,
}

impl Sqlite {
    pub(super) async fn open(config: &SourceConfig) -> Result<Self, Cause> {
        let path = config.path.clone().ok_or_else(|| Told("no path".into()))?;
        let patience = Duration::from_secs(config.limits.lock_timeout.seconds());
        let connection = tokio::task::spawn_blocking(move || begin(&path, patience)).await??;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }
}

/// `patience` is how long to wait for a writer at the source.
fn begin(path: &Path, patience: Duration) -> Result<Connection, Cause> {
    if !path.is_file() {
        return Err(Told(format!("no file `{}`", path.display())).into());
    }
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            '%' => "%25".to_owned(),
            '?' => "%3f".to_owned(),
            '#' => "%23".to_owned(),
            other => other.to_string(),
        })
        .collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{escaped}?mode=ro"), flags)?;
    connection.busy_timeout(patience)?;
    connection.execute_batch("BEGIN")?;
    // The first read fixes the moment all tables are read as of.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

#[async_trait]
impl Source for Sqlite {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let connection = Arc::clone(&self.connection);
        let relation = relation.clone();
        tokio::task::spawn_blocking(move || {
            let connection = connection.lock().map_err(|_| Told("a reader died".into()))?;
            describe(&connection, &relation)
        })
        .await?
    }

    async fn open<'a>(&'a mut self, intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        let connection = Arc::clone(&self.connection);
        let spec = Arc::clone(intake.spec());
        let condition = intake.condition(Dialect::Sqlite);
        let stream = blocking(intake, move |outlet| {
            connection
                .lock()
                .map_err(|_| broken(&spec, Told("a reader died".into())))
                .and_then(|connection| read(&connection, &spec, condition.as_deref(), outlet))
        });
        Ok(stream.boxed())
    }

    async fn measure(&mut self, intake: &Intake) -> Result<Option<Measuring>, Cause> {
        let connection = Arc::clone(&self.connection);
        let (spec, zone) = (Arc::clone(intake.spec()), intake.zone());
        let condition = intake.condition(Dialect::Sqlite);
        let counting = tokio::task::spawn_blocking(move || {
            let connection = connection.lock().map_err(|_| Told("a reader died".into()))?;
            count(&connection, &spec, condition.as_deref(), zone)
        });
        Ok(Some(Box::pin(async move { counting.await? })))
    }

    async fn close(self: Box<Self>) {
        // Dropping the connection ends the transaction; it may wait for the file system.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

fn describe(connection: &Connection, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
    let Relation::Table(name) = relation else {
        let sql = format!("SELECT * FROM {}", from_clause(relation, '"'));
        let statement = connection.prepare(&sql)?;
        let found = |name: &str| found_column(name, "", false, None);
        return Ok(statement.column_names().into_iter().map(found).collect());
    };
    let parts = name_parts(name, '"');
    let (schema, table) = match parts.as_slice() {
        [schema, table] => (Some(*schema), *table),
        _ => (None, name.trim_matches('"')),
    };
    let mut statement = connection.prepare(
        "SELECT name, type, pk, \"notnull\" FROM pragma_table_info(?1, ?2) ORDER BY cid",
    )?;
    let rows = statement.query_map((table, schema), |row| {
        let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let nullable = Some(!row.get::<_, bool>(3)?);
        Ok(found_column(&name, &kind, row.get::<_, i64>(2)? > 0, nullable))
    })?;
    let found: Vec<FoundColumn> = rows.collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(Told(format!("no table `{name}`")).into());
    }
    Ok(found)
}

fn found_column(name: &str, declared: &str, primary: bool, nullable: Option<bool>) -> FoundColumn {
    let upper = declared.to_ascii_uppercase();
    let has = |word: &str| upper.contains(word);
    let (column_type, native) = if has("INT") {
        (ColumnType::Int64, Native::Int)
    } else if has("BOOL") {
        (ColumnType::Bool, Native::Bool)
    } else if has("DATETIME") || has("TIMESTAMP") {
        (ColumnType::Timestamp, Native::Other)
    } else if upper == "DATE" {
        (ColumnType::Date, Native::Other)
    } else if let Some(at) = upper.find('(').filter(|_| has("DEC") || has("NUMERIC")) {
        let parsed = ColumnType::parse(&format!("decimal{}", &upper[at..]));
        (parsed.unwrap_or(ColumnType::Text), Native::Other)
    } else {
        (ColumnType::Text, Native::Other)
    };
    FoundColumn { name: name.to_owned(), column_type, native, primary, nullable }
}

/// Whether rows of the relation have a row id to order and to find them by.
fn has_row_id(connection: &Connection, relation: &Relation) -> Result<bool, rusqlite::Error> {
    let Relation::Table(name) = relation else { return Ok(false) };
    let table = name_parts(name, '"').pop().unwrap_or(name).trim_matches('"');
    let mut statement = connection
        .prepare("SELECT type = 'table' AND NOT wr FROM pragma_table_list WHERE name = ?1")?;
    let mut rows = statement.query([table])?;
    rows.next()?.map_or(Ok(false), |row| row.get(0))
}

fn select(spec: &TableSpec, condition: Option<&str>, row_id: bool) -> String {
    let mut columns = vec![if row_id { "t._rowid_".to_owned() } else { "NULL".to_owned() }];
    for column in spec.asked() {
        columns.push(match &column.at_source {
            Some(name) => format!("t.{}", quoted(name, '"')),
            None => "NULL".to_owned(),
        });
    }
    let mut sql =
        format!("SELECT {} FROM {}", columns.join(", "), from_clause(&spec.relation, '"'));
    if let Some(condition) = condition {
        sql.push_str(&format!(" WHERE {condition}"));
    }
    if row_id {
        sql.push_str(" ORDER BY t._rowid_");
    }
    sql
}

fn read(
    connection: &Connection,
    spec: &TableSpec,
    condition: Option<&str>,
    outlet: &mut Outlet,
) -> Result<(), ExtractError> {
    let failed = |error: rusqlite::Error| broken(spec, error);
    let row_id = has_row_id(connection, &spec.relation).map_err(failed)?;
    let sql = select(spec, condition, row_id);
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let width = spec.asked().count();
    while let Some(row) = rows.next().map_err(failed)? {
        let cells = cells(row, width).map_err(failed)?;
        let place = match row.get_ref(0).map_err(failed)? {
            ValueRef::Integer(id) => Place::RowId(id),
            _ => Place::Unknown,
        };
        outlet.row(&cells, &place)?;
    }
    Ok(())
}

/// Counts the rows of a read without the way through the intake: SQLite's own sums would be
/// floats where a cell is one.
fn count(
    connection: &Connection,
    spec: &Arc<TableSpec>,
    condition: Option<&str>,
    mut zone: ZoneTable,
) -> Result<Measured, Cause> {
    let mut counter = Counter::new(Arc::clone(spec));
    let mut statement = connection.prepare(&select(spec, condition, false))?;
    let mut rows = statement.query([])?;
    let width = spec.asked().count();
    while let Some(row) = rows.next()? {
        counter.cells(&cells(row, width)?, &mut zone);
    }
    Ok(counter.amounts.into())
}

fn cells<'a>(row: &'a Row<'_>, width: usize) -> Result<Vec<Cell<'a>>, rusqlite::Error> {
    let cell = |index: usize| {
        Ok(match row.get_ref(index)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(value) => Cell::Int(value),
            ValueRef::Real(value) => Cell::Real(value),
            ValueRef::Text(bytes) => Cell::Text(bytes),
            ValueRef::Blob(bytes) => Cell::Blob(bytes),
        })
    };
    (1..=width).map(cell).collect()
}
