//! Folders of files: which files make up a table, that they are whole and at rest, and their
//! bytes, unpacked.
//!
//! Knows no format of rows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::config::SourceConfig;
use super::error::{Cause, ExtractError, Told};
use super::intake::broken;
use super::schema::{Relation, TableSpec};

/// Bytes one row may have before the file that holds it is refused.
pub(super) const ROW_BYTES: u64 = 128 << 20;
/// Bytes any packed file may unpack to, however small it is.
const UNPACK_FLOOR: u64 = 64 << 20;
/// Bytes a packed file may unpack to beyond that, per byte of its own.
const UNPACK_RATIO: u64 = 200;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file that cannot be read as what it should be; texts name it and hold nothing of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}\n  hint: {hint}")]
pub(super) struct FileFault {
    /// What is wrong, the file in backticks.
    pub(super) what: String,
    /// What to do.
    pub(super) hint: String,
}

impl FileFault {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// The fault of a file whose end is missing.
    pub(super) fn cut(what: impl Into<String>) -> Self {
        Self::new(
            what,
            "it looks half copied: copy it again, best under another name that is \
                         changed when the copy is whole",
        )
    }

    /// The fault inside `error`, where a reader here raised one.
    pub(super) fn inside<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        if let Some(fault) = error.downcast_ref() {
            return Some(fault);
        }
        let inner: Option<&'a (dyn std::error::Error + 'static)> =
            match error.downcast_ref::<io::Error>() {
                Some(error) => error.get_ref().map(|inner| inner as _),
                None => error.source(),
            };
        Self::inside(inner?)
    }
}

/// Why a file's table was not read: the file's fault in words, or what broke.
pub(super) fn failed(spec: &TableSpec, cause: Cause) -> ExtractError {
    match told(&spec.source, &spec.table, &cause) {
        Some(fault) => fault,
        None => broken(spec, cause),
    }
}

/// The fault of a file behind `cause`, if there is one.
pub(super) fn told(source_id: &str, table: &str, cause: &Cause) -> Option<ExtractError> {
    let FileFault { what, hint } = FileFault::inside(cause.as_ref())?.clone();
    let (source_id, table) = (source_id.to_owned(), table.to_owned());
    Some(ExtractError::File { source_id, table, what, hint })
}

/// Size and time of a file when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Look {
    fn at(path: &Path) -> io::Result<Self> {
        let found = std::fs::metadata(path)?;
        Ok(Self { bytes: found.len(), modified: found.modified().ok() })
    }
}

/// A folder; remembers how each file looked when it was first seen.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    looks: Arc<Mutex<BTreeMap<PathBuf, Look>>>,
}

/// One file of a table.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) path: PathBuf,
    /// Its name without folders.
    pub(super) name: Arc<str>,
    look: Look,
}

impl Folder {
    pub(super) fn open(config: &SourceConfig) -> Result<Self, Cause> {
        let path = config.path.clone().ok_or_else(|| Told("no path".into()))?;
        if !path.is_dir() {
            let what = format!("there is no folder `{}`", path.display());
            return Err(FileFault::new(what, "check `path` of the source").into());
        }
        Ok(Self { path, looks: Arc::default() })
    }

    /// Files of the patterns, in the order of their paths, each once, looking as they did when
    /// they were seen first.
    pub(super) fn pieces(&self, relation: &Relation) -> Result<Vec<Piece>, Cause> {
        let Relation::Files(patterns) = relation else { return Ok(Vec::new()) };
        let folder = glob::Pattern::escape(&self.path.to_string_lossy());
        let mut paths = Vec::new();
        for pattern in patterns {
            for path in glob::glob(&format!("{folder}/{pattern}"))? {
                paths.push(path?);
            }
        }
        paths.sort();
        paths.dedup();
        if paths.is_empty() {
            let wanted = patterns.join("` or `");
            let what = format!("there is no file `{wanted}` in `{}`", self.path.display());
            return Err(FileFault::new(what, "check `path` and the table's `file`").into());
        }
        paths.into_iter().map(|path| self.piece(path)).collect()
    }

    fn piece(&self, path: PathBuf) -> Result<Piece, Cause> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let (name, now) = (Arc::from(name.as_ref()), Look::at(&path)?);
        let mut looks = self.looks.lock().map_err(|_| Told("a reader died".into()))?;
        let look = *looks.entry(path.clone()).or_insert(now);
        let piece = Piece { path, name, look };
        if look == now { Ok(piece) } else { Err(piece.changed().into()) }
    }
}

