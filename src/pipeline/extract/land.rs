//! One table of one night into its raw table, in one commit: accepted rows, refused rows,
//! tombstones, counts and watermark become visible together or not at all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use hub_domain::run::TableLoad;
use hub_lake::{TableId, Txn, WriteMode, WriteSpec, Written};
use tokio::sync::mpsc;

use super::absent::Compared;
use super::builder::LoadStamp;
use super::cell::ZoneTable;
use super::error::{Cause, ExtractError, Told};
use super::held::Held;
use super::intake::{Intake, IntakeOptions, Tally, TallySlot, broken};
use super::landed::{COLUMNS_METADATA, LOAD_METADATA, Landed};
use super::reading::Reading;
use super::reconcile::{self, RECKONING_METADATA, Reckoning};
use super::reject::{Reason, Reject};
use super::schema::TableSpec;
use super::selection::{Range, Selection};
use super::source::Source;
use super::suppressed::Suppressed;
use super::{ExtractRequest, LoadKind, Progress, watermark};

/// Batches that may wait for the lake.
pub(super) const DEPTH: usize = 4;
/// Part of a load's time: what writing files took longer than reading rows.
const WRITE: &str = "write";

/// How a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// All of it; the landed rows are replaced.
    Full,
    /// What its cursor tells, and the months that are read every night.
    Cursor,
    /// The days of a backfill.
    Backfill,
}

/// One landing, decided before the first row is read.
pub(super) struct Landing<'a> {
    pub(super) request: &'a ExtractRequest<'a>,
    pub(super) spec: Arc<TableSpec>,
    pub(super) prior: Option<Landed>,
    /// Whether rows can be appended to what is landed.
    pub(super) fits: bool,
    pub(super) mode: Mode,
    /// The rows to read.
    pub(super) selection: Selection,
    /// The same rows in parts that are read at once.
    pub(super) parts: Vec<Selection>,
    /// Ranges read whole: a landed row of theirs that is not read is gone.
    pub(super) windows: Vec<Range>,
    pub(super) watermark_before: Option<i64>,
    pub(super) stamp: LoadStamp,
    started: Instant,
}

/// How a landing ended.
enum Ended {
    /// In the lake; none when somebody else landed it meanwhile.
    Landed(Option<Box<TableLoad>>),
    /// Nothing was committed: the read has to be another one.
    Again(Again),
}

/// Why a read was not the whole truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Rows are back that a read by cursor does not deliver.
    Whole,
    /// As `Whole`, and all of them in the window of the key scan.
    Window,
    /// Two parts of the read had rows of one key.
    OnePart,
}

/// What the source had to say.
enum Produced {
    /// Rows sent; none when the lake took no more.
    Sent(Option<u64>),
    /// Nothing changed, and nobody has to know that it was asked.
    Unchanged,
    /// The read is not the whole truth.
    Again(Again),
}

/// Lands the table of `spec`; none when somebody else landed it meanwhile. The first of `sources`
/// reads alone, unless the read has parts.
pub(super) async fn land(
    request: &ExtractRequest<'_>,
    sources: &mut [Box<dyn Source>],
    spec: TableSpec,
    progress: &dyn Progress,
) -> Result<Option<TableLoad>, ExtractError> {
    let mut landing = Landing::decide(request, spec).await?;
    loop {
        match landing.write(sources, progress).await? {
            Ended::Landed(load) => return Ok(load.map(|load| *load)),
            // Each of these reads more than the one before, so it cannot end the same way again.
            Ended::Again(again) => landing.read_again(again),
        }
    }
}

