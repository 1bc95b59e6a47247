//! Backfill: days of the past read again, then built, audited and published like a night.
//!
//! Keeps nothing: watermarks stay where they are, and the business date is that of the newest
//! published night, so an old backfill does not make today fresh.

use chrono::NaiveDate;
use hub_domain::run::{Interval, Run};

use super::stages::lake_error;
use super::{Nightly, NightlyError, NightlyRequest, Progress, timed};
use crate::extract::{Backfill, LoadKind};
use crate::lineage::Watched;

/// Which days to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRequest {
    /// First business day.
    pub from: NaiveDate,
    /// Last business day, included.
    pub to: NaiveDate,
    /// Sources; all when empty and no tables are named.
    pub sources: Vec<String>,
    /// Tables as source and name; all of the sources that have a column for days when empty.
    pub tables: Vec<(String, String)>,
    /// Parts the days of a table are read in, at most as many at once as the source allows.
    pub chunks: u32,
    /// Publish although a table lost a large share of its rows.
    pub accept_loss: bool,
}

impl Nightly {
    /// Runs one backfill and tells how it ended.
    ///
    /// # Errors
    /// `NothingPublished` before the first night, `Lake` when snapshots cannot be read,
    /// `UnknownSource`. What fails later is told by the run.
    pub async fn backfill(
        &self,
        request: &BackfillRequest,
        progress: &dyn Progress,
    ) -> Result<Run, NightlyError> {
        let date = self.newest_published().await?.ok_or(NightlyError::NothingPublished)?;
        let named = request.tables.iter().map(|(source, _)| source.clone());
        let wanted: Vec<String> = request.sources.iter().cloned().chain(named).collect();
        let chosen = self.chosen(&wanted)?.into_iter();
        let sources = chosen.map(|(id, config)| (id, config, request.of(id))).collect();
        let to = request.to.succ_opt().unwrap_or(request.to);
        let (interval, accept_loss) = (Interval { from: request.from, to }, request.accept_loss);
        let night = NightlyRequest { interval, accept_loss, ..NightlyRequest::of(date) };
        let mut run = self.begun("backfill", &night);
        let told = Watched::begin(self, &run, progress);
        let work = async {
            self.record(&run).await?;
            self.lake.probe().await.map_err(lake_error)?;
            let run_id = run.id.clone();
            let extracting = self.extract(date, sources, &run_id, &told);
            run.loads = timed("extract", &told, &mut run, extracting).await?;
            self.record(&run).await?;
            self.publish_landed(&night, &told, &mut run).await
        };
        let result = self.while_held(Box::pin(work)).await;
        let run = self.ended(run, result).await;
        told.end(&run).await;
        Ok(run)
    }
}

impl BackfillRequest {
    /// What is asked of one source.
    fn of(&self, source: &str) -> LoadKind {
        let whole = self.sources.iter().any(|id| id == source);
        let named = self.tables.iter().filter(|(id, _)| id == source && !whole);
        LoadKind::Backfill(Backfill {
            from: self.from,
            to: self.to,
            tables: named.map(|(_, table)| table.clone()).collect(),
            chunks: self.chunks,
        })
    }
}
