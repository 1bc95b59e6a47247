//! What a change of definitions would do to published numbers.
//!
//! Owns which numbers count as changed and which changes matter most. Must not know how either
//! side is computed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::calendar::DateRange;
use crate::metric::MetricDefinition;
use crate::project::ProjectFiles;

/// How something proposed stands to what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only proposed.
    New,
    /// Only published.
    Removed,
    /// Defined differently.
    Changed,
    /// Defined as before, made from what is defined differently.
    Affected,
    /// Told or judged differently, computed as before.
    Described,
}

impl Change {
    /// The word people and programs read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Affected => "affected",
            Self::Described => "described",
        }
    }
}

/// A project file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Path relative to the project root.
    pub path: String,
    /// How.
    pub change: Change,
}

/// A table whose rows may differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableChange {
    /// Table of schema `hub`.
    pub table: String,
    /// How.
    pub change: Change,
    /// Rows as published; none where it is not.
    pub published_rows: Option<u64>,
    /// Rows as proposed; none where it would be gone or cannot be evaluated.
    pub proposed_rows: Option<u64>,
    /// Why it cannot be evaluated over what is published.
    pub unevaluated: Option<String>,
}

/// A metric whose numbers may differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetricChange {
    /// Metric id.
    pub metric: String,
    /// How.
    pub change: Change,
    /// Numbers looked at.
    pub compared: usize,
    /// Numbers that would change.
    pub changed: usize,
    /// Why it cannot be evaluated over what is published.
    pub unevaluated: Option<String>,
}

/// A published number that would change. Money is in fen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberChange {
    /// Metric id.
    pub metric: String,
    /// Org code of the site; none for metrics without sites and rows without one.
    pub site: Option<String>,
    /// First day of the month.
    pub month: NaiveDate,
    /// The number as published; none where there is none.
    pub published: Option<Decimal>,
    /// The number as proposed; none where there would be none.
    pub proposed: Option<Decimal>,
    /// Proposed less published, none counting as 0.
    pub change: Decimal,
}

/// Everything a change of definitions would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Snapshot whose numbers are published.
    pub snapshot: u64,
    /// Hash of the definitions it was made by.
    pub published_definitions: String,
    /// Hash of the definitions proposed.
    pub proposed_definitions: String,
    /// Days looked at; none when no metric differs or none has rows.
    pub range: Option<DateRange>,
    /// Project files that differ, by path.
    pub files: Vec<FileChange>,
    /// Tables that may differ, by name.
    pub tables: Vec<TableChange>,
    /// Metrics that may differ, by id.
    pub metrics: Vec<MetricChange>,
    /// Numbers that would change, those that matter most first; perhaps not all.
    pub numbers: Vec<NumberChange>,
    /// Numbers that would change and are not in `numbers`.
    pub numbers_left_out: usize,
}

impl Difference {
    /// Whether no published number would change, as far as could be evaluated, and no metric
    /// would be gone.
    #[must_use]
    pub fn keeps_numbers(&self) -> bool {
        let kept = |metric: &MetricChange| {
            metric.changed == 0 && metric.unevaluated.is_none() && metric.change != Change::Removed
        };
        self.metrics.iter().all(kept)
    }
}

/// Files that differ between two projects, by path.
#[must_use]
pub fn files(published: &ProjectFiles, proposed: &ProjectFiles) -> Vec<FileChange> {
    let mut changes: BTreeMap<&String, Change> = BTreeMap::new();
    for (path, text) in &proposed.files {
        match published.files.get(path) {
            None => changes.insert(path, Change::New),
            Some(before) if before != text => changes.insert(path, Change::Changed),
            Some(_) => None,
        };
    }
    let gone = published.files.keys().filter(|path| !proposed.files.contains_key(*path));
    changes.extend(gone.map(|path| (path, Change::Removed)));
    changes.into_iter().map(|(path, change)| FileChange { path: path.clone(), change }).collect()
}

/// How a metric's own definition differs; none when it does not.
#[must_use]
pub fn definition(published: &MetricDefinition, proposed: &MetricDefinition) -> Option<Change> {
    if published == proposed {
        return None;
    }
    let words = |of: &MetricDefinition| MetricDefinition {
        label_zh: String::new(),
        label_en: String::new(),
        description: String::new(),
        owner: String::new(),
        version: 0,
        targets: Vec::new(),
        default_grain: None,
        check: None,
        ..of.clone()
    };
    let same = words(published) == words(proposed);
    Some(if same { Change::Described } else { Change::Changed })
}

/// One metric's numbers by site and first day of the month; a number may be there and have no
/// value, such as a quotient by nothing.
pub type Numbers = BTreeMap<(Option<String>, NaiveDate), Option<Decimal>>;

/// A change and how much it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// The change against the average size of the metric's published numbers.
    weight: Decimal,
    /// The change.
    pub number: NumberChange,
}

