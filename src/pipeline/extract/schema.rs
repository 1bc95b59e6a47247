//! From configuration, contract and what the source really has to one [`TableSpec`]: the columns
//! to read, their declared types, the key, the cursor. Decides drift; reads no row.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use hub_domain::contract::{ColumnType, SourceColumn, SourceTable};
use hub_lake::raw_schema;

use super::cell::{Cell, Value, ZoneTable, convert};
use super::config::{CursorNulls, Deletes, FlagConfig, Lag, SchemaMode, TableConfig};
use super::error::ExtractError;

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
    /// Whether deletes are found by comparing keys.
    pub scans_deletes: bool,
    /// Index and value of a column that marks deleted rows.
    pub flag: Option<(usize, Value<'static>)>,
    /// Whether a misfit value of a nullable column lands as NULL.
    pub discards_values: bool,
    declared: SourceTable,
}

/// What a spec is made from.
pub(super) struct Plan<'a> {
    /// Source id.
    pub(super) source: &'a str,
    /// Table as the configuration names it.
    pub(super) table: &'a str,
    /// Its configuration.
    pub(super) config: &'a TableConfig,
    /// Its contract, if the source has one that names it.
    pub(super) contract: Option<&'a SourceTable>,
    /// Where rows come from.
    pub(super) relation: Relation,
    /// What the source has.
    pub(super) found: Vec<FoundColumn>,
}

impl TableSpec {
    /// Columns all declared ones and the `_…` columns of a landing.
    #[must_use]
    pub fn raw_schema(&self) -> SchemaRef {
        raw_schema(&self.declared)
    }

    /// The same table read for its keys alone.
    #[must_use]
    pub fn keys_only(&self) -> Self {
        let columns: Vec<SpecColumn> =
            self.columns.iter().filter(|column| column.key).cloned().collect();
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
            flag: None,
            discards_values: false,
            declared,
            ..self.clone()
        }
    }

    /// Every column to ask the source for: the declared ones, then the undeclared ones.
    pub fn asked(&self) -> impl Iterator<Item = &SpecColumn> {
        self.columns.iter().chain(&self.extra)
    }

    /// Name of the cursor column.
    #[must_use]
    pub fn cursor_name(&self) -> Option<&str> {
        self.cursor.map(|cursor| self.columns[cursor.column].name.as_str())
    }
}

fn declaration(column: &SpecColumn) -> (String, SourceColumn) {
    let declared = SourceColumn { column_type: column.column_type, nullable: column.nullable };
    (column.name.clone(), declared)
}