/// Batches of the channel as the lake takes them.
fn stream(
    schema: SchemaRef,
    mut receiver: mpsc::Receiver<Result<RecordBatch, DataFusionError>>,
) -> SendableRecordBatchStream {
    let batches = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// What the commit says of a load.
struct ToldLoad {
    load: TableLoad,
    reckoning: Option<Reckoning>,
}

/// The load as commit metadata; asked for when the last row is written.
fn metadata(
    told: &Mutex<Option<ToldLoad>>,
    started: Instant,
    written: Written,
) -> BTreeMap<String, String> {
    let mut told = told.lock().expect("no holder of the load panics");
    let Some(ToldLoad { load, reckoning }) = told.as_mut() else { return BTreeMap::new() };
    (load.bytes_written, load.files_written) = (written.bytes, written.files);
    // Reading and writing go on at once: this is what writing took longer.
    let before: u64 =
        load.parts_ms.iter().filter(|(part, _)| *part != WRITE).map(|(_, ms)| *ms).sum();
    load.duration_ms = millis(started);
    load.parts_ms.insert(WRITE.to_owned(), load.duration_ms.saturating_sub(before));
    let load = serde_json::to_string(load).ok();
    let reckoning = reckoning.as_ref().and_then(|one| serde_json::to_string(one).ok());
    let entries = [(LOAD_METADATA, load), (RECKONING_METADATA, reckoning)];
    entries.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect()
}

pub(super) type Sender = mpsc::Sender<Result<RecordBatch, DataFusionError>>;

impl<'a> Landing<'a> {
    async fn decide(
        request: &'a ExtractRequest<'a>,
        spec: TableSpec,
    ) -> Result<Self, ExtractError> {
        let failed = |cause| read_landed(&spec, cause);
        let id = TableId::raw(&spec.source, &spec.table);
        let prior = Landed::open(request.lake, id.clone()).await.map_err(failed)?;
        let (mut fits, mut watermark_before, mut trusted) = (false, None, false);
        if let Some(prior) = &prior {
            let (lake, version) = (request.lake, prior.version);
            trusted = reconcile::is_trusted(lake, &id, version).await.map_err(failed)?;
            fits = prior.fits(&spec.raw_schema()).await.map_err(failed)?;
            if let Some(cursor) = spec.cursor {
                let last = prior.last_load().await.map_err(failed)?;
                let stored = last.and_then(|load| load.watermark_after);
                watermark_before =
                    stored.and_then(|text| watermark::parse(&text, cursor.column_type));
            }
        }
        let next = prior.as_ref().map_or(0, |prior| prior.version + 1);
        let stamp = LoadStamp {
            load_id: request.load_id.to_owned(),
            extracted_at: request.clock.now().timestamp_micros(),
            load_seq: i64::try_from(next).unwrap_or(i64::MAX),
        };
        let mut landing = Self {
            request,
            prior,
            fits,
            mode: Mode::Full,
            selection: Selection { ranges: Vec::new(), filled: spec.excluded_nulls() },
            parts: Vec::new(),
            windows: Vec::new(),
            watermark_before,
            stamp,
            started: Instant::now(),
            spec: Arc::new(spec),
        };
        match &request.kind {
            LoadKind::Nightly if trusted => landing.follow_cursor(),
            // What may lack a row is read whole.
            LoadKind::Nightly | LoadKind::Full => {}
            LoadKind::Backfill(backfill) => landing.backfill(backfill)?,
        }
        if landing.parts.is_empty() {
            landing.parts = vec![landing.selection.clone()];
        }
        Ok(landing)
    }

    fn read_again(&mut self, again: Again) {
        let (source, table) = (self.spec.source.as_str(), self.spec.table.as_str());
        match (again, self.scan_range()) {
            (Again::OnePart, _) => {}
            (Again::Window, Some(window)) => {
                tracing::info!(
                    source,
                    table,
                    "rows came back in the key scan's window; it is read"
                );
                self.selection.ranges.push(window);
                self.windows.push(window);
            }
            (Again::Whole | Again::Window, _) => {
                tracing::info!(source, table, "rows came back behind the cursor; all is read");
                (self.mode, self.windows) = (Mode::Full, Vec::new());
                self.selection.ranges.clear();
            }
        }
        self.parts = vec![self.selection.clone()];
    }

    /// Whether what the landed table holds in the ranges of the read has to be known.
    fn compares_rows(&self) -> bool {
        let windows = !self.windows.is_empty() || self.scan_range().is_some();
        self.mode == Mode::Backfill || (self.mode == Mode::Cursor && windows)
    }

    /// Whether anybody asks for the keys of accepted rows: to find deleted ones, or to tell
    /// whether two parts had the same.
    pub(super) fn needs_keys(&self) -> bool {
        self.parts.len() > 1 || (self.prior.is_some() && self.spec.scans_deletes)
    }

    /// The application transaction of this table and run.
    fn txn(&self) -> Txn {
        super::transaction(self.request, &self.spec.table, self.stamp.load_seq)
    }

    fn write_spec(&self, told: &Arc<Mutex<Option<ToldLoad>>>) -> WriteSpec {
        let mode = match self.mode {
            Mode::Cursor | Mode::Backfill => WriteMode::Append,
            Mode::Full => WriteMode::Overwrite,
        };
        let columns = serde_json::to_string(&self.spec.described).unwrap_or_default();
        let (late, started) = (Arc::clone(told), self.started);
        WriteSpec::new(self.spec.raw_schema(), mode, self.txn())
            .with_metadata("clinichub.business_date", self.request.date.to_string())
            .with_metadata("clinichub.load_id", self.request.load_id)
            .with_metadata(COLUMNS_METADATA, columns)
            .with_late_metadata(move |written| metadata(&late, started, written))
    }

    /// Reads and commits, both at once.
    async fn write(
        &self,
        sources: &mut [Box<dyn Source>],
        progress: &dyn Progress,
    ) -> Result<Ended, ExtractError> {
        let told: Arc<Mutex<Option<ToldLoad>>> = Arc::default();
        let write = self.write_spec(&told);
        let (sender, receiver) = mpsc::channel(DEPTH);
        let rows = stream(self.spec.raw_schema(), receiver);
        let handle = self.request.lake.table(&TableId::raw(&self.spec.source, &self.spec.table));
        let produce = async {
            let result = self.produce(sources, &sender, &told, progress).await;
            let unfinished = match &result {
                Ok(Produced::Sent(_)) => None,
                Ok(Produced::Unchanged) => Some("there is nothing to commit"),
                Ok(Produced::Again(_)) => Some("the table is read again"),
                Err(_) => Some("the source could not be read to its end"),
            };
            // An error in the stream is what keeps the lake from committing.
            if let Some(why) = unfinished {
                let failed = Box::new(Told(why.into()));
                let _ = sender.send(Err(DataFusionError::External(failed))).await;
            }
            drop(sender);
            result
        };
        let (produced, written) = tokio::join!(produce, handle.write(write, rows));
        let load = || {
            let told = told.lock().expect("no holder of the load panics").take();
            told.map(|told| Box::new(told.load))
        };
        let (sent, outcome) = match (produced, written) {
            (_, Ok(outcome)) if outcome.skipped => return Ok(Ended::Landed(None)),
            (Err(error), _) => return Err(error),
            (Ok(Produced::Again(again)), _) => return Ok(Ended::Again(again)),
            (Ok(Produced::Unchanged), _) => return Ok(Ended::Landed(load())),
            (Ok(_), Err(error)) => return Err(self.land_error(error)),
            (Ok(Produced::Sent(sent)), Ok(outcome)) => (sent, outcome),
        };
        if let Some(sent) = sent.filter(|sent| *sent != outcome.rows) {
            return Err(self.miscount(sent, outcome.rows));
        }
        let mut load = load();
        if let Some(load) = &mut load {
            load.version = Some(outcome.version);
            let compared = reconcile::compared(self.request.lake, handle.id(), outcome.version);
            load.reconciled = compared.await.map_err(|cause| read_landed(&self.spec, cause))?;
        }
        Ok(Ended::Landed(load))
    }

    /// Reads, accounts, and finds what is gone.
    async fn produce(
        &self,
        sources: &mut [Box<dyn Source>],
        sender: &Sender,
        told: &Mutex<Option<ToldLoad>>,
        progress: &dyn Progress,
    ) -> Result<Produced, ExtractError> {
        let failed = |cause| read_landed(&self.spec, cause);
        let prior = self.prior.as_ref().filter(|_| self.mode != Mode::Full);
        let (mut known, mut held) = (HashMap::new(), None);
        if let Some(prior) = prior {
            known = prior.rejects(self.request.sealer.as_deref()).await.map_err(failed)?;
            if self.compares_rows() {
                let (ranges, windows) = self.compared_ranges();
                let read = Held::read(prior, &self.spec, &ranges, &windows).await;
                held = Some(read.map_err(failed)?);
            }
        }
        let refused = refused_keys(&known);
        let reading = Reading { landing: self, known, held: held.as_ref(), sender, progress };
        let Some((tally, sent, apart)) = reading.read(sources).await? else {
            return Ok(Produced::Sent(None));
        };
        if !apart {
            return Ok(Produced::Again(Again::OnePart));
        }
        let (read_ms, comparing) = (millis(self.started), Instant::now());
        let gone = match self.compare(sources[0].as_mut(), &tally, refused, held.as_ref()).await? {
            Compared::Gone(gone) => gone,
            Compared::Again(again) => return Ok(Produced::Again(again)),
        };
        let buried = if self.mode == Mode::Full { &[] } else { gone.as_slice() };
        let tombstones = buried.len() as u64;
        let parts = [read_ms, millis(comparing)];
        let load = self.load(&tally, gone.len() as u64 + tally.flagged, parts);
        let reckoning = Reckoning::of(&self.spec, self.stamp.load_seq, &tally, buried);
        if let Some(suppression) = &self.request.suppression {
            suppression.keep().await.map_err(|cause| broken(&self.spec, cause))?;
        }
        *told.lock().expect("no holder of the load panics") = Some(ToldLoad { load, reckoning });
        if self.mode == Mode::Backfill && sent + tombstones == 0 {
            return Ok(Produced::Unchanged);
        }
        if tombstones > 0 {
            for batch in self.tombstones(&gone)? {
                if sender.send(Ok(batch)).await.is_err() {
                    return Ok(Produced::Sent(None));
                }
            }
        }
        Ok(Produced::Sent(Some(sent + tombstones)))
    }

    pub(super) fn intake(
        &self,
        spec: Arc<TableSpec>,
        selection: Selection,
        known: HashMap<Reject, u64>,
        slot: &TallySlot,
    ) -> Result<Intake, ExtractError> {
        let zone = ZoneTable::new(self.request.zone);
        let ceiling = spec
            .cursor
            .and_then(|cursor| watermark::ceiling(self.request.date, cursor.column_type, &zone));
        let stamp = self.stamp.clone();
        let sealer = self.request.sealer.clone();
        let options = IntakeOptions { stamp, zone, selection, ceiling, known, sealer };
        let contract = self.request.contracts.sources.get(&spec.source);
        let suppressed = Suppressed::of(self.request.suppression.as_ref(), contract, &spec);
        Ok(Intake::new(spec, options, Arc::clone(slot))?.passing_over(suppressed))
    }

    /// The tally of a read that came to its end.
    pub(super) fn finished(&self, slot: &TallySlot) -> Result<Tally, ExtractError> {
        let tally = slot.lock().expect("no holder of the tally panics").take();
        tally.ok_or_else(|| broken(&self.spec, Told("the reader stopped before the end".into())))
    }

    fn load(&self, tally: &Tally, rows_deleted: u64, [read_ms, keys_ms]: [u64; 2]) -> TableLoad {
        let mut notices = tally.notices.clone();
        notices.extend(self.spec.notices.iter().cloned());
        if tally.ahead > 0 {
            let rows = tally.ahead;
            notices.push(format!("{rows} cursor values lie after the business day"));
        }
        if tally.discarded > 0 {
            let values = tally.discarded;
            notices.push(format!("{values} values that did not fit landed as NULL"));
        }
        let print = |position| {
            self.spec.cursor.map(|cursor| watermark::print(position, cursor.column_type))
        };
        let (mode, after) = match self.mode {
            Mode::Backfill => ("backfill", self.watermark_before),
            // A full read saw every row, so its newest is the truth, even if it is older.
            Mode::Full => ("full", tally.newest.or(self.watermark_before)),
            Mode::Cursor => ("cursor", self.watermark_before.max(tally.newest)),
        };
        TableLoad {
            source: self.spec.source.clone(),
            table: self.spec.table.clone(),
            mode: mode.to_owned(),
            notices,
            rows_read: tally.read,
            rows_loaded: tally.loaded,
            rejected: tally.rejected.clone(),
            rejected_new: tally.rejected_new,
            key_faults: tally.key_faults,
            rows_deleted,
            watermark_before: self.watermark_before.and_then(print),
            watermark_after: after.and_then(print),
            duration_ms: millis(self.started),
            parts_ms: BTreeMap::from([("read".to_owned(), read_ms), ("keys".to_owned(), keys_ms)]),
            ..TableLoad::default()
        }
    }

    fn land_error(&self, cause: impl Into<Cause>) -> ExtractError {
        ExtractError::Land {
            source_id: self.spec.source.clone(),
            table: self.spec.table.clone(),
            cause: cause.into(),
        }
    }

    pub(super) fn miscount(&self, read: u64, accounted: u64) -> ExtractError {
        let (source_id, table) = (self.spec.source.clone(), self.spec.table.clone());
        ExtractError::Miscount { source_id, table, read, accounted }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Key texts of rows that were refused for what they hold; of a row that repeats a key, the key
/// itself was loaded.
fn refused_keys(known: &HashMap<Reject, u64>) -> HashSet<String> {
    let own = known.keys().filter(|reject| reject.reason != Reason::DuplicateKey.code());
    own.map(|reject| reject.key.clone()).collect()
}

/// A `ReadLanded` error of `spec`'s table.
pub(super) fn read_landed(spec: &TableSpec, cause: Cause) -> ExtractError {
    let (source_id, table) = (spec.source.clone(), spec.table.clone());
    ExtractError::ReadLanded { source_id, table, cause }
}
