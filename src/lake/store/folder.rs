//! Local folders that acknowledge only what is on disk.
//!
//! An object that must be created once is written under a name of its own, synced, and only then
//! linked to its name: after a power loss it is whole or not there, never half there.

use std::fmt::{Display, Formatter};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path as FilePath, PathBuf};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result,
};
use uuid::Uuid;

/// The local file system; creations are durable when they are acknowledged.
#[derive(Debug)]
pub(super) struct DurableFiles {
    inner: LocalFileSystem,
    /// The deployment promises one writer: creations look first, and need no hard links.
    single_writer: bool,
}

impl DurableFiles {
    pub(super) fn new(single_writer: bool) -> Self {
        Self { inner: LocalFileSystem::new(), single_writer }
    }
}

/// Writes `payload` to `path` unless there is something.
fn create(path: &FilePath, payload: &PutPayload, single_writer: bool) -> io::Result<()> {
    let missing = make_folder(path.parent().unwrap_or(path))?;
    // Listings leave out names that end in `#` and digits.
    let number = Uuid::new_v4().as_u64_pair().0;
    let staged = PathBuf::from(format!("{}#{number}", path.display()));
    let named = write(&staged, payload).and_then(|()| match single_writer {
        false => fs::hard_link(&staged, path),
        true if path.exists() => Err(ErrorKind::AlreadyExists.into()),
        true => fs::rename(&staged, path),
    });
    // It has served its purpose, named or not; a leftover is invisible.
    let _ = fs::remove_file(&staged);
    named?;
    for folder in path.parent().into_iter().map(FilePath::to_path_buf).chain(missing) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn write(staged: &FilePath, payload: &PutPayload) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(staged)?;
    payload.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// Makes `folder`; the folders that got a new entry for it, deepest first.
fn make_folder(folder: &FilePath) -> io::Result<Vec<PathBuf>> {
    let missing = folder.ancestors().take_while(|above| !above.exists());
    let parents = missing.filter_map(FilePath::parent).map(FilePath::to_path_buf).collect();
    fs::create_dir_all(folder)?;
    Ok(parents)
}

fn told(location: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => {
            Error::AlreadyExists { path: location.to_string(), source: error.into() }
        }
        ErrorKind::PermissionDenied => {
            Error::PermissionDenied { path: location.to_string(), source: error.into() }
        }
        _ => Error::Generic { store: "LocalFileSystem", source: error.into() },
    }
}

#[async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        if opts.mode != PutMode::Create {
            return self.inner.put_opts(location, payload, opts).await;
        }
        let path = self.inner.path_to_filesystem(location)?;
        let single_writer = self.single_writer;
        let work = move || create(&path, &payload, single_writer);
        let created = tokio::task::spawn_blocking(work).await?;
        created.map_err(|error| told(location, error))?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[std::ops::Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

impl Display for DurableFiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}
