//! Which rows are about a person: from the person's keys at the sources along the subjects of
//! the source contracts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::error::ArrowError;
use datafusion::logical_expr::{ident, lit};
use datafusion::prelude::SessionContext;
use hub_domain::contract::{ColumnType, SourceColumn, SourceContract, Subject, TableContract};
use hub_domain::snapshot::Snapshot;
use hub_lake::upkeep::RowMatch;
use hub_lake::{Lake, TableId};

use super::EraseError;
use super::text::{row_keys, text};
use crate::extract::{About, Sealer, unsealed};

/// Table that says which source records are one person.
const LINK: &str = "person_link";
/// Column that names a source record.
const RECORD: &str = "record_id";
/// Tables whose keys are source records.
const RECORD_TABLES: [&str; 2] = [LINK, "person_record"];

/// Whom an erasure is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subjects {
    /// Person ids that cease to exist.
    pub persons: BTreeSet<String>,
    /// Source records as hub tables name them: `<source>:<key>`.
    pub records: BTreeSet<String>,
}

impl Subjects {
    /// The records of a person in a published snapshot, and the persons of further `records`
    /// none of whose other records stay.
    pub(super) async fn find(
        lake: &Lake,
        snapshot: &Snapshot,
        person: Option<&str>,
        records: &BTreeSet<String>,
    ) -> Result<Self, EraseError> {
        let mut found = Self { persons: BTreeSet::new(), records: records.clone() };
        if let Some(person) = person {
            let own = linked(lake, snapshot, "person_id", person, RECORD).await?;
            if own.is_empty() {
                return Err(EraseError::NoPerson { snapshot: snapshot.id });
            }
            found.records.extend(own);
            found.persons.insert(person.to_owned());
        }
        for record in records {
            for person in linked(lake, snapshot, "record_id", record, "person_id").await? {
                let all = linked(lake, snapshot, "person_id", &person, "record_id").await?;
                if all.iter().all(|record| found.records.contains(record)) {
                    found.persons.insert(person);
                }
            }
        }
        Ok(found)
    }

    /// The persons' keys at `source`.
    pub(super) fn keys_at(&self, source: &str) -> HashSet<String> {
        let key =
            |record: &String| Some(record.strip_prefix(source)?.strip_prefix(':')?.to_owned());
        self.records.iter().filter_map(key).collect()
    }

    /// Matches rows of a hub table that name one of the persons in any text column, or one of the
    /// records where the contract has a record: other ids may read like a record's.
    pub(super) fn named(&self, contract: Option<&TableContract>) -> RowMatch {
        let (persons, records) = (self.persons.clone(), self.records.clone());
        let mut record_columns: BTreeSet<String> = [RECORD.to_owned()].into();
        for key in contract.iter().flat_map(|contract| &contract.foreign_keys) {
            if RECORD_TABLES.contains(&key.table.as_str()) {
                record_columns.extend(key.columns.iter().cloned());
            }
        }
        Arc::new(move |batch: &RecordBatch| {
            let mut meant = vec![false; batch.num_rows()];
            let schema = batch.schema();
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                let Some(values) = column.as_string_opt::<i32>() else { continue };
                let is_record = record_columns.contains(field.name());
                for (row, meant) in meant.iter_mut().enumerate() {
                    if values.is_valid(row) {
                        let name = values.value(row);
                        *meant |= persons.contains(name) || (is_record && records.contains(name));
                    }
                }
            }
            Ok(meant.into())
        })
    }
}

/// Values of `wanted` in the rows of `person_link` whose `column` is `value`.
async fn linked(
    lake: &Lake,
    snapshot: &Snapshot,
    column: &str,
    value: &str,
    wanted: &str,
) -> Result<BTreeSet<String>, EraseError> {
    let version = snapshot.tables.get(LINK).ok_or(EraseError::NoLinks { snapshot: snapshot.id })?;
    let provider = lake.provider(&TableId::hub(LINK), *version).await?;
    let read = async {
        let frame = SessionContext::new().read_table(provider)?;
        let frame = frame.filter(ident(column).eq(lit(value)))?.select(vec![ident(wanted)])?;
        frame.collect().await
    };
    let batches = read.await.map_err(|cause| EraseError::read(LINK, cause))?;
    let mut found = BTreeSet::new();
    for batch in batches {
        let values = batch.column(0).as_string::<i32>();
        found.extend(values.iter().flatten().map(ToOwned::to_owned));
    }
    Ok(found)
}

/// Rows of one source table that are about the persons, and the keys of those rows.
pub(super) struct Rows {
    subjects: Vec<(Subject, Arc<HashSet<String>>)>,
    key: Vec<String>,
    sealed: Sealed,
    /// Keys seen so far.
    found: Mutex<BTreeSet<String>>,
}