/// How many numbers of a metric there are on either side, and those that differ. Where one side
/// has no rows at all, 0 on the other side is no difference.
#[must_use]
pub fn numbers(metric: &str, published: &Numbers, proposed: &Numbers) -> (usize, Vec<Weighed>) {
    let mut keys: Vec<_> = published.keys().chain(proposed.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let sizes: Vec<Decimal> = published.values().flatten().map(Decimal::abs).collect();
    let sum = sizes.iter().try_fold(Decimal::ZERO, |sum, size| sum.checked_add(*size));
    let average = sum.and_then(|sum| sum.checked_div(Decimal::from(sizes.len())));
    let changes = keys.iter().filter_map(|key| {
        let (before, after) = (published.get(*key), proposed.get(*key));
        let nothing = |side: Option<&Option<Decimal>>| match side {
            None => true,
            Some(value) => value.is_none_or(|value| value.is_zero()),
        };
        let one_sided = before.is_none() || after.is_none();
        let same = if one_sided { nothing(before) && nothing(after) } else { before == after };
        if same {
            return None;
        }
        let (before, after) = (before.copied().flatten(), after.copied().flatten());
        let change = after.unwrap_or_default().checked_sub(before.unwrap_or_default());
        let change = change.unwrap_or(Decimal::MAX).normalize();
        let weight = average.and_then(|average| change.abs().checked_div(average));
        let (site, month) = (key.0.clone(), key.1);
        let number = NumberChange {
            metric: metric.to_owned(),
            site,
            month,
            published: before,
            proposed: after,
            change,
        };
        Some(Weighed { weight: weight.unwrap_or(Decimal::MAX), number })
    });
    let changes = changes.collect();
    (keys.len(), changes)
}

/// The `most` changes that matter most, and how many others there are. A change matters by its
/// size against its metric's average number, so that fen and rates stand beside each other.
#[must_use]
pub fn largest(mut changes: Vec<Weighed>, most: usize) -> (Vec<NumberChange>, usize) {
    changes.sort_by(|left, right| {
        let by_size = right.weight.cmp(&left.weight);
        let key = |it: &NumberChange| (it.metric.clone(), it.site.clone(), it.month);
        by_size.then_with(|| key(&left.number).cmp(&key(&right.number)))
    });
    let left_out = changes.len().saturating_sub(most);
    (changes.into_iter().take(most).map(|weighed| weighed.number).collect(), left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers_of(cells: &[(&str, u32, Option<i64>)]) -> Numbers {
        let cell = |(site, month, value): &(&str, u32, Option<i64>)| {
            let month = NaiveDate::from_ymd_opt(2026, *month, 1).expect("a month");
            ((Some((*site).to_owned()), month), value.map(Decimal::from))
        };
        cells.iter().map(cell).collect()
    }

    #[test]
    fn what_differs_is_weighed_against_the_metrics_own_size() {
        let before = numbers_of(&[("A", 1, Some(100)), ("A", 2, Some(300)), ("B", 1, Some(200))]);
        let after = numbers_of(&[("A", 1, Some(150)), ("A", 2, Some(300)), ("B", 1, Some(100))]);
        let (compared, changes) = numbers("m", &before, &after);
        assert_eq!(compared, 3);
        let small = numbers_of(&[("A", 1, Some(2))]);
        let (_, more) = numbers("n", &small, &numbers_of(&[("A", 1, Some(1))]));
        let (most, left_out) = largest([changes, more].concat(), 2);
        let told: Vec<(&str, i64)> = most
            .iter()
            .map(|it| (it.metric.as_str(), i64::try_from(it.change).expect("whole")))
            .collect();
        // 100 of 200 on average, 1 of 2 on average; then 50 of 200.
        assert_eq!(told, [("m", -100), ("n", -1)]);
        assert_eq!(left_out, 1);
    }

    #[test]
    fn nothing_against_no_rows_is_no_difference() {
        let none = Numbers::new();
        let zero = numbers_of(&[("A", 1, Some(0)), ("A", 2, None)]);
        assert_eq!(numbers("m", &none, &zero), (2, Vec::new()));
        assert_eq!(numbers("m", &zero, &none), (2, Vec::new()));
        let unknown = numbers_of(&[("A", 1, None), ("A", 2, None)]);
        let (_, changes) = numbers("m", &zero, &unknown);
        assert_eq!(changes.len(), 1, "0 is known, a quotient by nothing is not");
    }

    #[test]
    fn files_are_compared_by_path() {
        let project = |files: &[(&str, &str)]| ProjectFiles {
            files: files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect(),
        };
        let changes = files(
            &project(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &project(&[("b", "2"), ("c", "1"), ("d", "1")]),
        );
        let told: Vec<(&str, Change)> =
            changes.iter().map(|it| (it.path.as_str(), it.change)).collect();
        assert_eq!(told, [("a", Change::Removed), ("b", Change::Changed), ("d", Change::New)]);
    }
}
