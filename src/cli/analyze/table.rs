//! A CSV file as rows whose cells know their place, so that every message can name it.

use std::fs;
use std::io::{self, Read};

use chrono::{NaiveDate, NaiveDateTime};
use csv::StringRecord;
use rust_decimal::Decimal;

use super::{Error, time};

/// A file held in memory.
#[derive(Debug)]
pub(super) struct Table {
    file: String,
    headers: Vec<String>,
    rows: Vec<(u64, StringRecord)>,
}

/// One cell and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    table: &'a Table,
    row: usize,
    column: usize,
}

/// The bytes of `path`, `-` for standard input.
pub(super) fn read(path: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let done = if path == "-" {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    done.map_err(|source| Error::ReadFile { file: name(path), source })
}

fn name(path: &str) -> String {
    if path == "-" { "standard input".to_owned() } else { path.to_owned() }
}

impl Table {
    /// Reads a CSV file with a header row; header names and cells are trimmed.
    pub(super) fn read(path: &str) -> Result<Self, Error> {
        let bytes = read(path)?;
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let file = name(path);
        let failed = |source: csv::Error| {
            let line = source.position().map_or(1, csv::Position::line);
            Error::ReadCsv { place: format!("{file}:{line}"), source }
        };
        let headers: Vec<String> =
            reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
        for (at, header) in headers.iter().enumerate() {
            if !header.is_empty() && headers[..at].contains(header) {
                return Err(Error::RepeatedColumn { file, column: header.clone() });
            }
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(failed)?;
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        Ok(Self { file, headers, rows })
    }

    /// Header names in file order.
    pub(super) fn headers(&self) -> &[String] {
        &self.headers
    }

    /// `file:line` of a row counted from 0.
    pub(super) fn place(&self, row: usize) -> String {
        match self.rows.get(row) {
            Some((line, _)) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }

    /// The error of a rule that refuses a row.
    pub(super) fn refuse(&self, row: usize, message: &impl ToString, hint: &str) -> Error {
        let place = self.place(row);
        Error::Refuse { place, message: message.to_string(), hint: hint.to_owned() }
    }

    /// The cells of a column, top down.
    pub(super) fn column(&self, name: &str) -> Result<Vec<Cell<'_>>, Error> {
        self.optional(name).ok_or_else(|| Error::MissingColumn {
            file: self.file.clone(),
            column: name.to_owned(),
            found: self.headers.clone(),
        })
    }

    /// The same, when the column is there.
    pub(super) fn optional(&self, name: &str) -> Option<Vec<Cell<'_>>> {
        let column = self.headers.iter().position(|it| it == name)?;
        Some((0..self.rows.len()).map(|row| Cell { table: self, row, column }).collect())
    }
}

impl<'a> Cell<'a> {
    /// The text, trimmed.
    pub(super) fn text(self) -> &'a str {
        self.table.rows[self.row].1.get(self.column).unwrap_or_default()
    }

    /// The text of a cell that names something.
    pub(super) fn named(self) -> Result<&'a str, Error> {
        let text = self.text();
        if text.is_empty() {
            return Err(self.not("a name", "fill the cell or remove the row"));
        }
        Ok(text)
    }

    /// A decimal number.
    pub(super) fn decimal(self) -> Result<Decimal, Error> {
        let text = self.text();
        Decimal::from_str_exact(text)
            .or_else(|_| Decimal::from_scientific(text))
            .map_err(|_| self.not("a number", "write it like `1234.56`, without separators"))
    }

    /// A decimal number, zero when the cell is empty.
    pub(super) fn decimal_or_zero(self) -> Result<Decimal, Error> {
        if self.text().is_empty() { Ok(Decimal::ZERO) } else { self.decimal() }
    }

    /// A whole number, none when the cell is empty.
    pub(super) fn whole(self) -> Result<Option<u32>, Error> {
        if self.text().is_empty() {
            return Ok(None);
        }
        let parsed = self.text().parse().map(Some);
        parsed.map_err(|_| self.not("a whole number", "write it like `3`"))
    }

    /// Yes or no; an empty cell is no.
    pub(super) fn flag(self) -> Result<bool, Error> {
        match self.text().to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "y" => Ok(true),
            "0" | "false" | "no" | "n" | "" => Ok(false),
            _ => Err(self.not("yes or no", "write `true` or `false`")),
        }
    }

    /// A day; the time of an instant is dropped.
    pub(super) fn day(self) -> Result<NaiveDate, Error> {
        let parsed = time::local(self.text()).map(|it| it.date());
        parsed.ok_or_else(|| self.not("a date", "write it like `2026-03-31`"))
    }

    /// A clinic-local instant; an offset is dropped, not applied.
    pub(super) fn local(self) -> Result<NaiveDateTime, Error> {
        time::local(self.text())
            .ok_or_else(|| self.not("an instant", "write it like `2026-03-31 14:00:00`"))
    }

    /// An instant on a line of microseconds.
    pub(super) fn instant(self) -> Result<i64, Error> {
        time::instant(self.text()).ok_or_else(|| {
            self.not("an instant", "write it like `2026-03-31 14:00:00`, or as seconds")
        })
    }

    /// The error of a cell that does not hold what is `expected`.
    pub(super) fn not(self, expected: &'static str, hint: &'static str) -> Error {
        Error::ParseCell {
            place: self.table.place(self.row),
            column: self.table.headers[self.column].clone(),
            value: self.text().to_owned(),
            expected,
            hint,
        }
    }
}
