//! Folders of CSV files. Headers are matched by name, so columns may move; a row is judged
//! whole: undecodable or ragged rows are refused with file and line.

mod decode;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::csv::{ByteRecord, Reader, ReaderBuilder};
use async_trait::async_trait;
use encoding_rs::Encoding;
use futures::StreamExt;
use hub_domain::contract::ColumnType;

use super::cell::Cell;
use super::config::SourceConfig;
use super::error::{Cause, ExtractError, Told};
use super::intake::{Intake, broken};
use super::outlet::{BatchStream, Outlet, blocking};
use super::reject::{Place, Reason};
use super::schema::{FoundColumn, Native, Relation, TableSpec};
use super::source::Source;
use decode::Decoded;

/// A folder of CSV files and how they are written.
#[derive(Debug, Clone)]
pub(super) struct Csv {
    folder: PathBuf,
    encoding: &'static Encoding,
    delimiter: u8,
}

impl Csv {
    pub(super) fn open(config: &SourceConfig) -> Result<Self, Cause> {
        let folder = config.path.clone().ok_or_else(|| Told("no path".into()))?;
        if !folder.is_dir() {
            return Err(Told(format!("no folder `{}`", folder.display())).into());
        }
        let label = config.encoding.as_deref().unwrap_or("utf-8");
        let encoding = Encoding::for_label(label.as_bytes())
            .ok_or_else(|| Told(format!("unknown encoding `{label}`")))?;
        let delimiter = u8::try_from(config.delimiter.unwrap_or(','))?;
        Ok(Self { folder, encoding, delimiter })
    }

    /// Files of the patterns, in the order of their paths, each once.
    fn files(&self, relation: &Relation) -> Result<Vec<PathBuf>, Cause> {
        let Relation::Files(patterns) = relation else { return Ok(Vec::new()) };
        let folder = glob::Pattern::escape(&self.folder.to_string_lossy());
        let mut files = Vec::new();
        for pattern in patterns {
            for file in glob::glob(&format!("{folder}/{pattern}"))? {
                files.push(file?);
            }
        }
        files.sort();
        files.dedup();
        if files.is_empty() {
            let wanted = patterns.join("` or `");
            return Err(Told(format!("no file `{wanted}` in `{}`", self.folder.display())).into());
        }
        Ok(files)
    }

    fn opened(&self, path: &Path) -> Result<OpenFile, Cause> {
        let decoded = Decoded::new(File::open(path)?, self.encoding);
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(decoded);
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record)? {
            return Err(
                Told(format!("file `{name}` is empty; it should begin with a header")).into()
            );
        }
        let end = reader.position().byte();
        if reader.get_mut().malformed_before(end) {
            let encoding = self.encoding.name();
            return Err(Told(format!("the header of file `{name}` is not {encoding}")).into());
        }
        let header = record
            .iter()
            .map(|field| String::from_utf8_lossy(field).trim().to_owned())
            .collect::<Vec<_>>();
        for (index, column) in header.iter().enumerate() {
            if header[..index].contains(column) {
                return Err(Told(format!("file `{name}` has column `{column}` twice")).into());
            }
        }
        Ok(OpenFile { name: Arc::from(name.as_ref()), header, reader })
    }
}

struct OpenFile {
    name: Arc<str>,
    header: Vec<String>,
    reader: Reader<Decoded<File>>,
}

#[async_trait]
impl Source for Csv {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let folder = self.clone();
        let relation = relation.clone();
        tokio::task::spawn_blocking(move || {
            let mut found: Vec<FoundColumn> = Vec::new();
            for path in folder.files(&relation)? {
                for name in folder.opened(&path)?.header {
                    if !found.iter().any(|known| known.name == name) {
                        let (column_type, native) = (ColumnType::Text, Native::Other);
                        found.push(FoundColumn { name, column_type, native, primary: false });
                    }
                }
            }
            Ok(found)
        })
        .await?
    }

    async fn open<'a>(&'a mut self, intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        let folder = self.clone();
        let spec = Arc::clone(intake.spec());
        let stream = blocking(intake, move |outlet| {
            let files = folder.files(&spec.relation).map_err(|cause| broken(&spec, cause))?;
            for path in files {
                let file = folder.opened(&path).map_err(|cause| broken(&spec, cause))?;
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
                what: format!("file `{}` has no column `{}`", file.name, column.name),
                hint: "export the file again with every declared column".to_owned(),
            });
        }
        places.push(place);
    }
    Ok(places)
}

fn read(mut file: OpenFile, spec: &TableSpec, outlet: &mut Outlet) -> Result<(), ExtractError> {
    let places = places(&file, spec)?;
    let mut record = ByteRecord::new();
    loop {
        let more = file.reader.read_byte_record(&mut record);
        if !more.map_err(|error| broken(spec, error))? {
            return Ok(());
        }
        let end = file.reader.position().byte();
        // The splitter's own count is one short after CRLF, so lines are counted here: up to the
        // end of the record less its terminator, then back over the line feeds inside fields.
        let last = file.reader.get_mut().feeds_before(end.saturating_sub(1)) + 1;
        let inside = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        let place = Place::Line(Arc::clone(&file.name), last.saturating_sub(inside));
        if file.reader.get_mut().malformed_before(end) {
            outlet.unreadable(
                Reason::BadEncoding,
                malformed_column(&record, &file.header),
                &place,
            )?;
            continue;
        }
        if record.len() != file.header.len() {
            outlet.unreadable(Reason::RaggedRow, "", &place)?;
            continue;
        }
        let cell = |place: &Option<usize>| match place.and_then(|index| record.get(index)) {
            // CSV has no other way to write NULL.
            None | Some([]) => Cell::Null,
            Some(bytes) => Cell::Text(bytes),
        };
        let cells: Vec<Cell<'_>> = places.iter().map(cell).collect();
        outlet.row(&cells, &place)?;
    }
}

/// The first column that shows the mark of a malformed sequence.
fn malformed_column<'a>(record: &ByteRecord, header: &'a [String]) -> &'a str {
    let mark = decode::MARK.as_bytes();
    let marked = |field: &[u8]| field.windows(mark.len()).any(|window| window == mark);
    record.iter().position(marked).and_then(|index| header.get(index)).map_or("", String::as_str)
}
