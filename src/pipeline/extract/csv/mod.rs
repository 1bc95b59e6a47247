//! Folders of CSV files. Headers are matched by name, so columns may move; a row is judged
//! whole: undecodable, ragged or wrongly quoted rows are refused with file and line.

mod decode;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use encoding_rs::Encoding;
use futures::StreamExt;
use hub_domain::contract::ColumnType;

use super::cell::Cell;
use super::config::SourceConfig;
use super::error::{Cause, ExtractError, Told};
use super::folder::{FileFault, Folder, Piece, distinct, failed};
use super::intake::Intake;
use super::outlet::{BatchStream, Outlet, blocking};
use super::reject::{Place, Reason};
use super::schema::{FoundColumn, Native, Relation, TableSpec};
use super::source::Source;
use rows::{Fault, Row, Rows};

/// A folder of CSV files and how they are written.
#[derive(Debug, Clone)]
pub(super) struct Csv {
    folder: Folder,
    encoding: &'static Encoding,
    delimiter: u8,
}

impl Csv {
    pub(super) fn open(config: &SourceConfig) -> Result<Self, Cause> {
        let label = config.encoding.as_deref().unwrap_or("utf-8");
        let encoding = Encoding::for_label(label.as_bytes())
            .ok_or_else(|| Told(format!("unknown encoding `{label}`")))?;
        let delimiter = u8::try_from(config.delimiter.unwrap_or(','))?;
        Ok(Self { folder: Folder::open(config)?, encoding, delimiter })
    }

    fn opened(&self, piece: Piece) -> Result<OpenFile, Cause> {
        let name = Arc::clone(&piece.name);
        let mut rows = Rows::new(piece.bytes()?, Arc::clone(&name), self.encoding, self.delimiter);
        let Some(row) = rows.next()? else {
            let what = format!("file `{name}` is empty; it should begin with a header");
            return Err(FileFault::cut(what).into());
        };
        if let Some(fault) = self.header_fault(&name, &row) {
            return Err(fault.into());
        }
        let header: Vec<String> = row.names().collect();
        for (index, column) in header.iter().enumerate() {
            if header[..index].contains(column) {
                let what = format!("file `{name}` has column `{column}` twice");
                return Err(FileFault::new(what, "export it with one column of each name").into());
            }
        }
        Ok(OpenFile { piece, header, rows })
    }

    /// What shows in a header that the file is not written as configured.
    fn header_fault(&self, name: &str, row: &Row<'_>) -> Option<FileFault> {
        let wrong = |what: &str, hint: &str| {
            Some(FileFault::new(format!("the header of file `{name}` {what}"), hint))
        };
        if row.holds(0) {
            let hint = "say how the file is written: `encoding: utf-16le` or `utf-16be`";
            return wrong("holds zero bytes", hint);
        }
        match row.fault {
            Some(Fault::Encoding) => {
                let encoding = self.encoding.name();
                let hint = "say how the file is written, such as `encoding: gb18030`";
                return wrong(&format!("is not {encoding}"), hint);
            }
            Some(Fault::Quoting) => return wrong("is not quoted as CSV is", "export it again"),
            None => {}
        }
        if row.holds(b'\r') {
            let hint = "export it with line ends LF or CRLF";
            return wrong("holds a bare carriage return", hint);
        }
        let other = |mark: &u8| *mark != self.delimiter && row.holds(*mark);
        if row.len() == 1
            && let Some(mark) = [b';', b'\t', b'|', b','].into_iter().find(other)
        {
            let mark = if mark == b'\t' { "\\t".to_owned() } else { char::from(mark).to_string() };
            let hint = format!("set `delimiter: \"{mark}\"`");
            return wrong(&format!("is one column with `{mark}` in its name"), &hint);
        }
        None
    }
}

struct OpenFile {
    piece: Piece,
    header: Vec<String>,
    rows: Rows,
}

