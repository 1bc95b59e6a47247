//! Which ranges of a table a night or a backfill reads: the cursor's, the months that are read
//! every night, the days of a backfill, the window of a key scan.

use chrono::{Datelike, Days, Months, NaiveDate};
use hub_domain::contract::ColumnType;

use super::cell::ZoneTable;
use super::config::{CursorNulls, Lag};
use super::error::ExtractError;
use super::land::{Landing, Mode};
use super::schema::{KeyScan, TableSpec};
use super::selection::{Range, Selection};
use super::{Backfill, watermark};

impl TableSpec {
    /// The cursor column when rows without a value in it are not asked for.
    pub(super) fn excluded_nulls(&self) -> Option<usize> {
        let cursor = self.cursor.filter(|cursor| cursor.nulls == CursorNulls::Exclude);
        cursor.map(|cursor| cursor.column)
    }
}

impl Landing<'_> {
    /// Reads from the watermark on, and the months that are read every night; the whole table
    /// when there is no watermark to start from.
    pub(super) fn follow_cursor(&mut self) {
        let (Some(cursor), Some(at), true) = (self.spec.cursor, self.watermark_before, self.fits)
        else {
            return;
        };
        let from = watermark::start(at, cursor.lag, cursor.column_type);
        self.mode = Mode::Cursor;
        let range = Range { column: cursor.column, from: Some(from), to: None, odd: true };
        self.selection.ranges.push(range);
        if let Some((column, months)) = self.spec.reread
            && let Some(first) = first_month(self.request.date, months)
        {
            let range = self.days(column, first, self.request.date);
            self.selection.ranges.push(range);
            self.windows.push(range);
        }
    }

    /// Reads the days of `backfill`, in as many parts as it has chunks.
    pub(super) fn backfill(&mut self, backfill: &Backfill) -> Result<(), ExtractError> {
        let wrong = |what: &str, hint: &str| ExtractError::Configure {
            source_id: self.spec.source.clone(),
            what: format!("table `{}` {what}", self.spec.table),
            hint: hint.to_owned(),
        };
        let column = self.spec.range.ok_or_else(|| {
            let hint = "name a timestamp or date column by `range: { column: … }` of the table";
            wrong("has no column to compare days with", hint)
        })?;
        if backfill.from > backfill.to {
            return Err(wrong("is asked for no day", "let the first day come before the last"));
        }
        if self.prior.is_none() {
            return Err(wrong("was never landed", "run a nightly first; it reads all there is"));
        }
        if !self.fits {
            let hint = "run a nightly first; it lands the table whole";
            return Err(wrong("has other columns than when it was landed", hint));
        }
        self.mode = Mode::Backfill;
        let whole = self.days(column, backfill.from, backfill.to);
        self.selection.ranges = vec![whole];
        self.windows = match self.spec.scan {
            KeyScan::None => Vec::new(),
            KeyScan::Whole | KeyScan::Window { .. } => vec![whole],
        };
        for (first, last) in backfill.split() {
            let ranges = vec![self.days(column, first, last)];
            self.parts.push(Selection { ranges, filled: self.selection.filled });
        }
        Ok(())
    }

    /// The window a key scan has to ask for; none when it has none or the read covers it.
    pub(super) fn scan_range(&self) -> Option<Range> {
        let KeyScan::Window { column, span } = self.spec.scan else { return None };
        if self.mode != Mode::Cursor {
            return None;
        }
        let column_type = self.spec.columns[column].column_type;
        let end = self.start(self.request.date.checked_add_days(Days::new(1))?, column)?;
        let from = watermark::start(end, Lag::Time(span), column_type);
        let window = Range { column, from: Some(from), to: None, odd: false };
        (!self.windows.contains(&window)).then_some(window)
    }

    /// All ranges whose landed rows are compared, and those of them whose vanished rows are
    /// deleted ones.
    pub(super) fn compared_ranges(&self) -> (Vec<Range>, Vec<Range>) {
        let mut windows = self.windows.clone();
        windows.extend(self.scan_range());
        let mut ranges = self.selection.ranges.clone();
        ranges.extend(windows.iter().filter(|window| !self.selection.ranges.contains(window)));
        (ranges, windows)
    }

    /// The days from `first` to `last`, both included.
    fn days(&self, column: usize, first: NaiveDate, last: NaiveDate) -> Range {
        let to = last.checked_add_days(Days::new(1)).and_then(|end| self.start(end, column));
        Range { column, from: self.start(first, column), to, odd: false }
    }

    fn start(&self, day: NaiveDate, column: usize) -> Option<i64> {
        let column_type: ColumnType = self.spec.columns[column].column_type;
        watermark::day_start(day, column_type, &mut ZoneTable::new(self.request.zone))
    }
}

/// The first day of the earliest of `months` calendar months, the one of `date` included.
fn first_month(date: NaiveDate, months: u32) -> Option<NaiveDate> {
    date.with_day(1)?.checked_sub_months(Months::new(months.saturating_sub(1)))
}

impl Backfill {
    /// Runs of days that together are all of them, none twice.
    fn split(&self) -> Vec<(NaiveDate, NaiveDate)> {
        let days = (self.to - self.from).num_days().unsigned_abs() + 1;
        let chunks = u64::from(self.chunks).clamp(1, days);
        let day = |number: u64| self.from.checked_add_days(Days::new(number));
        let bounds = (0..chunks).map(|n| (days * n / chunks, days * (n + 1) / chunks - 1));
        bounds.filter_map(|(first, last)| Some((day(first)?, day(last)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn months_are_counted_with_the_running_one() {
        assert_eq!(first_month(day("2026-03-31"), 1), Some(day("2026-03-01")));
        assert_eq!(first_month(day("2026-03-31"), 3), Some(day("2026-01-01")));
        assert_eq!(first_month(day("2026-01-15"), 14), Some(day("2024-12-01")));
    }

    #[test]
    fn chunks_cover_every_day_once() {
        for (from, to, chunks) in [
            ("2026-01-01", "2026-01-01", 4),
            ("2026-01-30", "2026-03-02", 5),
            ("2025-12-31", "2026-12-31", 7),
        ] {
            let (from, to) = (day(from), day(to));
            let parts = Backfill { from, to, tables: Vec::new(), chunks }.split();
            assert_eq!((parts[0].0, parts[parts.len() - 1].1), (from, to));
            assert!(parts.iter().all(|(first, last)| first <= last));
            assert!(parts.windows(2).all(|pair| pair[0].1.succ_opt() == Some(pair[1].0)));
            assert!(parts.len() <= chunks as usize);
        }
    }
}
