//! Rows in quarantine once more: opened, converted under the present contract and configuration,
//! and landed where they now fit.
//!
//! A recovered row lands with the stamp of the load that refused it, so it takes its place in the
//! history of its key: whatever landed of the key since is newer and stays current. It names the
//! reason it was refused for, which takes it out of the quarantine's counts. One append commit
//! per table; watermarks and loads stay as they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use chrono_tz::Tz;
use datafusion::logical_expr::ident;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use hub_domain::contract::ColumnType;
use hub_lake::{Contracts, Lake, TableId, Txn, WriteMode, WriteSpec};
use serde::{Deserialize, Serialize};

use super::builder::LoadStamp;
use super::cell::{Cell, ZoneTable};
use super::config::SourceConfig;
use super::error::{Cause, ExtractError, Told};
use super::intake::{Intake, IntakeOptions, TallySlot, broken};
use super::keys::{KeyHash, hash_key, landed_value};
use super::landed::Landed;
use super::quarantined::{self, Quarantined};
use super::reject::{Place, Reason};
use super::schema::{FoundColumn, Native, Plan, TableSpec};
use super::sealed::{About, SealError, SealedRow, Sealer};
use super::selection::Selection;
use super::suppressed::Suppressed;
use crate::erase::Suppression;

/// Why a row stays in quarantine whose person was erased.
const ERASED: &str = "erased_person";

/// Commit metadata that holds the [`Recovered`] of a retry as JSON.
pub const RETRY_METADATA: &str = "clinichub.retry";

/// Rows a retry took out of quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// All of them.
    pub rows: u64,
    /// Those whose key was at fault.
    pub key_faults: u64,
}

/// One table to retry.
pub struct RetryRequest<'a> {
    /// Source id.
    pub source: &'a str,
    /// Table as the configuration names it.
    pub table: &'a str,
    /// Configuration of the source.
    pub config: &'a SourceConfig,
    /// Contracts.
    pub contracts: &'a Contracts,
    /// Where the raw table is.
    pub lake: &'a Lake,
    /// Zone of the source's wall clocks.
    pub zone: Tz,
    /// Opens rows.
    pub sealer: &'a Sealer,
    /// Run id, kept with the commit.
    pub run_id: &'a str,
    /// Persons who were erased: their rows stay where they are.
    pub suppression: Option<Arc<Suppression>>,
    /// Counts, and lands nothing.
    pub dry_run: bool,
}

/// What a retry of one table found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retried {
    /// Rows in quarantine before it.
    pub rows: u64,
    /// Rows that fit now; landed unless it was a dry run.
    pub recovered: u64,
    /// Rows that still do not fit, by the reason they have now.
    pub refused: BTreeMap<String, u64>,
    /// Rows whose cells were not kept.
    pub unsealed: u64,
    /// Rows sealed with a key that is not configured, or damaged.
    pub shut: u64,
}

/// A row that fits now.
struct Fitting {
    refused: Quarantined,
    row: RecordBatch,
    key: KeyHash,
}

/// Retries the rows in quarantine of one table.
///
/// # Errors
/// `ReadLanded`, `Configure` and `Drift` when no spec can be made, `Land`.
pub async fn retry(request: &RetryRequest<'_>) -> Result<Retried, ExtractError> {
    let failed = |cause| request.read_landed(cause);
    let id = TableId::raw(request.source, request.table);
    let mut told = Retried::default();
    let Some(landed) = Landed::open(request.lake, id).await.map_err(failed)? else {
        return Ok(told);
    };
    let rows = quarantined::of(&landed).await.map_err(failed)?;
    told.rows = rows.len() as u64;
    let opened = request.open(rows, &mut told);
    if opened.is_empty() {
        return Ok(told);
    }
    let held = landed.schema().await.map_err(failed)?;
    let spec = Arc::new(request.spec(&held, &opened)?);
    request.check_types(&spec, &held)?;
    let mut fitting = Vec::new();
    for (refused, row) in opened {
        match request.convert(&spec, &refused, &row)? {
            Ok((row, key)) => fitting.push(Fitting { refused, row, key }),
            Err(reason) => *told.refused.entry(reason).or_default() += 1,
        }
    }
    let fitting = alone(&landed, &spec, fitting, &mut told).await.map_err(failed)?;
    told.recovered = fitting.len() as u64;
    if !fitting.is_empty() && !request.dry_run {
        request.land(&spec, landed.version, &fitting).await?;
    }
    Ok(told)
}

