//! Writes source rows into SQLite: the hospital database and the pending changes of a night.
//! Knows columns and keys from the contracts, not what rows mean.
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Statement};

use crate::cell::{Cell, Row};
use crate::error::Error;
use crate::table::{Kind, Source, TABS, Tab};

/// Rows held before they are written, over all tables.
const BATCH: usize = 40_000;

/// A SQLite file with the hospital's tables.
pub(crate) struct Database {
    path: PathBuf,
    link: Connection,
    buffers: Vec<Vec<Row>>,
    held: usize,
}

impl Database {
    /// Creates the file with empty tables; journalling is off until [`Database::finish`].
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        if path.exists() {
            std::fs::remove_file(path).map_err(Error::file(path))?;
        }
        let fail = sqlite_error(path);
        let link = Connection::open(path).map_err(&fail)?;
        let set_up = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; \
                      PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY;";
        link.execute_batch(set_up).map_err(&fail)?;
        for tab in hospital() {
            link.execute_batch(&create_table(*tab)).map_err(&fail)?;
        }
        let buffers = TABS.iter().map(|_| Vec::new()).collect();
        Ok(Self { path: path.to_owned(), link, buffers, held: 0 })
    }

    pub(crate) fn push(&mut self, tab: Tab, row: Row) -> Result<(), Error> {
        debug_assert_eq!(row.len(), tab.contract().columns.len(), "{}", tab.name());
        self.buffers[tab as usize].push(row);
        self.held += 1;
        if self.held >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Runs a statement of the caller, after everything pushed so far.
    pub(crate) fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.flush()?;
        self.link.execute_batch(sql).map_err(sqlite_error(&self.path))
    }

    fn flush(&mut self) -> Result<(), Error> {
        let fail = sqlite_error(&self.path);
        let transaction = self.link.transaction().map_err(&fail)?;
        let mut text = String::new();
        for tab in hospital() {
            let rows = std::mem::take(&mut self.buffers[*tab as usize]);
            if rows.is_empty() {
                continue;
            }
            let plain = insert(*tab, None);
            let mut statement = transaction.prepare(&plain).map_err(&fail)?;
            for row in rows {
                if row.iter().any(|cell| matches!(cell, Cell::Raw(_))) {
                    let cast = insert(*tab, Some(&row));
                    let mut odd = transaction.prepare(&cast).map_err(&fail)?;
                    write_row(&mut odd, &row, &mut text).map_err(&fail)?;
                } else {
                    write_row(&mut statement, &row, &mut text).map_err(&fail)?;
                }
            }
        }
        transaction.commit().map_err(&fail)?;
        self.held = 0;
        Ok(())
    }

    /// Writes what is held, indexes the keys and marks the state as `night`.
    pub(crate) fn finish(mut self, night: Option<u32>) -> Result<(), Error> {
        self.flush()?;
        let fail = sqlite_error(&self.path);
        if let Some(night) = night {
            for tab in hospital() {
                self.link.execute_batch(&create_index(*tab)).map_err(&fail)?;
            }
            let mark = format!("PRAGMA user_version={night}");
            self.link.execute_batch(&mark).map_err(&fail)?;
        }
        self.link.close().map_err(|(_, err)| fail(err))
    }
}

/// The hospital's tables in writing order.
pub(crate) fn hospital() -> impl Iterator<Item = &'static Tab> {
    TABS.iter().filter(|tab| tab.source() == Source::His)
}

pub(crate) fn sqlite_error(path: &Path) -> impl Fn(rusqlite::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Sqlite { path: path.clone(), source }
}

fn create_table(tab: Tab) -> String {
    let columns: Vec<String> = tab
        .contract()
        .columns
        .iter()
        .map(|column| {
            // Decimals are text: SQLite would otherwise store them as floats.
            let kind = if column.kind == Kind::Int { "INTEGER" } else { "TEXT" };
            format!("{} {kind}", column.name)
        })
        .collect();
    format!("CREATE TABLE {} ({})", tab.name(), columns.join(", "))
}

fn create_index(tab: Tab) -> String {
    let contract = tab.contract();
    let key: Vec<&str> =
        contract.key.iter().map(|at| contract.columns[*at].name.as_str()).collect();
    // Not unique: the source holds duplicate and null keys.
    format!("CREATE INDEX ix_{0} ON {0} ({1})", tab.name(), key.join(", "))
}

fn insert(tab: Tab, odd: Option<&Row>) -> String {
    let slots: Vec<String> = (0..tab.contract().columns.len())
        .map(|at| match odd.map(|row| &row[at]) {
            Some(Cell::Raw(_)) => format!("CAST(?{} AS TEXT)", at + 1),
            _ => format!("?{}", at + 1),
        })
        .collect();
    format!("INSERT INTO {} VALUES ({})", tab.name(), slots.join(","))
}

fn write_row(
    statement: &mut Statement<'_>,
    row: &Row,
    text: &mut String,
) -> Result<(), rusqlite::Error> {
    for (at, cell) in row.iter().enumerate() {
        match cell {
            Cell::Null => statement.raw_bind_parameter(at + 1, rusqlite::types::Null)?,
            Cell::Int(value) => statement.raw_bind_parameter(at + 1, value)?,
            Cell::Word(value) => statement.raw_bind_parameter(at + 1, value)?,
            Cell::Text(value) => statement.raw_bind_parameter(at + 1, value)?,
            Cell::Raw(bytes) => statement.raw_bind_parameter(at + 1, bytes)?,
            other => {
                text.clear();
                other.print(text);
                statement.raw_bind_parameter(at + 1, text.as_str())?;
            }
        }
    }
    statement.raw_execute().map(|_| ())
}
