//! Erasure of a person: out of what landed, out of what is built from it, and, at once or with
//! the retention, out of every older version; and kept out while the sources still have them.
//!
//! The order makes a stop harmless: first the suppression is kept, then raw tables lose the rows,
//! then the hub is built and published anew, then older versions leave. Run again, it goes on.

mod find;
mod suppress;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;
use datafusion::error::DataFusionError;
use hub_domain::snapshot::Snapshot;
use hub_lake::upkeep::{Parts, Removed, Retention, RowMatch, UpkeepRequest};
use hub_lake::{LakeError, TableId};

pub use find::Subjects;
pub use suppress::Suppression;

use crate::nightly::{Cause, Nightly, NightlyRequest, Progress};
use find::Rows;

/// Whom to erase, and how far.
#[derive(Debug, Clone, Default)]
pub struct EraseRequest {
    /// Person id of the newest snapshot, all of whose records go.
    pub person: Option<String>,
    /// Source records, as `his:12`.
    pub records: BTreeSet<String>,
    /// Older snapshots expire and their files leave now, whatever the retention says.
    pub at_once: bool,
    /// Only counts.
    pub dry_run: bool,
}

/// What an erasure did.
#[derive(Debug, Clone, Default)]
pub struct EraseReport {
    /// Source records found.
    pub records: usize,
    /// Raw tables that held rows of them, with what was removed.
    pub tables: Vec<(String, Removed)>,
    /// Snapshot without them; none in a dry run.
    pub snapshot: Option<u64>,
    /// Snapshots that expired at once.
    pub expired: Vec<u64>,
    /// Commits whose bounds of lost files were taken out.
    pub redacted: u64,
    /// What a look at every row that is left found; none in a dry run.
    pub proof: Option<Proof>,
}

/// A look at every row of the newest version and of every version a kept snapshot names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proof {
    /// Table versions read.
    pub versions: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows of the erased persons in the newest versions: 0, or the erasure failed.
    pub found: u64,
    /// Rows of theirs in versions that only older snapshots name.
    pub older: u64,
    /// Files on disk that no kept version names: not read, and gone after their grace.
    pub waiting: usize,
}

