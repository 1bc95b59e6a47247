//! Folders of JSON lines: one object per line, members matched to columns by name. A line is
//! judged whole; what is no object, or names a member twice, is refused with file and line.

mod scan;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use hub_domain::contract::ColumnType;

use super::cell::Cell;
use super::config::SourceConfig;
use super::error::{Cause, ExtractError};
use super::folder::{FileFault, Folder, Piece, ROW_BYTES, distinct, failed};
use super::intake::Intake;
use super::outlet::{BatchStream, Outlet, blocking};
use super::reject::{Place, Reason};
use super::schema::{FoundColumn, Native, Relation, TableSpec};
use super::source::Source;
use scan::{Json, members};

const BOM: &str = "\u{feff}";

/// A folder of JSON lines.
#[derive(Debug, Clone)]
pub(super) struct Jsonl {
    folder: Folder,
}

impl Jsonl {
    pub(super) fn open(config: &SourceConfig) -> Result<Self, Cause> {
        Ok(Self { folder: Folder::open(config)? })
    }
}

/// Lines of one file.
struct Lines {
    piece: Piece,
    reader: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(piece: Piece) -> Result<Self, Cause> {
        let mut reader = BufReader::with_capacity(256 << 10, piece.bytes()?);
        let start = reader.fill_buf()?;
        let name = &piece.name;
        let wrong = |what: &str, hint: &str| {
            Err(FileFault::new(format!("file `{name}` {what}"), hint).into())
        };
        match start {
            [] => return Err(FileFault::cut(format!("file `{name}` is empty")).into()),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, ..] => {
                return wrong("is not UTF-8", "write JSON lines in UTF-8");
            }
            _ => {}
        }
        if start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return wrong("is one JSON array", "write one object per line: `jq -c '.[]'`");
        }
        Ok(Self { piece, reader, line: Vec::new(), number: 0 })
    }

    /// The next line that is not blank and whether it has its end; none at the end.
    fn next(&mut self) -> Result<Option<(&[u8], bool)>, Cause> {
        loop {
            self.line.clear();
            let mut bounded = (&mut self.reader).take(ROW_BYTES);
            if bounded.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let whole = self.line.last() == Some(&b'\n');
            if !whole && self.line.len() as u64 == ROW_BYTES {
                let (name, number) = (&self.piece.name, self.number);
                let what =
                    format!("line {number} of file `{name}` has over {} MiB", ROW_BYTES >> 20);
                return Err(FileFault::new(what, "write one object per line").into());
            }
            if self.number == 1 && self.line.starts_with(BOM.as_bytes()) {
                self.line.drain(..BOM.len());
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((&self.line, whole)));
            }
        }
    }
}

#[async_trait]
impl Source for Jsonl {
    /// Reads the files whole: a member may first come in the last line.
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let folder = self.folder.clone();
        let relation = relation.clone();
        tokio::task::spawn_blocking(move || {
            let (mut known, mut found) = (HashSet::new(), Vec::new());
            for piece in folder.pieces(&relation)? {
                let mut lines = Lines::open(piece)?;
                while let Some((line, _)) = lines.next()? {
                    let Ok(Ok(members)) = std::str::from_utf8(line).map(members) else { continue };
                    for (name, _) in members {
                        if !known.contains(name.as_ref()) {
                            known.insert(name.clone().into_owned());
                            found.push(found_column(name.into_owned()));
                        }
                    }
                }
            }
            Ok(found)
        })
        .await?
    }

    async fn open<'a>(&'a mut self, intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        let folder = self.folder.clone();
        let spec = Arc::clone(intake.spec());
        let stream = blocking(intake, move |outlet| {
            let broken = |cause| failed(&spec, cause);
            let pieces = folder.pieces(&spec.relation).map_err(broken)?;
            let (pieces, notices) = distinct(pieces).map_err(broken)?;
            notices.into_iter().for_each(|notice| outlet.notice(notice));
            for piece in pieces {
                read(Lines::open(piece).map_err(broken)?, &spec, outlet)?;
            }
            Ok(())
        });
        Ok(stream.boxed())
    }

    async fn close(self: Box<Self>) {}
}

fn found_column(name: String) -> FoundColumn {
    FoundColumn {
        name,
        column_type: ColumnType::Text,
        native: Native::Other,
        primary: false,
        nullable: None,
    }
}

/// Why a line is not a row.
struct Flaw<'a> {
    reason: Reason,
    column: std::borrow::Cow<'a, str>,
}

fn read(mut lines: Lines, spec: &TableSpec, outlet: &mut Outlet) -> Result<(), ExtractError> {
    let name = Arc::clone(&lines.piece.name);
    let wanted: HashMap<&str, usize> = spec
        .asked()
        .enumerate()
        .filter_map(|(index, column)| Some((column.at_source.as_deref()?, index)))
        .collect();
    let width = spec.asked().count();
    while let Some((line, whole)) = lines.next().map_err(|cause| failed(spec, cause))? {
        let line = line.to_vec();
        let place = Place::Line(Arc::clone(&name), lines.number);
        match row(&line, &wanted, width) {
            Ok(values) => {
                let cells: Vec<Cell<'_>> = values.iter().map(cell).collect();
                outlet.row(&cells, &place)?;
            }
            Err(Flaw { reason: Reason::BadJson, column }) if !whole && column.is_empty() => {
                let what = format!("file `{name}` ends in the middle of line {}", lines.number);
                return Err(failed(spec, FileFault::cut(what).into()));
            }
            Err(flaw) => outlet.unreadable(flaw.reason, &flaw.column, &place)?,
        }
    }
    lines.piece.at_rest().map_err(|cause| failed(spec, cause))
}

/// The values of the asked columns; a member that is not there is NULL.
fn row<'a>(
    line: &'a [u8],
    wanted: &HashMap<&str, usize>,
    width: usize,
) -> Result<Vec<Json<'a>>, Flaw<'a>> {
    let flaw = |reason| Flaw { reason, column: "".into() };
    let text = std::str::from_utf8(line).map_err(|_| flaw(Reason::BadEncoding))?;
    let members = members(text).map_err(|_| flaw(Reason::BadJson))?;
    let mut values = vec![Json::Null; width];
    let mut seen = HashSet::with_capacity(members.len());
    for (name, value) in members {
        if !seen.insert(name.clone()) {
            return Err(Flaw { reason: Reason::BadJson, column: name });
        }
        let Some(index) = wanted.get(name.as_ref()) else { continue };
        if value == Json::Torn {
            return Err(Flaw { reason: Reason::BadEncoding, column: name });
        }
        values[*index] = value;
    }
    Ok(values)
}

fn cell<'a>(value: &'a Json<'_>) -> Cell<'a> {
    match value {
        Json::Null | Json::Torn => Cell::Null,
        Json::Bool(value) => Cell::Bool(*value),
        Json::Number(digits) => Cell::Text(digits.as_bytes()),
        Json::Text(text) => Cell::Text(text.as_bytes()),
        Json::Nested(text) => Cell::Text(text.as_bytes()),
    }
}
