//! How a nightly fails, with a stable code for run records.

use chrono::NaiveDate;

use super::log::Cause;
use crate::audit::AuditError;
use crate::build::BuildError;
use crate::extract::ExtractError;
use crate::publish::PublishError;

/// A failed stage. Texts hold no data values; causes are not printed because an engine's or a
/// driver's own text may quote one.
#[derive(Debug, thiserror::Error)]
pub enum NightlyError {
    /// A source is asked for that is not configured.
    #[error("no source `{source_id}` is configured\n  hint: sources are listed under `sources:`")]
    UnknownSource {
        /// Source id.
        source_id: String,
    },
    /// A newer day is published already.
    #[error(
        "the night of {asked} is older than the published business date {published}: the sources \
         have moved on\n  hint: to show an older day again, use `clinichub snapshot rollback`"
    )]
    OlderDate {
        /// Business date asked for.
        asked: NaiveDate,
        /// Newest business date ever published.
        published: NaiveDate,
    },
    /// Another run took the lease over.
    #[error(
        "another run took the lease over; this one stopped and published nothing\n  hint: the \
         newer run goes on; if nobody was paused or cut off, check the clocks of both machines"
    )]
    LeaseLost,
    /// There is no published date to publish under.
    #[error("nothing is published yet\n  hint: run `clinichub nightly` first")]
    NothingPublished,
    /// The run cannot be recorded.
    #[error("the run cannot be recorded in the state database")]
    Log(#[source] Cause),
    /// What people decided about identity could not be read.
    #[error("what people wrote about persons cannot be read from the state database")]
    Annotations(#[source] Cause),
    /// The lake cannot be used.
    #[error("the lake cannot be used: {0}")]
    Lake(#[source] Box<hub_lake::LakeError>),
    /// Extraction failed.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// A table could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The audit could not be run.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Nothing was published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The snapshot is published; judging it failed.
    #[error("the published snapshot could not be judged")]
    Detect(#[source] Cause),
    /// The snapshot is published; messages could not be delivered.
    #[error("messages could not be delivered")]
    Notify(#[source] Cause),
    /// The snapshot is published; the lake could not be kept small.
    #[error("the upkeep of the lake did not come to its end: {0}")]
    Upkeep(#[source] Box<hub_lake::LakeError>),
}

impl NightlyError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSource { .. } => "UNKNOWN_SOURCE",
            Self::OlderDate { .. } => "OLDER_DATE",
            Self::LeaseLost => "LEASE_LOST",
            Self::NothingPublished => "NOTHING_PUBLISHED",
            Self::Log(_) => "LOG_FAILED",
            Self::Annotations(_) => "ANNOTATIONS_FAILED",
            Self::Lake(_) => "LAKE_FAILED",
            Self::Extract(_) => "EXTRACT_FAILED",
            Self::Build(_) => "BUILD_FAILED",
            Self::Audit(_) => "AUDIT_FAILED",
            Self::Publish(PublishError::Refused(_)) => "AUDIT_REFUSED",
            Self::Publish(_) => "PUBLISH_FAILED",
            Self::Detect(_) => "DETECT_FAILED",
            Self::Notify(_) => "NOTIFY_FAILED",
            Self::Upkeep(_) => "UPKEEP_FAILED",
        }
    }

    /// Whether the audit refused to publish.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Publish(PublishError::Refused(_)))
    }

    /// Code and text, as run records keep them.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{}: {self}", self.code())
    }
}
