//! From a blocking reader to a bounded stream: four batches wait at most, then the reader does.

use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use super::cell::Cell;
use super::error::{ExtractError, Told};
use super::intake::{Intake, broken};
use super::reject::{Place, Reason};

/// Batches of one table, in source order.
pub type BatchStream<'a> = BoxStream<'a, Result<RecordBatch, ExtractError>>;

/// Batches that may wait.
const DEPTH: usize = 4;

/// The writing end, for code that runs on a blocking thread.
pub(super) struct Outlet {
    intake: Intake,
    sender: mpsc::Sender<Result<RecordBatch, ExtractError>>,
}

impl Outlet {
    pub(super) fn row(&mut self, cells: &[Cell<'_>], place: &Place) -> Result<(), ExtractError> {
        self.intake.row(cells, place)?;
        self.pass_on()
    }

    pub(super) fn unreadable(
        &mut self,
        reason: Reason,
        column: &str,
        place: &Place,
    ) -> Result<(), ExtractError> {
        self.intake.unreadable(reason, column, place);
        self.pass_on()
    }

    fn pass_on(&mut self) -> Result<(), ExtractError> {
        match self.intake.full_batch()? {
            Some(batch) => self.send(batch),
            None => Ok(()),
        }
    }

    fn send(&mut self, batch: RecordBatch) -> Result<(), ExtractError> {
        self.sender
            .blocking_send(Ok(batch))
            .map_err(|_| broken(self.intake.spec(), Told("nobody takes the rows any more".into())))
    }
}

/// Runs `work` on a blocking thread and streams what it puts into its outlet. The tally is left
/// only when `work` ends well, so a reader that dies cannot pass for a short table.
pub(super) fn blocking<W>(intake: Intake, work: W) -> BatchStream<'static>
where
    W: FnOnce(&mut Outlet) -> Result<(), ExtractError> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(DEPTH);
    tokio::task::spawn_blocking(move || {
        let errors = sender.clone();
        let mut outlet = Outlet { intake, sender };
        let last = work(&mut outlet).and_then(|()| outlet.intake.finish());
        let message = match last {
            Ok(None) => return,
            Ok(Some(batch)) => Ok(batch),
            Err(error) => Err(error),
        };
        // The receiver is gone only when the landing already failed for another reason.
        let _ = errors.blocking_send(message);
    });
    futures::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
}

/// Streams what `take` makes of `rows`: rows are pulled from the source only as batches are
/// pulled from the stream. The tally is left only when the rows come to their proper end.
pub(super) fn pulled<'a, R, T>(
    intake: Intake,
    rows: BoxStream<'a, Result<R, ExtractError>>,
    take: T,
) -> BatchStream<'a>
where
    R: Send + 'a,
    T: Fn(&mut Intake, R) -> Result<(), ExtractError> + Send + 'a,
{
    let state = Some((intake, rows, take));
    futures::stream::try_unfold(state, |state| async move {
        let Some((mut intake, mut rows, take)) = state else { return Ok(None) };
        while let Some(row) = rows.next().await {
            take(&mut intake, row?)?;
            if let Some(batch) = intake.full_batch()? {
                return Ok(Some((batch, Some((intake, rows, take)))));
            }
        }
        Ok(intake.finish()?.map(|batch| (batch, None)))
    })
    .boxed()
}
