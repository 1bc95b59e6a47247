//! What every kind of source can do, and opening one from its configuration.

use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::config::{SourceConfig, SourceKind};
use super::csv::Csv;
use super::error::{Cause, ExtractError};
use super::folder::FileFault;
use super::intake::Intake;
use super::jsonl::Jsonl;
use super::mysql::Mysql;
use super::outlet::BatchStream;
use super::parquet::Parquet;
use super::postgres::Postgres;
use super::reconcile::Measuring;
use super::schema::{FoundColumn, Relation};
use super::sqlite::Sqlite;
#[cfg(feature = "sqlserver")]
use super::sqlserver::Sqlserver;
use super::trouble::{NoAnswer, Trouble};

/// Openings tried again after one that failed for a reason that may pass.
const RETRIES: usize = 3;
/// Before the first of them; doubled each time, with jitter.
const PAUSE: Duration = Duration::from_millis(500);
/// Seconds one opening may take.
const PATIENCE: u64 = 60;

/// A source, open and — where its kind has transactions — inside one read-only transaction that
/// lasts until it is closed: every table is read as of the same moment.
#[async_trait]
pub trait Source: Send {
    /// The columns a relation has, in its own order.
    ///
    /// # Errors
    /// The driver's error.
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause>;

    /// Reads the table of `intake` from its bound on and streams the batches it makes. At most a
    /// few batches are held; a slow reader slows the source.
    ///
    /// # Errors
    /// `Read` and `NullCursor`, also as items of the stream; after an error the stream ends.
    async fn open<'a>(&'a mut self, intake: Intake) -> Result<BatchStream<'a>, ExtractError>;

    /// A further handle that reads as of the same moment, to be closed like this one; none where
    /// the kind of source cannot share a moment, or grants no further connection.
    async fn twin(&mut self) -> Option<Box<dyn Source>> {
        None
    }

    /// Begins to count the rows [`Source::open`] would read with an intake like this one; none
    /// where the kind cannot count exactly. Called before the read, in the same transaction; what
    /// it returns may be awaited after it.
    ///
    /// # Errors
    /// The driver's error.
    async fn measure(&mut self, intake: &Intake) -> Result<Option<Measuring>, Cause> {
        let _ = intake;
        Ok(None)
    }

    /// Ends the transaction and the connection.
    async fn close(self: Box<Self>);
}

/// Opens the source `id`; what fails for a reason that may pass is tried a few times. Only
/// openings are repeated: once rows flow, a failure ends the night's read of the source.
///
/// # Errors
/// `Configure` when the configuration cannot work, `Connect` when the source does not answer.
pub async fn connect(
    id: &str,
    config: &SourceConfig,
    zone: Tz,
) -> Result<Box<dyn Source>, ExtractError> {
    if let Some(fault) = config.faults().into_iter().next() {
        return Err(ExtractError::Configure {
            source_id: id.to_owned(),
            what: fault.what,
            hint: fault.hint,
        });
    }
    let backoff = ExponentialBuilder::default()
        .with_min_delay(PAUSE)
        .with_max_times(RETRIES)
        .with_jitter()
        .with_jitter_seed(seed(id));
    let opened = (|| open(config, zone))
        .retry(backoff)
        .when(|cause| Trouble::of(cause).is_transient())
        .notify(|_, pause| tracing::warn!(source = id, ?pause, "the source is tried again"));
    opened.await.map_err(|cause| match FileFault::inside(cause.as_ref()).cloned() {
        Some(FileFault { what, hint }) => {
            ExtractError::Configure { source_id: id.to_owned(), what, hint }
        }
        None => {
            let (source_id, kind) = (id.to_owned(), config.kind.name());
            ExtractError::Connect { source_id, kind, cause }
        }
    })
}

/// Two nodes, or two sources, do not try again at the same moments.
fn seed(id: &str) -> u64 {
    let digest = Sha256::digest(format!("{id}|{}", std::process::id()));
    digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

async fn open(config: &SourceConfig, zone: Tz) -> Result<Box<dyn Source>, Cause> {
    let opened = tokio::time::timeout(Duration::from_secs(PATIENCE), open_now(config, zone));
    opened.await.map_err(|_| NoAnswer(PATIENCE))?
}

async fn open_now(config: &SourceConfig, zone: Tz) -> Result<Box<dyn Source>, Cause> {
    match config.kind {
        SourceKind::Sqlite => Sqlite::open(config).await.map(|source| Box::new(source) as _),
        SourceKind::Csv => Csv::open(config).map(|source| Box::new(source) as _),
        SourceKind::Postgres => {
            Postgres::open(config, zone).await.map(|source| Box::new(source) as _)
        }
        SourceKind::Parquet => Parquet::open(config).map(|source| Box::new(source) as _),
        SourceKind::Jsonl => Jsonl::open(config).map(|source| Box::new(source) as _),
        #[cfg(feature = "sqlserver")]
        SourceKind::Sqlserver => Sqlserver::open(config).await.map(|source| Box::new(source) as _),
        // A fault of the configuration, told above.
        #[cfg(not(feature = "sqlserver"))]
        SourceKind::Sqlserver => Err("not in this build".into()),
        SourceKind::Mysql => Mysql::open(config).await.map(|source| Box::new(source) as _),
    }
}
