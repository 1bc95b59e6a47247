//! One read of a table, in one part or several at once, on its way from the source to the lake.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use futures::future::try_join_all;
use tokio::sync::mpsc;

use super::Progress;
use super::error::ExtractError;
use super::held::Held;
use super::intake::{Tally, TallySlot, broken};
use super::land::{DEPTH, Landing, Sender};
use super::reconcile::{self, Amounts, Measuring, Shape};
use super::reject::Reject;
use super::schema::TableSpec;
use super::selection::Selection;
use super::source::Source;
use super::trouble::is_aftermath;

/// One read on its way from the source to the lake.
pub(super) struct Reading<'a> {
    pub(super) landing: &'a Landing<'a>,
    /// Refused rows that are in quarantine already.
    pub(super) known: HashMap<Reject, u64>,
    /// Rows that need not be landed again.
    pub(super) held: Option<&'a Held>,
    pub(super) sender: &'a Sender,
    pub(super) progress: &'a dyn Progress,
}

impl Reading<'_> {
    /// Tally, rows sent, and whether no two parts had rows of one key; none when the lake took
    /// no more.
    pub(super) async fn read(
        &self,
        sources: &mut [Box<dyn Source>],
    ) -> Result<Option<(Tally, u64, bool)>, ExtractError> {
        let parts: VecDeque<Selection> = self.landing.parts.iter().cloned().collect();
        let readers = sources.len().min(parts.len()).max(1);
        let (queue, tallies) = (Mutex::new(parts), Mutex::new(Vec::new()));
        let (batches, receiver) = mpsc::channel(DEPTH);
        let workers: Vec<_> = sources[..readers]
            .iter_mut()
            .map(|source| self.work(source.as_mut(), &queue, &tallies, batches.clone()))
            .collect();
        drop(batches);
        let (worked, sent) = tokio::join!(try_join_all(workers), self.pass_on(receiver));
        let Some((sent, left_out)) = sent? else { return Ok(None) };
        worked?;
        let tallies = tallies.into_inner().expect("no holder of the tallies panics");
        let (mut whole, mut apart) = (Tally::default(), true);
        for tally in tallies {
            apart &= whole.join(tally);
        }
        if let Some(apart) = &mut whole.apart {
            apart.add(&left_out);
        }
        Ok(Some((whole, sent, apart)))
    }

    /// Reads one part after another.
    async fn work(
        &self,
        source: &mut dyn Source,
        queue: &Mutex<VecDeque<Selection>>,
        tallies: &Mutex<Vec<Tally>>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> Result<(), ExtractError> {
        let landing = self.landing;
        loop {
            let next = queue.lock().expect("no holder of the queue panics").pop_front();
            let Some(part) = next else { return Ok(()) };
            let slot = TallySlot::default();
            let spec = Arc::clone(&landing.spec);
            let mut intake = landing.intake(spec, part, self.known.clone(), &slot)?;
            if !landing.needs_keys() {
                intake = intake.without_keys();
            }
            let wanted = landing.request.config.reconcile(&landing.spec.table);
            let counting = reconcile::begin(wanted, source, &intake).await?;
            if counting.is_some() {
                intake = intake.counting_apart();
            }
            let mut rows = landing.request.brake.hold(source.open(intake).await?);
            let mut landed = 0;
            while let Some(batch) = rows.next().await {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => return Err(first_of(error, counting, &landing.spec).await),
                };
                landed += batch.num_rows() as u64;
                if batches.send(batch).await.is_err() {
                    return Ok(());
                }
            }
            drop(rows);
            let mut tally = landing.finished(&slot)?;
            if let Some(counting) = counting {
                let counted = counting.await.map_err(|cause| broken(&landing.spec, cause))?;
                tally.source = Some(counted);
            }
            if landed != tally.landed {
                return Err(landing.miscount(tally.landed, landed));
            }
            tallies.lock().expect("no holder of the tallies panics").push(tally);
        }
    }

    /// Hands on what is not in the lake already; the rows sent and the amounts of those left out,
    /// none when the lake took no more.
    async fn pass_on(
        &self,
        mut batches: mpsc::Receiver<RecordBatch>,
    ) -> Result<Option<(u64, Amounts)>, ExtractError> {
        let spec = &self.landing.spec;
        let shape = Shape::of(spec);
        let (mut rows, mut sent, mut left_out) = (0, 0, Amounts::of(&shape));
        let failed = |cause| broken(spec, cause);
        while let Some(mut batch) = batches.recv().await {
            rows += batch.num_rows() as u64;
            if let Some(held) = self.held {
                left_out.add_batch(&shape, &batch).map_err(failed)?;
                batch = held.without_unchanged(spec, batch).map_err(failed)?;
                left_out.subtract_batch(&shape, &batch).map_err(failed)?;
            }
            sent += batch.num_rows() as u64;
            if batch.num_rows() > 0 && self.sender.send(Ok(batch)).await.is_err() {
                return Ok(None);
            }
            self.progress.rows(&spec.source, &spec.table, rows);
        }
        Ok(Some((sent, left_out)))
    }
}

/// Of a read and a count in one transaction, the failure that ended it.
async fn first_of(
    error: ExtractError,
    counting: Option<Measuring>,
    spec: &TableSpec,
) -> ExtractError {
    match counting {
        Some(counting) if is_aftermath(&error) => match counting.await {
            Err(cause) => broken(spec, cause),
            Ok(_) => error,
        },
        _ => error,
    }
}
