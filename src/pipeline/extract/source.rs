//! What every kind of source can do, and opening one from its configuration.

use async_trait::async_trait;
use chrono_tz::Tz;

use super::config::{SourceConfig, SourceKind};
use super::csv::Csv;
use super::error::{Cause, ExtractError};
use super::intake::Intake;
use super::mysql::Mysql;
use super::outlet::BatchStream;
use super::postgres::Postgres;
use super::schema::{FoundColumn, Relation};
use super::sqlite::Sqlite;

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

    /// Ends the transaction and the connection.
    async fn close(self: Box<Self>);
}

/// Opens the source `id`.
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
    let opened: Result<Box<dyn Source>, Cause> = match config.kind {
        SourceKind::Sqlite => Sqlite::open(config).await.map(|source| Box::new(source) as _),
        SourceKind::Csv => Csv::open(config).map(|source| Box::new(source) as _),
        SourceKind::Postgres => {
            Postgres::open(config, zone).await.map(|source| Box::new(source) as _)
        }
        SourceKind::Parquet | SourceKind::Jsonl | SourceKind::Sqlserver => {
            return Err(ExtractError::Configure {
                source_id: id.to_owned(),
                what: format!("kind `{}` cannot be read yet", config.kind.name()),
                hint: "export CSV files".to_owned(),
            });
        }
        SourceKind::Mysql => Mysql::open(config).await.map(|source| Box::new(source) as _),
    };
    opened.map_err(|cause| ExtractError::Connect {
        source_id: id.to_owned(),
        kind: config.kind.name(),
        cause,
    })
}
