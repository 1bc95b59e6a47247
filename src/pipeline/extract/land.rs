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
use futures::StreamExt;
use hub_domain::run::TableLoad;
use hub_lake::{TableId, Txn, WriteMode, WriteSpec, Written};
use tokio::sync::mpsc;

use super::builder::{LoadStamp, RawBuilder};
use super::cell::ZoneTable;
use super::error::{Cause, ExtractError, Told};
use super::intake::{Intake, IntakeOptions, Tally, TallySlot, broken};
use super::keys::{KeyHash, KeySet};
use super::landed::{Key, LOAD_METADATA, Landed, among};
use super::reconcile::{self, Amounts, Counter, Measuring, RECKONING_METADATA, Reckoning};
use super::reject::{Reason, Reject};
use super::schema::TableSpec;
use super::source::Source;
use super::suppressed::Suppressed;
use super::{ExtractRequest, LoadKind, Progress, Reconcile, watermark};

/// Batches that may wait for the lake.
const DEPTH: usize = 4;
/// Part of a load's time: what writing files took longer than reading rows.
const WRITE: &str = "write";

/// One landing, decided before the first row is read.
struct Landing<'a> {
    request: &'a ExtractRequest<'a>,
    spec: Arc<TableSpec>,
    prior: Option<Landed>,
    /// Position to start at; none for a full read.
    from: Option<i64>,
    watermark_before: Option<i64>,
    stamp: LoadStamp,
    started: Instant,
}

/// How a landing ended.
enum Ended {
    /// In the lake; none when somebody else landed it meanwhile.
    Landed(Option<Box<TableLoad>>),
    /// Nothing was committed: rows are back that a read by cursor does not deliver.
    Returned,
}

/// What the source had to say.
enum Produced {
    /// Rows sent; none when the lake took no more.
    Sent(Option<u64>),
    /// The read by cursor is not the whole truth.
    Returned,
}

/// What a comparison of keys found.
enum Compared {
    /// Keys landed as current that the source no longer has.
    Gone(Vec<Key>),
    /// The source has keys that are neither current nor part of this read.
    Returned,
}

