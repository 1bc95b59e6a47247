//! From configuration, contract and what the source has to the spec of one table.

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::contract::{ColumnType, SourceColumn, SourceTable};

use super::drift::{self, Comparison, Described};
use super::{Cursor, FoundColumn, KeyScan, Native, Relation, SpecColumn, TableSpec};
use crate::extract::cell::{Cell, Value, ZoneTable, convert};
use crate::extract::config::{Deletes, FlagConfig, Lag, SchemaMode, TableConfig};
use crate::extract::error::ExtractError;

/// What a spec is made from.
pub(in super::super) struct Plan<'a> {
    /// Source id.
    pub(in super::super) source: &'a str,
    /// Table as the configuration names it.
    pub(in super::super) table: &'a str,
    /// Its configuration.
    pub(in super::super) config: &'a TableConfig,
    /// Its contract, if the source has one that names it.
    pub(in super::super) contract: Option<&'a SourceTable>,
    /// Where rows come from.
    pub(in super::super) relation: Relation,
    /// What the source has.
    pub(in super::super) found: Vec<FoundColumn>,
    /// What it had when the table was landed last; none when it never was, or is not known.
    pub(in super::super) before: Option<&'a [Described]>,
}

impl Plan<'_> {
    /// The spec.
    ///
    /// # Errors
    /// `Drift` when the source lacks what is declared, `Configure` when key, cursor or flag do
    /// not fit the columns.
    pub(in super::super) fn spec(self) -> Result<TableSpec, ExtractError> {
        let mut notices = self.judged()?;
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
        let columns = self.columns(&declared, &mut notices)?;
        let extra = self.extra(&columns)?;
        let described = self.described(&columns);
        let index = |name: &String| columns.iter().position(|column| column.name == *name);
        let key = declared.key.iter().filter_map(index).collect();
        let cursor = self.cursor(&columns)?;
        let flag = match &self.config.deletes {
            Deletes::Flag(flag) => Some(self.flag(flag, &columns)?),
            _ => None,
        };
        let scan = self.scan(&columns)?;
        let reread = match &self.config.reread {
            Some(reread) => Some((self.days(&reread.column, "reread", &columns)?, reread.months)),
            None => None,
        };
        let range = match &self.config.range {
            Some(range) => Some(self.days(&range.column, "range", &columns)?),
            None => cursor.filter(|c| c.column_type != ColumnType::Int64).map(|c| c.column),
        };
        Ok(TableSpec {
            source: self.source.to_owned(),
            table: self.table.to_owned(),
            scans_deletes: scan != KeyScan::None || reread.is_some(),
            scan,
            range,
            reread,
            discards_values: self.config.schema.retyped == SchemaMode::DiscardValue,
            notices,
            described,
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

    /// Notices of what changed since the last landing.
    fn judged(&self) -> Result<Vec<String>, ExtractError> {
        let Some(before) = self.before else { return Ok(Vec::new()) };
        let config = self.config;
        let mut vital: Vec<String> =
            before.iter().filter(|b| b.key).map(|b| b.name.clone()).collect();
        vital.extend(config.key.iter().cloned());
        vital.extend(self.contract.iter().flat_map(|contract| contract.key.iter().cloned()));
        vital.extend(config.cursor.iter().map(|cursor| cursor.column.clone()));
        vital.extend(config.reread.iter().map(|reread| reread.column.clone()));
        let (policy, found, contract) = (config.schema, &self.found, self.contract);
        let comparison = Comparison { policy, found, before, contract, vital: &vital };
        let drift::Judged { notices, mut freezes } = comparison.judge();
        if freezes.is_empty() && contract.is_none() && config.key.is_empty() {
            freezes.extend(self.moved_key(before));
        }
        if freezes.is_empty() {
            return Ok(notices);
        }
        let hint = "undo the change at the source, change the source contract, or allow it for \
                    a night by `schema:` of the table; other tables are not affected";
        Err(self.drift(freezes.join("; "), hint))
    }

    /// A table that declares itself and has another primary key now.
    fn moved_key(&self, before: &[Described]) -> Option<String> {
        let mut was: Vec<&str> = before.iter().filter(|b| b.key).map(|b| b.name.as_str()).collect();
        let primary = self.found.iter().filter(|found| found.primary);
        let mut is: Vec<&str> = primary.map(|found| found.name.as_str()).collect();
        was.sort_unstable();
        is.sort_unstable();
        let list = |names: &[&str]| format!("({})", names.join(", "));
        (was != is).then(|| format!("the key was `{}` and is `{}` now", list(&was), list(&is)))
    }

    /// The source's columns as the next night compares them.
    fn described(&self, columns: &[SpecColumn]) -> Vec<Described> {
        let of = |found: &FoundColumn| {
            let landed = columns.iter().find(|c| c.at_source.as_ref() == Some(&found.name));
            Described::of(found, landed.is_some_and(|column| column.key), landed.is_some())
        };
        let mut described: Vec<Described> = self.found.iter().map(of).collect();
        // Without a contract only this remembers a column that is gone and was landed once.
        let gone = self.before.iter().flat_map(|before| before.iter());
        let gone = gone.filter(|b| !described.iter().any(|d| drift::same(&d.name, &b.name)));
        let gone = gone.filter(|b| columns.iter().any(|c| drift::same(&c.name, &b.name)));
        let gone: Vec<_> = gone.map(|b| Described { present: false, ..b.clone() }).collect();
        described.extend(gone);
        described
    }

    /// Declares what the source has, for sources without a contract.
    fn introspected(&self) -> Result<SourceTable, ExtractError> {
        let primary: Vec<String> =
            self.found.iter().filter(|c| c.primary).map(|c| c.name.clone()).collect();
        let key = self.key(&primary);
        let before = self.before.unwrap_or_default();
        let keeps_out =
            matches!(self.config.schema.added, SchemaMode::DiscardRow | SchemaMode::DiscardValue);
        let landed = |name: &str| before.iter().any(|b| b.landed && drift::same(&b.name, name));
        let mut columns = BTreeMap::new();
        for gone in before.iter().filter(|b| b.landed) {
            // What is not gone takes this place below.
            let column = SourceColumn { column_type: gone.column_type(), nullable: true };
            if !self.found.iter().any(|found| drift::same(&found.name, &gone.name)) {
                columns.insert(gone.name.clone(), column);
            }
        }
        let mut folded = BTreeSet::new();
        for found in &self.found {
            if keeps_out && self.before.is_some() && !landed(&found.name) {
                continue;
            }
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

    fn columns(
        &self,
        declared: &SourceTable,
        notices: &mut Vec<String>,
    ) -> Result<Vec<SpecColumn>, ExtractError> {
        let mut columns = Vec::with_capacity(declared.columns.len());
        for (name, column) in &declared.columns {
            let exact = self.found.iter().position(|found| found.name == *name);
            let near = || self.found.iter().position(|f| f.name.eq_ignore_ascii_case(name));
            let place = exact.or_else(near);
            if place.is_none() {
                self.missing(name, column.nullable, notices)?;
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

    fn missing(
        &self,
        name: &str,
        nullable: bool,
        notices: &mut Vec<String>,
    ) -> Result<(), ExtractError> {
        if !nullable || self.config.schema.exact {
            let what = format!("column `{name}` is declared but missing at the source");
            let hint = "restore it, or change the source contract; other tables are not affected";
            return Err(self.drift(what, hint));
        }
        if self.before.is_none() {
            notices.push(format!("column `{name}` is missing at the source; it lands as NULL"));
        }
        Ok(())
    }

    /// Columns whose values send a row to quarantine, because nobody declared them.
    fn extra(&self, columns: &[SpecColumn]) -> Result<Vec<SpecColumn>, ExtractError> {
        let known = |found: &FoundColumn| {
            columns.iter().any(|column| column.at_source.as_ref() == Some(&found.name))
        };
        let new = self.found.iter().enumerate().filter(|(_, found)| !known(found));
        let mut extra = Vec::new();
        for (position, found) in new {
            let name = found.name.clone();
            if self.config.schema.exact {
                let what = format!("column `{name}` is new at the source");
                let hint = "declare it in the source contract, or set `schema: evolve`";
                return Err(self.drift(what, hint));
            }
            if self.config.schema.added == SchemaMode::DiscardRow {
                extra.push(SpecColumn {
                    name: name.clone(),
                    at_source: Some(name),
                    column_type: ColumnType::Text,
                    nullable: true,
                    native: found.native,
                    position,
                    key: false,
                });
            }
        }
        Ok(extra)
    }

    /// Index of a configured column that knows days.
    fn days(
        &self,
        name: &str,
        option: &str,
        columns: &[SpecColumn],
    ) -> Result<usize, ExtractError> {
        let found = columns.iter().position(|c| c.name == *name && c.at_source.is_some());
        let days = |index: &usize| {
            matches!(columns[*index].column_type, ColumnType::Timestamp | ColumnType::Date)
        };
        found.filter(days).ok_or_else(|| {
            let what = format!("cannot use column `{name}` for `{option}`");
            self.wrong(&what, "name a declared timestamp or date column")
        })
    }

    fn scan(&self, columns: &[SpecColumn]) -> Result<KeyScan, ExtractError> {
        Ok(match &self.config.deletes {
            Deletes::Scan => KeyScan::Whole,
            Deletes::ScanWindow(scan) => {
                let column = self.days(&scan.column, "scan", columns)?;
                KeyScan::Window { column, span: scan.window }
            }
            Deletes::None | Deletes::Flag(_) => KeyScan::None,
        })
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
