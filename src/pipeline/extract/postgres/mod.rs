//! PostgreSQL, read in one repeatable-read transaction by binary COPY.
//!
//! A large table is read by several connections at once, each taking ranges of its pages, all of
//! them in the first one's exported snapshot: they see the same rows, each of them once. In which
//! order rows land then differs from run to run; nothing asks for that order, because the newest
//! row of a key is told by the landing it came with.

mod catalog;
mod copy;
mod numeric;
mod tls;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use chrono_tz::Tz;
use hub_domain::contract::ColumnType;
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Column};

use super::config::{SourceConfig, SourceLimits, SourceUrl};
use super::error::{Cause, ExtractError};
use super::intake::{Intake, broken};
use super::outlet::{BatchStream, Share, shared};
use super::reconcile::{self, Measuring};
use super::schema::{FoundColumn, Native, Relation, SpecColumn, TableSpec};
use super::selection::Dialect;
use super::source::Source;
use super::sql::{from_clause, quoted};
use catalog::Storage;
use copy::Layout;
use wire::Wire;

/// Pages of one range, 32 MiB of the usual ones; tests have small tables.
const RANGE_PAGES: i64 = if cfg!(test) { 16 } else { 4_096 };

/// An open PostgreSQL transaction.
pub(super) struct Postgres {
    client: Arc<Client>,
    /// Further connections in the same snapshot, opened when a table first needs them.
    others: Vec<Arc<Client>>,
    /// Name of the snapshot and how many connections may share it; none when it is not shared.
    snapshot: Option<(String, usize)>,
    url: String,
    limits: SourceLimits,
    zone: Tz,
}

impl Postgres {
    pub(super) async fn open(config: &SourceConfig, zone: Tz) -> Result<Self, Cause> {
        let url = config.url.as_ref().map(SourceUrl::reveal).unwrap_or_default().to_owned();
        let client = tls::connect(&url).await?;
        let limits = config.limits.clone();
        let begin = begin(&limits, zone, None);
        client.batch_execute(&begin).await?;
        let connections = usize::try_from(config.limits.connections).unwrap_or(1);
        let mut snapshot = None;
        if connections > 1 {
            match client.query_one("SELECT pg_catalog.pg_export_snapshot()::text", &[]).await {
                Ok(row) => snapshot = Some((row.try_get(0)?, connections)),
                Err(_) => {
                    tracing::info!("the source shares no snapshot; it is read by one connection");
                    client.batch_execute(&format!("ROLLBACK;\n{begin}")).await?;
                }
            }
        }
        // Without a read, a transaction has no moment yet.
        client.simple_query("SELECT 1").await?;
        let (client, others) = (Arc::new(client), Vec::new());
        Ok(Self { client, others, snapshot, url, limits, zone })
    }

    /// The connections a table of `pages` is read by, the first one first.
    async fn readers(&mut self, pages: i64) -> Vec<Arc<Client>> {
        let ranges = usize::try_from(pages / RANGE_PAGES).unwrap_or(0);
        let allowed = self.snapshot.as_ref().map_or(1, |(_, connections)| *connections);
        let wanted = allowed.min(ranges).max(1) - 1;
        while self.others.len() < wanted {
            match self.join().await {
                Ok(client) => self.others.push(Arc::new(client)),
                Err(_) => {
                    let readers = self.others.len() + 1;
                    tracing::info!(readers, "the source gives no further connection");
                    break;
                }
            }
        }
        let others = self.others.iter().take(wanted);
        std::iter::once(&self.client).chain(others).map(Arc::clone).collect()
    }

    /// A further connection in the same snapshot.
    async fn join(&self) -> Result<Client, Cause> {
        let client = tls::connect(&self.url).await?;
        let snapshot = self.snapshot.as_ref().map(|(name, _)| name.as_str());
        client.batch_execute(&begin(&self.limits, self.zone, snapshot)).await?;
        Ok(client)
    }
}

