//! Every row of a source passes here once: converted, then loaded or refused, and counted.
//!
//! Owns the rules of acceptance. Knows no source kind and no lake.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use super::builder::{LoadStamp, RawBuilder};
use super::cell::{Cell, Value, ZoneTable, convert};
use super::column::Column;
use super::config::CursorNulls;
use super::error::ExtractError;
use super::fault::Fault;
use super::keys::hash_key;
use super::reconcile::Counter;
use super::reject::{Place, Reason, Reject, key_text};
use super::schema::{SpecColumn, TableSpec};
use super::sealed::{About, SealedRow, Sealer};
use super::selection::{At, Dialect, Selection};
use super::suppressed::Suppressed;
pub(super) use super::tally::{Tally, TallySlot};
use super::watermark;

/// What an intake needs besides the spec.
pub(super) struct IntakeOptions {
    /// What every row carries.
    pub(super) stamp: LoadStamp,
    /// Zone of wall clocks.
    pub(super) zone: ZoneTable,
    /// Which rows belong to the read; others are not counted.
    pub(super) selection: Selection,
    /// Last position the watermark may take.
    pub(super) ceiling: Option<i64>,
    /// Refused rows that are in quarantine already, with how many.
    pub(super) known: HashMap<Reject, u64>,
    /// Seals refused rows; without it their cells are not kept.
    pub(super) sealer: Option<Arc<Sealer>>,
}

/// Turns rows of cells into batches of one raw table.
pub struct Intake {
    spec: Arc<TableSpec>,
    zone: ZoneTable,
    selection: Selection,
    ceiling: Option<i64>,
    known: HashMap<Reject, u64>,
    sealer: Option<Arc<Sealer>>,
    /// Counts rows delivered that no batch holds; none where nothing is reconciled.
    apart: Option<Counter>,
    marking: Arc<HashSet<String>>,
    /// Rows of erased persons.
    suppressed: Option<Suppressed>,
    /// Whether the keys of accepted rows are needed after the read.
    keeps_keys: bool,
    /// Whether the source itself never delivers a key twice.
    unique: bool,
    stamp: LoadStamp,
    /// Sends every row through the row path, for comparing both.
    #[cfg(test)]
    pub(super) judges_all: bool,
    builder: RawBuilder,
    tally: Tally,
    slot: TallySlot,
}

impl Intake {
    pub(super) fn new(
        spec: Arc<TableSpec>,
        options: IntakeOptions,
        slot: TallySlot,
    ) -> Result<Self, ExtractError> {
        Ok(Self {
            builder: RawBuilder::new(&spec, &options.stamp),
            stamp: options.stamp,
            keeps_keys: true,
            unique: false,
            #[cfg(test)]
            judges_all: false,
            zone: options.zone,
            selection: options.selection,
            ceiling: options.ceiling,
            known: options.known,
            sealer: options.sealer,
            apart: None,
            marking: Arc::default(),
            suppressed: None,
            tally: Tally::default(),
            slot,
            spec,
        })
    }

    /// Notes in the tally which accepted keys read like one of `texts`.
    pub(super) fn marking(mut self, texts: HashSet<String>) -> Self {
        self.marking = Arc::new(texts);
        self
    }

    /// Counts the rows that are delivered and not put into batches.
    pub(super) fn counting_apart(mut self) -> Self {
        self.apart = Some(Counter::new(Arc::clone(&self.spec)));
        self
    }

    /// The same table read from elsewhere.
    #[cfg(test)]
    pub(super) fn reading(mut self, relation: super::schema::Relation) -> Self {
        Arc::make_mut(&mut self.spec).relation = relation;
        self
    }

    /// Zone of wall clocks.
    pub(super) fn zone(&self) -> ZoneTable {
        self.zone.clone()
    }

    /// Takes no row of an erased person.
    pub(super) fn passing_over(mut self, suppressed: Option<Suppressed>) -> Self {
        self.suppressed = suppressed;
        self
    }

    /// Nobody asks for the keys after the read.
    pub(super) fn without_keys(mut self) -> Self {
        self.keeps_keys = false;
        self
    }

