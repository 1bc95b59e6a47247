//! Publish: the one moment readers switch to the new night, all tables at once.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use hub_domain::snapshot::{AuditResult, Snapshot};
use hub_lake::{Lake, LakeError, TableId};

use crate::audit;

/// What would become the next snapshot.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Business day.
    pub date: NaiveDate,
    /// Run that made it.
    pub run_id: String,
    /// Snapshot key → version.
    pub versions: BTreeMap<String, u64>,
    /// Hash over contracts and queries.
    pub definition_hash: String,
    /// Audit results.
    pub audits: Vec<AuditResult>,
}

/// Why nothing was published; readers keep the previous snapshot.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The audit found what must not be shown.
    #[error("{}", audit::refusal(.0))]
    Refused(Vec<AuditResult>),
    /// Another run published meanwhile.
    #[error("another run published snapshot {id} meanwhile\n  hint: run the nightly again")]
    Taken {
        /// Number that was taken.
        id: u64,
    },
    /// The lake failed.
    #[error("the snapshot could not be published: {what}")]
    Lake {
        /// The lake's own text.
        what: String,
        /// Cause.
        #[source]
        cause: Box<LakeError>,
    },
}

/// Publishes `candidate` as the snapshot after `previous`, if its audits allow it.
///
/// When `previous` already shows exactly these versions for this day, it stays the newest: a
/// rerun of a night that succeeded changes nothing. A publication that a former holder of the
/// lease slipped in meanwhile is followed by this one.
///
/// # Errors
/// `Refused` by the audit, `Taken` by a rival, `Lake`.
pub async fn publish(
    lake: &Lake,
    candidate: Candidate,
    previous: Option<&Snapshot>,
    now: DateTime<Utc>,
) -> Result<Snapshot, PublishError> {
    if !audit::passes(&candidate.audits) {
        return Err(PublishError::Refused(candidate.audits));
    }
    let Candidate { versions, date, definition_hash, .. } = &candidate;
    if let Some(known) = previous {
        let same = shows(lake, known, versions, *date, definition_hash).await;
        if same.map_err(lake_error)? {
            return Ok(known.clone());
        }
    }
    let mut snapshot = Snapshot {
        id: previous.map_or(1, |previous| previous.id + 1),
        business_date: candidate.date,
        published_at: now,
        run_id: candidate.run_id,
        tables: candidate.versions,
        definition_hash: candidate.definition_hash,
        audits: candidate.audits,
        rollback_of: None,
        lease_token: lake.lease_token(),
    };
    loop {
        match lake.publish(&snapshot).await {
            Ok(()) => return Ok(snapshot),
            Err(LakeError::PublishTaken { id }) => {
                let rival = lake.snapshot(id).await.map_err(lake_error)?;
                if rival.lease_token >= snapshot.lease_token {
                    return Err(PublishError::Taken { id });
                }
                snapshot.id += 1;
            }
            Err(cause) => return Err(lake_error(cause)),
        }
    }
}

fn lake_error(cause: LakeError) -> PublishError {
    PublishError::Lake { what: cause.to_string(), cause: Box::new(cause) }
}

/// Whether `published` is exactly what these versions would become, files laid out anew aside.
pub(crate) async fn shows(
    lake: &Lake,
    published: &Snapshot,
    versions: &BTreeMap<String, u64>,
    date: NaiveDate,
    definition_hash: &str,
) -> Result<bool, LakeError> {
    let same_tables = published.tables.keys().eq(versions.keys());
    if !same_tables || published.business_date != date {
        return Ok(false);
    }
    if published.definition_hash != definition_hash {
        return Ok(false);
    }
    for (key, version) in versions {
        let shown = published.tables[key];
        let table = lake.table(&TableId::parse(key));
        if shown != *version
            && table.content_version(shown).await? != table.content_version(*version).await?
        {
            return Ok(false);
        }
    }
    Ok(true)
}