impl RetryRequest<'_> {
    fn open(&self, rows: Vec<Quarantined>, told: &mut Retried) -> Vec<(Quarantined, SealedRow)> {
        let mut opened = Vec::new();
        for row in rows {
            if row.sealed.is_empty() {
                told.unsealed += 1;
                continue;
            }
            let about = About { source: self.source, table: self.table, reason: &row.reason };
            match self.sealer.open(about, &row.sealed) {
                Ok(cells) => opened.push((row, cells)),
                Err(SealError::OtherKey | SealError::Damaged) => told.shut += 1,
            }
        }
        opened
    }

    /// The table as the present contract and configuration want it. The source itself is not
    /// asked: it may be away, and the cells are here.
    fn spec(
        &self,
        held: &SchemaRef,
        opened: &[(Quarantined, SealedRow)],
    ) -> Result<TableSpec, ExtractError> {
        let contract = self.contracts.sources.get(self.source);
        let contract = contract.and_then(|contract| contract.tables.get(self.table));
        let mut names: BTreeMap<String, ColumnType> = BTreeMap::new();
        for (name, _) in opened.iter().flat_map(|(_, row)| &row.0) {
            names.insert(name.clone(), ColumnType::Text);
        }
        for field in held.fields().iter().filter(|field| !field.name().starts_with('_')) {
            names.insert(field.name().clone(), column_type(field.data_type()));
        }
        for (name, column) in contract.iter().flat_map(|contract| &contract.columns) {
            names.insert(name.clone(), column.column_type);
        }
        let found = names.into_iter().map(|(name, column_type)| {
            let (native, primary) = (Native::Other, false);
            FoundColumn { name, column_type, native, primary, nullable: None }
        });
        let config = self.config.tables.get(self.table).cloned().unwrap_or_default();
        let relation = config.relation(self.table, self.config.kind);
        let (source, table, found) = (self.source, self.table, found.collect());
        let before = None;
        Plan { source, table, config: &config, contract, relation, found, before }.spec()
    }

    /// An append cannot change the type of what is there.
    fn check_types(&self, spec: &TableSpec, held: &SchemaRef) -> Result<(), ExtractError> {
        let wanted = spec.raw_schema();
        let changed = wanted.fields().iter().find(|field| {
            held.field_with_name(field.name())
                .is_ok_and(|held| held.data_type() != field.data_type())
        });
        match changed {
            None => Ok(()),
            Some(field) => Err(ExtractError::Drift {
                source_id: self.source.to_owned(),
                table: self.table.to_owned(),
                what: format!("column `{}` landed as another type than declared now", field.name()),
                hint: "run `clinichub nightly`: it reads the table whole under the new type".into(),
            }),
        }
    }

    /// The row as it lands and its key, or the reason why it still does not.
    fn convert(
        &self,
        spec: &Arc<TableSpec>,
        refused: &Quarantined,
        row: &SealedRow,
    ) -> Result<Result<(RecordBatch, KeyHash), String>, ExtractError> {
        let stamp = LoadStamp {
            load_id: refused.load_id.clone(),
            extracted_at: refused.extracted_at,
            load_seq: refused.load_seq,
        };
        let options = IntakeOptions {
            stamp,
            zone: ZoneTable::new(self.zone),
            selection: Selection::default(),
            ceiling: None,
            known: HashMap::new(),
            sealer: None,
        };
        let slot = TallySlot::default();
        let contract = self.contracts.sources.get(self.source);
        let suppressed = Suppressed::of(self.suppression.as_ref(), contract, spec);
        let intake = Intake::new(Arc::clone(spec), options, Arc::clone(&slot))?;
        let mut intake = intake.passing_over(suppressed);
        let cells: Vec<Cell<'_>> =
            spec.asked().map(|column| row.cell(&column.name).unwrap_or(Cell::Null)).collect();
        match intake.row(&cells, &Place::Unknown) {
            Ok(()) => {}
            Err(ExtractError::NullCursor { .. }) => {
                return Ok(Err(Reason::BadValue.code().to_owned()));
            }
            Err(error) => return Err(error),
        }
        let batch = intake.finish()?;
        let tally = slot.lock().expect("no holder of the tally panics").take();
        let tally = tally.ok_or_else(|| broken(spec, Told("no tally".into())))?;
        match batch {
            Some(batch) if tally.loaded == 1 => {
                let key = key_of(spec, &batch).map_err(|cause| self.read_landed(cause))?;
                Ok(Ok((batch, key)))
            }
            _ => {
                let reason = tally.rejected.into_keys().next();
                Ok(Err(reason.unwrap_or_else(|| ERASED.to_owned())))
            }
        }
    }

    async fn land(
        &self,
        spec: &TableSpec,
        version: u64,
        fitting: &[Fitting],
    ) -> Result<(), ExtractError> {
        let land = |cause: Cause| ExtractError::Land {
            source_id: self.source.to_owned(),
            table: self.table.to_owned(),
            cause,
        };
        let schema = spec.raw_schema();
        let rows: Result<Vec<RecordBatch>, _> = fitting.iter().map(Fitting::marked).collect();
        let rows = rows.and_then(|rows| concat_batches(&schema, &rows));
        let rows = rows.map_err(|error| land(error.into()))?;
        let mine = |row: &&Fitting| key_fault(spec, &row.refused);
        let recovered = Recovered {
            rows: fitting.len() as u64,
            key_faults: fitting.iter().filter(mine).count() as u64,
        };
        let recovered = serde_json::to_string(&recovered).map_err(|error| land(error.into()))?;
        // Two retries of the same state are one: the second finds the first one's transaction.
        let txn = Txn {
            app_id: format!("quarantine-retry:{}.{}", self.source, self.table),
            version: i64::try_from(version).unwrap_or(i64::MAX - 1) + 1,
        };
        let write = WriteSpec::new(Arc::clone(&schema), WriteMode::Append, txn)
            .with_metadata("clinichub.load_id", self.run_id)
            .with_metadata(RETRY_METADATA, recovered);
        let rows = futures::stream::iter([Ok(rows)]);
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        let handle = self.lake.table(&TableId::raw(self.source, self.table));
        handle.write(write, rows).await.map_err(|error| land(error.into()))?;
        Ok(())
    }

    fn read_landed(&self, cause: Cause) -> ExtractError {
        let (source_id, table) = (self.source.to_owned(), self.table.to_owned());
        ExtractError::ReadLanded { source_id, table, cause }
    }
}

