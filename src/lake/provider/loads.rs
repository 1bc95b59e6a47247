//! How the rows of a raw table lie in files, load by load, as far as the log tells.

use std::collections::BTreeMap;

use datafusion::common::ScalarValue;

use super::LakeTable;
use super::files::DataFile;

/// Number of the load a landed row belongs to.
const LOAD: &str = "_load_seq";
/// When that load read the source.
const AT: &str = "_extracted_at";
/// Set on rows that came back from quarantine: such a load may hold several versions of a key.
const RECOVERED: &str = "_recovered";

/// The load that has most rows in files of its own, and how it relates to all other rows.
///
/// Within such a load every key has at most one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MainLoad {
    /// Its number.
    pub load_seq: i64,
    /// Whether the table has rows of no other load.
    pub alone: bool,
    /// Whether all other rows were read later for certain.
    pub oldest: bool,
}

impl LakeTable {
    /// The main load of a raw table; none when no load has a file of its own, or the table is
    /// not a raw one.
    #[must_use]
    pub fn main_load(&self) -> Option<MainLoad> {
        let mut rows: BTreeMap<i64, usize> = BTreeMap::new();
        for file in &self.files {
            if let Some(load) = self.load_of(file) {
                *rows.entry(load).or_default() += file.rows.unwrap_or_default();
            }
        }
        let (&load_seq, _) = rows.iter().max_by_key(|(_, rows)| **rows)?;
        let (own, others): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|file| self.load_of(file) == Some(load_seq));
        let last = own.iter().map(|file| self.bounds(file, AT).1).max_by(order)?;
        let after = |file: &&DataFile| {
            let first = self.bounds(file, AT).0;
            first.partial_cmp(&last) == Some(std::cmp::Ordering::Greater)
        };
        let oldest = last.is_some() && others.iter().all(after);
        Some(MainLoad { load_seq, alone: others.is_empty(), oldest })
    }

    /// The load all rows of `file` belong to, each with a key of its own.
    fn load_of(&self, file: &DataFile) -> Option<i64> {
        let (low, high) = self.bounds(file, LOAD);
        let (Some(ScalarValue::Int64(Some(low))), Some(ScalarValue::Int64(Some(high)))) =
            (low, high)
        else {
            return None;
        };
        let recovered = self.position(RECOVERED).is_some_and(|at| {
            file.columns[at].nulls.is_none_or(|nulls| Some(nulls) != file.rows.map(|r| r as u64))
        });
        (low == high && !recovered).then_some(low)
    }

    fn bounds(&self, file: &DataFile, column: &str) -> (Option<ScalarValue>, Option<ScalarValue>) {
        let bounds = self.position(column).and_then(|at| file.columns.get(at));
        bounds.map_or((None, None), |bounds| (bounds.low.clone(), bounds.high.clone()))
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.file_order.table_schema().index_of(column).ok()
    }
}

/// What is unknown is larger than everything: nothing is certainly after it.
fn order(a: &Option<ScalarValue>, b: &Option<ScalarValue>) -> std::cmp::Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}
