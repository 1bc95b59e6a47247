//! Folders of Parquet files. What a footer says is checked before it is believed; a file that
//! cannot be read as it says stops the table, and a decoder that panics over it is no different.

mod columns;
mod footer;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::basic::Type as Physical;
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use futures::StreamExt;
use hub_domain::contract::ColumnType;

use super::cell::Cell;
use super::config::SourceConfig;
use super::error::{Cause, ExtractError};
use super::folder::{FileFault, Folder, Piece, distinct, failed};
use super::intake::Intake;
use super::outlet::{BatchStream, Outlet, blocking};
use super::reject::Place;
use super::schema::{FoundColumn, Native, Relation, TableSpec};
use super::source::Source;
use columns::Column;

/// Rows decoded at once.
const BATCH_ROWS: usize = 2_048;
/// A folder of Parquet files.
#[derive(Debug, Clone)]
pub(super) struct Parquet {
    folder: Folder,
}

impl Parquet {
    pub(super) fn open(config: &SourceConfig) -> Result<Self, Cause> {
        Ok(Self { folder: Folder::open(config)? })
    }
}

/// A file whose footer is read and holds together.
struct OpenFile {
    piece: Piece,
    builder: ParquetRecordBatchReaderBuilder<File>,
}

impl OpenFile {
    fn open(piece: Piece) -> Result<Self, Cause> {
        let file = File::open(&piece.path)?;
        if piece.size() == 0 {
            return Err(FileFault::cut(format!("file `{}` is empty", piece.name)).into());
        }
        // The Arrow schema that some writers hide in the footer is a second truth; it is not read.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let open = || ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
        let builder = sound(&piece, open)?;
        if let Some(lie) = footer::lie(builder.metadata(), piece.size()) {
            return Err(damaged(&piece, lie).into());
        }
        Ok(Self { piece, builder })
    }

    fn schema(&self) -> &SchemaRef {
        self.builder.schema()
    }

    /// Whether column `name` is of a type that does not say what instant it means.
    fn zoneless(&self, index: usize) -> bool {
        let schema = self.builder.parquet_schema();
        (0..schema.num_columns())
            .filter(|leaf| schema.get_column_root_idx(*leaf) == index)
            .any(|leaf| schema.column(leaf).physical_type() == Physical::INT96)
    }
}

fn damaged(piece: &Piece, what: &str) -> FileFault {
    FileFault::cut(format!("file `{}` is damaged: {what}", piece.name))
}

/// Runs a decoder; its error and its panic are the file's fault. Neither is told further: a
/// decoder's text may quote a value.
fn sound<T, E>(piece: &Piece, decode: impl FnOnce() -> Result<T, E>) -> Result<T, Cause> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(damaged(piece, "it cannot be read as Parquet").into()),
        Err(_) => Err(damaged(piece, "it cannot be decoded").into()),
    }
}

#[async_trait]
impl Source for Parquet {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        let folder = self.folder.clone();
        let relation = relation.clone();
        tokio::task::spawn_blocking(move || {
            let mut found: Vec<FoundColumn> = Vec::new();
            for piece in folder.pieces(&relation)? {
                let file = OpenFile::open(piece)?;
                for field in file.schema().fields() {
                    if !found.iter().any(|known| known.name == *field.name()) {
                        found.push(FoundColumn {
                            name: field.name().clone(),
                            column_type: column_type(field.data_type()),
                            native: Native::Other,
                            primary: false,
                            nullable: None,
                        });
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
                read(OpenFile::open(piece).map_err(broken)?, &spec, outlet)?;
            }
            Ok(())
        });
        Ok(stream.boxed())
    }

    async fn close(self: Box<Self>) {}
}

/// What a column is landed as when no contract declares it.
fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => ColumnType::Int64,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => ColumnType::Int64,
        DataType::UInt64 => ColumnType::Decimal(20, 0),
        DataType::Boolean => ColumnType::Bool,
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *scale >= 0 =>
        {
            ColumnType::Decimal(*precision, *scale)
        }
        DataType::Dictionary(_, values) => column_type(values),
        _ => ColumnType::Text,
    }
}

/// Where each asked column stands in this file.
fn places(file: &OpenFile, spec: &TableSpec) -> Result<Vec<Option<usize>>, ExtractError> {
    let mut places = Vec::new();
    for column in spec.asked() {
        let drift = |what: &str, hint: &str| ExtractError::Drift {
            source_id: spec.source.clone(),
            table: spec.table.clone(),
            what: format!("file `{}` {what} `{}`", file.piece.name, column.name),
            hint: hint.to_owned(),
        };
        let wanted = column.at_source.as_deref();
        let place = wanted.and_then(|name| file.schema().index_of(name).ok());
        if place.is_none() && !column.nullable {
            let hint = "export the file again with every declared column";
            return Err(drift("has no column", hint));
        }
        if place.is_some_and(|index| file.zoneless(index)) {
            let hint = "INT96 does not say whose clock it is; write TIMESTAMP_MICROS";
            return Err(drift("has an INT96 timestamp in column", hint));
        }
        places.push(place);
    }
    Ok(places)
}

fn read(file: OpenFile, spec: &TableSpec, outlet: &mut Outlet) -> Result<(), ExtractError> {
    let broken = |cause| failed(spec, cause);
    let places = places(&file, spec)?;
    let mut roots: Vec<usize> = places.iter().flatten().copied().collect();
    roots.sort_unstable();
    roots.dedup();
    // The projection keeps the order of the file.
    let read_at: Vec<Option<usize>> = places
        .iter()
        .map(|place| place.and_then(|index| roots.binary_search(&index).ok()))
        .collect();
    let OpenFile { piece, builder } = file;
    // Every page is looked at before the first row is handed on.
    let lie = sound(&piece, || footer::lying_page(&piece.path, &roots)).map_err(broken)?;
    if let Some(lie) = lie {
        return Err(broken(damaged(&piece, lie).into()));
    }
    let told = builder.metadata().file_metadata().num_rows();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
    let mut reader: ParquetRecordBatchReader = sound(&piece, || builder.build()).map_err(broken)?;
    let mut number = 0;
    while let Some(batch) = sound(&piece, || reader.next().transpose()).map_err(broken)? {
        let columns =
            sound(&piece, || batch.columns().iter().map(Column::of).collect::<Result<Vec<_>, _>>());
        let columns = columns.map_err(broken)?;
        for row in 0..batch.num_rows() {
            number += 1;
            let cell = |at: &Option<usize>| at.map_or(Cell::Null, |at| columns[at].cell(row));
            let cells: Vec<Cell<'_>> = read_at.iter().map(cell).collect();
            outlet.row(&cells, &Place::Line(Arc::clone(&piece.name), number))?;
        }
    }
    if i64::try_from(number) != Ok(told) {
        let fault = damaged(&piece, &format!("its footer tells of {told} rows, it holds {number}"));
        return Err(broken(fault.into()));
    }
    piece.at_rest().map_err(broken)
}
