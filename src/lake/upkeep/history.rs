//! When each file of a table came and went, as the commits tell, read from the newest backwards.

use std::collections::{BTreeSet, HashMap};

use object_store::path::Path;
use serde_json::Value;

use crate::LakeError;
use crate::table::DeltaTableHandle;

/// Versions from the first to the last one that holds a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// First version with the file.
    added: u64,
    /// First version without it again; none while it is there.
    removed: Option<u64>,
}

impl Life {
    /// Whether the file is part of `version`.
    pub(super) fn covers(self, version: u64) -> bool {
        self.added <= version && self.removed.is_none_or(|removed| version < removed)
    }
}

/// Lives of `wanted` (paths below the table's root) up to version `newest`. Files without one
/// were never committed.
///
/// Reads no further back than it has to: an orphan alone makes it read the whole log.
pub(super) async fn lives(
    handle: &DeltaTableHandle,
    newest: u64,
    wanted: &BTreeSet<String>,
) -> Result<HashMap<String, Life>, LakeError> {
    let mut removed: HashMap<String, u64> = HashMap::new();
    let mut lives = HashMap::new();
    for version in (0..=newest).rev() {
        if lives.len() == wanted.len() {
            break;
        }
        for action in handle.commit(version).await? {
            if let Some(path) = path_of(&action, "remove").filter(|path| wanted.contains(path)) {
                removed.insert(path, version);
            } else if let Some(path) = path_of(&action, "add").filter(|path| wanted.contains(path))
            {
                let life = Life { added: version, removed: removed.get(&path).copied() };
                lives.entry(path).or_insert(life);
            }
        }
    }
    Ok(lives)
}

/// Path of the file an action is about, as object stores write it.
pub(super) fn path_of(action: &Value, kind: &str) -> Option<String> {
    let path = action.get(kind)?.get("path")?.as_str()?;
    // The log writes paths as URLs do.
    let parsed = Path::from_url_path(path).map(|path| path.to_string());
    Some(parsed.unwrap_or_else(|_| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lives_from_its_adding_to_its_removal() {
        let life = Life { added: 2, removed: Some(5) };
        let covered: Vec<u64> = (0..8).filter(|version| life.covers(*version)).collect();
        assert_eq!(covered, [2, 3, 4]);
        assert!(Life { added: 2, removed: None }.covers(9));
    }

    #[test]
    fn paths_are_read_as_object_stores_write_them() {
        let add = serde_json::json!({ "add": { "path": "month=2024-05/part%201.parquet" } });
        assert_eq!(path_of(&add, "add").as_deref(), Some("month=2024-05/part 1.parquet"));
        assert_eq!(path_of(&add, "remove"), None);
    }
}
