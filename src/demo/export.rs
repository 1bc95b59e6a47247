//! Writes CSV exports: one file per table, or per table and month, in the source's encoding.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::cell::{Cell, Row};
use crate::error::Error;
use crate::table::{Source, Tab};

/// The open export files of a folder.
pub(crate) struct Exports {
    folder: PathBuf,
    files: BTreeMap<(Tab, String), BufWriter<File>>,
    line: Vec<u8>,
}

impl Exports {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: BTreeMap::new(), line: Vec::new() }
    }

    pub(crate) fn push(&mut self, tab: Tab, row: &Row) -> Result<(), Error> {
        let month = month_of(tab, row);
        self.push_into(tab, month, row)
    }

    /// Writes into a given month's file, for rows whose own month cannot be read.
    pub(crate) fn push_into(&mut self, tab: Tab, month: String, row: &Row) -> Result<(), Error> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        print_line(&mut line, tab.source(), row);
        let file = self.file(tab, month)?;
        let written = file.0.write_all(&line).map_err(Error::file(file.1));
        self.line = line;
        written
    }

    fn file(&mut self, tab: Tab, month: String) -> Result<(&mut BufWriter<File>, PathBuf), Error> {
        let name = file_name(tab, &month);
        let path = self.folder.join(tab.source().name()).join(name);
        let slot = (tab, month);
        if !self.files.contains_key(&slot) {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
            }
            let file = File::create(&path).map_err(Error::file(&path))?;
            let mut writer = BufWriter::with_capacity(64 * 1024, file);
            let heads: Row =
                tab.contract().columns.iter().map(|one| Cell::Text(one.name.clone())).collect();
            let mut line = Vec::new();
            print_line(&mut line, tab.source(), &heads);
            writer.write_all(&line).map_err(Error::file(&path))?;
            self.files.insert(slot.clone(), writer);
        }
        Ok((self.files.get_mut(&slot).expect("inserted above"), path))
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        for ((tab, month), mut file) in self.files {
            let path = self.folder.join(file_name(tab, &month));
            file.flush().map_err(Error::file(path))?;
        }
        Ok(())
    }
}

fn file_name(tab: Tab, month: &str) -> String {
    if month.is_empty() {
        format!("{}.csv", tab.name())
    } else {
        format!("{}_{month}.csv", tab.name())
    }
}

/// `YYYYMM` of the column that splits the table's export; empty when it is one file.
fn month_of(tab: Tab, row: &Row) -> String {
    let Some(column) = tab.split() else { return String::new() };
    let mut text = String::new();
    if let Some(cell) = row.get(column) {
        cell.print(&mut text);
    }
    text.chars().filter(char::is_ascii_digit).take(6).collect()
}

fn print_line(out: &mut Vec<u8>, source: Source, row: &Row) {
    let mut text = String::new();
    for (at, cell) in row.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        if let Cell::Raw(bytes) = cell {
            out.extend_from_slice(&encode(source, &text));
            text.clear();
            out.extend_from_slice(bytes);
            continue;
        }
        let start = text.len();
        cell.print(&mut text);
        if text[start..].contains(['"', ',', '\n', '\r']) {
            let quoted = format!("\"{}\"", text[start..].replace('"', "\"\""));
            text.truncate(start);
            text.push_str(&quoted);
        }
    }
    text.push_str("\r\n");
    out.extend_from_slice(&encode(source, &text));
}

fn encode(source: Source, text: &str) -> Cow<'_, [u8]> {
    match source {
        Source::Crm => encoding_rs::GB18030.encode(text).0,
        _ => Cow::Borrowed(text.as_bytes()),
    }
}