    /// The source guarantees that no key comes twice in this read: a constraint on the relation,
    /// and one snapshot.
    pub(super) fn unique_at_source(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Whether rows may be taken by several readers at once. Where a key may come twice the
    /// first row wins, and where rows are in quarantine already each counts once: both need
    /// every row in one place.
    pub(super) fn can_fork(&self) -> bool {
        self.unique && self.selection.is_whole() && self.known.is_empty()
    }

    /// An intake for another reader of the same table.
    pub(super) fn fork(&self) -> Self {
        Self {
            spec: Arc::clone(&self.spec),
            zone: self.zone.clone(),
            selection: self.selection.clone(),
            ceiling: self.ceiling,
            known: HashMap::new(),
            sealer: self.sealer.clone(),
            apart: self.apart.as_ref().map(|_| Counter::new(Arc::clone(&self.spec))),
            marking: Arc::clone(&self.marking),
            suppressed: self.suppressed.clone(),
            keeps_keys: self.keeps_keys,
            unique: self.unique,
            #[cfg(test)]
            judges_all: self.judges_all,
            builder: RawBuilder::new(&self.spec, &self.stamp),
            stamp: self.stamp.clone(),
            tally: Tally::default(),
            slot: Arc::clone(&self.slot),
        }
    }

    fn follows_keys(&self) -> bool {
        self.keeps_keys || !self.unique
    }

    /// The declared columns, to append the cells of one row to and then [`Self::settle`] it, or
    /// to [`Self::undo`] it.
    pub(super) fn columns(&mut self) -> (&mut [Column], &mut ZoneTable) {
        (self.builder.columns(), &mut self.zone)
    }

    /// Forgets the row being appended.
    pub(super) fn undo(&mut self) {
        self.builder.undo_row();
    }

    /// Ends a row that was appended to every column without a fault. False when it has to be
    /// judged by [`Self::row`]; nothing of it is kept then.
    pub(super) fn settle(&mut self) -> bool {
        #[cfg(test)]
        if self.judges_all {
            self.undo();
            return false;
        }
        let columns = self.builder.row();
        let mut at = None;
        if let Some(cursor) = self.spec.cursor {
            at = columns[cursor.column].last().as_ref().and_then(watermark::position);
            if at.is_none() {
                self.undo();
                return false;
            }
        }
        let place = |column: usize| {
            let at = columns[column].last().as_ref().and_then(watermark::position);
            at.map_or(At::Null, At::Position)
        };
        let suppressed = |one: &Suppressed| one.passes_over(&self.spec, |i| columns[i].last());
        if !self.selection.takes(place) || self.suppressed.as_ref().is_some_and(suppressed) {
            if let Some(apart) = &mut self.apart {
                apart.values(|index| columns[index].last());
            }
            self.undo();
            return true;
        }
        if self.follows_keys() {
            let key = hash_key(self.spec.key.iter().map(|index| columns[*index].last()));
            if !self.tally.keys.insert(key) {
                self.undo();
                return false;
            }
            if !self.marking.is_empty() {
                let value = |index: usize| columns[index].last();
                if self.marking.contains(&key_text(&self.spec, value)) {
                    self.tally.marked.insert(key);
                }
            }
        }
        let deleted = match &self.spec.flag {
            Some((index, gone)) => columns[*index].last().as_ref() == Some(gone),
            None => false,
        };
        if let Some(at) = at {
            self.note(at);
        }
        self.tally.read += 1;
        self.tally.loaded += 1;
        self.tally.landed += 1;
        self.tally.flagged += u64::from(deleted);
        self.builder.end_row(deleted);
        true
    }

    /// The table being read.
    #[must_use]
    pub fn spec(&self) -> &Arc<TableSpec> {
        &self.spec
    }

    /// What the source is asked for, as SQL after WHERE; none for the whole table. It may say
    /// more rows than belong to the read, never fewer.
    #[must_use]
    pub(super) fn condition(&self, dialect: Dialect) -> Option<String> {
        self.selection.condition(&self.spec, &self.zone, dialect)
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
            self.count_apart(cells);
            return Ok(());
        }
        if let Some(suppressed) = &self.suppressed
            && suppressed.passes_over(&spec, |index| values[index].clone())
        {
            self.count_apart(cells);
            return Ok(());
        }
        self.tally.read += 1;
        if let Some(cursor) = spec.cursor
            && cursor.nulls == CursorNulls::Reject
            && matches!(cells[cursor.column], Cell::Null)
        {
            Fault::weigh(&mut fault, Reason::BadValue, &spec.columns[cursor.column]);
        }
        let key = key_known.then(|| hash_key(spec.key.iter().map(|index| values[*index].as_ref())));
        if fault.is_none()
            && self.follows_keys()
            && let Some(key) = key
            && !self.tally.keys.insert(key)
        {
            fault = Some(Fault::repeated());
        }
        let Some(fault) = fault else {
            if let Some(key) = key.filter(|_| !self.marking.is_empty())
                && self.marking.contains(&key_text(&spec, |index| values[index].clone()))
            {
                self.tally.marked.insert(key);
            }
            return self.accept(&values);
        };
        let text = if key_known {
            key_text(&spec, |index| values[index].clone())
        } else {
            place.describe(cells)
        };
        if let Some(key) = key.filter(|_| spec.scans_deletes) {
            self.tally.refused_keys.insert(key);
        }
        self.count_apart(cells);
        let sealed = self.sealed(fault.reason, cells);
        let key_fault = !key_known || fault.reason == Reason::DuplicateKey;
        self.refuse(Reject::new(fault.reason, fault.column, text, sealed), key_fault);
        Ok(())
    }

