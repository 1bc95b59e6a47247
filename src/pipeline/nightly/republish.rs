//! Publication outside the nights: what a retry or a backfill landed, under the newest published
//! business date.

use hub_domain::run::{Run, TableLoad};

use super::{Nightly, NightlyError, NightlyRequest, Progress};
use crate::lineage::Watched;

impl Nightly {
    /// Builds, audits and publishes whatever is landed by now. `kind` names the run, `loads` are
    /// what it landed.
    ///
    /// # Errors
    /// `NothingPublished` before the first night, `Lake` when snapshots cannot be read. What
    /// fails later is told by the run.
    pub async fn republish(
        &self,
        kind: &str,
        loads: Vec<TableLoad>,
        progress: &dyn Progress,
    ) -> Result<Run, NightlyError> {
        let date = self.newest_published().await?.ok_or(NightlyError::NothingPublished)?;
        let request = NightlyRequest::of(date);
        let mut run = self.begun(kind, &request);
        run.loads = loads;
        let told = Watched::begin(self, &run, progress);
        let work = async {
            self.record(&run).await?;
            self.lake.probe().await.map_err(super::stages::lake_error)?;
            self.publish_landed(&request, &told, &mut run).await
        };
        let result = self.while_held(Box::pin(work)).await;
        let run = self.ended(run, result).await;
        told.end(&run).await;
        Ok(run)
    }
}
