//! The write of a table whose rows lie in files by month: of those months alone whose rows
//! differ from what the newest version holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{ident, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::DataFrame;
use futures::{StreamExt, TryStreamExt};
use hub_lake::{DeltaTableHandle, WriteMode, WriteSpec};

use super::months::{self, Digested, Digester, MONTHS_METADATA, Months};
use super::node::{NodeRun, Query};
use super::{BuildError, fingerprint};

impl NodeRun {
    /// `spec` and rows of the write by column `partition`; `newest` is the version it follows.
    pub(super) async fn partitions(
        &self,
        handle: &DeltaTableHandle,
        newest: Option<u64>,
        spec: WriteSpec,
        query: Query,
        partition: &str,
    ) -> Result<(WriteSpec, SendableRecordBatchStream), BuildError> {
        let layout = self.layout();
        let before = match newest {
            Some(newest) => self.months(handle, newest).await?.zip(Some(newest)),
            None => None,
        };
        match (before, query) {
            (Some((before, newest)), Query::Sql(frame)) if before.layout == layout => {
                let streams = frame.as_ref().clone().execute_stream_partitioned().await;
                let streams = streams.map_err(|cause| self.failed(cause))?;
                let now = months::digest(streams, partition, layout).await;
                let now = now.map_err(|cause| self.failed(cause))?;
                let content = handle.content_version(newest).await;
                let content =
                    content.map_err(|cause| BuildError::lake(&self.node.target, cause))?;
                let changed = differing(&frame, spec, partition, (before, content), now).await;
                changed.map_err(|cause| self.failed(cause))
            }
            (_, query) => {
                let rows = self.rows(query).await?;
                digesting(spec, rows, partition, layout).map_err(|cause| self.failed(cause))
            }
        }
    }

    /// What `version` says of its months.
    async fn months(
        &self,
        handle: &DeltaTableHandle,
        version: u64,
    ) -> Result<Option<Months>, BuildError> {
        let kept = handle.commit_metadata(version).await;
        let kept = kept.map_err(|cause| BuildError::lake(&self.node.target, cause))?;
        Ok(kept.get(MONTHS_METADATA).and_then(|text| Months::parse(text)))
    }

    fn layout(&self) -> String {
        let contract = self.request.contracts.table(&self.node.target);
        contract.map(fingerprint::of_layout).unwrap_or_default()
    }
}

/// The write of the months in which `now` differs from `before`, the content of version `content`.
async fn differing(
    frame: &DataFrame,
    mut spec: WriteSpec,
    partition: &str,
    (before, content): (Months, u64),
    now: Digested,
) -> Result<(WriteSpec, SendableRecordBatchStream), DataFusionError> {
    let changed = before.changed(&now.months);
    spec = spec.with_metadata(MONTHS_METADATA, now.months.print());
    // Rows without a month lie in no partition that could be replaced alone.
    if changed.contains("") {
        let rows = frame.clone().execute_stream().await?;
        return Ok((spec, rows));
    }
    spec.mode = WriteMode::ReplaceMonths(changed.iter().cloned().collect());
    if changed.is_empty() {
        spec = spec.keeping_content_of(content);
    }
    let Some(kept) = now.rows else {
        let names = changed.iter().map(|name| lit(name.as_str())).collect();
        let rows = frame.clone().filter(ident(partition).in_list(names, false))?;
        return Ok((spec, rows.execute_stream().await?));
    };
    let mut rows = Vec::with_capacity(kept.len());
    for batch in kept {
        rows.push(Ok(months::only(&batch, partition, &changed)?));
    }
    let rows = futures::stream::iter(rows);
    let schema = Arc::clone(frame.schema().inner());
    Ok((spec, Box::pin(RecordBatchStreamAdapter::new(schema, rows))))
}

/// A write of all rows that keeps their digests.
fn digesting(
    spec: WriteSpec,
    rows: SendableRecordBatchStream,
    partition: &str,
    layout: String,
) -> Result<(WriteSpec, SendableRecordBatchStream), DataFusionError> {
    let schema = rows.schema();
    let digester = Arc::new(Mutex::new(Digester::new(&schema, partition)?));
    let held = Arc::clone(&digester);
    let rows = rows.and_then(move |batch| {
        let mut digester = digester.lock().unwrap_or_else(PoisonError::into_inner);
        let digested = digester.digest(&batch);
        std::future::ready(digested.map(|()| batch))
    });
    let spec = spec.with_late_metadata(move |_| {
        let digester = held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut months = digester.months().clone();
        months.layout.clone_from(&layout);
        BTreeMap::from([(MONTHS_METADATA.to_owned(), months.print())])
    });
    Ok((spec, Box::pin(RecordBatchStreamAdapter::new(schema, rows.boxed()))))
}