impl Plan<'_> {
    /// The spec.
    ///
    /// # Errors
    /// `Drift` when the source lacks what is declared, `Configure` when key, cursor or flag do
    /// not fit the columns.
    pub(super) fn spec(self) -> Result<TableSpec, ExtractError> {
        let declared = match self.contract {
            Some(contract) => {
                let columns = contract.columns.clone();
                SourceTable { key: self.key(&contract.key), columns }
            }
            None => self.introspected()?,
        };
        if declared.key.is_empty() {
            return Err(self.wrong("has no key", "name its key columns by `key: […]`"));
        }
        if let Some(name) = declared.key.iter().find(|k| !declared.columns.contains_key(*k)) {
            let what = format!("has no key column `{name}`");
            return Err(self.wrong(&what, "name declared columns by `key: […]`"));
        }
        let columns = self.columns(&declared)?;
        let extra = self.extra(&columns)?;
        let index = |name: &String| columns.iter().position(|column| column.name == *name);
        let key = declared.key.iter().filter_map(index).collect();
        let cursor = self.cursor(&columns)?;
        let flag = match &self.config.deletes {
            Deletes::Flag(flag) => Some(self.flag(flag, &columns)?),
            _ => None,
        };
        Ok(TableSpec {
            source: self.source.to_owned(),
            table: self.table.to_owned(),
            scans_deletes: self.config.deletes == Deletes::Scan,
            discards_values: self.config.schema == SchemaMode::DiscardValue,
            relation: self.relation,
            columns,
            key,
            extra,
            cursor,
            flag,
            declared,
        })
    }

    fn wrong(&self, what: &str, hint: &str) -> ExtractError {
        ExtractError::Configure {
            source_id: self.source.to_owned(),
            what: format!("table `{}` {what}", self.table),
            hint: hint.to_owned(),
        }
    }

    fn drift(&self, what: String, hint: &str) -> ExtractError {
        ExtractError::Drift {
            source_id: self.source.to_owned(),
            table: self.table.to_owned(),
            what,
            hint: hint.to_owned(),
        }
    }

    fn key(&self, contract: &[String]) -> Vec<String> {
        if self.config.key.is_empty() { contract.to_vec() } else { self.config.key.clone() }
    }

    /// Declares what the source has, for sources without a contract.
    fn introspected(&self) -> Result<SourceTable, ExtractError> {
        let primary: Vec<String> =
            self.found.iter().filter(|c| c.primary).map(|c| c.name.clone()).collect();
        let key = self.key(&primary);
        let mut columns = BTreeMap::new();
        let mut folded = std::collections::BTreeSet::new();
        for found in &self.found {
            let name = &found.name;
            let illegal = |c: char| " ,;{}()\n\t=\r".contains(c);
            if name.is_empty() || name.contains(illegal) || name.starts_with('_') {
                let what = format!("column `{name}` cannot be landed under this name");
                return Err(self.drift(what, "rename it by a `query` or at the source"));
            }
            if !folded.insert(name.to_lowercase()) {
                let what = format!("column `{name}` occurs twice");
                return Err(self.drift(what, "rename one of them at the source"));
            }
            let nullable = !key.contains(name);
            columns.insert(name.clone(), SourceColumn { column_type: found.column_type, nullable });
        }
        Ok(SourceTable { key, columns })
    }

    fn columns(&self, declared: &SourceTable) -> Result<Vec<SpecColumn>, ExtractError> {
        let mut columns = Vec::with_capacity(declared.columns.len());
        for (name, column) in &declared.columns {
            let exact = self.found.iter().position(|found| found.name == *name);
            let near = || self.found.iter().position(|f| f.name.eq_ignore_ascii_case(name));
            let place = exact.or_else(near);
            if place.is_none() {
                self.missing(name, column.nullable)?;
            }
            let found = place.map(|at| &self.found[at]);
            columns.push(SpecColumn {
                name: name.clone(),
                at_source: found.map(|found| found.name.clone()),
                column_type: column.column_type,
                nullable: column.nullable,
                native: found.map_or(Native::Other, |found| found.native),
                position: place.unwrap_or(usize::MAX),
                key: declared.key.contains(name),
            });
        }
        Ok(columns)
    }

    fn missing(&self, name: &str, nullable: bool) -> Result<(), ExtractError> {
        if !nullable || self.config.schema == SchemaMode::Freeze {
            let what = format!("column `{name}` is declared but missing at the source");
            let hint = "restore it, or change the source contract; other tables are not affected";
            return Err(self.drift(what, hint));
        }
        tracing::warn!(
            source = self.source,
            table = self.table,
            column = name,
            "declared column is missing at the source; it lands as NULL"
        );
        Ok(())
    }

    /// Columns the source has and nobody declared.
    fn extra(&self, columns: &[SpecColumn]) -> Result<Vec<SpecColumn>, ExtractError> {
        let known = |found: &FoundColumn| {
            columns.iter().any(|column| column.at_source.as_ref() == Some(&found.name))
        };
        let new = self.found.iter().enumerate().filter(|(_, found)| !known(found));
        let mut extra = Vec::new();
        for (position, found) in new {
            let name = found.name.clone();
            match self.config.schema {
                SchemaMode::Freeze => {
                    let what = format!("column `{name}` is new at the source");
                    let hint = "declare it in the source contract, or set `schema: evolve`";
                    return Err(self.drift(what, hint));
                }
                SchemaMode::Evolve | SchemaMode::DiscardValue => tracing::info!(
                    source = self.source,
                    table = self.table,
                    column = name,
                    "column is new at the source; it is left out"
                ),
                SchemaMode::DiscardRow => extra.push(SpecColumn {
                    name: name.clone(),
                    at_source: Some(name),
                    column_type: ColumnType::Text,
                    nullable: true,
                    native: found.native,
                    position,
                    key: false,
                }),
            }
        }
        Ok(extra)
    }

    fn cursor(&self, columns: &[SpecColumn]) -> Result<Option<Cursor>, ExtractError> {
        let Some(config) = &self.config.cursor else { return Ok(None) };
        let name = &config.column;
        let Some(column) = columns.iter().position(|c| c.name == *name && c.at_source.is_some())
        else {
            let what = format!("has no cursor column `{name}`");
            return Err(self.wrong(&what, "name a declared column, or drop `cursor`"));
        };
        let column_type = columns[column].column_type;
        let fits = match (column_type, config.lag) {
            (ColumnType::Timestamp | ColumnType::Date, Lag::Time(_)) => true,
            (ColumnType::Int64, Lag::Steps(_)) => true,
            (ColumnType::Int64, Lag::Time(span)) => span.seconds() == 0,
            _ => false,
        };
        if !fits {
            let what = format!("cannot follow cursor column `{name}` of type {column_type}");
            let hint = "use a timestamp or date with a lag such as `2d`, or an int64 with a number";
            return Err(self.wrong(&what, hint));
        }
        Ok(Some(Cursor { column, column_type, lag: config.lag, nulls: config.nulls }))
    }

    fn flag(
        &self,
        flag: &FlagConfig,
        columns: &[SpecColumn],
    ) -> Result<(usize, Value<'static>), ExtractError> {
        let name = &flag.column;
        let hint = "name a declared column and a value of its type";
        let Some(index) = columns.iter().position(|column| column.name == *name) else {
            return Err(self.wrong(&format!("has no delete flag `{name}`"), hint));
        };
        let text = flag.value.to_string();
        let mut zone = ZoneTable::new(chrono_tz::UTC);
        let value = convert(Cell::Text(text.as_bytes()), columns[index].column_type, &mut zone);
        match value {
            Ok(Some(value)) => Ok((index, value.into_owned())),
            _ => {
                let what = format!("has a delete flag `{name}` whose value is not of its type");
                Err(self.wrong(&what, hint))
            }
        }
    }
}

#[cfg(test)]
mod tests;
