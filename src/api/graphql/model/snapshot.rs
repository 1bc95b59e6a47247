//! The published snapshot and the freshness of answers.

use std::sync::Arc;

use async_graphql::{ComplexObject, ID, SimpleObject};
use hub_domain::ports::ReadSession;
use hub_domain::snapshot as domain;

use crate::graphql::error::Result;
use crate::graphql::model::freshness::TableFreshness;
use crate::graphql::scalars::{Date, DateTime};

/// One published night: the set of table versions every answer of a request is read from.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Snapshot {
    /// Number, counting from 1 without gaps.
    id: ID,
    /// Business day whose nightly made it.
    business_date: Date,
    /// When it was published.
    published_at: DateTime,
    /// Run that made it.
    run_id: ID,
    /// Hash over contracts and queries that made the tables.
    definition_hash: String,
    /// The snapshot whose tables are served again, when this is a rollback.
    rollback_of: Option<ID>,
    /// Version of every table.
    tables: Vec<TableVersion>,
    /// Every audit check and its outcome.
    audits: Vec<AuditResult>,
    #[graphql(skip)]
    session: Arc<dyn ReadSession>,
}

#[ComplexObject]
impl Snapshot {
    /// How old its tables are now, per site, for what the caller sees.
    #[graphql(complexity = "50 + child_complexity")]
    async fn freshness(&self) -> Result<Vec<TableFreshness>> {
        let tables = self.session.table_freshness().await?;
        Ok(tables.into_iter().map(TableFreshness::from).collect())
    }
}

/// Version of one table.
#[derive(SimpleObject)]
pub(crate) struct TableVersion {
    /// Table.
    name: String,
    /// Version.
    version: u64,
}

/// Outcome of one audit check.
#[derive(SimpleObject)]
pub(crate) struct AuditResult {
    /// Checked table.
    table: String,
    /// Check id.
    check: String,
    /// Rows that break the check; 0 means passed.
    failures: u64,
    /// Whether failures stop publication.
    blocking: bool,
}

impl Snapshot {
    /// The snapshot `session` reads.
    pub(crate) fn of(session: &Arc<dyn ReadSession>) -> Self {
        let snapshot = session.snapshot();
        let tables = snapshot.tables.iter();
        Self {
            id: snapshot.id.into(),
            business_date: snapshot.business_date.into(),
            published_at: snapshot.published_at.into(),
            run_id: ID(snapshot.run_id.clone()),
            definition_hash: snapshot.definition_hash.clone(),
            rollback_of: snapshot.rollback_of.map(ID::from),
            tables: tables
                .map(|(name, version)| TableVersion { name: name.clone(), version: *version })
                .collect(),
            audits: snapshot.audits.iter().map(AuditResult::from).collect(),
            session: Arc::clone(session),
        }
    }
}

impl From<&domain::AuditResult> for AuditResult {
    fn from(audit: &domain::AuditResult) -> Self {
        Self {
            table: audit.table.clone(),
            check: audit.check.clone(),
            failures: audit.failures,
            blocking: audit.blocking,
        }
    }
}

/// How fresh an answer is.
#[derive(SimpleObject)]
pub(crate) struct Freshness {
    /// Snapshot the answer was read from.
    snapshot_id: ID,
    /// Last complete business day.
    data_through: Date,
    /// When the snapshot was published.
    published_at: DateTime,
    /// Whether the answer includes days after `dataThrough`.
    provisional: bool,
}

impl From<domain::Freshness> for Freshness {
    fn from(freshness: domain::Freshness) -> Self {
        Self {
            snapshot_id: freshness.snapshot_id.into(),
            data_through: freshness.data_through.into(),
            published_at: freshness.published_at.into(),
            provisional: freshness.provisional,
        }
    }
}
