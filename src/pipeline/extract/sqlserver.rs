//! Microsoft SQL Server, read in one transaction: SNAPSHOT where the database allows it, else READ
//! COMMITTED, which is said in a notice. Tested against the protocol, not against a server.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use hub_domain::contract::ColumnType;
use tiberius::{AuthMethod, Client, EncryptionLevel, Query};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};
use url::Url;

use super::cell::Cell;
use super::config::{SourceConfig, SourceUrl};
use super::error::{Cause, ExtractError, Told};
use super::intake::{Intake, broken};
use super::outlet::{BatchStream, Share, shared};
use super::reject::Place;
use super::schema::{FoundColumn, Native, Relation, TableSpec};
use super::selection::Dialect;
use super::source::Source;

mod value;

use value::Owned;

/// Describes the columns of a statement, those of a unique key marked.
const DESCRIBE: &str = "SELECT name, system_type_name, CAST(precision AS int), \
     CAST(scale AS int), is_part_of_unique_key \
     FROM sys.dm_exec_describe_first_result_set(@P1, NULL, 1) \
     WHERE is_hidden = 0 ORDER BY column_ordinal";

/// Whether the database lets SNAPSHOT transactions begin.
const SNAPSHOTS: &str =
    "SELECT CAST(snapshot_isolation_state AS int) FROM sys.databases WHERE name = DB_NAME()";

type Connection = Client<Compat<TcpStream>>;

/// An open SQL Server transaction.
pub(super) struct Sqlserver {
    /// The connection; none while a reader has it.
    client: Option<Connection>,
    /// Where the reader gives it back.
    back: Option<oneshot::Receiver<Connection>>,
    /// Whether all tables are read as of one moment.
    snapshot: bool,
    /// Type names of described relations: how a column is asked for depends on them.
    types: Vec<(Relation, HashMap<String, String>)>,
}

/// What an address says.
fn options(url: &str) -> Result<tiberius::Config, Cause> {
    let unreadable = || Cause::from(Told("the address cannot be read".into()));
    let url = Url::parse(url).map_err(|_| unreadable())?;
    let plain = |text: &str| decoded(text).ok_or_else(unreadable);
    if url.scheme() != "sqlserver" {
        return Err(unreadable());
    }
    let mut config = tiberius::Config::new();
    config.host(url.host_str().ok_or_else(unreadable)?);
    config.port(url.port().unwrap_or(1_433));
    let password = plain(url.password().unwrap_or_default())?;
    config.authentication(AuthMethod::sql_server(plain(url.username())?, password));
    let database = plain(url.path().trim_start_matches('/'))?;
    if !database.is_empty() {
        config.database(database);
    }
    config.application_name("clinichub");
    config.readonly(true);
    config.encryption(EncryptionLevel::Required);
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), value.as_ref()) {
            ("encrypt", "required") => {}
            ("encrypt", "off") => config.encryption(EncryptionLevel::NotSupported),
            ("sslrootcert", path) => config.trust_cert_ca(path),
            _ => return Err(Told(format!("the address has an unknown option `{name}`")).into()),
        }
    }
    Ok(config)
}

/// Undoes `%41`.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

impl Sqlserver {
    pub(super) async fn open(config: &SourceConfig) -> Result<Self, Cause> {
        let options = options(config.url.as_ref().map(SourceUrl::reveal).unwrap_or_default())?;
        let stream = TcpStream::connect(options.get_addr()).await?;
        stream.set_nodelay(true)?;
        // The driver's handshake is a large future.
        let mut client = Box::pin(Client::connect(options, stream.compat_write())).await?;
        let found = client.simple_query(SNAPSHOTS).await?.into_row().await?;
        let snapshot = found.and_then(|row| row.get::<i32, _>(0)) == Some(1);
        let isolation = if snapshot { "SNAPSHOT" } else { "READ COMMITTED" };
        // A reader never waits for a writer longer than half a minute, nor wins over one.
        let begin = format!(
            "SET LOCK_TIMEOUT 30000; SET DEADLOCK_PRIORITY LOW; SET XACT_ABORT ON; \
             SET TRANSACTION ISOLATION LEVEL {isolation}; BEGIN TRANSACTION"
        );
        client.simple_query(begin).await?.into_results().await?;
        Ok(Self { client: Some(client), back: None, snapshot, types: Vec::new() })
    }

    /// The connection, when the reader that had it last is done.
    async fn take(&mut self) -> Result<Connection, Cause> {
        if let Some(client) = self.client.take() {
            return Ok(client);
        }
        let lost = || Cause::from(Told("the connection was lost in an earlier read".into()));
        self.back.take().ok_or_else(lost)?.await.map_err(|_| lost())
    }
}