impl Fitting {
    /// The row, naming what it was refused for.
    fn marked(&self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let refused = &self.refused;
        let marks = [
            ("_reject_column", &refused.column),
            ("_reject_key", &refused.key),
            ("_reject_sealed", &refused.sealed),
            ("_recovered", &refused.reason),
        ];
        let mut columns = self.row.columns().to_vec();
        for (name, text) in marks {
            let text = (!text.is_empty()).then_some(text.as_str());
            let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
            columns[self.row.schema().index_of(name)?] = array;
        }
        RecordBatch::try_new(self.row.schema(), columns)
    }
}

/// Leaves out rows whose key another row of the same load has: they are still duplicates. Of a
/// row that was refused as one, any row with its key is the other.
async fn alone(
    landed: &Landed,
    spec: &TableSpec,
    fitting: Vec<Fitting>,
    told: &mut Retried,
) -> Result<Vec<Fitting>, Cause> {
    let wanted: HashSet<KeyHash> = fitting.iter().map(|row| row.key).collect();
    let mut taken: HashSet<(KeyHash, i64)> = HashSet::new();
    if !fitting.is_empty() {
        let accepted = ident("_reject_reason").is_null();
        landed
            .each_key(spec, accepted, |key, sequence, _, _| {
                if wanted.contains(&key) {
                    taken.insert((key, sequence));
                }
            })
            .await?;
    }
    let known: HashSet<KeyHash> = taken.iter().map(|(key, _)| *key).collect();
    let duplicate = Reason::DuplicateKey.code();
    let mut alone = Vec::with_capacity(fitting.len());
    for row in fitting {
        let was_one = row.refused.reason == duplicate && known.contains(&row.key);
        if was_one || !taken.insert((row.key, row.refused.load_seq)) {
            *told.refused.entry(duplicate.to_owned()).or_default() += 1;
        } else {
            alone.push(row);
        }
    }
    Ok(alone)
}

fn key_of(spec: &TableSpec, batch: &RecordBatch) -> Result<KeyHash, Cause> {
    let mut values = Vec::with_capacity(spec.key.len());
    for index in &spec.key {
        let column = &spec.columns[*index];
        let array = batch.column_by_name(&column.name);
        let array = array.ok_or_else(|| Told("a key column is missing".into()))?;
        let value = landed_value(array.as_ref(), column.column_type, 0);
        values.push(value.map_err(|what| Told(what.into()))?);
    }
    Ok(hash_key(values.iter().map(Option::as_ref)))
}

/// Whether the row was refused for its key.
fn key_fault(spec: &TableSpec, refused: &Quarantined) -> bool {
    [Reason::NullKey.code(), Reason::DuplicateKey.code()].contains(&refused.reason.as_str())
        || spec.columns.iter().any(|column| column.key && column.name == refused.column)
}

/// The declared type that lands as `data_type`.
fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Int64 => ColumnType::Int64,
        DataType::Boolean => ColumnType::Bool,
        DataType::Decimal128(precision, scale) => ColumnType::Decimal(*precision, *scale),
        DataType::Date32 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        _ => ColumnType::Text,
    }
}