#[async_trait]
impl Source for Csv {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let csv = self.clone();
        let relation = relation.clone();
        tokio::task::spawn_blocking(move || {
            let mut found: Vec<FoundColumn> = Vec::new();
            for piece in csv.folder.pieces(&relation)? {
                for name in csv.opened(piece)?.header {
                    if !found.iter().any(|known| known.name == name) {
                        let (column_type, native) = (ColumnType::Text, Native::Other);
                        let (primary, nullable) = (false, None);
                        found.push(FoundColumn { name, column_type, native, primary, nullable });
                    }
                }
            }
            Ok(found)
        })
        .await?
    }

    async fn open<'a>(&'a mut self, intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        let csv = self.clone();
        let spec = Arc::clone(intake.spec());
        let stream = blocking(intake, move |outlet| {
            let broken = |cause| failed(&spec, cause);
            let pieces = csv.folder.pieces(&spec.relation).map_err(broken)?;
            let (pieces, notices) = distinct(pieces).map_err(broken)?;
            notices.into_iter().for_each(|notice| outlet.notice(notice));
            for piece in pieces {
                let file = csv.opened(piece).map_err(broken)?;
                read(file, &spec, outlet)?;
            }
            Ok(())
        });
        Ok(stream.boxed())
    }

    async fn close(self: Box<Self>) {}
}

/// Where each asked column stands in this file.
fn places(file: &OpenFile, spec: &TableSpec) -> Result<Vec<Option<usize>>, ExtractError> {
    let mut places = Vec::new();
    for column in spec.asked() {
        let wanted = column.at_source.as_ref();
        let place = wanted.and_then(|name| file.header.iter().position(|known| known == name));
        if place.is_none() && !column.nullable {
            return Err(ExtractError::Drift {
                source_id: spec.source.clone(),
                table: spec.table.clone(),
                what: format!("file `{}` has no column `{}`", file.piece.name, column.name),
                hint: "export the file again with every declared column".to_owned(),
            });
        }
        places.push(place);
    }
    Ok(places)
}

fn read(mut file: OpenFile, spec: &TableSpec, outlet: &mut Outlet) -> Result<(), ExtractError> {
    let places = places(&file, spec)?;
    let (name, header) = (Arc::clone(&file.piece.name), &file.header);
    let mut open_end = false;
    while let Some(row) = file.rows.next().map_err(|cause| failed(spec, cause))? {
        let ragged = row.len() != header.len();
        open_end |= row.cut;
        if row.cut && (ragged || row.fault.is_some()) {
            let what = format!("file `{name}` ends in the middle of line {}", row.line);
            return Err(failed(spec, FileFault::cut(what).into()));
        }
        let place = Place::Line(Arc::clone(&name), row.line);
        if let Some(fault) = &row.fault {
            let (reason, column) = match fault {
                Fault::Encoding => (Reason::BadEncoding, malformed_column(&row, header)),
                Fault::Quoting => (Reason::RaggedRow, ""),
            };
            outlet.unreadable(reason, column, &place)?;
        } else if ragged {
            outlet.unreadable(Reason::RaggedRow, "", &place)?;
        } else if row.field(0) == header[0].as_bytes() && row.names().eq(header.iter().cloned()) {
            outlet.unreadable(Reason::RepeatedHeader, "", &place)?;
        } else {
            let cell = |place: &Option<usize>| match place.map(|index| row.field(index)) {
                // CSV has no other way to write NULL.
                None | Some([]) => Cell::Null,
                Some(bytes) => Cell::Text(bytes),
            };
            let cells: Vec<Cell<'_>> = places.iter().map(cell).collect();
            outlet.row(&cells, &place)?;
        }
    }
    if open_end {
        outlet.notice(format!(
            "file `{name}` has no line end after its last row; the row is whole and was taken"
        ));
    }
    file.piece.at_rest().map_err(|cause| failed(spec, cause))
}

/// The first column that shows the mark of a malformed sequence.
fn malformed_column<'a>(row: &Row<'_>, header: &'a [String]) -> &'a str {
    let mark = decode::MARK.as_bytes();
    let marked = |index: &usize| row.field(*index).windows(mark.len()).any(|window| window == mark);
    (0..row.len()).find(marked).and_then(|index| header.get(index)).map_or("", String::as_str)
}
