//! Copies the hospital's SQLite tables into a PostgreSQL or MySQL/MariaDB server, keeping the
//! dirt a server can hold and reporting the rows it cannot.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{NaiveDate, NaiveDateTime};
use futures::SinkExt as _;
use mysql_async::prelude::Queryable as _;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::sqlite::{hospital, sqlite_error};
use crate::table::{Kind, Tab};

/// What a copy did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Rows copied, over all tables.
    pub rows: u64,
    /// Rows the server's types cannot hold, per table.
    pub skipped: BTreeMap<String, u64>,
}

/// Servers that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Postgres,
    Mysql,
}

type Values = Vec<Option<String>>;
type Batches = mpsc::Receiver<Result<Vec<Values>, Error>>;

const BATCH: usize = 1000;

/// Replaces the hospital tables of a server by those of `dir/sources/his.db`.
///
/// # Errors
/// When the address names no supported server, or reading or writing fails.
pub async fn load_into(dir: &Path, url: &str) -> Result<LoadReport, Error> {
    let his = dir.join("sources").join("his.db");
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => into_postgres(his, url).await,
        Some("mysql" | "mariadb") => into_mysql(his, url).await,
        scheme => Err(Error::Address { scheme: scheme.unwrap_or_default().to_owned() }),
    }
}

async fn into_postgres(his: PathBuf, url: &str) -> Result<LoadReport, Error> {
    let (client, driver) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(Error::Postgres)?;
    let driver = tokio::spawn(driver);
    let mut report = LoadReport::default();
    // Readers see the old tables until all new ones are there.
    client.batch_execute("BEGIN").await.map_err(Error::Postgres)?;
    for tab in hospital() {
        let name = tab.name();
        client.batch_execute(&create(*tab, Server::Postgres)).await.map_err(Error::Postgres)?;
        let sink = client.copy_in(&format!("COPY {name} FROM STDIN")).await;
        let sink = sink.map_err(Error::Postgres)?;
        let mut sink = Box::pin(sink);
        let mut batches = read(his.clone(), *tab);
        while let Some(batch) = batches.recv().await {
            let mut text = String::new();
            for values in batch? {
                if fits(*tab, &values, Server::Postgres) {
                    push_copy_line(&mut text, &values);
                    report.rows += 1;
                } else {
                    *report.skipped.entry(name.to_owned()).or_default() += 1;
                }
            }
            sink.send(Bytes::from(text)).await.map_err(Error::Postgres)?;
        }
        sink.as_mut().finish().await.map_err(Error::Postgres)?;
        for index in indexes(*tab) {
            client.batch_execute(&index).await.map_err(Error::Postgres)?;
        }
    }
    client.batch_execute("COMMIT").await.map_err(Error::Postgres)?;
    drop(client);
    // The driver ends with the client; its own failure would have shown in a statement.
    let _ = driver.await;
    Ok(report)
}

async fn into_mysql(his: PathBuf, url: &str) -> Result<LoadReport, Error> {
    let url = url.replacen("mariadb://", "mysql://", 1);
    let options = mysql_async::Opts::from_url(&url).map_err(|err| Error::Mysql(err.into()))?;
    let mut link = mysql_async::Conn::new(options).await.map_err(Error::Mysql)?;
    // Zero dates and the thirtieth of February stay what they are.
    let lenient = "SET SESSION sql_mode='ALLOW_INVALID_DATES'";
    link.query_drop(lenient).await.map_err(Error::Mysql)?;
    let mut report = LoadReport::default();
    for tab in hospital() {
        let name = tab.name();
        link.query_drop(format!("DROP TABLE IF EXISTS {name}")).await.map_err(Error::Mysql)?;
        link.query_drop(create(*tab, Server::Mysql)).await.map_err(Error::Mysql)?;
        let mut batches = read(his.clone(), *tab);
        while let Some(batch) = batches.recv().await {
            let mut tuples = Vec::new();
            for values in batch? {
                if fits(*tab, &values, Server::Mysql) {
                    tuples.push(tuple(&values));
                } else {
                    *report.skipped.entry(name.to_owned()).or_default() += 1;
                }
            }
            report.rows += tuples.len() as u64;
            if !tuples.is_empty() {
                let sql = format!("INSERT INTO {name} VALUES {}", tuples.join(","));
                link.query_drop(sql).await.map_err(Error::Mysql)?;
            }
        }
        for index in indexes(*tab) {
            link.query_drop(index).await.map_err(Error::Mysql)?;
        }
    }
    link.disconnect().await.map_err(Error::Mysql)?;
    Ok(report)
}