/// Lands the table of `spec` under `txn`; none when somebody else landed it meanwhile.
pub(super) async fn land(
    request: &ExtractRequest<'_>,
    source: &mut dyn Source,
    spec: TableSpec,
    txn: Txn,
    progress: &dyn Progress,
) -> Result<Option<TableLoad>, ExtractError> {
    let mut landing = Landing::decide(request, spec).await?;
    loop {
        match landing.write(source, &txn, progress).await? {
            Ended::Landed(load) => return Ok(load.map(|load| *load)),
            // A full read replaces the table, so it cannot end like this again.
            Ended::Returned => landing.read_whole(),
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

type Sender = mpsc::Sender<Result<RecordBatch, DataFusionError>>;

impl<'a> Landing<'a> {
    async fn decide(
        request: &'a ExtractRequest<'a>,
        spec: TableSpec,
    ) -> Result<Self, ExtractError> {
        let failed = |cause| read_landed(&spec, cause);
        let id = TableId::raw(&spec.source, &spec.table);
        let prior = Landed::open(request.lake, id.clone()).await.map_err(failed)?;
        let (mut from, mut watermark_before) = (None, None);
        if let (Some(prior), Some(cursor)) = (&prior, spec.cursor) {
            let last = prior.last_load().await.map_err(failed)?;
            let stored = last.and_then(|load| load.watermark_after);
            watermark_before = stored.and_then(|text| watermark::parse(&text, cursor.column_type));
            let fits = prior.fits(&spec.raw_schema()).await.map_err(failed)?;
            let trusted = fits
                && reconcile::is_trusted(request.lake, &id, prior.version).await.map_err(failed)?;
            if trusted && matches!(request.kind, LoadKind::Nightly) {
                from = watermark_before
                    .map(|position| watermark::start(position, cursor.lag, cursor.column_type));
            }
        }
        let next = prior.as_ref().map_or(0, |prior| prior.version + 1);
        let stamp = LoadStamp {
            load_id: request.load_id.to_owned(),
            extracted_at: request.clock.now().timestamp_micros(),
            load_seq: i64::try_from(next).unwrap_or(i64::MAX),
        };
        let (spec, started) = (Arc::new(spec), Instant::now());
        Ok(Self { request, spec, prior, from, watermark_before, stamp, started })
    }

    /// Gives up the cursor for this night.
    fn read_whole(&mut self) {
        let (source, table) = (self.spec.source.as_str(), self.spec.table.as_str());
        tracing::info!(source, table, "rows came back behind the cursor; the table is read whole");
        self.from = None;
    }

    /// Reads and commits, both at once.
    async fn write(
        &self,
        source: &mut dyn Source,
        txn: &Txn,
        progress: &dyn Progress,
    ) -> Result<Ended, ExtractError> {
        let (request, schema) = (self.request, self.spec.raw_schema());
        let told: Arc<Mutex<Option<ToldLoad>>> = Arc::default();
        let (late, started) = (Arc::clone(&told), self.started);
        let mode = match self.from {
            Some(_) => WriteMode::Append,
            None => WriteMode::Overwrite,
        };
        let write = WriteSpec::new(Arc::clone(&schema), mode, txn.clone())
            .with_metadata("clinichub.business_date", request.date.to_string())
            .with_metadata("clinichub.load_id", request.load_id)
            .with_late_metadata(move |written| metadata(&late, started, written));
        let (sender, receiver) = mpsc::channel(DEPTH);
        let rows = stream(schema, receiver);
        let handle = request.lake.table(&TableId::raw(&self.spec.source, &self.spec.table));
        let produce = async {
            let result = self.produce(source, &sender, &told, progress).await;
            let unfinished = match &result {
                Ok(Produced::Sent(_)) => None,
                Ok(Produced::Returned) => Some("the table is read again, whole"),
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
        let (sent, outcome) = match (produced, written) {
            (_, Ok(outcome)) if outcome.skipped => return Ok(Ended::Landed(None)),
            (Err(error), _) => return Err(error),
            (Ok(Produced::Returned), _) => return Ok(Ended::Returned),
            (Ok(_), Err(error)) => return Err(self.land_error(error)),
            (Ok(Produced::Sent(sent)), Ok(outcome)) => (sent, outcome),
        };
        if let Some(sent) = sent.filter(|sent| *sent != outcome.rows) {
            return Err(self.miscount(sent, outcome.rows));
        }
        let told = told.lock().expect("no holder of the load panics").take();
        let Some(ToldLoad { mut load, reckoning }) = told else { return Ok(Ended::Landed(None)) };
        load.version = Some(outcome.version);
        if reckoning.is_some() {
            let compared = reconcile::compared(request.lake, handle.id(), outcome.version).await;
            load.reconciled = compared.map_err(|cause| read_landed(&self.spec, cause))?;
        }
        Ok(Ended::Landed(Some(Box::new(load))))
    }

    /// Reads, accounts, and finds what is gone.
    async fn produce(
        &self,
        source: &mut dyn Source,
        sender: &Sender,
        told: &Mutex<Option<ToldLoad>>,
        progress: &dyn Progress,
    ) -> Result<Produced, ExtractError> {
        let known = match (&self.prior, self.from) {
            (Some(prior), Some(_)) => prior
                .rejects(self.request.sealer.as_deref())
                .await
                .map_err(|cause| read_landed(&self.spec, cause))?,
            _ => HashMap::new(),
        };
        let refused = refused_keys(&known);
        let slot = TallySlot::default();
        let mut intake = self.intake(Arc::clone(&self.spec), self.from, known, &slot)?;
        if self.prior.is_none() || !self.spec.scans_deletes {
            intake = intake.without_keys();
        }
        let reconciles = self.request.config.reconcile(&self.spec.table);
        let counting = match reconciles {
            Reconcile::None => None,
            _ => source.measure(&intake).await.map_err(|cause| broken(&self.spec, cause))?,
        };
        if counting.is_some() {
            intake = intake.counting_apart();
        }
        let mut batches = self.request.brake.hold(source.open(intake).await?);
        let mut rows = 0;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            if sender.send(Ok(batch)).await.is_err() {
                return Ok(Produced::Sent(None));
            }
            progress.rows(&self.spec.source, &self.spec.table, rows);
        }
        drop(batches);
        let tally = self.finished(&slot)?;
        let read_ms = millis(self.started);
        let comparing = Instant::now();
        let gone = match self.compare(source, &tally, refused).await? {
            Compared::Gone(gone) => gone,
            Compared::Returned => return Ok(Produced::Returned),
        };
        let reckoning = match counting {
            Some(counting) => Some(self.reckoning(counting, &tally, &gone, reconciles).await?),
            None => None,
        };
        let tombstones = if self.from.is_some() { gone.len() as u64 } else { 0 };
        let parts = [read_ms, millis(comparing)];
        let load = self.load(&tally, gone.len() as u64 + tally.flagged, parts);
        if tombstones > 0 {
            for batch in self.tombstones(&gone)? {
                if sender.send(Ok(batch)).await.is_err() {
                    return Ok(Produced::Sent(None));
                }
            }
        }
        let landed = tally.landed;
        if rows != landed {
            return Err(self.miscount(landed, rows));
        }
        if let Some(suppression) = &self.request.suppression {
            suppression.keep().await.map_err(|cause| broken(&self.spec, cause))?;
        }
        let mut told = told.lock().expect("no holder of the load panics");
        *told = Some(ToldLoad { load, reckoning });
        Ok(Produced::Sent(Some(landed + tombstones)))
    }

    fn intake(
        &self,
        spec: Arc<TableSpec>,
        from: Option<i64>,
        known: HashMap<Reject, u64>,
        slot: &TallySlot,
    ) -> Result<Intake, ExtractError> {
        let zone = ZoneTable::new(self.request.zone);
        let ceiling = spec
            .cursor
            .and_then(|cursor| watermark::ceiling(self.request.date, cursor.column_type, &zone));
        let stamp = self.stamp.clone();
        let sealer = self.request.sealer.clone();
        let options = IntakeOptions { stamp, zone, from, ceiling, known, sealer };
        let contract = self.request.contracts.sources.get(&spec.source);
        let suppressed = Suppressed::of(self.request.suppression.as_ref(), contract, &spec);
        Ok(Intake::new(spec, options, Arc::clone(slot))?.passing_over(suppressed))
    }

    /// The tally of a read that came to its end.
    fn finished(&self, slot: &TallySlot) -> Result<Tally, ExtractError> {
        let tally = slot.lock().expect("no holder of the tally panics").take();
        tally.ok_or_else(|| broken(&self.spec, Told("the reader stopped before the end".into())))
    }

    /// Compares the keys of the source with the landed ones; `refused` are key texts of rows in
    /// quarantine.
    async fn compare(
        &self,
        source: &mut dyn Source,
        tally: &Tally,
        refused: HashSet<String>,
    ) -> Result<Compared, ExtractError> {
        let Some(prior) = self.prior.as_ref().filter(|_| self.spec.scans_deletes) else {
            return Ok(Compared::Gone(Vec::new()));
        };
        let failed = |cause| read_landed(&self.spec, cause);
        if self.from.is_none() {
            if !prior.fits(&self.spec.raw_schema()).await.map_err(failed)? {
                return Ok(Compared::Gone(Vec::new()));
            }
            let present = among(&tally.keys, &tally.refused_keys);
            let gone = prior.gone(&self.spec, present, |_, _| {}).await.map_err(failed)?;
            return Ok(Compared::Gone(gone));
        }
        // A cursor read saw only changed rows; the keys of all rows are a read of their own,
        // in the same transaction.
        let slot = TallySlot::default();
        let keys_only = Arc::new(self.spec.keys_only());
        let intake = self.intake(keys_only, None, HashMap::new(), &slot)?.marking(refused);
        let mut batches = self.request.brake.hold(source.open(intake).await?);
        while let Some(batch) = batches.next().await {
            batch?;
        }
        drop(batches);
        let all = self.finished(&slot)?;
        let buried = prior.buried(&self.spec).await.map_err(failed)?;
        // Keys this read did not deliver: each has to be current already.
        let read = among(&tally.keys, &tally.refused_keys);
        let mut waiting: KeySet = all.keys.iter().filter(|key| !read(**key)).copied().collect();
        let none = KeySet::default();
        let current = |key: KeyHash, sequence: i64| {
            if buried.get(&key).is_none_or(|buried| *buried < sequence) {
                waiting.remove(&key);
            }
        };
        let present = among(&all.keys, &none);
        let gone = prior.gone(&self.spec, present, current).await.map_err(failed)?;
        // What never was current because it is refused would be refused again.
        let returned =
            waiting.iter().any(|key| buried.contains_key(key) || !all.marked.contains(key));
        Ok(if returned { Compared::Returned } else { Compared::Gone(gone) })
    }

    /// What the load is compared by, once the source has counted.
    async fn reckoning(
        &self,
        counting: Measuring,
        tally: &Tally,
        gone: &[Key],
        reconciles: Reconcile,
    ) -> Result<Reckoning, ExtractError> {
        let mut source = counting.await.map_err(|cause| broken(&self.spec, cause))?;
        if reconciles == Reconcile::Counts {
            source = source.rows_only();
        }
        let mut tombs = Counter::new(Arc::clone(&self.spec));
        if self.from.is_some() {
            for key in gone {
                let value = |column: usize| {
                    let part = self.spec.key.iter().position(|index| *index == column)?;
                    key[part].clone()
                };
                tombs.values(value);
            }
        }
        let mut apart = tally.apart.clone().unwrap_or_else(|| Amounts::of(&tombs.shape));
        apart.subtract(&tombs.amounts);
        Ok(Reckoning { load_seq: self.stamp.load_seq, shape: tombs.shape, source, apart })
    }

    fn tombstones(&self, gone: &[Key]) -> Result<Vec<RecordBatch>, ExtractError> {
        let failed = |error| broken(&self.spec, error);
        let mut builder = RawBuilder::new(&self.spec, &self.stamp);
        let mut batches = Vec::new();
        for key in gone {
            let mut values = vec![None; self.spec.columns.len()];
            for (index, value) in self.spec.key.iter().zip(key) {
                values[*index].clone_from(value);
            }
            builder.load(&values, true).map_err(failed)?;
            if builder.is_full() {
                batches.extend(builder.take().map_err(failed)?);
            }
        }
        batches.extend(builder.take().map_err(failed)?);
        Ok(batches)
    }

    fn load(&self, tally: &Tally, rows_deleted: u64, [read_ms, keys_ms]: [u64; 2]) -> TableLoad {
        let (source, table) = (self.spec.source.clone(), self.spec.table.clone());
        if tally.ahead > 0 {
            let rows = tally.ahead;
            tracing::warn!(source, table, rows, "cursor values lie after the business day");
        }
        if tally.discarded > 0 {
            let values = tally.discarded;
            tracing::warn!(source, table, values, "values that did not fit landed as NULL");
        }
        let print = |position| {
            self.spec.cursor.map(|cursor| watermark::print(position, cursor.column_type))
        };
        let after = match (&self.request.kind, self.from) {
            (LoadKind::Backfill { .. }, _) => self.watermark_before,
            // A full read saw every row, so its newest is the truth, even if it is older.
            (_, None) => tally.newest.or(self.watermark_before),
            (_, Some(_)) => self.watermark_before.max(tally.newest),
        };
        TableLoad {
            source,
            table,
            mode: if self.from.is_some() { "cursor" } else { "full" }.to_owned(),
            rows_read: tally.read,
            rows_loaded: tally.loaded,
            rejected: tally.rejected.clone(),
            rejected_new: tally.rejected_new,
            key_faults: tally.key_faults,
            notices: tally.notices.clone(),
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

    fn miscount(&self, read: u64, accounted: u64) -> ExtractError {
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
fn read_landed(spec: &TableSpec, cause: Cause) -> ExtractError {
    let (source_id, table) = (spec.source.clone(), spec.table.clone());
    ExtractError::ReadLanded { source_id, table, cause }
}
