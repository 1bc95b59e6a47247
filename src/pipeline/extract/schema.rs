//! One [`TableSpec`]: the columns to read, their declared types, the key, the cursor, the windows.
//!
//! [`Plan`] makes it from configuration, contract and what the source has; it decides drift and
//! reads no row.

use arrow::datatypes::SchemaRef;
use hub_domain::contract::{ColumnType, SourceColumn, SourceTable};
use hub_lake::raw_schema;

use super::cell::Value;
use super::config::{CursorNulls, Lag, Span};
use super::selection::Range;

mod drift;
mod plan;

pub(super) use drift::Described;
pub(super) use plan::Plan;

/// How a driver delivers a column, as far as it matters to asking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Native {
    /// Truth values.
    Bool,
    /// Whole numbers.
    Int,
    /// Calendar days.
    Date,
    /// Wall-clock timestamps.
    Wall,
    /// Timestamps that are instants.
    Instant,
    /// Exact decimals in a form of the driver's own.
    Decimal,
    /// A string of bits, as bytes from the highest down.
    Bits,
    /// Everything else; asked for as text.
    Other,
}

/// A column the source has.
#[derive(Debug, Clone)]
pub struct FoundColumn {
    /// Name at the source.
    pub name: String,
    /// Type to land it as when no contract declares one.
    pub column_type: ColumnType,
    /// How the driver delivers it.
    pub native: Native,
    /// Whether it is part of the source's primary key.
    pub primary: bool,
    /// Whether it allows NULL; none where the source does not tell.
    pub nullable: Option<bool>,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// A table or view, possibly with its schema before a point.
    Table(String),
    /// A SELECT.
    Query(String),
    /// Files of a folder, by names or patterns.
    Files(Vec<String>),
}

/// One column to read.
#[derive(Debug, Clone)]
pub struct SpecColumn {
    /// Name it lands under.
    pub name: String,
    /// Name at the source; none when the source lacks it and it lands as NULL.
    pub at_source: Option<String>,
    /// Declared type.
    pub column_type: ColumnType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// How the driver delivers it.
    pub native: Native,
    /// Place among the source's columns; faults of one row are weighed from left to right.
    pub position: usize,
    /// Whether it is part of the key.
    pub key: bool,
}

/// A column that grows with every change.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    /// Index into the columns.
    pub column: usize,
    /// Its type: timestamp, date or int64.
    pub column_type: ColumnType,
    /// How far to step back.
    pub lag: Lag,
    /// What a NULL does.
    pub nulls: CursorNulls,
}

/// Which keys are compared to find deleted rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScan {
    /// None.
    None,
    /// All of the table.
    Whole,
    /// Those of rows whose column lies in a window before the end of the business day.
    Window {
        /// Index into the columns.
        column: usize,
        /// How long the window is.
        span: Span,
    },
}

/// How one table is read and landed.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Source id.
    pub source: String,
    /// Table as the configuration names it.
    pub table: String,
    /// Where rows come from.
    pub relation: Relation,
    /// Columns in landed order.
    pub columns: Vec<SpecColumn>,
    /// Indexes of the key columns, in the order of the key.
    pub key: Vec<usize>,
    /// Undeclared columns whose values send a row to quarantine.
    pub extra: Vec<SpecColumn>,
    /// Cursor; none for full reads.
    pub cursor: Option<Cursor>,
    /// Whether keys of refused rows matter, because keys are compared.
    pub scans_deletes: bool,
    /// Which keys are compared.
    pub scan: KeyScan,
    /// Index of the column a backfill's days are compared with: a timestamp or date.
    pub range: Option<usize>,
    /// Index of a timestamp or date column, and how many months of it are read every night.
    pub reread: Option<(usize, u32)>,
    /// Index and value of a column that marks deleted rows.
    pub flag: Option<(usize, Value<'static>)>,
    /// Whether a misfit value of a nullable column lands as NULL.
    pub discards_values: bool,
    /// What an operator should know of changed columns.
    pub notices: Vec<String>,
    /// The source's columns, to be remembered with what is landed.
    pub(super) described: Vec<Described>,
    declared: SourceTable,
}

impl TableSpec {
    /// Columns all declared ones and the `_…` columns of a landing.
    #[must_use]
    pub fn raw_schema(&self) -> SchemaRef {
        raw_schema(&self.declared)
    }

    /// The same table read for its keys and the columns `also`, whose values may be anything.
    #[must_use]
    pub fn keys_only(&self, also: &[usize]) -> Self {
        let wanted = self.columns.iter().enumerate();
        let wanted = wanted.filter(|(index, column)| column.key || also.contains(index));
        let columns: Vec<SpecColumn> = wanted
            .map(|(_, column)| SpecColumn {
                nullable: column.nullable || !column.key,
                ..column.clone()
            })
            .collect();
        let key = self
            .key
            .iter()
            .filter_map(|index| columns.iter().position(|c| c.name == self.columns[*index].name))
            .collect();
        let declared = SourceTable {
            key: self.declared.key.clone(),
            columns: columns.iter().map(declaration).collect(),
        };
        Self {
            columns,
            key,
            extra: Vec::new(),
            cursor: None,
            scans_deletes: false,
            scan: KeyScan::None,
            range: None,
            reread: None,
            flag: None,
            discards_values: true,
            declared,
            ..self.clone()
        }
    }

    /// Every column to ask the source for: the declared ones, then the undeclared ones.
    pub fn asked(&self) -> impl Iterator<Item = &SpecColumn> {
        self.columns.iter().chain(&self.extra)
    }

    /// `range` over the same column of `other`, a spec of the same table.
    pub(super) fn range_in(&self, range: Range, other: &Self) -> Option<Range> {
        let column = self.place_in(range.column, other)?;
        Some(Range { column, ..range })
    }

    /// Index of the column in `other`, a spec of the same table.
    pub(super) fn place_in(&self, column: usize, other: &Self) -> Option<usize> {
        let name = &self.columns[column].name;
        other.columns.iter().position(|other| other.name == *name)
    }
}

fn declaration(column: &SpecColumn) -> (String, SourceColumn) {
    let declared = SourceColumn { column_type: column.column_type, nullable: column.nullable };
    (column.name.clone(), declared)
}

#[cfg(test)]
mod tests;
