//! Contracts of `schema/`: read, understood as a whole, and turned into Arrow schemas.

mod arrow;
mod validate;

use std::collections::BTreeMap;

use hub_domain::contract::{SourceContract, TableContract};
use hub_domain::project::{Problem, ProjectFiles};
use serde::de::DeserializeOwned;

pub use arrow::{arrow_schema, arrow_type, raw_schema, source_arrow_schema};

/// Every contract of a project.
#[derive(Debug, Clone, Default)]
pub struct Contracts {
    /// Tables of schema `hub`, by name.
    pub tables: BTreeMap<String, TableContract>,
    /// Source systems, by id.
    pub sources: BTreeMap<String, SourceContract>,
}

/// A contract with the file it came from, for problems that point at a line.
struct Loaded<'a, T> {
    file: &'a str,
    text: &'a str,
    contract: T,
}

impl Contracts {
    /// Reads `schema/tables` and `schema/sources`.
    ///
    /// # Errors
    /// Every problem found, in file order: text that is not a contract, and contracts that do
    /// not hold together (unknown columns, tables, policies).
    pub fn load(files: &ProjectFiles) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let tables: Vec<Loaded<'_, TableContract>> =
            parse_folder(files, "schema/tables", &mut problems);
        let sources: Vec<Loaded<'_, SourceContract>> =
            parse_folder(files, "schema/sources", &mut problems);
        validate::tables(&tables, problems.is_empty(), &mut problems);
        validate::sources(&sources, &mut problems);
        if !problems.is_empty() {
            problems.sort();
            return Err(problems);
        }
        Ok(Self {
            tables: tables.into_iter().map(|t| (t.contract.table.clone(), t.contract)).collect(),
            sources: sources.into_iter().map(|s| (s.contract.source.clone(), s.contract)).collect(),
        })
    }

    /// Contract of a table of schema `hub`.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableContract> {
        self.tables.get(name)
    }
}

fn parse_folder<'a, T: DeserializeOwned>(
    files: &'a ProjectFiles,
    folder: &'a str,
    problems: &mut Vec<Problem>,
) -> Vec<Loaded<'a, T>> {
    let mut found = Vec::new();
    for (file, text) in files.under(folder, "yaml") {
        match serde_saphyr::from_str::<T>(text) {
            Ok(contract) => found.push(Loaded { file, text, contract }),
            Err(error) => problems.push(Problem {
                file: file.to_owned(),
                line: error.location().map_or(0, |location| location.line()),
                what: first_line(&error.without_snippet().to_string()),
                hint: None,
            }),
        }
    }
    found
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests;