/// Statements that open the transaction and fix how values are written in it.
fn begin(limits: &SourceLimits, zone: Tz, snapshot: Option<&str>) -> String {
    let timeout = limits.statement_timeout.seconds();
    let lock = limits.lock_timeout.seconds();
    let shared = snapshot.map_or_else(String::new, |name| {
        format!("SET TRANSACTION SNAPSHOT '{}';\n", name.replace('\'', "''"))
    });
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n\
         {shared}\
         SET LOCAL statement_timeout = '{timeout}s';\n\
         SET LOCAL lock_timeout = '{lock}s';\n\
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
        let primary = catalog::primary_key(&self.client, relation).await?;
        let filled = catalog::not_null(&self.client, relation).await?;
        let found = |column: &Column| {
            let (column_type, native) = found_type(column);
            let name = column.name().to_owned();
            let primary = primary.contains(&name);
            let nullable = filled.as_ref().map(|filled| !filled.contains(&name));
            FoundColumn { name, column_type, native, primary, nullable }
        };
        Ok(statement.columns().iter().map(found).collect())
    }

    async fn open<'a>(&'a mut self, mut intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        let spec = Arc::clone(intake.spec());
        let storage = catalog::storage(&self.client, &spec.relation).await;
        let storage = storage.map_err(|error| broken(&spec, error))?;
        let layout = Arc::new(Layout::of(&spec));
        if is_unique(&spec, &layout.wires, &storage) {
            intake = intake.unique_at_source();
        }
        let condition = intake.condition(Dialect::Postgres).map(|text| format!(" WHERE {text}"));
        let pages = storage.pages.filter(|_| condition.is_none() && intake.can_fork());
        let clients = self.readers(pages.unwrap_or_default()).await;
        let ranges = Arc::new(Ranges::new(pages.filter(|_| clients.len() > 1)));
        let readers = clients.into_iter().map(|client| {
            let (spec, layout) = (Arc::clone(&spec), Arc::clone(&layout));
            let (ranges, condition) = (Arc::clone(&ranges), condition.clone());
            async move |mut share: Share| {
                while let Some(range) = ranges.next() {
                    let condition = condition.as_deref().unwrap_or(&range);
                    let sql = copy_statement(&spec, &layout.wires, condition);
                    copy::copy(&client, &sql, &layout, &mut share).await?;
                }
                Ok(share)
            }
        });
        Ok(shared(intake, readers))
    }

    async fn measure(&mut self, intake: &Intake) -> Result<Option<Measuring>, Cause> {
        let spec = Arc::clone(intake.spec());
        let condition = intake.condition(Dialect::Postgres);
        let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        let storage = catalog::storage(&self.client, &spec.relation).await?;
        // Where several connections read, the last one counts first and the others go ahead.
        let mut clients = self.readers(storage.pages.unwrap_or_default()).await;
        let client = clients.pop().unwrap_or_else(|| Arc::clone(&self.client));
        let counting = async move { reconcile::measure_postgres(&client, &spec, &filter).await };
        Ok(Some(reconcile::apart(counting)))
    }

    async fn twin(&mut self) -> Option<Box<dyn Source>> {
        self.snapshot.as_ref()?;
        let client = self.join().await.ok()?;
        // One connection less to read large tables with.
        if let Some((_, connections)) = &mut self.snapshot {
            *connections = connections.saturating_sub(1);
        }
        Some(Box::new(Self {
            client: Arc::new(client),
            others: Vec::new(),
            snapshot: None,
            url: self.url.clone(),
            limits: self.limits.clone(),
            zone: self.zone,
        }))
    }

    async fn close(self: Box<Self>) {
        // The transactions read only; dropping the connections ends them as well.
        for client in std::iter::once(&self.client).chain(&self.others) {
            let _ = client.batch_execute("ROLLBACK").await;
        }
    }
}

/// Ranges of pages still to be read, as conditions.
struct Ranges {
    next: AtomicI64,
    /// Pages of the table; none when it is read in one piece.
    pages: Option<i64>,
}

impl Ranges {
    fn new(pages: Option<i64>) -> Self {
        Self { next: AtomicI64::new(0), pages }
    }

    /// The next range nobody has taken. The last one is open: what was added to the file
    /// meanwhile is not part of the snapshot anyway.
    fn next(&self) -> Option<String> {
        let step = self.pages.map_or(1, |_| RANGE_PAGES);
        let first = self.next.fetch_add(step, Ordering::Relaxed);
        let Some(pages) = self.pages else { return (first == 0).then(String::new) };
        let end = first + RANGE_PAGES;
        if first >= pages {
            return None;
        }
        let above = format!(" WHERE t.ctid >= '({first},0)'::tid");
        Some(if end >= pages { above } else { format!("{above} AND t.ctid < '({end},0)'::tid") })
    }
}

/// Whether the source itself keeps keys of the spec from coming twice.
fn is_unique(spec: &TableSpec, wires: &[Wire], storage: &Storage) -> bool {
    let holds = |name: &String| {
        spec.key.iter().any(|index| {
            let column = &spec.columns[*index];
            let same = column.at_source.as_ref() == Some(name);
            same && !column.nullable && wires[*index].keeps_apart()
        })
    };
    storage.unique.iter().any(|columns| columns.iter().all(holds))
}

pub(super) fn found_type(column: &Column) -> (ColumnType, Native) {
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
        Type::NUMERIC => (numeric_type(column.type_modifier()), Native::Decimal),
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

fn copy_statement(spec: &TableSpec, wires: &[Wire], condition: &str) -> String {
    let expression = |(column, wire): (&SpecColumn, &Wire)| {
        let cast = wire.cast().map_or_else(String::new, |name| format!("::{name}"));
        match &column.at_source {
            Some(name) => format!("t.{}{cast}", quoted(name, '"')),
            None => "NULL::text".to_owned(),
        }
    };
    let columns: Vec<String> = spec.asked().zip(wires).map(expression).collect();
    let from = from_clause(&spec.relation, '"');
    let columns = columns.join(", ");
    format!("COPY (SELECT {columns} FROM {from}{condition}) TO STDOUT (FORMAT binary)")
}
