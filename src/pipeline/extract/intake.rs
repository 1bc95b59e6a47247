//! Every row of a source passes here once: converted, then loaded or refused, and counted.
//!
//! Owns the rules of acceptance and the tally. Knows no source kind and no lake.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use arrow::record_batch::RecordBatch;

use super::builder::{LoadStamp, RawBuilder};
use super::cell::{Cell, Value, ZoneTable, convert};
use super::config::CursorNulls;
use super::error::ExtractError;
use super::keys::{KeyHash, hash_key};
use super::reject::{Place, Reason, Reject};
use super::schema::{SpecColumn, TableSpec};
use super::watermark;

/// What one read of a table amounted to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows delivered at or after the bound.
    pub(super) read: u64,
    /// Rows accepted.
    pub(super) loaded: u64,
    /// Rows refused, by reason.
    pub(super) rejected: BTreeMap<String, u64>,
    /// Rows put into batches: accepted ones, and refused ones not in quarantine before.
    pub(super) landed: u64,
    /// Accepted rows that carry the delete flag.
    pub(super) flagged: u64,
    /// Values set to NULL under `discard_value`.
    pub(super) discarded: u64,
    /// Newest cursor position seen.
    pub(super) newest: Option<i64>,
    /// Cursor values later than the watermark may go.
    pub(super) ahead: u64,
    /// Keys of accepted rows.
    pub(super) keys: HashSet<KeyHash>,
    /// Keys of refused rows, when deletes are scanned: such rows still exist at the source.
    pub(super) refused_keys: HashSet<KeyHash>,
    /// Keys of accepted rows whose text was to be marked.
    pub(super) marked: HashSet<KeyHash>,
}

/// Where a finished read leaves its tally; empty when it did not come to its end.
pub(super) type TallySlot = Arc<Mutex<Option<Tally>>>;

/// What an intake needs besides the spec.
pub(super) struct IntakeOptions {
    /// What every row carries.
    pub(super) stamp: LoadStamp,
    /// Zone of wall clocks.
    pub(super) zone: ZoneTable,
    /// Position to start at, included; rows before it are not read.
    pub(super) from: Option<i64>,
    /// Last position the watermark may take.
    pub(super) ceiling: Option<i64>,
    /// Refused rows that are in quarantine already, with how many.
    pub(super) known: HashMap<Reject, u64>,
}

/// Turns rows of cells into batches of one raw table.
pub struct Intake {
    spec: Arc<TableSpec>,
    zone: ZoneTable,
    from: Option<i64>,
    ceiling: Option<i64>,
    known: HashMap<Reject, u64>,
    marking: HashSet<String>,
    builder: RawBuilder,
    tally: Tally,
    slot: TallySlot,
}

/// The gravest fault of a row so far.
struct Fault {
    rank: (u8, usize),
    reason: Reason,
    column: String,
}

impl Fault {
    /// Keeps the graver of two.
    fn weigh(fault: &mut Option<Self>, reason: Reason, column: &SpecColumn) {
        let rank = reason.rank(column.position);
        if fault.as_ref().is_none_or(|known| rank < known.rank) {
            *fault = Some(Self { rank, reason, column: column.name.clone() });
        }
    }
}

impl Intake {
    pub(super) fn new(
        spec: Arc<TableSpec>,
        options: IntakeOptions,
        slot: TallySlot,
    ) -> Result<Self, ExtractError> {
        let builder =
            RawBuilder::new(&spec, options.stamp).map_err(|cause| broken(&spec, cause))?;
        Ok(Self {
            zone: options.zone,
            from: options.from,
            ceiling: options.ceiling,
            known: options.known,
            marking: HashSet::new(),
            builder,
            tally: Tally::default(),
            slot,
            spec,
        })
    }

    /// Notes in the tally which accepted keys read like one of `texts`.
    pub(super) fn marking(mut self, texts: HashSet<String>) -> Self {
        self.marking = texts;
        self
    }

    /// The table being read.
    #[must_use]
    pub fn spec(&self) -> &Arc<TableSpec> {
        &self.spec
    }

    /// Where to start, as the source compares it; none for a full read.
    #[must_use]
    pub fn bound(&self) -> Option<watermark::Bound> {
        watermark::bound(self.from?, &self.spec, &self.zone)
    }

