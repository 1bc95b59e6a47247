//! `ops.freshness`: the newest business day of every landed table, and of every canonical table
//! that names its day, per site.
//!
//! Landed tables are judged by the last night in their log, not by their last commit: backfills
//! and upkeep do not count. Canonical tables are judged by their rows, under the policy of the
//! session: a site principal sees its own sites and no landed table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use datafusion::catalog::{SchemaProvider, TableProvider, view::ViewTable};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit, when};
use futures::{StreamExt, TryStreamExt};
use hub_domain::contract::{FreshnessContract, RowPolicy, TableContract};
use hub_domain::freshness::{Expectation, FreshState, Layer};
use hub_domain::principal::SiteScope;
use hub_lake::{LakeError, TableId};

use super::hub::HubSchema;
use super::{Scope, external};
use crate::Reference;

/// Table of the organisation, and how a site stands in it.
const ORG_UNIT: &str = "org_unit";
/// Commits looked through for the last night of a landed table.
const COMMITS: u64 = 200;
/// Logs read at once.
const AT_ONCE: usize = 8;

/// The last night a landed table holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Night {
    day: Option<NaiveDate>,
    at: Option<DateTime<Utc>>,
}

/// Last nights by source and table.
pub(super) type Nights = BTreeMap<(String, String), Night>;

/// Reads the last night of every landed table of the snapshot; it never changes.
pub(super) async fn nights(scope: &Scope) -> Result<Nights> {
    let raw = scope.snapshot.tables.iter().filter_map(|(key, version)| {
        let id = TableId::parse(key);
        matches!(id, TableId::Raw { .. }).then_some((id, *version))
    });
    let reading = futures::stream::iter(raw.collect::<Vec<_>>()).map(|(id, version)| async move {
        let night = last_night(scope, &id, version).await?;
        Ok::<_, LakeError>((id, night))
    });
    let found: Vec<(TableId, Night)> =
        reading.buffer_unordered(AT_ONCE).try_collect().await.map_err(external)?;
    Ok(found
        .into_iter()
        .filter_map(|(id, night)| match id {
            TableId::Raw { source, table } => Some(((source, table), night)),
            TableId::Hub(_) => None,
        })
        .collect())
}

async fn last_night(scope: &Scope, id: &TableId, version: u64) -> Result<Night, LakeError> {
    let handle = scope.lake.table(id);
    for version in (version.saturating_sub(COMMITS)..=version).rev() {
        let note = match handle.commit_note(version).await {
            Ok(note) => note,
            // Older commits were cleaned away: no night is left to tell of.
            Err(LakeError::NoTable { .. }) => break,
            Err(error) => return Err(error),
        };
        let night = note.application.is_some_and(|application| {
            application.starts_with("raw:") || application.starts_with("raw-full:")
        });
        if night {
            let day = note.metadata.get("clinichub.business_date");
            let day = day.and_then(|day| day.parse().ok());
            return Ok(Night { day, at: note.at });
        }
    }
    Ok(Night::default())
}

/// The whole table, its verdicts as of now.
pub(super) async fn table(
    scope: &Scope,
    hub: &HubSchema,
    nights: &Nights,
) -> Result<Arc<dyn TableProvider>> {
    let mut all = LogicalPlanBuilder::from(landed(scope, nights)?);
    for contract in scope.contracts.tables.values() {
        let Some(freshness) = &contract.freshness else { continue };
        let Some(rows) = hub.table(&contract.table).await? else { continue };
        let days = newest_days(scope, hub, contract, freshness, rows).await?;
        let plan = with_facts(scope, contract, freshness, nights, days)?;
        all = all.union(plan)?;
    }
    Ok(Arc::new(ViewTable::new(all.build()?, None)))
}

/// One row per landed table, for principals that see the whole group.
fn landed(scope: &Scope, nights: &Nights) -> Result<LogicalPlan> {
    let shown: Vec<(&(String, String), &Night)> =
        nights.iter().filter(|_| scope.sees_group()).collect();
    let names = |of: fn(&(String, String)) -> &String| {
        let names = shown.iter().map(|(id, _)| Some(of(id).clone()));
        Arc::new(StringArray::from_iter(names)) as ArrayRef
    };
    let expected: Vec<Option<Expectation>> =
        shown.iter().map(|((source, table), _)| scope.expectations.of(source, table)).collect();
    let states = shown.iter().zip(&expected).map(|((_, night), expect)| {
        Some(FreshState::of(night.day, *expect, scope.clock.now(), scope.zone).name())
    });
    let days = shown.iter().map(|(_, night)| night.day.map(|day| day.num_days_from_ce() - 719_163));
    let instants = shown.iter().map(|(_, night)| night.at.map(|at| at.timestamp_micros()));
    let instants = TimestampMicrosecondArray::from_iter(instants).with_timezone("UTC");
    let seconds = expected.iter().map(|expect| expect.map(seconds));
    let snapshot = vec![signed(scope.snapshot.id); shown.len()];
    let layer = shown.iter().map(|_| Some(Layer::Raw.name()));
    let sites = shown.iter().map(|_| None::<&str>);
    let rows = RecordBatch::try_from_iter_with_nullable(vec![
        ("layer", Arc::new(StringArray::from_iter(layer)) as ArrayRef, true),
        ("source", names(|(source, _)| source), true),
        ("table_name", names(|(_, table)| table), true),
        ("site", Arc::new(StringArray::from_iter(sites)) as ArrayRef, true),
        ("data_through", Arc::new(Date32Array::from_iter(days)) as ArrayRef, true),
        ("last_load_at", Arc::new(instants) as ArrayRef, true),
        ("snapshot_id", Arc::new(Int64Array::from(snapshot)) as ArrayRef, true),
        ("expect_seconds", Arc::new(Int64Array::from_iter(seconds)) as ArrayRef, true),
        ("state", Arc::new(StringArray::from_iter(states)) as ArrayRef, true),
    ])?;
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]])?;
    LogicalPlanBuilder::scan("landed", provider_as_source(Arc::new(table)), None)?.build()
}

