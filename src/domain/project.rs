//! The files that are the product as much as the code: `schema/` and `queries/`.
//!
//! Owns how they are handed around and how their problems are told; reading them from disk or
//! from the binary is root's, understanding them is the lake's and the engine's.

use std::collections::BTreeMap;

/// Both folders as text, by path relative to the project root
/// (`schema/tables/visit.yaml`, `queries/marts/patient_360.sql`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectFiles {
    /// Path → content.
    pub files: BTreeMap<String, String>,
}

impl ProjectFiles {
    /// Files under `folder` (`queries/marts`) with extension `extension`, in path order.
    pub fn under<'a>(
        &'a self,
        folder: &'a str,
        extension: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.files.iter().filter_map(move |(path, text)| {
            let inside = path.strip_prefix(folder)?.strip_prefix('/')?;
            let right = inside.rsplit_once('.').is_some_and(|(_, found)| found == extension);
            right.then_some((path.as_str(), text.as_str()))
        })
    }

    /// SHA-256 over all paths and contents, as hex.
    #[must_use]
    pub fn definition_hash(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for (path, text) in &self.files {
            for part in [path, text] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        hex::encode(hash.finalize())
    }
}

/// One thing wrong in a project or configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path relative to the project root, or of the configuration file.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// What is wrong, values in backticks.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_matched_whole() {
        let mut project = ProjectFiles::default();
        for path in ["queries/marts/a.sql", "queries/marts/a.yaml", "queries/martsx/b.sql"] {
            project.files.insert(path.into(), String::new());
        }
        let found: Vec<&str> =
            project.under("queries/marts", "sql").map(|(path, _)| path).collect();
        assert_eq!(found, ["queries/marts/a.sql"]);
    }
}
