//! Names of tables and where their objects lie. The only place that formats object paths.

use object_store::path::Path;

/// Folder of published snapshots.
const PUBLISHED: &str = "published";
/// Folder of the definitions snapshots were made by.
const DEFINITIONS: &str = "definitions";

/// A table of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableId {
    /// A canonical table or mart: `hub/<name>`.
    Hub(String),
    /// A source table as landed: `raw/<source>.<table>`.
    Raw {
        /// Source id.
        source: String,
        /// Table at the source, as the configuration names it.
        table: String,
    },
}

impl TableId {
    /// Table `name` of schema `hub`.
    pub fn hub(name: impl Into<String>) -> Self {
        Self::Hub(name.into())
    }

    /// Landed table `table` of `source`.
    pub fn raw(source: impl Into<String>, table: impl Into<String>) -> Self {
        Self::Raw { source: source.into(), table: table.into() }
    }

    /// Path of the table's root below the lake's root.
    #[must_use]
    pub fn path(&self) -> Path {
        match self {
            Self::Hub(name) => Path::from_iter(["hub", name.as_str()]),
            Self::Raw { source, table } => {
                Path::from_iter(["raw".to_owned(), format!("{source}.{table}")])
            }
        }
    }

    /// Key of the table in a published snapshot: `visit`, `raw/his.t_jz`.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Hub(name) => name.clone(),
            Self::Raw { source, table } => format!("raw/{source}.{table}"),
        }
    }

    /// The table whose root is at `path`; none when it is no table's.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let parts: Vec<String> = path.parts().map(|part| part.as_ref().to_owned()).collect();
        match parts.as_slice() {
            [folder, name] if folder == "hub" => Some(Self::hub(name)),
            [folder, name] if folder == "raw" => {
                let (source, table) = name.split_once('.')?;
                Some(Self::raw(source, table))
            }
            _ => None,
        }
    }

    /// The table a snapshot key means.
    #[must_use]
    pub fn parse(key: &str) -> Self {
        match key.strip_prefix("raw/").and_then(|rest| rest.split_once('.')) {
            Some((source, table)) => Self::raw(source, table),
            None => Self::hub(key),
        }
    }
}

impl std::fmt::Display for TableId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key())
    }
}

/// Path of published snapshot `id`.
pub(crate) fn snapshot_path(id: u64) -> Path {
    Path::from_iter([PUBLISHED.to_owned(), format!("{id}.json")])
}

/// Folder of published snapshots.
pub(crate) fn snapshot_folder() -> Path {
    Path::from(PUBLISHED)
}

/// Number of the snapshot at `path`; none for other objects.
pub(crate) fn snapshot_number(path: &Path) -> Option<u64> {
    path.filename()?.strip_suffix(".json")?.parse().ok()
}

/// Folder of the definitions snapshots were made by.
pub(crate) fn definitions_folder() -> Path {
    Path::from(DEFINITIONS)
}

/// Path of the definitions with hash `hash`.
pub(crate) fn definitions_path(hash: &str) -> Path {
    Path::from_iter([DEFINITIONS.to_owned(), format!("{hash}.json")])
}

/// Hash of the definitions at `path`; none for other objects.
pub(crate) fn definitions_hash(path: &Path) -> Option<&str> {
    path.filename()?.strip_suffix(".json")
}

/// Object that keeps since when files have been unreferenced.
pub(crate) fn unreferenced_path() -> Path {
    Path::from_iter(["upkeep", "unreferenced.json"])
}

/// Commits of a table below its root.
pub(crate) const LOG: &str = "_delta_log";

/// A new object by which a store proves that it refuses to create what exists.
pub(crate) fn probe_path() -> Path {
    Path::from_iter(["probe".to_owned(), uuid::Uuid::new_v4().to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip() {
        for id in [TableId::hub("visit"), TableId::raw("his", "t_jz")] {
            assert_eq!(TableId::parse(&id.key()), id);
            assert_eq!(TableId::at(&id.path()).as_ref(), Some(&id));
        }
        assert_eq!(TableId::raw("his", "t_jz").path().as_ref(), "raw/his.t_jz");
        assert_eq!(snapshot_number(&snapshot_path(12)), Some(12));
        assert_eq!(snapshot_number(&Path::from("published/note.txt")), None);
    }
}