/// Reads a table on a blocking thread, in batches.
fn read(his: PathBuf, tab: Tab) -> Batches {
    let (send, receive) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        if let Err(err) = read_table(&his, tab, &send) {
            // A receiver that is gone has its own error to report.
            let _ = send.blocking_send(Err(err));
        }
    });
    receive
}

fn read_table(
    his: &Path,
    tab: Tab,
    send: &mpsc::Sender<Result<Vec<Values>, Error>>,
) -> Result<(), Error> {
    let fail = sqlite_error(his);
    let link = Connection::open_with_flags(his, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(&fail)?;
    let sql = format!("SELECT * FROM {} ORDER BY rowid", tab.name());
    let mut statement = link.prepare(&sql).map_err(&fail)?;
    let width = tab.contract().columns.len();
    let mut rows = statement.query([]).map_err(&fail)?;
    let mut batch = Vec::new();
    while let Some(row) = rows.next().map_err(&fail)? {
        let mut values = Vec::with_capacity(width);
        for at in 0..width {
            values.push(match row.get_ref(at).map_err(&fail)? {
                ValueRef::Null => None,
                ValueRef::Integer(value) => Some(value.to_string()),
                ValueRef::Real(value) => Some(value.to_string()),
                // A replacement character marks text no server would take.
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
            });
        }
        batch.push(values);
        if batch.len() == BATCH && send.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
            return Ok(());
        }
    }
    let _ = send.blocking_send(Ok(batch));
    Ok(())
}

fn fits(tab: Tab, values: &Values, server: Server) -> bool {
    tab.contract().columns.iter().zip(values).all(|(column, value)| {
        value.as_deref().is_none_or(|text| match column.kind {
            Kind::Int => text.parse::<i64>().is_ok(),
            Kind::Decimal { .. } => text.parse::<f64>().is_ok_and(f64::is_finite),
            Kind::Text => !text.contains(['\u{fffd}', '\0']),
            Kind::Date => {
                server == Server::Mysql || NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
            }
            Kind::Timestamp => {
                server == Server::Mysql
                    || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok()
            }
        })
    })
}

fn create(tab: Tab, server: Server) -> String {
    let columns: Vec<String> = tab
        .contract()
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, server_type(column.kind, server)))
        .collect();
    let name = tab.name();
    let columns = columns.join(", ");
    match server {
        Server::Postgres => format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns})"),
        Server::Mysql => format!("CREATE TABLE {name} ({columns}) CHARACTER SET utf8mb4"),
    }
}

fn server_type(kind: Kind, server: Server) -> String {
    match (kind, server) {
        (Kind::Int, _) => "bigint".to_owned(),
        (Kind::Date, _) => "date".to_owned(),
        (Kind::Timestamp, Server::Postgres) => "timestamp".to_owned(),
        (Kind::Timestamp, Server::Mysql) => "datetime".to_owned(),
        (Kind::Text, Server::Postgres) => "text".to_owned(),
        (Kind::Text, Server::Mysql) => "varchar(255)".to_owned(),
        // Wider than the contract, as vendors' columns often are: overflows stay visible.
        (Kind::Decimal { precision, scale }, _) => format!("decimal({},{scale})", precision + 8),
    }
}

fn indexes(tab: Tab) -> Vec<String> {
    let contract = tab.contract();
    let name = tab.name();
    let names: Vec<&str> =
        contract.key.iter().map(|at| contract.columns[*at].name.as_str()).collect();
    let mut all = vec![format!("CREATE INDEX ix_{name} ON {name} ({})", names.join(", "))];
    if contract.columns.iter().any(|column| column.name == "xgsj") {
        all.push(format!("CREATE INDEX ix_{name}_xgsj ON {name} (xgsj)"));
    }
    all
}

fn push_copy_line(out: &mut String, values: &Values) {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push('\t');
        }
        match value {
            None => out.push_str("\\N"),
            Some(text) => {
                for letter in text.chars() {
                    match letter {
                        '\\' => out.push_str("\\\\"),
                        '\t' => out.push_str("\\t"),
                        '\n' => out.push_str("\\n"),
                        '\r' => out.push_str("\\r"),
                        other => out.push(other),
                    }
                }
            }
        }
    }
    out.push('\n');
}

fn tuple(values: &Values) -> String {
    let cells: Vec<String> = values
        .iter()
        .map(|value| match value {
            None => "NULL".to_owned(),
            Some(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        })
        .collect();
    format!("({})", cells.join(","))
}
