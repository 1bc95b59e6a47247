//! Reads the embedded reference files of `data/demo`. Knows CSV, not what the columns mean.
use std::collections::HashMap;

use chrono::NaiveDate;

use crate::error::Error;
use crate::time::Day;

/// A reference file with named columns.
pub(crate) struct Sheet {
    file: &'static str,
    heads: HashMap<String, usize>,
    records: Vec<csv::StringRecord>,
}

/// One line of a [`Sheet`].
pub(crate) struct Entry<'a> {
    sheet: &'a Sheet,
    record: &'a csv::StringRecord,
}

impl Sheet {
    pub(crate) fn read(file: &'static str, text: &str) -> Result<Self, Error> {
        let bad = |err: csv::Error| Error::Reference { file, reason: err.to_string() };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let heads = reader.headers().map_err(bad)?;
        let heads = heads.iter().enumerate().map(|(at, head)| (head.to_owned(), at)).collect();
        let records = reader.records().collect::<Result<_, _>>().map_err(bad)?;
        Ok(Self { file, heads, records })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.records.iter().map(|record| Entry { sheet: self, record })
    }
}

impl Entry<'_> {
    pub(crate) fn text(&self, column: &str) -> &str {
        self.sheet.heads.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default()
    }

    pub(crate) fn owned(&self, column: &str) -> String {
        self.text(column).to_owned()
    }

    pub(crate) fn maybe(&self, column: &str) -> Option<String> {
        let text = self.text(column);
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, column: &str) -> Result<T, Error> {
        self.text(column).parse().map_err(|_| self.bad(column))
    }

    pub(crate) fn maybe_number<T: std::str::FromStr>(
        &self,
        column: &str,
    ) -> Result<Option<T>, Error> {
        if self.text(column).is_empty() { Ok(None) } else { self.number(column).map(Some) }
    }

    /// A yuan amount or other decimal, in hundredths.
    pub(crate) fn hundredths(&self, column: &str) -> Result<i64, Error> {
        let value: f64 = self.number(column)?;
        Ok((value * 100.0).round() as i64)
    }

    pub(crate) fn day(&self, column: &str) -> Result<Day, Error> {
        let date = NaiveDate::parse_from_str(self.text(column), "%Y-%m-%d");
        date.map(Day::new).map_err(|_| self.bad(column))
    }

    pub(crate) fn bad(&self, column: &str) -> Error {
        Error::Reference {
            file: self.sheet.file,
            reason: format!("column `{column}` holds `{}`", self.text(column)),
        }
    }
}