impl Piece {
    /// Its bytes, unpacked when they are packed by gzip.
    pub(super) fn bytes(&self) -> Result<Box<dyn Read + Send>, Cause> {
        let mut file = File::open(&self.path)?;
        let mut start = [0_u8; 2];
        let packed = file.read(&mut start)? == 2 && start == GZIP;
        let file = File::open(&self.path)?;
        if packed {
            let allowed = UNPACK_FLOOR + self.look.bytes.saturating_mul(UNPACK_RATIO);
            let name = Arc::clone(&self.name);
            return Ok(Box::new(Unpacked {
                inner: MultiGzDecoder::new(file),
                name,
                made: 0,
                allowed,
            }));
        }
        if self.name.ends_with(".gz") {
            let what = format!("file `{}` is not packed by gzip, as its name says", self.name);
            return Err(FileFault::new(what, "pack it, or take `.gz` off its name").into());
        }
        Ok(Box::new(file))
    }

    /// Bytes of the file as it lies there.
    pub(super) fn size(&self) -> u64 {
        self.look.bytes
    }

    /// Passes when the file is still what it was when it was seen first.
    pub(super) fn at_rest(&self) -> Result<(), Cause> {
        if Look::at(&self.path)? == self.look { Ok(()) } else { Err(self.changed().into()) }
    }

    fn changed(&self) -> FileFault {
        FileFault::cut(format!("file `{}` changed while it was read", self.name))
    }

    fn packed(&self) -> bool {
        self.name.ends_with(".gz")
    }

    /// Length and hash of the unpacked bytes.
    fn digest(&self) -> Result<(u64, [u8; 32]), Cause> {
        let (mut bytes, mut hash) = (self.bytes()?, Sha256::new());
        let mut block = vec![0_u8; 256 << 10];
        let mut length = 0;
        loop {
            let count = bytes.read(&mut block)?;
            if count == 0 {
                return Ok((length, hash.finalize().into()));
            }
            length += count as u64;
            hash.update(&block[..count]);
        }
    }
}

/// The pieces without those that hold the same bytes as one before, and a sentence about each of
/// these. Only files that may be equal by their length are read for it.
pub(super) fn distinct(pieces: Vec<Piece>) -> Result<(Vec<Piece>, Vec<String>), Cause> {
    if pieces.len() < 2 {
        return Ok((pieces, Vec::new()));
    }
    let plain = |piece: &&Piece| !piece.packed();
    let mut lengths: Vec<u64> = pieces.iter().filter(plain).map(Piece::size).collect();
    let packed = pieces.iter().any(Piece::packed);
    lengths.sort_unstable();
    let alone = |length: u64| {
        let from = lengths.partition_point(|known| *known < length);
        lengths.get(from + 1) != Some(&length)
    };
    let mut known: BTreeMap<(u64, [u8; 32]), Arc<str>> = BTreeMap::new();
    let (mut kept, mut notices) = (Vec::new(), Vec::new());
    for piece in pieces {
        if !packed && alone(piece.size()) {
            kept.push(piece);
            continue;
        }
        let digest = piece.digest()?;
        match known.get(&digest) {
            Some(first) => notices.push(format!(
                "file `{}` holds the same bytes as `{first}`; it is left out",
                piece.name
            )),
            None => {
                known.insert(digest, Arc::clone(&piece.name));
                kept.push(piece);
            }
        }
    }
    Ok((kept, notices))
}

/// Unpacked bytes that may not grow without bound.
struct Unpacked {
    inner: MultiGzDecoder<File>,
    name: Arc<str>,
    made: u64,
    allowed: u64,
}

impl Read for Unpacked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let name = &self.name;
        let count = self.inner.read(out).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                let what = format!("file `{name}` is cut short: its gzip stream does not end");
                io::Error::other(FileFault::cut(what))
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                let what = format!("file `{name}` is damaged: it does not unpack");
                io::Error::other(FileFault::cut(what))
            }
            _ => error,
        })?;
        self.made += count as u64;
        if self.made > self.allowed {
            let what = format!("file `{name}` unpacks to more than {} bytes", self.allowed);
            let hint = "a packed file may unpack to 64 MiB and 200 times its size; copy it unpacked \
                        if it is what it should be";
            return Err(io::Error::other(FileFault::new(what, hint)));
        }
        Ok(count)
    }
}