/// Columns `site` and `data_through`: one row per site the principal sees, or one in all.
async fn newest_days(
    scope: &Scope,
    hub: &HubSchema,
    contract: &TableContract,
    freshness: &FreshnessContract,
    rows: Arc<dyn TableProvider>,
) -> Result<LogicalPlan> {
    let day = column(&freshness.column);
    let known = LogicalPlanBuilder::scan("t", provider_as_source(rows), None)?
        // Plans and bookings lie ahead; they are not news.
        .filter(day.clone().lt_eq(lit(date(scope.snapshot.business_date))))?;
    let newest = vec![max(day).alias("data_through")];
    let RowPolicy::Site(site) = &contract.policy else {
        let no_site = lit(ScalarValue::Utf8(None)).alias("site");
        return known
            .aggregate(Vec::<Expr>::new(), newest)?
            .project(vec![no_site, column("data_through")])?
            .build();
    };
    let by_site = vec![cast(column(site), arrow::datatypes::DataType::Utf8).alias("at_site")];
    let days = known.filter(column(site).is_not_null())?.aggregate(by_site, newest)?.build()?;
    match sites(scope, hub).await? {
        None => LogicalPlanBuilder::from(days)
            .project(vec![column("at_site").alias("site"), column("data_through")])?
            .build(),
        // A site nothing ever came from is as telling as one that fell silent.
        Some(sites) => LogicalPlanBuilder::from(sites)
            .join(days, JoinType::Left, (vec!["site"], vec!["at_site"]), None)?
            .project(vec![column("site"), column("data_through")])?
            .build(),
    }
}

/// Codes of the sites the principal sees, as column `site`; none where nothing names sites.
async fn sites(scope: &Scope, hub: &HubSchema) -> Result<Option<LogicalPlan>> {
    let contract = scope.contracts.tables.get(ORG_UNIT);
    let named = contract.is_some_and(|contract| {
        contract.column("level").is_some() && contract.column("code").is_some()
    });
    let units = if named { hub.table(ORG_UNIT).await? } else { None };
    let Some(units) = units else { return Ok(None) };
    let code = cast(column("code"), arrow::datatypes::DataType::Utf8);
    let mut plan = LogicalPlanBuilder::scan("org", provider_as_source(units), None)?
        .filter(column("level").eq(lit("site")))?;
    if let SiteScope::Only(permitted) = &scope.principal.sites {
        let permitted = permitted.iter().map(|site| lit(site.as_str())).collect();
        plan = plan.filter(code.clone().in_list(permitted, false))?;
    }
    Ok(Some(plan.project(vec![code.alias("site")])?.build()?))
}

/// Puts what is known of the whole table beside its days.
fn with_facts(
    scope: &Scope,
    contract: &TableContract,
    freshness: &FreshnessContract,
    nights: &Nights,
    days: LogicalPlan,
) -> Result<LogicalPlan> {
    let read = sources_of(scope, &contract.table);
    let names: BTreeSet<&str> = read.iter().map(|(source, _)| source.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let loads: Option<Vec<DateTime<Utc>>> =
        read.iter().map(|id| nights.get(id).and_then(|night| night.at)).collect();
    let oldest = loads.and_then(|loads| loads.into_iter().min());
    let oldest = oldest.map(|at| at.timestamp_micros());
    let day = column("data_through");
    let state = match freshness.expect {
        None => lit(FreshState::Unknown.name()),
        Some(expect) => {
            let cutoff = expect.oldest_fresh(scope.clock.now(), scope.zone);
            when(day.clone().is_null(), lit(FreshState::Unknown.name()))
                .when(day.clone().gt_eq(lit(date(cutoff))), lit(FreshState::Fresh.name()))
                .otherwise(lit(FreshState::Stale.name()))?
        }
    };
    let expected = freshness.expect.map(seconds);
    LogicalPlanBuilder::from(days)
        .project(vec![
            lit(Layer::Hub.name()).alias("layer"),
            lit(names.join(",")).alias("source"),
            lit(contract.table.as_str()).alias("table_name"),
            column("site").alias("site"),
            day.alias("data_through"),
            lit(ScalarValue::TimestampMicrosecond(oldest, Some("UTC".into())))
                .alias("last_load_at"),
            lit(signed(scope.snapshot.id)).alias("snapshot_id"),
            lit(ScalarValue::Int64(expected)).alias("expect_seconds"),
            state.alias("state"),
        ])?
        .build()
}

/// Source tables `table` is made from: those it reads itself, or those of what it reads.
fn sources_of(scope: &Scope, table: &str) -> BTreeSet<(String, String)> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![table.to_owned()];
    while let Some(table) = open.pop() {
        if !seen.insert(table.clone()) {
            continue;
        }
        let node = scope.registry.nodes.iter().find(|node| node.target == table);
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for reference in node.into_iter().flat_map(|node| &node.references) {
            match reference {
                Reference::Hub(table) => others.push(table.clone()),
                Reference::Raw { source, table } => own.push((source.clone(), table.clone())),
            }
        }
        if own.is_empty() {
            open.extend(others);
        }
        found.extend(own);
    }
    found
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn date(day: NaiveDate) -> ScalarValue {
    ScalarValue::Date32(Some(day.num_days_from_ce() - 719_163))
}

fn seconds(expect: Expectation) -> i64 {
    signed(expect.seconds)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
