//! The `sources:` section of the configuration, one [`SourceConfig`] per source.
//!
//! Owns its shape and what can be said against it without opening the source. Reading files,
//! substituting `${NAME}` and pointing at lines belong to root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::Relation;

mod deletes;
mod drift;
mod lag;
mod quarantine;
mod secret;

pub use deletes::{Deletes, FlagConfig, FlagValue, ScanConfig};
pub use drift::{SchemaMode, SchemaPolicy, Tolerance};
pub use lag::{Lag, Span};
pub use quarantine::{KeyFaults, MaxQuarantine, Reconcile};
pub use secret::SourceUrl;

/// What kind of system a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// PostgreSQL, read in one repeatable-read transaction.
    Postgres,
    /// MySQL or MariaDB, read in one consistent snapshot.
    #[serde(alias = "mariadb")]
    Mysql,
    /// A SQLite file, read in one transaction.
    Sqlite,
    /// A folder of CSV files.
    Csv,
    /// A folder of Parquet files.
    Parquet,
    /// A folder of files that hold one JSON object per line.
    Jsonl,
    /// Microsoft SQL Server; only in builds with the feature `sqlserver`.
    Sqlserver,
}

impl SourceKind {
    /// The name used in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::Sqlserver => "sqlserver",
        }
    }

    /// Endings of its files; none for databases.
    pub(super) fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &[".csv", ".csv.gz"],
            Self::Parquet => &[".parquet"],
            Self::Jsonl => &[".jsonl", ".jsonl.gz"],
            Self::Postgres | Self::Mysql | Self::Sqlite | Self::Sqlserver => &[],
        }
    }

    fn reads_files(self) -> bool {
        !self.endings().is_empty()
    }

    /// What an operator should know before trusting the kind.
    #[must_use]
    pub fn caveat(self) -> Option<&'static str> {
        (self == Self::Sqlserver).then_some("protocol-tested only")
    }
}

/// One source system.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Kind of system.
    pub kind: SourceKind,
    /// Address of a database: `postgres://…`, `mysql://…`, `sqlserver://…`, `sqlite://./his.db`.
    #[serde(default)]
    pub url: Option<SourceUrl>,
    /// Folder of a `csv`, `parquet` or `jsonl` source, or file of a `sqlite` source.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Encoding label of CSV files such as `gb18030` or `utf-16le`; UTF-8 when absent. A byte
    /// order mark wins over it.
    #[serde(default)]
    pub encoding: Option<String>,
    /// Field delimiter of CSV files, one ASCII character; a comma when absent.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// What the source may be burdened with.
    #[serde(default)]
    pub limits: SourceLimits,
    /// How many refused rows its tables may have and still be published.
    #[serde(default)]
    pub max_quarantine: MaxQuarantine,
    /// How long after the end of its business day the last night of a table may be, such as
    /// `36h`: older tables are stale. Nothing is judged when absent.
    #[serde(default)]
    pub expect: Option<Span>,
    /// What of its loads is compared with the source itself; `full` when absent. Files have
    /// nothing to be compared with.
    #[serde(default)]
    pub reconcile: Option<Reconcile>,
    /// Tables by their name in the hub; every table of the contract when absent.
    #[serde(default)]
    pub tables: BTreeMap<String, TableConfig>,
}

/// What a source may be burdened with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceLimits {
    /// Connections open at once, at least 1. Tables of one source are read one after another;
    /// large PostgreSQL tables with a unique key are read by all of these at once, in one
    /// snapshot. Other sources use one.
    pub connections: u32,
    /// Rows taken per second over all tables of the source, averaged over a batch of rows; no
    /// limit when absent.
    pub rows_per_second: Option<u64>,
    /// Longest time one statement may run at the source.
    pub statement_timeout: Span,
    /// Longest time to wait for a lock another session holds.
    pub lock_timeout: Span,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            connections: 1,
            rows_per_second: None,
            statement_timeout: Span::hours(1),
            lock_timeout: Span::of_seconds(30),
        }
    }
}

