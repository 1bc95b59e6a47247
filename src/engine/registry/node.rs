//! The SQL files that make tables, and what each of them reads.

use std::collections::BTreeSet;

use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParser, Statement as AnyStatement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::Statement;
use hub_domain::project::Problem;
use hub_lake::{Contracts, TableId};

use crate::context::{HUB, RAW};
use crate::raw_view::{raw_history_name, raw_view_name};

/// Table the built-in identity node makes.
pub const PERSON_LINK: &str = "person_link";
/// Table it reads.
pub const PERSON_RECORD: &str = "person_record";
/// Table of what people decided about pairs of records; a built-in node makes it.
pub const IDENTITY_DECISION: &str = "identity_decision";
/// Table of tags people gave by hand; a built-in node makes it.
pub const MANUAL_TAG: &str = "manual_tag";
/// Table of persons that became one; a built-in node makes it.
pub const IDENTITY_MERGE_LOG: &str = "identity_merge_log";

/// Tables the built-in costing nodes make: what came of each month, and its amounts.
pub const COST_RUN: &str = "cost_run";
/// See [`COST_RUN`].
pub const COST_ALLOCATION: &str = "cost_allocation";
/// Tables they read: centres, their direct cost, what they take from each other.
pub const COST_TABLES: [&str; 3] = ["cost_centre", "cost_direct", "driver_value"];

/// When a node runs and who does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// SQL over raw tables: canonical tables.
    Staging,
    /// The built-in nodes that resolve persons; they have no SQL.
    Identity,
    /// The built-in nodes that allocate cost by the rules of `queries/costing`; they have no SQL.
    Costing,
    /// SQL over canonical tables: marts.
    Mart,
}

/// One file's contribution to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Path relative to the project root.
    pub path: String,
    /// Source folder of staging files.
    pub source: Option<String>,
    /// One select, without a trailing semicolon; the rules of a [`Stage::Costing`] node.
    pub sql: String,
}

/// A table a node reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// Table of schema `hub`.
    Hub(String),
    /// Rows of a source table, today's or every version of them.
    Raw {
        /// Source id.
        source: String,
        /// Table of the source.
        table: String,
    },
}

impl Reference {
    /// The table of the lake it means.
    #[must_use]
    pub fn table_id(&self) -> TableId {
        match self {
            Self::Hub(table) => TableId::hub(table),
            Self::Raw { source, table } => TableId::raw(source, table),
        }
    }
}

/// Everything that makes one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Table of schema `hub`.
    pub target: String,
    /// When it runs.
    pub stage: Stage,
    /// Files, in path order; none for [`Stage::Identity`].
    pub parts: Vec<Part>,
    /// Tables read by any part.
    pub references: BTreeSet<Reference>,
}

impl Node {
    /// The built-in identity nodes, as far as their tables have contracts.
    pub(super) fn identity(contracts: &Contracts) -> Vec<Self> {
        let known = |table: &str| contracts.tables.contains_key(table);
        [
            (PERSON_LINK, vec![PERSON_RECORD, IDENTITY_DECISION]),
            (IDENTITY_DECISION, vec![PERSON_RECORD]),
            (MANUAL_TAG, vec![PERSON_RECORD]),
            (IDENTITY_MERGE_LOG, vec![PERSON_LINK, IDENTITY_DECISION]),
        ]
        .into_iter()
        .filter(|(target, _)| known(target))
        .map(|(target, reads)| {
            let reads = reads.into_iter().filter(|table| *table == PERSON_RECORD || known(table));
            Self {
                target: target.to_owned(),
                stage: Stage::Identity,
                parts: Vec::new(),
                references: reads.map(|table| Reference::Hub(table.to_owned())).collect(),
            }
        })
        .collect()
    }

    /// A built-in costing node; rules are part of what it is made of.
    pub(super) fn costing(target: &str, rules: Vec<Part>) -> Self {
        let reads = COST_TABLES.map(|table| Reference::Hub(table.to_owned()));
        Self {
            target: target.to_owned(),
            stage: Stage::Costing,
            parts: rules,
            references: BTreeSet::from(reads),
        }
    }

    /// One select over all parts, united by column name.
    #[must_use]
    pub fn sql(&self) -> String {
        match self.parts.as_slice() {
            [only] => only.sql.clone(),
            parts => {
                let selects: Vec<String> =
                    parts.iter().map(|part| format!("select * from (\n{}\n)", part.sql)).collect();
                selects.join("\nunion all by name\n")
            }
        }
    }
}

/// Reads a project query: exactly one select.
pub(super) fn parse_select(path: &str, text: &str) -> Result<(String, AnyStatement), Problem> {
    let problem = |line, what: String| Problem {
        file: path.to_owned(),
        line,
        what,
        hint: Some("a project query is one select".to_owned()),
    };
    let mut statements = DFParser::parse_sql(text).map_err(|error| {
        let message = error.strip_backtrace();
        let message = message.lines().next().unwrap_or_default().to_owned();
        problem(line_in(&message), message)
    })?;
    let one = statements.pop_front();
    match (one, statements.is_empty()) {
        (Some(AnyStatement::Statement(statement)), true)
            if matches!(*statement, Statement::Query(_)) =>
        {
            let sql = text.trim_end().trim_end_matches(';').trim_end().to_owned();
            Ok((sql, AnyStatement::Statement(statement)))
        }
        (None, _) => Err(problem(1, "the file holds no statement".to_owned())),
        (_, false) => {
            // The next statement begins after the first semicolon that ends one.
            let line = text.split_inclusive(';').next().map_or(0, |first| first.lines().count());
            Err(problem(line as u64, "the file holds several statements".to_owned()))
        }
        _ => Err(problem(1, "the statement is not a select".to_owned())),
    }
}

/// Line number in texts such as `… at Line: 3, Column: 5`.
fn line_in(message: &str) -> u64 {
    message
        .split_once("Line: ")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .unwrap_or(1)
}

/// Tables a parsed select reads; CTE names are not tables.
pub(super) fn references(
    statement: &AnyStatement,
    contracts: &Contracts,
) -> Result<BTreeSet<Reference>, String> {
    let (tables, _) =
        resolve_table_references(statement, true).map_err(|error| error.strip_backtrace())?;
    tables.iter().map(|table| reference(table, contracts)).collect()
}

fn reference(table: &TableReference, contracts: &Contracts) -> Result<Reference, String> {
    match (table.schema().unwrap_or(HUB), table.table()) {
        (HUB, name) if contracts.tables.contains_key(name) => Ok(Reference::Hub(name.to_owned())),
        (RAW, name) => contracts
            .sources
            .values()
            .flat_map(|source| source.tables.keys().map(move |table| (&source.source, table)))
            .find(|(source, table)| {
                raw_view_name(source, table) == name || raw_history_name(source, table) == name
            })
            .map(|(source, table)| Reference::Raw { source: source.clone(), table: table.clone() })
            .ok_or_else(|| format!("unknown source table `raw.{name}`")),
        (schema, name) => Err(format!("unknown table `{schema}.{name}`")),
    }
}
