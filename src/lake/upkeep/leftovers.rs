//! What interrupted uploads leave in a local folder: object stores hide such files from listings,
//! so they are looked for in the file system itself.
//!
//! On S3, GCS and Azure an unfinished upload is no object; a lifecycle rule of the bucket ends it.

use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Lake, LakeError};

/// Removes leftovers older than `grace`; how many there were.
pub(super) async fn remove(lake: &Lake, grace: TimeDelta) -> Result<u64, LakeError> {
    let Some(folder) = lake.place().folder.clone() else { return Ok(0) };
    let before = lake.now() - grace;
    let job = tokio::task::spawn_blocking(move || {
        let mut removed = 0;
        walk(&folder, before, &mut removed)
            .map(|()| removed)
            .map_err(|source| LakeError::Sync { path: folder.display().to_string(), source })
    });
    job.await.map_err(|stopped| LakeError::Sync {
        path: lake.place().url.to_string(),
        source: std::io::Error::other(stopped),
    })?
}

fn walk(folder: &Path, before: DateTime<Utc>, removed: &mut u64) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // Files come and go under a walk; one that is gone is fine.
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            walk(&entry.path(), before, removed)?;
        } else if is_leftover(&entry.file_name().to_string_lossy())
            && DateTime::<Utc>::from(meta.modified().unwrap_or(SystemTime::UNIX_EPOCH)) <= before
            && std::fs::remove_file(entry.path()).is_ok()
        {
            *removed += 1;
        }
    }
    Ok(())
}

/// `<name>#<n>` is a staged file of the local store, `_commit_….json.tmp` one of Delta.
fn is_leftover(name: &str) -> bool {
    let staged = name.rsplit_once('#').is_some_and(|(before, number)| {
        !before.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    });
    staged || (name.starts_with("_commit_") && name.ends_with(".json.tmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_staged_files_are_leftovers() {
        assert!(is_leftover("part-0.parquet#1"));
        assert!(is_leftover("_commit_0a1b.json.tmp"));
        for name in ["part-0.parquet", "00000000000000000001.json", "a#b", "#1", "x#"] {
            assert!(!is_leftover(name), "{name}");
        }
    }
}