/// How one table is read.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableConfig {
    /// Table or view at the source, such as `public.visit`; the table's own name when absent.
    pub from: Option<String>,
    /// A SELECT to read instead of a table.
    pub query: Option<String>,
    /// File name or pattern of a `csv`, `parquet` or `jsonl` source; when absent `<table>.csv`
    /// and names such as `<table>_2026-03.csv` or `<table>.csv.gz`.
    pub file: Option<String>,
    /// Key columns; those of the source contract when absent.
    pub key: Vec<String>,
    /// Column that tells new and changed rows; without it the table is read full.
    pub cursor: Option<CursorConfig>,
    /// How rows deleted at the source are found.
    pub deletes: Deletes,
    /// What happens when the source's columns change.
    pub schema: SchemaPolicy,
    /// Column that a backfill's days are compared with; the cursor column when absent.
    pub range: Option<RangeConfig>,
    /// Months that are read whole every night besides what the cursor tells, so that rows
    /// changed or deleted without moving the cursor are seen.
    pub reread: Option<RereadConfig>,
    /// How many refused rows it may have and still be published.
    pub max_quarantine: MaxQuarantine,
    /// How old its last night may be, where that differs from the source's `expect`.
    pub expect: Option<Span>,
    /// What of its loads is compared with the source itself; as the source says when absent.
    pub reconcile: Option<Reconcile>,
}

/// How new and changed rows are told.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CursorConfig {
    /// A timestamp, date or int64 column that grows whenever a row is written.
    pub column: String,
    /// How far behind the newest value seen each run starts again: `2d`, `6h`, or a number for
    /// an int64 column.
    #[serde(default)]
    pub lag: Lag,
    /// What a NULL in the cursor column does.
    #[serde(default)]
    pub nulls: CursorNulls,
}

/// What a NULL in the cursor column does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CursorNulls {
    /// The table fails and says so.
    #[default]
    Raise,
    /// The row goes to quarantine.
    Reject,
    /// Such rows are read every night.
    Include,
    /// Such rows are not asked for: the table is what has a cursor value.
    Exclude,
}

/// Which column a backfill's days are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeConfig {
    /// A timestamp or date column.
    pub column: String,
}

/// Rows that are read again every night.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RereadConfig {
    /// A timestamp or date column.
    pub column: String,
    /// How many calendar months, the running one included.
    #[schemars(range(min = 1))]
    pub months: u32,
}

/// One thing wrong with a source's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, values in backticks.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Fault {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

impl SourceConfig {
    /// Makes relative paths absolute from `base`, the folder of the configuration file.
    #[must_use]
    pub fn resolved(mut self, base: &Path) -> Self {
        if self.kind == SourceKind::Sqlite
            && self.path.is_none()
            && let Some(url) = &self.url
        {
            self.path = url.sqlite_path();
        }
        self.path = self.path.map(|path| base.join(path));
        self
    }

