//! One node: its query over ready inputs, into one version of its table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{DataFrame, SessionContext};
use hub_domain::contract::TableContract;
use hub_engine::{Node, Stage, is_timeless};
use hub_lake::{DeltaTableHandle, TableId, Txn, WriteMode, WriteSpec, arrow_schema};

use super::{BUILD_METADATA, BuildError, BuildRequest, BuiltTable, conform, fingerprint};
use crate::costing::cost_table;
use crate::identity::{self, Evidence};

/// A node about to run.
pub(super) struct NodeRun {
    pub(super) request: Arc<BuildRequest>,
    pub(super) context: SessionContext,
    pub(super) node: Node,
    /// Content of what it reads, as versions.
    pub(super) inputs: BTreeMap<String, Option<u64>>,
}

/// What makes the rows of a node, asked before anything runs.
pub(super) enum Query {
    /// A query with the columns of the contract.
    Sql(Box<DataFrame>),
    /// A built-in node of identity, with the contract of its table.
    Identity(Box<TableContract>),
    /// A built-in node that allocates cost; rows have this schema.
    Costing(SchemaRef),
}

impl NodeRun {
    /// Makes the table, unless its newest version is already what this node would make.
    pub(super) async fn run(self) -> Result<BuiltTable, BuildError> {
        let table = &self.node.target;
        let contract = self.request.contracts.table(table);
        let contract = contract.ok_or_else(|| BuildError::NoContract { table: table.clone() })?;
        let BuildRequest { date, lake, .. } = self.request.as_ref();
        let query = self.query(contract).await?;
        let date = self.depends_on_time(&query)?.then_some(*date);
        let print = fingerprint::of(&self.node, contract, &self.request, &self.inputs, date);
        let handle = lake.table(&TableId::hub(table));
        let failed = |cause| BuildError::lake(table, cause);
        // Asked before the version: a rival's commit in between is then seen as its version.
        let known = handle.known_txn(&application(table)).await.map_err(failed)?;
        let newest = handle.version().await.map_err(failed)?;
        if let Some(version) = newest
            && self.is_made_by(&handle, version, &print).await?
        {
            return self.built(version, true).await;
        }
        let spec = self.spec(contract, next_txn(newest, known), &print);
        let (spec, rows) = match &contract.partition_by {
            None => (spec, self.rows(query).await?),
            Some(partition) => self.partitions(&handle, newest, spec, query, partition).await?,
        };
        let outcome = handle.write(spec, rows).await.map_err(failed)?;
        if outcome.skipped && !self.is_made_by(&handle, outcome.version, &print).await? {
            return Err(BuildError::Rival { table: table.clone() });
        }
        self.built(outcome.version, outcome.skipped).await
    }

    async fn query(&self, contract: &TableContract) -> Result<Query, BuildError> {
        if self.node.stage == Stage::Identity {
            return Ok(Query::Identity(Box::new(contract.clone())));
        }
        if self.node.stage == Stage::Costing {
            return Ok(Query::Costing(stored_schema(contract)));
        }
        let frame = self.context.sql(&self.node.sql()).await;
        let frame = frame.map_err(|cause| BuildError::plan(&contract.table, &cause))?;
        Ok(Query::Sql(Box::new(conform::conform(frame, contract)?)))
    }

    fn depends_on_time(&self, query: &Query) -> Result<bool, BuildError> {
        let Query::Sql(frame) = query else { return Ok(false) };
        let timeless = is_timeless(frame.logical_plan());
        Ok(!timeless.map_err(|cause| BuildError::plan(&self.node.target, &cause))?)
    }

    pub(super) async fn rows(&self, query: Query) -> Result<SendableRecordBatchStream, BuildError> {
        let rows = match query {
            Query::Sql(frame) => frame.execute_stream().await,
            Query::Costing(schema) => {
                let rules = &self.request.registry.costing;
                cost_table(&self.context, rules, &self.node.target, schema).await
            }
            Query::Identity(contract) => {
                let BuildRequest { lake, annotations, date, .. } = self.request.as_ref();
                let evidence = Evidence { lake, annotations, date: *date };
                identity::rows(&evidence, &self.context, &contract).await
            }
        };
        rows.map_err(|cause| self.failed(cause))
    }

    pub(super) fn failed(&self, cause: DataFusionError) -> BuildError {
        BuildError::run(&self.node.target, cause)
    }

    async fn is_made_by(
        &self,
        handle: &DeltaTableHandle,
        version: u64,
        print: &str,
    ) -> Result<bool, BuildError> {
        let kept = handle.commit_metadata(version).await;
        let kept = kept.map_err(|cause| BuildError::lake(&self.node.target, cause))?;
        Ok(kept.get(BUILD_METADATA).is_some_and(|known| known == print))
    }

    fn spec(&self, contract: &TableContract, version: i64, print: &str) -> WriteSpec {
        let txn = Txn { app_id: application(&contract.table), version };
        WriteSpec::new(stored_schema(contract), WriteMode::Overwrite, txn)
            .laid_out_as(contract)
            .with_metadata(BUILD_METADATA, print)
            .with_metadata("clinichub.business_date", self.request.date.to_string())
    }

    async fn built(&self, version: u64, reused: bool) -> Result<BuiltTable, BuildError> {
        let table = self.node.target.clone();
        let loaded = self.request.lake.lake_table(&TableId::hub(&table), version).await;
        let loaded = loaded.map_err(|cause| BuildError::lake(&table, cause))?;
        let rows = loaded.row_count().unwrap_or_default();
        let (files, bytes) = (loaded.file_count() as u64, loaded.byte_count());
        let inputs = self.inputs.clone();
        Ok(BuiltTable { table, version, rows, reused, files, bytes, inputs })
    }
}

/// The application whose transactions make `table`.
fn application(table: &str) -> String {
    format!("build:{table}")
}

/// A number no build had before: the version to come, or more where transactions ran ahead of
/// versions, as in a table that was copied or restored. A rival build that takes it makes this
/// one fail, not double.
fn next_txn(newest: Option<u64>, known: Option<i64>) -> i64 {
    let newest = newest.map(|newest| i64::try_from(newest).unwrap_or(i64::MAX));
    newest.max(known).map_or(0, |last| last.saturating_add(1))
}

/// The stored columns are all nullable: whether a NULL is there is what the audit finds out, and
/// an engine that is told there is none would not look.
pub(crate) fn stored_schema(contract: &TableContract) -> SchemaRef {
    let declared = arrow_schema(contract);
    let fields = declared.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::next_txn;

    #[test]
    fn a_transaction_is_ahead_of_versions_and_transactions() {
        assert_eq!(next_txn(None, None), 0);
        assert_eq!(next_txn(Some(4), Some(4)), 5);
        assert_eq!(next_txn(Some(4), None), 5);
        assert_eq!(next_txn(Some(4), Some(20_000)), 20_001);
    }
}
