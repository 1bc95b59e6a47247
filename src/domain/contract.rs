//! Table contracts: what a table of the hub promises. One YAML file per table in `schema/tables`,
//! and one per source system in `schema/sources` for what lands raw.
//!
//! Owns the vocabulary; mapping to Arrow types belongs to the lake.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::freshness::Expectation;

/// Sensitivity of a column: P0 none, P1 quasi-identifier, P2 direct identifier, P3 sensitive.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default, Hash,
)]
pub enum PiiClass {
    /// Not personal.
    #[default]
    P0,
    /// Quasi-identifier such as birth year or district.
    P1,
    /// Direct identifier such as name or phone.
    P2,
    /// Sensitive: health, finance, any data of a child under 14.
    P3,
}

/// Logical type of a column, written as `int64`, `decimal(12,2)`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// 64-bit signed integer; money columns end in `_fen`.
    Int64,
    /// True or false.
    Bool,
    /// Exact decimal: precision, scale.
    Decimal(u8, i8),
    /// Clinic-local day.
    Date,
    /// In `schema/tables`: UTC instant in µs. In `schema/sources`: wall clock of the source.
    Timestamp,
}

impl ColumnType {
    /// Parses the written form, without a trailing `?`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "int64" => Some(Self::Int64),
            "bool" => Some(Self::Bool),
            "date" => Some(Self::Date),
            "timestamp" => Some(Self::Timestamp),
            _ => {
                let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
                let (precision, scale) = inner.split_once(',')?;
                let precision: u8 = precision.trim().parse().ok()?;
                let scale: i8 = scale.trim().parse().ok()?;
                let fits = (1..=38).contains(&precision) && (0..=precision as i8).contains(&scale);
                fits.then_some(Self::Decimal(precision, scale))
            }
        }
    }
}

impl std::fmt::Display for ColumnType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Int64 => f.write_str("int64"),
            Self::Bool => f.write_str("bool"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
        }
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "unknown column type `{text}`; use text, int64, bool, decimal(p,s), date or timestamp"
            ))
        })
    }
}

/// One column of a table contract.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Column name.
    pub name: String,
    /// Logical type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether NULL is allowed.
    #[serde(default)]
    pub nullable: bool,
    /// Sensitivity.
    #[serde(default)]
    pub pii: PiiClass,
    /// Label in Chinese.
    #[serde(default)]
    pub label_zh: String,
    /// Unit such as `fen`, `min`; none for ids and words.
    #[serde(default)]
    pub unit: Option<String>,
    /// What it means, where the name does not say it.
    #[serde(default)]
    pub description: Option<String>,
    /// Accepted values; anything else fails the audit.
    #[serde(default)]
    pub values: Option<Vec<String>>,
}

/// A reference to another table's key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// Referring columns; rows with NULL in any of them are not checked.
    pub columns: Vec<String>,
    /// Referred table.
    pub table: String,
    /// Referred columns; the table's key when absent.
    #[serde(default)]
    pub references: Option<Vec<String>>,
}

/// A rule every row must keep.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Short id.
    pub name: String,
    /// SQL predicate over one row; rows where it is not true break the check.
    /// With `query`, absent.
    #[serde(default)]
    pub expression: Option<String>,
    /// SQL that returns the breaking rows; for identities over whole tables.
    #[serde(default)]
    pub query: Option<String>,
    /// Whether a breach stops publication (default) or is only recorded.
    #[serde(default = "blocking_by_default")]
    pub blocking: bool,
}

fn blocking_by_default() -> bool {
    true
}

/// How row visibility is decided for principals that do not see every site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowPolicy {
    /// Reference data: every principal sees all rows.
    Public,
    /// Rows carry the org code of their site in this column; NULL is visible to nobody but group.
    Site(String),
    /// Rows belong to the person in this column; visible when `person_site` links the person to
    /// a permitted site.
    Person(String),
    /// Rows speak of every person in these columns; visible when all of them are.
    Persons(Vec<String>),
    /// Only principals that see every site.
    Group,
}

impl RowPolicy {
    /// The columns it reads.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Site(column) | Self::Person(column) => std::slice::from_ref(column),
            Self::Persons(columns) => columns,
            Self::Public | Self::Group => &[],
        }
    }
}

/// How new a table's rows should be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreshnessContract {
    /// Column with the business day of a row.
    pub column: String,
    /// How long after its end the newest day may be, at every site where rows have sites;
    /// nothing is judged when absent.
    #[serde(default)]
    pub expect: Option<Expectation>,
}