/// Why an erasure stopped. Texts name tables and snapshots, never persons.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Nothing was published yet.
    #[error("nothing is published yet: there is nobody to erase")]
    NoSnapshot,
    /// Nobody was named.
    #[error("nobody is named\n  hint: give `--person` or `--record`")]
    Nobody,
    /// The person is not known.
    #[error(
        "snapshot {snapshot} knows no such person\n  hint: a person who is gone already is named \
         by source records, such as `--record his:12`"
    )]
    NoPerson {
        /// Newest snapshot.
        snapshot: u64,
    },
    /// The hub does not link records to persons.
    #[error("snapshot {snapshot} has no table `person_link`\n  hint: name source records instead")]
    NoLinks {
        /// Newest snapshot.
        snapshot: u64,
    },
    /// A record's source says nothing about its subjects.
    #[error(
        "source `{source_id}` has no contract that says whom its rows are about\n  hint: add \
         `subjects:` to schema/sources/{source_id}.yaml"
    )]
    NoSubjects {
        /// Source id.
        source_id: String,
    },
    /// A table could not be read.
    #[error("table `{table}` could not be read")]
    Read {
        /// Table.
        table: String,
        /// Cause; it may quote a value and is never printed.
        #[source]
        cause: Box<DataFusionError>,
    },
    /// The lake failed.
    #[error("the lake failed: {0}")]
    Lake(#[from] LakeError),
    /// The suppression could not be kept; nothing was removed.
    #[error("the suppression could not be kept in the state database; nothing was removed")]
    Keep(#[source] Cause),
    /// The hub could not be made anew; raw tables have lost the rows already.
    #[error("the hub could not be made anew, raw tables have lost the rows: {what}")]
    Rebuild {
        /// Code and text of the failed run.
        what: String,
    },
}

impl EraseError {
    fn read(table: &str, cause: DataFusionError) -> Self {
        Self::Read { table: table.to_owned(), cause: Box::new(cause) }
    }
}

/// The rows of one raw table that are to go.
struct Found {
    id: TableId,
    keys: BTreeSet<String>,
    matches: RowMatch,
}

impl Nightly {
    /// Erases whom `request` names. The run that publishes is recorded.
    ///
    /// # Errors
    /// What stopped it; running it again goes on.
    pub async fn erase(
        &self,
        request: &EraseRequest,
        progress: &dyn Progress,
    ) -> Result<EraseReport, EraseError> {
        if request.person.is_none() && request.records.is_empty() {
            return Err(EraseError::Nobody);
        }
        let latest = self.lake.latest().await?.ok_or(EraseError::NoSnapshot)?;
        let person = request.person.as_deref();
        let subjects = Subjects::find(&self.lake, &latest, person, &request.records).await?;
        self.all_have_subjects(&subjects)?;
        let found = self.find_rows(&subjects).await?;
        let mut report = EraseReport { records: subjects.records.len(), ..EraseReport::default() };
        if !request.dry_run {
            self.suppress(&subjects, &found).await?;
        }
        for table in &found {
            let (id, contracts) = (&table.id, &self.contracts);
            let dry_run = request.dry_run;
            let removed = self.lake.remove_rows(id, contracts, &table.matches, dry_run).await?;
            if removed.rows > 0 {
                report.tables.push((id.key(), removed));
            }
        }
        if request.dry_run {
            return Ok(report);
        }
        report.snapshot = Some(Box::pin(self.show_again(progress)).await?);
        if request.at_once {
            self.leave_nothing(&mut report).await?;
        }
        report.proof = Some(self.prove(&subjects, &found).await?);
        Ok(report)
    }

    fn all_have_subjects(&self, subjects: &Subjects) -> Result<(), EraseError> {
        for record in &subjects.records {
            let source = record.split_once(':').map_or(record.as_str(), |(source, _)| source);
            let contract = self.contracts.sources.get(source);
            if contract.is_none_or(|contract| contract.subjects.is_empty()) {
                return Err(EraseError::NoSubjects { source_id: source.to_owned() });
            }
        }
        Ok(())
    }

    /// Follows the subjects of every source, table after table.
    async fn find_rows(&self, subjects: &Subjects) -> Result<Vec<Found>, EraseError> {
        let (mut found, sealer) = (Vec::new(), self.quarantine.sealer.as_ref());
        for contract in self.contracts.sources.values() {
            let persons = Arc::new(subjects.keys_at(&contract.source));
            if persons.is_empty() {
                continue;
            }
            let mut keys: BTreeMap<String, Arc<HashSet<String>>> = BTreeMap::new();
            for table in contract.subject_order() {
                let id = TableId::raw(&contract.source, table);
                let rows = Arc::new(Rows::of(contract, table, &persons, &keys, sealer));
                let speaking = Arc::clone(&rows).speaking();
                self.lake.remove_rows(&id, &self.contracts, &speaking, true).await?;
                let own = rows.keys();
                keys.insert(table.to_owned(), Arc::new(own.iter().cloned().collect()));
                let matches = rows.all(Arc::clone(&persons));
                found.push(Found { id, keys: own, matches });
            }
        }
        Ok(found)
    }

    async fn suppress(&self, subjects: &Subjects, found: &[Found]) -> Result<(), EraseError> {
        let hashes = Suppression::new(&self.engine.pseudonym_key, HashSet::new());
        let mut digests = BTreeSet::new();
        for record in &subjects.records {
            if let Some((source, key)) = record.split_once(':') {
                digests.insert(hashes.person(source, key));
            }
        }
        for Found { id, keys, .. } in found {
            if let TableId::Raw { source, table } = id {
                digests.extend(keys.iter().map(|key| hashes.row(source, table, key)));
            }
        }
        let digests: Vec<String> = digests.into_iter().collect();
        self.log.suppress(&digests).await.map_err(EraseError::Keep)?;
        let records: Vec<String> = subjects.records.iter().cloned().collect();
        self.log.forget_annotations(&records).await.map_err(EraseError::Keep)
    }

    /// Publishes what has landed, under the newest business day; the number of the snapshot.
    async fn show_again(&self, progress: &dyn Progress) -> Result<u64, EraseError> {
        let kept = self.lake.snapshots().await?;
        let date = kept.iter().map(|snapshot| snapshot.business_date).max().unwrap_or_default();
        // Of a few persons one may well be a third.
        let request = NightlyRequest { accept_loss: true, ..NightlyRequest::of(date) };
        let mut run = self.begun("erase", &request);
        let result = self.while_held(Box::pin(self.rebuild(&request, progress, &mut run))).await;
        let run = self.ended(run, result).await;
        let what = run.error.unwrap_or_default();
        run.snapshot_id.ok_or(EraseError::Rebuild { what })
    }

    /// Lets every snapshot but the newest expire, removes their files and what logs say of them.
    async fn leave_nothing(&self, report: &mut EraseReport) -> Result<(), EraseError> {
        let request = UpkeepRequest {
            parts: Parts { compact: false, ..Parts::ALL },
            retention: Some(Retention { snapshots: TimeDelta::zero(), keep_last: 1 }),
            grace: TimeDelta::zero(),
            contracts: &self.contracts,
            dry_run: false,
        };
        let done = self.lake.upkeep(&request).await?;
        report.expired = done.expired;
        for table in done.tables {
            if let Some(cause) = table.failed {
                return Err(cause.into());
            }
            report.redacted += self.lake.redact_log(&TableId::parse(&table.table)).await?;
        }
        Ok(())
    }

    /// Reads what is left.
    async fn prove(&self, subjects: &Subjects, found: &[Found]) -> Result<Proof, EraseError> {
        let kept: Vec<Snapshot> = self.lake.snapshots().await?;
        let mut proof = Proof::default();
        for id in self.lake.tables().await? {
            let raw = found.iter().find(|found| found.id == id).map(|found| &found.matches);
            let matches = match (&id, raw) {
                (_, Some(matches)) => Arc::clone(matches),
                (TableId::Hub(name), None) => subjects.named(self.contracts.table(name)),
                (TableId::Raw { .. }, None) => continue,
            };
            let Some(newest) = self.lake.table(&id).version().await? else { continue };
            let mut versions: BTreeSet<u64> = [newest].into();
            versions.extend(kept.iter().filter_map(|snapshot| snapshot.tables.get(&id.key())));
            for version in versions {
                let (rows, meant) = self.lake.count_rows(&id, version, &matches).await?;
                proof.versions += 1;
                proof.rows += rows;
                *(if version == newest { &mut proof.found } else { &mut proof.older }) += meant;
            }
        }
        let look = UpkeepRequest {
            parts: Parts { compact: false, ..Parts::ALL },
            retention: None,
            grace: TimeDelta::zero(),
            contracts: &self.contracts,
            dry_run: true,
        };
        let left = self.lake.upkeep(&look).await?;
        let unnamed = left.tables.iter().filter_map(|table| table.swept);
        proof.waiting = unnamed.map(|swept| swept.expired + swept.orphans + swept.waiting).sum();
        Ok(proof)
    }
}
