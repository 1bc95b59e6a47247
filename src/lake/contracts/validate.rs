//! Whether contracts hold together: every name they use exists and means what its place needs.

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::contract::{ColumnType, RowPolicy, SourceContract, TableContract};
use hub_domain::project::Problem;

use super::Loaded;
use crate::write::SortKey;

/// Problems of one file, with the line found by what the problem is about.
struct Report<'a> {
    file: &'a str,
    text: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Report<'_> {
    fn add(&mut self, about: &str, what: String, hint: &str) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line: line_of(self.text, about),
            what,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        });
    }
}

/// First line holding `about` as whole words; 0 when there is none.
fn line_of(text: &str, about: &str) -> u64 {
    let whole = |line: &str| {
        line.match_indices(about).any(|(at, _)| {
            let joins = |c: char| c.is_alphanumeric() || c == '_';
            let before = line[..at].chars().next_back();
            let after = line[at + about.len()..].chars().next();
            !before.is_some_and(joins) && !after.is_some_and(joins)
        })
    };
    text.lines().position(whole).map_or(0, |index| index as u64 + 1)
}

/// Checks every table contract; references to other tables only when `all_parsed`, because a
/// file that did not parse would make every reference to it look wrong.
pub(super) fn tables(
    loaded: &[Loaded<'_, TableContract>],
    all_parsed: bool,
    problems: &mut Vec<Problem>,
) {
    let by_name: BTreeMap<&str, &TableContract> =
        loaded.iter().map(|l| (l.contract.table.as_str(), &l.contract)).collect();
    for table in loaded {
        let contract = &table.contract;
        let mut report = Report { file: table.file, text: table.text, problems: &mut *problems };
        if stem(table.file) != contract.table {
            let what = format!("table `{}` is described in `{}`", contract.table, table.file);
            report.add("table:", what, "name the file like the table");
        }
        columns(contract, &mut report);
        layout(contract, &mut report);
        policy(contract, &mut report);
        freshness(contract, &mut report);
        checks(contract, &mut report);
        if all_parsed {
            foreign_keys(contract, &by_name, &mut report);
        }
    }
}

fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".yaml").unwrap_or(name)
}

fn columns(contract: &TableContract, report: &mut Report<'_>) {
    let mut seen = BTreeSet::new();
    for column in &contract.columns {
        let about = format!("name: {}", column.name);
        if !seen.insert(column.name.as_str()) {
            report.add(&about, format!("column `{}` is described twice", column.name), "");
        }
        if column.name.ends_with("_fen") && column.column_type != ColumnType::Int64 {
            let what = format!("money column `{}` is `{}`", column.name, column.column_type);
            report.add(&about, what, "amounts are whole fen: use int64");
        }
        if column.values.is_some() && column.column_type != ColumnType::Text {
            let what = format!("accepted values of `{}` need a text column", column.name);
            report.add(&about, what, "use a check expression for other types");
        }
    }
    if contract.columns.is_empty() {
        report.add("columns", "the table has no columns".to_owned(), "");
    }
    if contract.key.is_empty() {
        report.add("key", "the table has no key".to_owned(), "name what makes a row unique");
    }
    for key in &contract.key {
        match contract.column(key) {
            None => report.add("key", unknown(key), "a key names columns of the table"),
            Some(column) if column.nullable => {
                let what = format!("key column `{key}` is nullable");
                report.add(&format!("name: {key}"), what, "a key is never NULL");
            }
            Some(_) => {}
        }
    }
}

fn unknown(column: &str) -> String {
    format!("no column `{column}`")
}

fn layout(contract: &TableContract, report: &mut Report<'_>) {
    if let Some(partition) = &contract.partition_by {
        match contract.column(partition).map(|column| column.column_type) {
            None => report.add("partition_by", unknown(partition), "partition by a text column"),
            Some(ColumnType::Text) => {}
            Some(other) => {
                let what = format!("partition column `{partition}` is `{other}`");
                report.add("partition_by", what, "partition by a text column such as month");
            }
        }
    }
    for entry in &contract.sort {
        match SortKey::parse(entry) {
            None => {
                let what = format!("sort entry `{entry}` is not understood");
                report.add("sort", what, "write a column, or a column and `desc`");
            }
            Some(key) if contract.column(&key.column).is_none() => {
                report.add("sort", unknown(&key.column), "sort by columns of the table");
            }
            Some(_) => {}
        }
    }
}

fn policy(contract: &TableContract, report: &mut Report<'_>) {
    if matches!(&contract.policy, RowPolicy::Persons(columns) if columns.is_empty()) {
        report.add("policy", "`persons` names no column".to_owned(), "name the person columns");
    }
    for column in contract.policy.columns() {
        match contract.column(column).map(|column| column.column_type) {
            None => report.add("policy", unknown(column), "the policy names a column of the table"),
            Some(ColumnType::Text) => {}
            Some(other) => {
                let what = format!("policy column `{column}` is `{other}`");
                report.add("policy", what, "site and person columns are text");
            }
        }
    }
}

