//! Rows a read passes over because their person was erased: for the landing the source does not
//! have them.

use std::sync::Arc;

use hub_domain::contract::{ColumnType, SourceContract};

use super::cell::{Value, ZoneTable, convert};
use super::reject::key_text;
use super::schema::TableSpec;
use super::sealed::{About, Sealer};
use crate::erase::Suppression;

/// What tells such rows of one table apart.
#[derive(Clone)]
pub(super) struct Suppressed {
    hashes: Arc<Suppression>,
    /// Position of a column that leads to a person, and the table it leads through.
    subjects: Vec<(usize, Option<String>)>,
}

impl Suppressed {
    /// For the table of `spec`; none when its rows are about nobody or nobody was erased. A spec
    /// that reads keys only is judged by the key.
    pub(super) fn of(
        hashes: Option<&Arc<Suppression>>,
        contract: Option<&SourceContract>,
        spec: &TableSpec,
    ) -> Option<Self> {
        let subjects = contract?.subjects.get(&spec.table)?;
        let position = |name: &str| spec.columns.iter().position(|column| column.name == name);
        let subjects = subjects
            .iter()
            .filter_map(|subject| Some((position(&subject.column)?, subject.through.clone())))
            .collect();
        Some(Self { hashes: Arc::clone(hashes?), subjects })
    }

    /// Whether the row with these values, by position of the column, is passed over.
    pub(super) fn passes_over<'a>(
        &self,
        spec: &TableSpec,
        value: impl Fn(usize) -> Option<Value<'a>>,
    ) -> bool {
        let source = spec.source.as_str();
        let (mut silent, mut erased) = (true, false);
        for (index, through) in &self.subjects {
            let Some(value) = value(*index) else { continue };
            silent = false;
            let text = value.text(spec.columns[*index].column_type);
            let digest = match through {
                Some(table) => self.hashes.row(source, table, &text),
                None => self.hashes.person(source, &text),
            };
            erased |= self.hashes.holds(&digest);
        }
        let digest = self.hashes.row(source, &spec.table, &key_text(spec, value));
        let known = self.hashes.holds(&digest);
        match (erased, known) {
            (true, false) => self.hashes.add(digest),
            (false, true) if !silent => self.hashes.free(digest),
            _ => {}
        }
        erased || (known && silent)
    }
}

/// Reads the tables that others lead through before those: a row passed over takes the rows that
/// hang on it along.
pub(super) fn parents_first<T>(contract: Option<&SourceContract>, tables: &mut [(String, T)]) {
    let order = contract.map(SourceContract::subject_order).unwrap_or_default();
    tables.sort_by_key(|(name, _)| order.iter().position(|table| table == name));
}

/// What a refused row kept sealed says in `columns`, as text; nothing for a row that stays shut.
pub(crate) fn unsealed(
    sealer: &Sealer,
    about: About<'_>,
    sealed: &str,
    columns: &[(&str, ColumnType)],
) -> Vec<Option<String>> {
    let Ok(row) = sealer.open(about, sealed) else { return vec![None; columns.len()] };
    // Keys are numbers and words: no wall clock is among them.
    let mut zone = ZoneTable::new(chrono_tz::UTC);
    let text = |(name, column_type): &(&str, ColumnType)| {
        let value = convert(row.cell(name)?, *column_type, &mut zone).ok()??;
        Some(value.text(*column_type))
    };
    columns.iter().map(text).collect()
}
