//! Copies of demo folders, so that a test may break what it reads.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Copies a folder with everything in it.
pub(crate) fn copy_tree(from: &Path, into: &Path) {
    fs::create_dir_all(into).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = into.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("copied");
        }
    }
}

/// A deployment with the sources of `dir`, nothing loaded, and its configuration changed by
/// `edit`.
pub(crate) fn fresh(dir: &Path, edit: impl FnOnce(String) -> String) -> TempDir {
    let copy = TempDir::new().expect("a folder");
    copy_tree(&dir.join("sources"), &copy.path().join("sources"));
    let config = fs::read_to_string(dir.join("clinichub.yaml")).expect("the configuration");
    fs::write(copy.path().join("clinichub.yaml"), edit(config)).expect("written");
    copy
}