impl Rows {
    /// How `table` of `contract` leads to persons with `keys` at the source; `found` are the keys
    /// of rows of the tables before it.
    pub(super) fn of(
        contract: &SourceContract,
        table: &str,
        keys: &Arc<HashSet<String>>,
        found: &BTreeMap<String, Arc<HashSet<String>>>,
        sealer: Option<&Arc<Sealer>>,
    ) -> Self {
        let subjects = contract.subjects.get(table).cloned().unwrap_or_default();
        let with_keys = subjects.into_iter().filter_map(|subject| {
            let keys = match &subject.through {
                None => Arc::clone(keys),
                Some(through) => Arc::clone(found.get(through)?),
            };
            Some((subject, keys))
        });
        let subjects = with_keys.collect();
        let key = contract.tables.get(table).map(|table| table.key.clone()).unwrap_or_default();
        let types = contract.tables.get(table).map(|table| table.columns.clone());
        let sealed = Sealed {
            sealer: sealer.cloned(),
            source: contract.source.clone(),
            table: table.to_owned(),
            types: types.unwrap_or_default(),
        };
        Self { subjects, key, sealed, found: Mutex::default() }
    }

    /// Matches rows that say whose they are, and notes their keys.
    pub(super) fn speaking(self: Arc<Self>) -> RowMatch {
        Arc::new(move |batch: &RecordBatch| {
            let meant = self.about(batch)?;
            let keys = row_keys(batch, &self.key)?;
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            let own = keys.into_iter().enumerate().filter(|(row, _)| meant.value(*row));
            found.extend(own.filter_map(|(_, key)| key));
            Ok(meant)
        })
    }

    /// Keys noted.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Matches these rows and what is left of them where no column says whose they are:
    /// tombstones and refused rows of the same keys.
    pub(super) fn all(self: Arc<Self>, persons: Arc<HashSet<String>>) -> RowMatch {
        let keys = self.keys();
        // Where the person's key is the row's, a refused row may be all there is.
        let own_key = self.key.len() == 1
            && self.subjects.iter().any(|(s, _)| s.through.is_none() && s.column == self.key[0]);
        Arc::new(move |batch: &RecordBatch| {
            let speaking = self.about(batch)?;
            let silent = self.silent(batch)?;
            let texts = row_keys(batch, &self.key)?;
            let meant = texts.iter().enumerate().map(|(row, key)| {
                let of_key = key
                    .as_ref()
                    .is_some_and(|key| keys.contains(key) || (own_key && persons.contains(key)));
                speaking.value(row) || (silent[row] && of_key)
            });
            Ok(meant.collect::<Vec<bool>>().into())
        })
    }

    fn about(&self, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let mut meant = vec![false; batch.num_rows()];
        for (subject, keys) in &self.subjects {
            let Some(values) = text(batch, &subject.column)? else { continue };
            for (row, meant) in meant.iter_mut().enumerate() {
                *meant |= values.is_valid(row) && keys.contains(values.value(row));
            }
        }
        let columns: Vec<&str> = self.subjects.iter().map(|(s, _)| s.column.as_str()).collect();
        for (row, texts) in self.sealed.open(batch, &columns)? {
            let known = self.subjects.iter().zip(&texts);
            meant[row] |= known
                .filter_map(|((_, keys), text)| Some((keys, text.as_ref()?)))
                .any(|(keys, text)| keys.contains(text));
        }
        Ok(meant.into())
    }

    /// Rows that are tombstones or refused.
    fn silent(&self, batch: &RecordBatch) -> Result<Vec<bool>, ArrowError> {
        let wrong = |name: &str| ArrowError::SchemaError(format!("no column `{name}`"));
        let deleted = batch.column_by_name("_deleted").ok_or_else(|| wrong("_deleted"))?;
        let refused = text(batch, "_reject_reason")?.ok_or_else(|| wrong("_reject_reason"))?;
        let deleted = deleted.as_boolean();
        let silent = |row| refused.is_valid(row) || (deleted.is_valid(row) && deleted.value(row));
        Ok((0..batch.num_rows()).map(silent).collect())
    }
}

/// Refused rows of one table as their source delivered them, where they were kept.
struct Sealed {
    /// Opens them; none when no key is configured.
    sealer: Option<Arc<Sealer>>,
    source: String,
    table: String,
    types: BTreeMap<String, SourceColumn>,
}

/// Position of a refused row, and what it says in the columns asked for.
type OpenedRow = (usize, Vec<Option<String>>);

impl Sealed {
    /// What the refused rows of `batch` say in `columns`, by position of the row.
    fn open(&self, batch: &RecordBatch, columns: &[&str]) -> Result<Vec<OpenedRow>, ArrowError> {
        let (sealed, reasons) = (text(batch, "_reject_sealed")?, text(batch, "_reject_reason")?);
        let (Some(sealer), Some(sealed), Some(reasons)) = (&self.sealer, sealed, reasons) else {
            return Ok(Vec::new());
        };
        let column_type = |name: &str| self.types.get(name).map(|column| column.column_type);
        let columns: Vec<(&str, ColumnType)> = columns
            .iter()
            .map(|name| (*name, column_type(name).unwrap_or(ColumnType::Text)))
            .collect();
        let rows = (0..batch.num_rows()).filter(|row| sealed.is_valid(*row));
        let open = |row| {
            let (source, table) = (self.source.as_str(), self.table.as_str());
            let about = About { source, table, reason: reasons.value(row) };
            (row, unsealed(sealer, about, sealed.value(row), &columns))
        };
        Ok(rows.map(open).collect())
    }
}