    /// Notes what an operator should know of this read; never a data value.
    pub fn notice(&mut self, text: String) {
        self.tally.notices.push(text);
    }

    fn count_apart(&mut self, cells: &[Cell<'_>]) {
        if let Some(apart) = &mut self.apart {
            apart.cells(cells, &mut self.zone);
        }
    }

    /// Takes a row of which no cell can be told.
    pub fn unreadable(&mut self, reason: Reason, column: &str, place: &Place) {
        self.tally.read += 1;
        self.count_apart(&[]);
        self.refuse(
            Reject::new(reason, column.to_owned(), place.describe(&[]), String::new()),
            false,
        );
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
        self.join(Vec::new())?;
        Ok(last)
    }

    /// Ends the read of this intake and of its `forks`, whose batches are all taken: leaves one
    /// tally of all.
    pub(super) fn join(self, forks: Vec<Self>) -> Result<(), ExtractError> {
        let mut tally = self.tally;
        tally.apart = self.apart.map(|apart| apart.amounts);
        for fork in forks {
            let mut part = fork.tally;
            part.apart = fork.apart.map(|apart| apart.amounts);
            tally.absorb(part);
        }
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
        Ok(())
    }

    /// The rows so far as a batch; none when there are none.
    pub(super) fn batch(&mut self) -> Result<Option<RecordBatch>, ExtractError> {
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

    /// Notes the cursor; false when the row is no part of this read.
    fn follow(
        &mut self,
        cells: &[Cell<'_>],
        values: &[Option<Value<'_>>],
    ) -> Result<bool, ExtractError> {
        let at = |column: usize| match values[column].as_ref().and_then(watermark::position) {
            Some(at) => At::Position(at),
            None if matches!(cells[column], Cell::Null) => At::Null,
            None => At::Odd,
        };
        if !self.selection.takes(at) {
            return Ok(false);
        }
        let Some(cursor) = self.spec.cursor else { return Ok(true) };
        match at(cursor.column) {
            At::Null if cursor.nulls == CursorNulls::Raise => {
                return Err(ExtractError::NullCursor {
                    source_id: self.spec.source.clone(),
                    table: self.spec.table.clone(),
                    column: self.spec.columns[cursor.column].name.clone(),
                });
            }
            At::Null | At::Odd => {}
            At::Position(at) => self.note(at),
        }
        Ok(true)
    }

    /// Notes a cursor position of this read.
    fn note(&mut self, at: i64) {
        if self.ceiling.is_some_and(|ceiling| at > ceiling) {
            self.tally.ahead += 1;
        } else if self.tally.newest.is_none_or(|newest| at > newest) {
            self.tally.newest = Some(at);
        }
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

    fn sealed(&self, reason: Reason, cells: &[Cell<'_>]) -> String {
        let Some(sealer) = &self.sealer else { return String::new() };
        let about =
            About { source: &self.spec.source, table: &self.spec.table, reason: reason.code() };
        let names = self.spec.asked().map(|column| column.name.as_str());
        sealer.seal(about, &SealedRow::of(names, cells))
    }

    /// Counts a refused row, and lands it unless an earlier landing already did.
    fn refuse(&mut self, reject: Reject, key_fault: bool) {
        *self.tally.rejected.entry(reject.reason.clone()).or_default() += 1;
        if reject.take_known(&mut self.known) {
            return;
        }
        self.tally.landed += 1;
        self.tally.rejected_new += 1;
        self.tally.key_faults += u64::from(key_fault);
        self.builder.refuse(reject);
    }
}

/// A `Read` error of `spec`'s table.
pub(super) fn broken(spec: &TableSpec, cause: impl Into<super::error::Cause>) -> ExtractError {
    ExtractError::Read {
        source_id: spec.source.clone(),
        table: spec.table.clone(),
        cause: cause.into(),
    }
}
