//! Rows of one CSV file: fields as they were written, the line they start at, and whether they
//! are written as CSV is. Where the splitter is lenient, the row's own text is judged.

use std::io::Read;
use std::sync::Arc;

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Terminator};
use encoding_rs::Encoding;

use super::super::error::{Cause, Told};
use super::super::folder::FileFault;
use super::decode::Decoded;

/// Why a row's fields cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Bytes that are not text in the file's encoding.
    Encoding,
    /// Something stands between a closing quote and the next delimiter.
    Quoting,
}

/// Rows of a file, one at a time.
pub(super) struct Rows {
    reader: Reader<Decoded<Box<dyn Read + Send>>>,
    name: Arc<str>,
    delimiter: u8,
    record: ByteRecord,
    /// Line the next row starts at, blank lines before it not counted.
    line: u64,
}

/// One row.
pub(super) struct Row<'a> {
    record: &'a ByteRecord,
    /// Length of the last field without the carriage return of the line's end.
    last: usize,
    /// Line it starts at, from 1.
    pub(super) line: u64,
    /// What is wrong with its writing.
    pub(super) fault: Option<Fault>,
    /// It is the last of the file, and its line has no end.
    pub(super) cut: bool,
}

impl Rows {
    pub(super) fn new(
        bytes: Box<dyn Read + Send>,
        name: Arc<str>,
        encoding: &'static Encoding,
        delimiter: u8,
    ) -> Self {
        // Only a line feed ends a row: a carriage return inside a field is part of its value.
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Decoded::new(bytes, Arc::clone(&name), encoding));
        Self { reader, name, delimiter, record: ByteRecord::new(), line: 1 }
    }

    /// The next row; none at the end. Blank lines are no rows.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>, Cause> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.map_err(cause)? {
                return Ok(None);
            }
            let end = self.reader.position().byte();
            let decoded = self.reader.get_mut();
            let malformed = decoded.malformed_before(end);
            let cut = decoded.cut_at(end);
            let raw = decoded.until(end);
            let blank = raw.iter().take_while(|byte| **byte == b'\n').count();
            let (raw, line) = (&raw[blank..], self.line + blank as u64);
            let quoting = raw.contains(&b'"').then(|| quoting(raw, self.delimiter));
            let feeds = match quoting {
                Some(_) => raw.iter().filter(|byte| **byte == b'\n').count() as u64,
                None => 1,
            };
            let carriage = raw.ends_with(b"\r\n");
            self.line = line + feeds;
            decoded.done(end);
            if quoting == Some(Quoting::Open) {
                let name = &self.name;
                let what =
                    format!("file `{name}` ends in a quoted field of the row at line {line}");
                return Err(FileFault::cut(what).into());
            }
            let last =
                self.record.iter().next_back().map_or(0, <[u8]>::len) - usize::from(carriage);
            if self.record.len() == 1 && last == 0 && carriage {
                continue;
            }
            let fault = match (malformed, quoting) {
                (true, _) => Some(Fault::Encoding),
                (false, Some(Quoting::Broken)) => Some(Fault::Quoting),
                _ => None,
            };
            // The borrow checker does not see that a skipped record is not handed out.
            let record = &self.record;
            return Ok(Some(Row { record, last, line, fault, cut }));
        }
    }
}

impl Row<'_> {
    /// Fields.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// The field at `index`; empty when there is none.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let field = self.record.get(index).unwrap_or_default();
        if index + 1 == self.record.len() { &field[..self.last] } else { field }
    }

    /// Fields as names of columns.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let name = |index| String::from_utf8_lossy(self.field(index)).trim().to_owned();
        (0..self.len()).map(name)
    }

    /// Whether any field holds the byte.
    pub(super) fn holds(&self, byte: u8) -> bool {
        (0..self.len()).any(|index| self.field(index).contains(&byte))
    }
}

/// How the quotes of a row stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// As they should, or inside unquoted fields, where they are nothing but themselves.
    Fine,
    /// Text follows a closing quote.
    Broken,
    /// A quoted field is not closed.
    Open,
}

/// Judges the text of a row, the end of its line included.
fn quoting(raw: &[u8], delimiter: u8) -> Quoting {
    let mut rest = raw;
    loop {
        if rest.first() != Some(&b'"') {
            // An unquoted field ends at a delimiter or with the row.
            match rest.iter().position(|byte| *byte == delimiter) {
                Some(at) => rest = &rest[at + 1..],
                None => return Quoting::Fine,
            }
            continue;
        }
        rest = &rest[1..];
        loop {
            let Some(at) = rest.iter().position(|byte| *byte == b'"') else {
                return Quoting::Open;
            };
            rest = &rest[at + 1..];
            if rest.first() != Some(&b'"') {
                break;
            }
            rest = &rest[1..];
        }
        match rest {
            [] | b"\n" | b"\r\n" => return Quoting::Fine,
            [first, after @ ..] if *first == delimiter => rest = after,
            _ => return Quoting::Broken,
        }
    }
}

/// The reader's own error where one of ours is inside it.
fn cause(error: ::csv::Error) -> Cause {
    match error.into_kind() {
        ErrorKind::Io(error) => error.into(),
        _ => Told("the splitter failed".into()).into(),
    }
}