    /// What can be said against the section without opening the source.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let kind = self.kind.name();
        match self.kind {
            SourceKind::Sqlserver if !cfg!(feature = "sqlserver") => faults.push(Fault::new(
                "this build has no `sqlserver` sources",
                "build it with `cargo build --release --features sqlserver`",
            )),
            SourceKind::Postgres | SourceKind::Mysql | SourceKind::Sqlserver => {
                if self.url.is_none() {
                    faults.push(Fault::new(
                        format!("`{kind}` needs `url`"),
                        format!("write `url: {kind}://user:password@host/database`"),
                    ));
                }
                if self.path.is_some() {
                    faults.push(Fault::new(
                        format!("`path` means nothing to `{kind}`"),
                        "remove it; the address goes into `url`",
                    ));
                }
            }
            SourceKind::Sqlite => {
                let by_url = self.url.as_ref().and_then(SourceUrl::sqlite_path);
                if self.path.is_none() && by_url.is_none() {
                    faults.push(Fault::new("`sqlite` needs `path`", "write `path: ./his.db`"));
                }
            }
            SourceKind::Csv | SourceKind::Parquet | SourceKind::Jsonl => {
                self.folder_faults(&mut faults);
            }
        }
        if self.kind != SourceKind::Csv && (self.encoding.is_some() || self.delimiter.is_some()) {
            faults.push(Fault::new(
                format!("`encoding` and `delimiter` mean nothing to `{kind}`"),
                "remove them; they describe CSV files",
            ));
        }
        if self.limits.connections == 0 {
            faults.push(Fault::new("`connections` is `0`", "allow at least 1"));
        }
        if self.limits.rows_per_second == Some(0) {
            let hint = "allow at least 1, or stop the source by `clinichub sources stop`";
            faults.push(Fault::new("`rows_per_second` is `0`", hint));
        }
        faults.extend(self.max_quarantine.fault("source"));
        for (name, table) in &self.tables {
            faults.extend(table.max_quarantine.fault(&format!("table `{name}`")));
            table.faults(name, self.kind, &mut faults);
        }
        faults
    }

    fn folder_faults(&self, faults: &mut Vec<Fault>) {
        let kind = self.kind.name();
        if self.path.is_none() {
            let what = format!("`{kind}` needs `path`");
            faults.push(Fault::new(what, "write `path:` and the folder of files"));
        }
        if self.url.is_some() {
            let what = format!("`url` means nothing to `{kind}`");
            faults.push(Fault::new(what, "write the folder as `path`"));
        }
        if let Some(label) = &self.encoding
            && encoding_rs::Encoding::for_label(label.as_bytes()).is_none()
        {
            faults.push(Fault::new(
                format!("unknown encoding `{label}`"),
                "use a label such as utf-8, gb18030, gbk, big5, utf-16le or windows-1252",
            ));
        }
        if self.delimiter.is_some_and(|delimiter| {
            !delimiter.is_ascii() || matches!(delimiter, '"' | '\r' | '\n')
        }) {
            faults.push(Fault::new(
                "`delimiter` must be one ASCII character other than a quote or a line end",
                "use `,`, `;`, `|` or a tab",
            ));
        }
    }
}

impl TableConfig {
    /// Where the rows of table `name` come from.
    pub(super) fn relation(&self, name: &str, kind: SourceKind) -> Relation {
        if kind.reads_files() {
            // A digit after the name, so that `lead` does not take the files of `lead_event`.
            let named =
                |ending: &&str| [format!("{name}{ending}"), format!("{name}[-_.][0-9]*{ending}")];
            return Relation::Files(match &self.file {
                Some(pattern) => vec![pattern.clone()],
                None => kind.endings().iter().flat_map(named).collect(),
            });
        }
        match (&self.query, &self.from) {
            (Some(query), _) => Relation::Query(query.clone()),
            (None, Some(from)) => Relation::Table(from.clone()),
            (None, None) => Relation::Table(name.to_owned()),
        }
    }

    fn faults(&self, name: &str, kind: SourceKind, faults: &mut Vec<Fault>) {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(legal) {
            faults.push(Fault::new(
                format!("`{name}` cannot name a table"),
                "use ASCII letters, digits, `_` and `-`; `from` or `file` holds the source's own name",
            ));
        }
        let files = kind.reads_files();
        if files && (self.from.is_some() || self.query.is_some()) {
            faults.push(Fault::new(
                format!("table `{name}`: `from` and `query` mean nothing to `{}`", kind.name()),
                "name its files by `file`",
            ));
        }
        if !files && self.file.is_some() {
            faults.push(Fault::new(
                format!("table `{name}`: `file` means nothing to `{}`", kind.name()),
                "name its table by `from` or write a `query`",
            ));
        }
        if self.reread.is_some() && self.cursor.is_none() {
            faults.push(Fault::new(
                format!("table `{name}`: `reread` means nothing without `cursor`"),
                "remove it: without a cursor every night reads the whole table",
            ));
        }
        if self.reread.as_ref().is_some_and(|reread| reread.months == 0) {
            faults.push(Fault::new(
                format!("table `{name}`: `reread` of `0` months reads nothing"),
                "write `months: 1` or more; the running month counts",
            ));
        }
        if self.from.is_some() && self.query.is_some() {
            faults.push(Fault::new(
                format!("table `{name}` has both `from` and `query`"),
                "keep one of them",
            ));
        }
    }
}

#[cfg(test)]
mod tests;