/// Contract of one table of the hub.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableContract {
    /// Table name in schema `hub`.
    pub table: String,
    /// What one row is.
    pub grain: String,
    /// What the table is for.
    #[serde(default)]
    pub description: String,
    /// Label in Chinese.
    #[serde(default)]
    pub label_zh: String,
    /// Primary key.
    pub key: Vec<String>,
    /// Text column `YYYY-MM` by which files are split; none for small tables.
    #[serde(default)]
    pub partition_by: Option<String>,
    /// Sort order inside files; it is what makes pruning work.
    #[serde(default)]
    pub sort: Vec<String>,
    /// Row visibility. There is no default: a table without a policy does not load.
    pub policy: RowPolicy,
    /// How new its rows should be; tables that do not say are not judged.
    #[serde(default)]
    pub freshness: Option<FreshnessContract>,
    /// Whether rows leave in the course of things, as from a list of what is so today: the audit
    /// then takes no loss of rows for a fault.
    #[serde(default)]
    pub may_shrink: bool,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// References.
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// Row and table rules.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Whether no file describes the table: what it holds follows from another one, whose rows
    /// are the ones that are judged.
    #[serde(skip)]
    pub derived: bool,
}

impl TableContract {
    /// The column named `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Declared type of a source column, written `decimal(12,2)` or `date?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceColumn {
    /// Logical type.
    pub column_type: ColumnType,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

impl<'de> Deserialize<'de> for SourceColumn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (name, nullable) = match text.strip_suffix('?') {
            Some(name) => (name, true),
            None => (text.as_str(), false),
        };
        let column_type = ColumnType::parse(name)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown column type `{text}`")))?;
        Ok(Self { column_type, nullable })
    }
}

/// What one source table promises.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    /// Key columns at the source.
    pub key: Vec<String>,
    /// Columns by name. Column order of the landed table is alphabetical by this map.
    pub columns: BTreeMap<String, SourceColumn>,
}

/// What one source system promises: `schema/sources/<source>.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceContract {
    /// Source id, equal to the key under `sources:` of the configuration.
    pub source: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Tables by their name in the configuration.
    pub tables: BTreeMap<String, SourceTable>,
    /// Whom the rows of a table are about; tables without an entry are about nobody.
    #[serde(default)]
    pub subjects: BTreeMap<String, Vec<Subject>>,
}

/// How a row of a source table leads to the person it is about: written `brid`, or
/// `jzid -> t_jz` where the person is the one of that table's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Column of the table.
    pub column: String,
    /// Table of the same source whose key the column holds; none when it holds the person's own
    /// key at the source.
    pub through: Option<String>,
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (column, through) = match text.split_once("->") {
            Some((column, table)) => (column, Some(table.trim().to_owned())),
            None => (text.as_str(), None),
        };
        Ok(Self { column: column.trim().to_owned(), through })
    }
}

impl SourceContract {
    /// Tables with subjects, each after the tables its subjects lead through.
    #[must_use]
    pub fn subject_order(&self) -> Vec<&str> {
        let mut ordered: Vec<&str> = Vec::new();
        while ordered.len() < self.subjects.len() {
            let known = |through: &String| {
                ordered.contains(&through.as_str()) || !self.subjects.contains_key(through)
            };
            let ready: Vec<&str> = self
                .subjects
                .iter()
                .filter(|(table, _)| !ordered.contains(&table.as_str()))
                .filter(|(_, subjects)| {
                    subjects.iter().filter_map(|s| s.through.as_ref()).all(known)
                })
                .map(|(table, _)| table.as_str())
                .collect();
            if ready.is_empty() {
                break;
            }
            ordered.extend(ready);
        }
        ordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_come_after_what_they_lead_through() {
        let through = |column: &str, table: &str| Subject {
            column: column.to_owned(),
            through: Some(table.to_owned()),
        };
        let own = Subject { column: "brid".to_owned(), through: None };
        let subjects = BTreeMap::from([
            ("a".to_owned(), vec![through("b_id", "b")]),
            ("b".to_owned(), vec![through("c_id", "c"), own.clone()]),
            ("c".to_owned(), vec![own]),
        ]);
        let (source, description) = ("his".to_owned(), String::new());
        let mut contract =
            SourceContract { source, description, tables: BTreeMap::new(), subjects };
        assert_eq!(contract.subject_order(), ["c", "b", "a"]);
        contract.subjects.insert("c".to_owned(), vec![through("a_id", "a")]);
        assert_eq!(contract.subject_order(), [""; 0], "a circle has no order");
    }

    #[test]
    fn types_round_trip() {
        for text in ["text", "int64", "bool", "date", "timestamp", "decimal(38,12)"] {
            assert_eq!(ColumnType::parse(text).map(|t| t.to_string()).as_deref(), Some(text));
        }
        assert_eq!(ColumnType::parse("decimal(39,1)"), None);
        assert_eq!(ColumnType::parse("float"), None);
    }
}