#[async_trait]
impl Source for Sqlserver {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let mut query = Query::new(DESCRIBE);
        query.bind(format!("SELECT * FROM {}", from(relation)));
        let mut client = self.take().await?;
        let rows = query.query(&mut client).await?.into_first_result().await?;
        self.client = Some(client);
        let (mut found, mut types) = (Vec::new(), HashMap::new());
        for row in &rows {
            let name: &str = row.try_get(0)?.unwrap_or_default();
            let kind: &str = row.try_get(1)?.unwrap_or_default();
            let numbers = (row.try_get::<i32, _>(2)?, row.try_get::<i32, _>(3)?);
            let (column_type, native) = found_type(kind, numbers);
            let primary = row.try_get(4)?.unwrap_or(false);
            types.insert(name.to_owned(), base(kind).to_owned());
            let (name, nullable) = (name.to_owned(), None);
            found.push(FoundColumn { name, column_type, native, primary, nullable });
        }
        if found.is_empty() {
            return Err(Told("the server tells of no columns".into()).into());
        }
        self.types.push((relation.clone(), types));
        Ok(found)
    }

    async fn open<'a>(&'a mut self, mut intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        if !self.snapshot {
            intake.notice(
                "read by READ COMMITTED: the database allows no SNAPSHOT transactions, so tables \
                 may be of different moments"
                    .to_owned(),
            );
        }
        let spec = Arc::clone(intake.spec());
        let none = HashMap::new();
        let known = self.types.iter().find(|(relation, _)| *relation == spec.relation);
        let condition = intake.condition(Dialect::Sqlserver);
        let types = known.map_or(&none, |(_, types)| types);
        let query = Query::new(select(&spec, types, condition));
        let mut client = self.take().await.map_err(|error| broken(&spec, error))?;
        let (give, back) = oneshot::channel();
        self.back = Some(back);
        let read = async move |mut share: Share| {
            read(&mut client, query, &spec, &mut share).await?;
            // Nobody waits for it any more when the source is closed meanwhile.
            let _ = give.send(client);
            Ok(share)
        };
        Ok(shared(intake, std::iter::once(read)))
    }

    async fn close(mut self: Box<Self>) {
        // The transaction read only; a connection that is gone has ended it as well.
        let Ok(mut client) = self.take().await else { return };
        if let Ok(done) = client.simple_query("IF @@TRANCOUNT > 0 ROLLBACK").await {
            let _ = done.into_results().await;
        }
        let _ = client.close().await;
    }
}

/// `name` between brackets.
fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// The relation as it stands after FROM, under the alias `t`.
fn from(relation: &Relation) -> String {
    match relation {
        Relation::Table(name) if name.contains('[') => format!("{name} AS t"),
        Relation::Table(name) => {
            let parts: Vec<String> = name.split('.').map(quoted).collect();
            format!("{} AS t", parts.join("."))
        }
        Relation::Query(query) => {
            format!("({}\n) AS t", query.trim().trim_end_matches(';'))
        }
        Relation::Files(_) => String::new(),
    }
}

/// `decimal` of `decimal(12,2)`.
fn base(kind: &str) -> &str {
    kind.split('(').next().unwrap_or(kind)
}

fn found_type(kind: &str, numbers: (Option<i32>, Option<i32>)) -> (ColumnType, Native) {
    match base(kind) {
        "bit" => (ColumnType::Bool, Native::Bool),
        "tinyint" | "smallint" | "int" | "bigint" => (ColumnType::Int64, Native::Int),
        "date" => (ColumnType::Date, Native::Date),
        "datetime" | "datetime2" | "smalldatetime" => (ColumnType::Timestamp, Native::Wall),
        "datetimeoffset" => (ColumnType::Timestamp, Native::Instant),
        "money" => (ColumnType::Decimal(19, 4), Native::Other),
        "smallmoney" => (ColumnType::Decimal(10, 4), Native::Other),
        "decimal" | "numeric" => {
            let precision = numbers.0.and_then(|precision| u8::try_from(precision).ok());
            let scale = numbers.1.and_then(|scale| i8::try_from(scale).ok());
            let declared = precision.zip(scale).map(|(p, s)| ColumnType::Decimal(p, s));
            (declared.unwrap_or(ColumnType::Text), Native::Other)
        }
        _ => (ColumnType::Text, Native::Other),
    }
}

/// A column as it is asked for: in a form the driver reads exactly.
fn expression(name: &str, kind: Option<&String>) -> String {
    let column = format!("t.{}", quoted(name));
    match kind.map_or("", String::as_str) {
        // The driver takes money for a float.
        "money" | "smallmoney" => format!("CONVERT(decimal(19,4), {column})"),
        // Thirds of a hundredth of a second, as the server itself rounds them.
        "datetime" => format!("CONVERT(datetime2(3), {column})"),
        "smalldatetime" => format!("CONVERT(datetime2(0), {column})"),
        "uniqueidentifier" | "xml" | "text" | "ntext" | "sql_variant" | "hierarchyid" => {
            format!("CONVERT(nvarchar(max), {column})")
        }
        "image" | "timestamp" | "rowversion" | "geography" | "geometry" => {
            format!("CONVERT(varbinary(max), {column})")
        }
        _ => column,
    }
}

fn select(spec: &TableSpec, types: &HashMap<String, String>, condition: Option<String>) -> String {
    let columns: Vec<String> = spec
        .asked()
        .map(|column| match &column.at_source {
            Some(name) => expression(name, types.get(name)),
            None => "NULL".to_owned(),
        })
        .collect();
    let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    format!("SELECT {} FROM {}{filter}", columns.join(", "), from(&spec.relation))
}

async fn read(
    client: &mut Connection,
    query: Query<'static>,
    spec: &TableSpec,
    share: &mut Share,
) -> Result<(), ExtractError> {
    let broke = |error| broken(spec, error);
    let mut rows = query.query(client).await.map_err(broke)?.into_row_stream();
    while let Some(row) = rows.try_next().await.map_err(broke)? {
        let values: Vec<Owned> = row.into_iter().map(Owned::of).collect();
        let cells: Vec<Cell<'_>> = values.iter().map(Owned::cell).collect();
        share.intake().row(&cells, &Place::Unknown)?;
        share.pass_on().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
