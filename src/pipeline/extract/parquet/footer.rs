//! What a file says of itself, checked against itself before anything is decoded: a decoder makes
//! room for as many values as it is told of.

use std::fs::File;
use std::path::Path;

use ::parquet::basic::PageType;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};

/// Bytes a file may unpack to, and beyond that per byte of its own: as packed files of other kinds.
const UNPACK: (i128, i128) = (64 << 20, 200);

/// What of a footer cannot be, in a file of `size` bytes.
pub(super) fn lie(metadata: &ParquetMetaData, size: u64) -> Option<&'static str> {
    let groups = metadata.row_groups();
    let counted = groups.iter().map(|group| i128::from(group.num_rows())).sum::<i128>();
    if groups.iter().any(|group| group.num_rows() < 0)
        || counted != i128::from(metadata.file_metadata().num_rows())
    {
        return Some("its row counts contradict each other");
    }
    let mut unpacked = 0;
    for group in groups {
        for chunk in group.columns() {
            let data = chunk.data_page_offset();
            let start = chunk.dictionary_page_offset().map_or(data, |at| at.min(data));
            let (packed, plain) = (chunk.compressed_size(), chunk.uncompressed_size());
            if start < 4 || packed < 0 || plain < 0 || chunk.num_values() < 0 {
                return Some("its footer holds negative sizes");
            }
            if i128::from(start) + i128::from(packed) > i128::from(size) {
                return Some("its footer points behind its end");
            }
            let flat = chunk.column_descr().max_rep_level() == 0;
            if flat && chunk.num_values() != group.num_rows() {
                return Some("its counts of values contradict its counts of rows");
            }
            unpacked += i128::from(plain);
        }
    }
    let allowed = UNPACK.0 + i128::from(size) * UNPACK.1;
    (unpacked > allowed).then_some("it unpacks to over 64 MiB and 200 times its size")
}

/// What of the pages of the columns `roots` cannot be. Unpacks every page and decodes none.
pub(super) fn lying_page(
    path: &Path,
    roots: &[usize],
) -> Result<Option<&'static str>, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index)?;
        for leaf in 0..group.num_columns() {
            if !roots.contains(&schema.get_column_root_idx(leaf)) {
                continue;
            }
            let mut values = 0_i64;
            for page in group.get_column_page_reader(leaf)? {
                let page = page?;
                let (told, bytes) = (i64::from(page.num_values()), page.buffer().len());
                match page.page_type() {
                    PageType::DICTIONARY_PAGE if told > bytes as i64 => {
                        return Ok(Some("a dictionary tells of more values than it has bytes"));
                    }
                    PageType::DICTIONARY_PAGE => {}
                    _ => values = values.saturating_add(told),
                }
            }
            if values != group.metadata().column(leaf).num_values() {
                return Ok(Some("its pages hold other counts of values than it tells of"));
            }
        }
    }
    Ok(None)
}
