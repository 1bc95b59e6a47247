//! Schema `ops`: what the lake knows of the data itself.
//!
//! `ops.snapshot` (the one read from), `ops.table_version` and `ops.freshness` for everybody, as
//! far as they see the tables; `ops.audit`,
//! `ops.quarantine` (rejected rows per load, source table, reason and column; never their
//! content), `ops.runs` and `ops.loads` (past runs, as newly as they were recorded) for
//! principals that see the whole group.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use chrono::Datelike;
use datafusion::catalog::{SchemaProvider, TableProvider, view::ViewTable};
use datafusion::common::Column;
use datafusion::datasource::{MemTable, empty::EmptyTable, provider_as_source};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, when};
use hub_domain::run::Run;
use hub_lake::TableId;
use tokio::sync::OnceCell;

use super::freshness::{self, Nights};
use super::hub::HubSchema;
use super::{Opened, Scope, external, runs};

const SNAPSHOT: &str = "snapshot";
const VERSIONS: &str = "table_version";
const AUDIT: &str = "audit";
const QUARANTINE: &str = "quarantine";
const RUNS: &str = "runs";
const LOADS: &str = "loads";
const FRESHNESS: &str = "freshness";

#[derive(Debug)]
pub(super) struct OpsSchema {
    scope: Arc<Scope>,
    hub: Arc<HubSchema>,
    opened: Opened,
    nights: OnceCell<Nights>,
}

impl OpsSchema {
    pub(super) fn new(scope: &Arc<Scope>, hub: &Arc<HubSchema>) -> Self {
        let (scope, hub) = (Arc::clone(scope), Arc::clone(hub));
        Self { scope, hub, opened: Opened::default(), nights: OnceCell::new() }
    }

    fn snapshot(&self) -> Result<RecordBatch> {
        let snapshot = &self.scope.snapshot;
        let day = snapshot.business_date.num_days_from_ce() - 719_163;
        let published =
            TimestampMicrosecondArray::from(vec![snapshot.published_at.timestamp_micros()]);
        Ok(RecordBatch::try_from_iter(vec![
            ("id", number(vec![snapshot.id])),
            ("business_date", Arc::new(Date32Array::from(vec![day])) as ArrayRef),
            ("published_at", Arc::new(published.with_timezone("UTC")) as ArrayRef),
            ("run_id", text(vec![snapshot.run_id.clone()])),
            ("definition_hash", text(vec![snapshot.definition_hash.clone()])),
        ])?)
    }

    fn versions(&self) -> Result<RecordBatch> {
        let seen = |key: &str| match TableId::parse(key) {
            TableId::Raw { .. } => self.scope.sees_group(),
            TableId::Hub(name) => {
                let contract = self.scope.contracts.tables.get(&name);
                contract.is_some_and(|contract| {
                    let view = crate::policy::View::of(&self.scope.principal, contract);
                    view != crate::policy::View::Hidden
                })
            }
        };
        let shown: Vec<(&String, &u64)> =
            self.scope.snapshot.tables.iter().filter(|(key, _)| seen(key)).collect();
        Ok(RecordBatch::try_from_iter(vec![
            ("table_name", text(shown.iter().map(|(key, _)| (*key).clone()).collect())),
            ("version", number(shown.iter().map(|(_, version)| **version).collect())),
        ])?)
    }

    fn audit(&self) -> Result<RecordBatch> {
        let audits = &self.scope.snapshot.audits;
        let blocking: Vec<bool> = audits.iter().map(|audit| audit.blocking).collect();
        Ok(RecordBatch::try_from_iter(vec![
            ("table_name", text(audits.iter().map(|audit| audit.table.clone()).collect())),
            ("check_name", text(audits.iter().map(|audit| audit.check.clone()).collect())),
            ("failures", number(audits.iter().map(|audit| audit.failures).collect())),
            ("blocking", Arc::new(BooleanArray::from(blocking)) as ArrayRef),
        ])?)
    }

    /// What the logs say is kept; verdicts are made for every statement.
    async fn freshness(&self) -> Result<Arc<dyn TableProvider>> {
        let nights = self.nights.get_or_try_init(|| freshness::nights(&self.scope)).await?;
        freshness::table(&self.scope, &self.hub, nights).await
    }

