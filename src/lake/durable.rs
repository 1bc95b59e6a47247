//! Power loss on local lakes: what a commit names is on disk before the commit is.
//!
//! Object stores acknowledge only what is durable; a local file system does not, so files and
//! the folders that name them are synced explicitly. A killed process needs none of this.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path as FilePath, PathBuf};

use object_store::path::Path;

use crate::LakeError;
use crate::store::Place;

/// Syncs `objects` of a local lake and the folders above them; does nothing on object stores.
pub(crate) async fn sync(place: &Place, objects: Vec<Path>) -> Result<(), LakeError> {
    let Some(folder) = place.folder.clone() else { return Ok(()) };
    let job = tokio::task::spawn_blocking(move || sync_files(&folder, &objects));
    match job.await {
        Ok(done) => done,
        Err(stopped) => Err(LakeError::Sync {
            path: place.url.to_string(),
            source: std::io::Error::other(stopped),
        }),
    }
}

fn sync_files(folder: &FilePath, objects: &[Path]) -> Result<(), LakeError> {
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for object in objects {
        let file = folder.join(object.as_ref());
        sync_one(&file)?;
        let above = file.ancestors().skip(1).take_while(|above| above.starts_with(folder));
        folders.extend(above.map(FilePath::to_path_buf));
    }
    // Deepest first: a folder is durable before the folder that names it.
    folders.iter().rev().try_for_each(|path| sync_one(path))
}

fn sync_one(path: &FilePath) -> Result<(), LakeError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| LakeError::Sync { path: path.display().to_string(), source })
}
