//! From readers to a bounded stream: four batches wait at most, then the readers do. Every
//! reader runs apart from whoever takes its batches, so that rows are read while others are
//! written.

use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

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

    pub(super) fn notice(&mut self, text: String) {
        self.intake.notice(text);
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

/// What one of several readers of a table works with.
pub(super) struct Share {
    intake: Intake,
    sender: mpsc::Sender<Result<RecordBatch, ExtractError>>,
}

impl Share {
    pub(super) fn intake(&mut self) -> &mut Intake {
        &mut self.intake
    }

    /// Hands a full batch on; waits while too many are waiting.
    pub(super) async fn pass_on(&mut self) -> Result<(), ExtractError> {
        match self.intake.full_batch()? {
            Some(batch) => self.send(batch).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, batch: RecordBatch) -> Result<(), ExtractError> {
        self.sender
            .send(Ok(batch))
            .await
            .map_err(|_| broken(self.intake.spec(), Told("nobody takes the rows any more".into())))
    }
}

/// Streams what `readers`, each on a task of its own, put into the table of `intake`. One reader
/// takes the intake as it is; several need one that can be forked. The tally is left only when
/// all of them end well, so a reader that dies cannot pass for a short table. Dropping the stream
/// ends them.
pub(super) fn shared<R, F>(
    intake: Intake,
    readers: impl ExactSizeIterator<Item = R>,
) -> BatchStream<'static>
where
    R: FnOnce(Share) -> F,
    F: Future<Output = Result<Share, ExtractError>> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(DEPTH);
    let mut tasks = JoinSet::new();
    let mut main = Some(intake);
    let alone = readers.len() == 1;
    for read in readers {
        let own = if alone { main.take() } else { main.as_ref().map(Intake::fork) };
        if let Some(intake) = own {
            tasks.spawn(read(Share { intake, sender: sender.clone() }));
        }
    }
    let watched = AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = ended(tasks, main).await {
            // The receiver is gone only when the landing already failed for another reason.
            let _ = sender.send(Err(error)).await;
        }
    }));
    futures::stream::poll_fn(move |context| {
        let _ = &watched;
        receiver.poll_recv(context)
    })
    .boxed()
}

/// Waits for all readers, hands on their last rows and leaves the tally.
async fn ended(
    mut tasks: JoinSet<Result<Share, ExtractError>>,
    main: Option<Intake>,
) -> Result<(), ExtractError> {
    let mut forks = Vec::new();
    while let Some(done) = tasks.join_next().await {
        // A reader that panicked leaves no tally, which is what the landing looks for.
        let Ok(done) = done else { return Ok(()) };
        let mut share = done?;
        if let Some(batch) = share.intake.batch()? {
            share.send(batch).await?;
        }
        forks.push(share.intake);
    }
    match main.or_else(|| forks.pop()) {
        Some(main) => main.join(forks),
        None => Ok(()),
    }
}