fn freshness(contract: &TableContract, report: &mut Report<'_>) {
    let Some(freshness) = &contract.freshness else { return };
    let column = &freshness.column;
    match contract.column(column).map(|column| column.column_type) {
        None => report.add("freshness", unknown(column), "name the column of the business day"),
        Some(ColumnType::Date) => {}
        Some(other) => {
            let what = format!("freshness column `{column}` is `{other}`");
            report.add("freshness", what, "freshness is judged by a date column");
        }
    }
}

fn checks(contract: &TableContract, report: &mut Report<'_>) {
    let mut seen = BTreeSet::new();
    for check in &contract.checks {
        if !seen.insert(check.name.as_str()) {
            report.add(&check.name, format!("check `{}` is described twice", check.name), "");
        }
        if check.expression.is_some() == check.query.is_some() {
            let what = format!("check `{}` needs either `expression` or `query`", check.name);
            report.add(&check.name, what, "an expression judges rows, a query finds bad ones");
        }
    }
}

fn foreign_keys(
    contract: &TableContract,
    tables: &BTreeMap<&str, &TableContract>,
    report: &mut Report<'_>,
) {
    for key in &contract.foreign_keys {
        let about = format!("table: {}", key.table);
        let Some(target) = tables.get(key.table.as_str()) else {
            let what = format!("foreign key refers to unknown table `{}`", key.table);
            report.add(&about, what, "tables are described in schema/tables");
            continue;
        };
        let referred = key.references.as_ref().unwrap_or(&target.key);
        if referred.len() != key.columns.len() {
            let what = format!(
                "foreign key to `{}` has {} columns, the other side {}",
                key.table,
                key.columns.len(),
                referred.len()
            );
            report.add(&about, what, "name as many columns as the referred key has");
            continue;
        }
        for (own, other) in key.columns.iter().zip(referred) {
            match (contract.column(own), target.column(other)) {
                (None, _) => report.add(&about, unknown(own), ""),
                (_, None) => {
                    let what = format!("no column `{other}` in table `{}`", key.table);
                    report.add(&about, what, "");
                }
                (Some(a), Some(b)) if a.column_type != b.column_type => {
                    let what = format!(
                        "`{own}` is `{}`, `{}.{other}` is `{}`",
                        a.column_type, key.table, b.column_type
                    );
                    report.add(&about, what, "both sides of a reference have one type");
                }
                _ => {}
            }
        }
    }
}

/// Checks every source contract.
pub(super) fn sources(loaded: &[Loaded<'_, SourceContract>], problems: &mut Vec<Problem>) {
    for source in loaded {
        let contract = &source.contract;
        let mut report = Report { file: source.file, text: source.text, problems: &mut *problems };
        if stem(source.file) != contract.source {
            let what = format!("source `{}` is described in `{}`", contract.source, source.file);
            report.add("source:", what, "name the file like the source");
        }
        for (name, table) in &contract.tables {
            let about = format!("{name}:");
            if table.key.is_empty() {
                report.add(&about, format!("table `{name}` has no key"), "");
            }
            for key in &table.key {
                match table.columns.get(key) {
                    None => report.add(&about, format!("no column `{key}` in `{name}`"), ""),
                    Some(column) if column.nullable => {
                        let what = format!("key column `{key}` of `{name}` is nullable");
                        report.add(&about, what, "rows without a key go to quarantine");
                    }
                    Some(_) => {}
                }
            }
            for column in table.columns.keys().filter(|column| column.starts_with('_')) {
                let what = format!("column `{column}` of `{name}` starts with `_`");
                report.add(&about, what, "such names belong to the landing");
            }
        }
        subjects(contract, &mut report);
    }
}

/// Every subject ends at a person, by columns that can be compared.
fn subjects(contract: &SourceContract, report: &mut Report<'_>) {
    for (name, subjects) in &contract.subjects {
        let Some(table) = contract.tables.get(name) else {
            report.add("subjects", format!("subjects of unknown table `{name}`"), "");
            continue;
        };
        for subject in subjects {
            let about = format!("{name}: [");
            let Some(own) = table.columns.get(&subject.column) else {
                report.add(&about, format!("no column `{}` in `{name}`", subject.column), "");
                continue;
            };
            let Some(through) = &subject.through else { continue };
            let key = contract.tables.get(through).map(|table| (table, table.key.as_slice()));
            let fits = match key {
                Some((table, [key])) => {
                    table.columns.get(key).is_some_and(|key| key.column_type == own.column_type)
                }
                _ => false,
            };
            if !fits || !contract.subjects.contains_key(through) {
                let what =
                    format!("`{}` of `{name}` does not lead through `{through}`", subject.column);
                let hint = "name a table that has subjects and one key column of the same type";
                report.add(&about, what, hint);
            }
        }
    }
    let ordered = contract.subject_order();
    if let Some(name) = contract.subjects.keys().find(|name| !ordered.contains(&name.as_str())) {
        report.add("subjects", format!("the subjects of `{name}` lead in a circle"), "");
    }
}