    /// Not kept between statements: runs go on while a snapshot stays.
    async fn past_runs(&self) -> Result<Vec<Run>> {
        self.scope.runs.all(&self.scope.principal).await.map_err(external)
    }

    async fn quarantine(&self) -> Result<Arc<dyn TableProvider>> {
        let mut all: Option<LogicalPlanBuilder> = None;
        for (key, version) in &self.scope.snapshot.tables {
            let id = TableId::parse(key);
            let TableId::Raw { source, table } = &id else { continue };
            let landed = self.scope.lake.provider(&id, *version).await.map_err(external)?;
            let counts = rejected(landed, source, table)?;
            all = Some(match all {
                None => LogicalPlanBuilder::from(counts),
                Some(before) => before.union(counts)?,
            });
        }
        match all {
            Some(plan) => Ok(Arc::new(ViewTable::new(plan.build()?, None))),
            None => Ok(Arc::new(EmptyTable::new(Arc::new(Schema::new(vec![
                Field::new("source", DataType::Utf8, false),
                Field::new("table_name", DataType::Utf8, false),
                Field::new("load_id", DataType::Utf8, false),
                Field::new("reason", DataType::Utf8, true),
                Field::new("column_name", DataType::Utf8, true),
                Field::new("rows", DataType::Int64, false),
            ]))))),
        }
    }
}

/// Rows in quarantine of one landed table, counted. A row a retry recovered names the reason it
/// was refused for, so it takes one from the rows refused for it.
fn rejected(landed: Arc<dyn TableProvider>, source: &str, table: &str) -> Result<LogicalPlan> {
    let column = |name: &str| Expr::Column(Column::from_name(name));
    let refused = column("_reject_reason").is_not_null();
    // Tables of before there were retries have no such column.
    let retried = landed.schema().field_with_name("_recovered").is_ok();
    let scan = LogicalPlanBuilder::scan("landed", provider_as_source(landed), None)?;
    let (of_interest, reason) = match retried {
        true => (
            refused.clone().or(column("_recovered").is_not_null()),
            when(refused.clone(), column("_reject_reason")).otherwise(column("_recovered"))?,
        ),
        false => (refused.clone(), column("_reject_reason")),
    };
    let keys = vec![
        column("_load_id").alias("load_id"),
        reason.alias("reason"),
        column("_reject_column").alias("column_name"),
    ];
    let rows = sum(when(refused, lit(1_i64)).otherwise(lit(-1_i64))?).alias("rows");
    scan.filter(of_interest)?
        .aggregate(keys, vec![rows])?
        .filter(column("rows").gt(lit(0_i64)))?
        .project(vec![
            lit(source).alias("source"),
            lit(table).alias("table_name"),
            column("load_id"),
            column("reason"),
            column("column_name"),
            column("rows"),
        ])?
        .build()
}

pub(super) fn text(values: Vec<String>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

/// Numbers of the lake are far below 2^63.
pub(super) fn number(values: Vec<u64>) -> ArrayRef {
    let signed = values.into_iter().map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    Arc::new(Int64Array::from_iter_values(signed))
}

fn table_of(rows: RecordBatch) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))
}

#[async_trait]
impl SchemaProvider for OpsSchema {
    fn table_names(&self) -> Vec<String> {
        let all = [AUDIT, FRESHNESS, LOADS, QUARANTINE, RUNS, SNAPSHOT, VERSIONS].into_iter();
        all.filter(|name| self.table_exist(name)).map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if !self.table_exist(name) {
            return Ok(None);
        }
        let table = match name {
            SNAPSHOT => table_of(self.snapshot()?)?,
            VERSIONS => table_of(self.versions()?)?,
            AUDIT => table_of(self.audit()?)?,
            FRESHNESS => self.freshness().await?,
            RUNS => table_of(runs::runs(&self.past_runs().await?)?)?,
            LOADS => table_of(runs::loads(&self.past_runs().await?)?)?,
            _ => self.opened.get(name, self.quarantine()).await?,
        };
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        match name {
            FRESHNESS | SNAPSHOT | VERSIONS => true,
            AUDIT | LOADS | QUARANTINE | RUNS => self.scope.sees_group(),
            _ => false,
        }
    }
}