    /// Takes one row, its cells in the order of [`TableSpec::asked`].
    ///
    /// # Errors
    /// `NullCursor` when the table wants to know; `Read` when a batch cannot be built.
    pub fn row(&mut self, cells: &[Cell<'_>], place: &Place) -> Result<(), ExtractError> {
        let spec = Arc::clone(&self.spec);
        let mut fault = None;
        let mut values = Vec::with_capacity(spec.columns.len());
        let mut key_known = true;
        for (column, cell) in spec.columns.iter().zip(cells) {
            let value = match self.value(*cell, column) {
                Ok(value) => value,
                Err(reason) => {
                    key_known &= !column.key;
                    Fault::weigh(&mut fault, reason, column);
                    None
                }
            };
            values.push(value);
        }
        for (column, cell) in spec.extra.iter().zip(&cells[spec.columns.len()..]) {
            if !matches!(cell, Cell::Null) {
                Fault::weigh(&mut fault, Reason::BadValue, column);
            }
        }
        if !self.follow(cells, &values)? {
            return Ok(());
        }
        self.tally.read += 1;
        if let Some(cursor) = spec.cursor
            && matches!(cells[cursor.column], Cell::Null)
        {
            Fault::weigh(&mut fault, Reason::BadValue, &spec.columns[cursor.column]);
        }
        let key = key_known.then(|| hash_key(spec.key.iter().map(|index| values[*index].as_ref())));
        if fault.is_none()
            && let Some(key) = key
            && !self.tally.keys.insert(key)
        {
            let column = String::new();
            fault = Some(Fault { rank: (u8::MAX, 0), reason: Reason::DuplicateKey, column });
        }
        let Some(fault) = fault else {
            if let Some(key) = key.filter(|_| !self.marking.is_empty())
                && self.marking.contains(&key_text(&spec, &values))
            {
                self.tally.marked.insert(key);
            }
            return self.accept(&values);
        };
        let text = if key_known { key_text(&spec, &values) } else { place.describe(cells) };
        if let Some(key) = key.filter(|_| spec.scans_deletes) {
            self.tally.refused_keys.insert(key);
        }
        self.refuse(fault.reason, fault.column, text);
        Ok(())
    }

    /// Takes a row of which no cell can be told.
    pub fn unreadable(&mut self, reason: Reason, column: &str, place: &Place) {
        self.tally.read += 1;
        self.refuse(reason, column.to_owned(), place.describe(&[]));
    }

    /// A batch when enough rows came together.
    ///
    /// # Errors
    /// `Read` when the batch cannot be built.
    pub fn full_batch(&mut self) -> Result<Option<RecordBatch>, ExtractError> {
        if self.builder.is_full() { self.batch() } else { Ok(None) }
    }

    /// Ends the read: leaves the tally and returns the last rows. Only a source that delivered
    /// everything may call it; a read without it does not land.
    ///
    /// # Errors
    /// `Read` when the batch cannot be built, `Miscount` when rows do not add up.
    pub fn finish(mut self) -> Result<Option<RecordBatch>, ExtractError> {
        let last = self.batch()?;
        let tally = self.tally;
        let accounted = tally.loaded + tally.rejected.values().sum::<u64>();
        if accounted != tally.read {
            return Err(ExtractError::Miscount {
                source_id: self.spec.source.clone(),
                table: self.spec.table.clone(),
                read: tally.read,
                accounted,
            });
        }
        *self.slot.lock().expect("no holder of the tally panics") = Some(tally);
        Ok(last)
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, ExtractError> {
        self.builder.take().map_err(|cause| broken(&self.spec, cause))
    }

    fn value<'a>(
        &mut self,
        cell: Cell<'a>,
        column: &SpecColumn,
    ) -> Result<Option<Value<'a>>, Reason> {
        match convert(cell, column.column_type, &mut self.zone) {
            Ok(None) if !column.nullable && column.key => Err(Reason::NullKey),
            Ok(None) if !column.nullable => Err(Reason::BadValue),
            Err(_) if self.spec.discards_values && column.nullable && !column.key => {
                self.tally.discarded += 1;
                Ok(None)
            }
            other => other,
        }
    }

    /// Notes the cursor; false when the row is before the bound and so not part of this read.
    fn follow(
        &mut self,
        cells: &[Cell<'_>],
        values: &[Option<Value<'_>>],
    ) -> Result<bool, ExtractError> {
        let Some(cursor) = self.spec.cursor else { return Ok(true) };
        if matches!(cells[cursor.column], Cell::Null) && cursor.nulls == CursorNulls::Raise {
            return Err(ExtractError::NullCursor {
                source_id: self.spec.source.clone(),
                table: self.spec.table.clone(),
                column: self.spec.columns[cursor.column].name.clone(),
            });
        }
        let Some(at) = values[cursor.column].as_ref().and_then(watermark::position) else {
            return Ok(true);
        };
        if self.from.is_some_and(|from| at < from) {
            return Ok(false);
        }
        if self.ceiling.is_some_and(|ceiling| at > ceiling) {
            self.tally.ahead += 1;
        } else if self.tally.newest.is_none_or(|newest| at > newest) {
            self.tally.newest = Some(at);
        }
        Ok(true)
    }

    fn accept(&mut self, values: &[Option<Value<'_>>]) -> Result<(), ExtractError> {
        let deleted = match &self.spec.flag {
            Some((index, gone)) => values[*index].as_ref() == Some(gone),
            None => false,
        };
        self.tally.loaded += 1;
        self.tally.landed += 1;
        self.tally.flagged += u64::from(deleted);
        self.builder.load(values, deleted).map_err(|cause| broken(&self.spec, cause))
    }

    /// Counts a refused row, and lands it unless an earlier landing already did.
    fn refuse(&mut self, reason: Reason, column: String, key: String) {
        *self.tally.rejected.entry(reason.code().to_owned()).or_default() += 1;
        let reject = Reject { reason: reason.code().to_owned(), column, key };
        if let Some(count) = self.known.get_mut(&reject)
            && *count > 0
        {
            *count -= 1;
            return;
        }
        self.tally.landed += 1;
        self.builder.refuse(&reject);
    }
}

fn key_text(spec: &TableSpec, values: &[Option<Value<'_>>]) -> String {
    let part = |index: &usize| match &values[*index] {
        Some(value) => value.text(spec.columns[*index].column_type),
        None => String::new(),
    };
    spec.key.iter().map(part).collect::<Vec<_>>().join("|")
}

/// A `Read` error of `spec`'s table.
pub(super) fn broken(spec: &TableSpec, cause: impl Into<super::error::Cause>) -> ExtractError {
    ExtractError::Read {
        source_id: spec.source.clone(),
        table: spec.table.clone(),
        cause: cause.into(),
    }
}
