//! What a log still says about files that are gone: the smallest and largest value of every
//! column, which may be a name. After an erasure these bounds leave the log as well.
//!
//! Delta never changes a commit. This does, in the one part readers may always do without, and
//! only for files that no longer exist; versions, files and counts stay as they were.

use std::collections::BTreeSet;

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::Value;

use super::history::path_of;
use crate::publish::object_error;
use crate::{Lake, LakeError, TableId, durable};

impl Lake {
    /// Takes the bounds of files that are gone out of the log of `id`, checkpoints included; how
    /// many commits changed.
    ///
    /// # Errors
    /// The log cannot be read or written, or is not whole from version 0 on.
    pub async fn redact_log(&self, id: &TableId) -> Result<u64, LakeError> {
        let handle = self.table(id);
        let Some(newest) = handle.version().await? else { return Ok(0) };
        let root = id.path();
        let mut on_disk = BTreeSet::new();
        for meta in self.objects(&root).await? {
            let below = meta.location.prefix_match(&root).map(Path::from_iter);
            on_disk.extend(below.map(|path| path.to_string()));
        }
        let mut changed = 0;
        self.may_write().await?;
        for version in 0..=newest {
            let mut actions = handle.commit(version).await?;
            let mut redacted = false;
            for action in &mut actions {
                let gone = path_of(action, "add").is_some_and(|path| !on_disk.contains(&path));
                redacted |= gone && forget_bounds(action);
            }
            if redacted {
                let name = format!("{version:020}.json");
                let path = root.clone().join("_delta_log").join(name);
                self.replace_commit(&path, &actions).await?;
                changed += 1;
            }
        }
        self.drop_checkpoints(&root.join("_delta_log")).await?;
        Ok(changed)
    }

    async fn replace_commit(&self, path: &Path, actions: &[Value]) -> Result<(), LakeError> {
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        let text = PutPayload::from(lines.join("\n").into_bytes());
        let put = self.place().store.put(path, text).await;
        put.map_err(|source| object_error(path, "written", source))?;
        durable::sync(self.place(), vec![path.clone()]).await
    }

    /// Checkpoints repeat what commits say. Every commit is there, so none is needed, and the
    /// next one is written in its time; the hint that names the newest leaves first.
    async fn drop_checkpoints(&self, log: &Path) -> Result<(), LakeError> {
        let found = self.objects(log).await?;
        let name = |path: &Path| path.filename().unwrap_or_default().to_owned();
        let mut leaving: Vec<Path> = found
            .into_iter()
            .map(|meta| meta.location)
            .filter(|path| name(path) == "_last_checkpoint" || name(path).contains(".checkpoint."))
            .collect();
        leaving.sort_by_key(|path| name(path) != "_last_checkpoint");
        for path in leaving {
            match self.place().store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(object_error(&path, "deleted", source)),
            }
        }
        Ok(())
    }
}

/// Leaves only counts in the statistics of an added file; false when nothing else was there.
fn forget_bounds(action: &mut Value) -> bool {
    let Some(stats) = action.pointer_mut("/add/stats") else { return false };
    let parsed = stats.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(Value::Object(mut parsed)) = parsed else { return false };
    let before = parsed.len();
    parsed.retain(|key, _| key == "numRecords" || key == "nullCount");
    if parsed.len() == before {
        return false;
    }
    *stats = Value::String(Value::Object(parsed).to_string());
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_stay_and_bounds_go() {
        let stats = json!({ "numRecords": 2, "minValues": { "name": "a" }, "nullCount": {} });
        let mut action = json!({ "add": { "path": "p", "stats": stats.to_string() } });
        assert!(forget_bounds(&mut action));
        let text = action.to_string();
        assert!(!text.contains("minValues") && text.contains("numRecords"), "{text}");
        assert!(!forget_bounds(&mut action), "once is enough");
        assert!(!forget_bounds(&mut json!({ "add": { "path": "p" } })));
        assert!(!forget_bounds(&mut json!({ "remove": { "path": "p" } })));
    }
}
