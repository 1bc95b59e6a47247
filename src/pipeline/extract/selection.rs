//! Which rows of a table one read asks for: everything, or ranges of its columns.
//!
//! A source may deliver more than was asked (its condition is cut to whole seconds or days, and
//! files know no condition at all); the intake keeps exactly what [`Selection::takes`].

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, TimeDelta};
use hub_domain::contract::ColumnType;

use super::cell::ZoneTable;
use super::schema::{Native, SpecColumn, TableSpec};
use super::sql::quoted;
use super::watermark::day_of;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Rows whose column lies in `[from, to)`, in the column's own unit (see `watermark`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Index into the columns of the spec it is asked with.
    pub(super) column: usize,
    /// First position; none for no lower bound.
    pub(super) from: Option<i64>,
    /// First position past the range; none for no upper bound.
    pub(super) to: Option<i64>,
    /// Whether rows belong to it whose column holds no position: NULL, or no value of its type.
    pub(super) odd: bool,
}

/// What a column of a row holds, as far as ranges care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// NULL.
    Null,
    /// A cell that is no value of the column's type.
    Odd,
    /// A position.
    Position(i64),
}

/// The rows of one read: those of any of its ranges; all rows when it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) ranges: Vec<Range>,
    /// Column whose NULLs are not asked for, whatever the ranges say.
    pub(super) filled: Option<usize>,
}

/// How a database writes literals and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite, where every cell has its own type.
    Sqlite,
    /// SQL Server.
    #[cfg(feature = "sqlserver")]
    Sqlserver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Lower,
    Upper,
}

impl Range {
    pub(super) fn holds(&self, at: At) -> bool {
        match at {
            At::Null | At::Odd => self.odd,
            At::Position(at) => {
                self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
            }
        }
    }

    /// The range as SQL, possibly wider; none when the database cannot compare the column as
    /// what it is declared to be.
    fn condition(&self, spec: &TableSpec, zone: &ZoneTable, dialect: Dialect) -> Option<String> {
        let column = spec.columns.get(self.column)?;
        let name = dialect.column(column)?;
        let mut bounds = Vec::new();
        for (bound, side, sign) in [(self.from, Side::Lower, ">="), (self.to, Side::Upper, "<")] {
            if let Some(position) = bound {
                let literal = dialect.literal(column, position, side, zone)?;
                bounds.push(format!("{name} {sign} {literal}"));
            }
        }
        if bounds.is_empty() {
            return None;
        }
        let inside = bounds.join(" AND ");
        if !self.odd {
            return Some(inside);
        }
        // Whatever is no value is read too, so that it is refused and not passed over.
        let odd = dialect.odd(column, &name).map(|odd| format!(" OR {odd}"));
        Some(format!("({inside}) OR {name} IS NULL{}", odd.unwrap_or_default()))
    }
}

impl Selection {
    /// Whether every row belongs to it.
    pub(super) fn is_whole(&self) -> bool {
        self.ranges.is_empty() && self.filled.is_none()
    }

    /// Whether a row belongs to the read; `at` tells what its columns hold.
    pub(super) fn takes(&self, at: impl Fn(usize) -> At) -> bool {
        if self.filled.is_some_and(|column| at(column) == At::Null) {
            return false;
        }
        self.ranges.is_empty() || self.ranges.iter().any(|range| range.holds(at(range.column)))
    }

    /// What stands after WHERE: every row [`Selection::takes`] and perhaps more; none for no
    /// condition.
    pub(super) fn condition(
        &self,
        spec: &TableSpec,
        zone: &ZoneTable,
        dialect: Dialect,
    ) -> Option<String> {
        let ranges: Option<Vec<String>> = self
            .ranges
            .iter()
            .map(|range| range.condition(spec, zone, dialect).map(|text| format!("({text})")))
            .collect();
        let inside = ranges.filter(|ranges| !ranges.is_empty()).map(|ranges| ranges.join(" OR "));
        let filled = self.filled.and_then(|column| spec.columns.get(column));
        let filled = filled.and_then(|column| dialect.column(column));
        let filled = filled.map(|name| format!("{name} IS NOT NULL"));
        match (inside, filled) {
            (Some(inside), Some(filled)) => Some(format!("({inside}) AND {filled}")),
            (inside, filled) => inside.or(filled),
        }
    }
}

impl Dialect {
    fn column(self, column: &SpecColumn) -> Option<String> {
        #[cfg(feature = "sqlserver")]
        if self == Self::Sqlserver {
            let name = column.at_source.as_ref()?;
            return Some(format!("t.[{}]", name.replace(']', "]]")));
        }
        let quote = if self == Self::Mysql { '`' } else { '"' };
        column.at_source.as_ref().map(|name| format!("t.{}", quoted(name, quote)))
    }

    fn literal(
        self,
        column: &SpecColumn,
        position: i64,
        side: Side,
        zone: &ZoneTable,
    ) -> Option<String> {
        let native = column.native;
        match column.column_type {
            ColumnType::Int64 => {
                (self == Self::Sqlite || native == Native::Int).then(|| position.to_string())
            }
            ColumnType::Timestamp => {
                let up = if side == Side::Upper { MICROS_PER_SECOND - 1 } else { 0 };
                let second = position.checked_add(up)?.div_euclid(MICROS_PER_SECOND);
                let micros = second.checked_mul(MICROS_PER_SECOND)?;
                let wall = match native {
                    Native::Instant => DateTime::from_timestamp_micros(micros)?.naive_utc(),
                    _ => wall(micros, side, zone)?,
                };
                self.moment(wall, native, side)
            }
            ColumnType::Date => {
                let mut day = day_of(i32::try_from(position).ok()?)?;
                if native == Native::Instant {
                    // A day of the clinic's zone is not a day of UTC.
                    day = match side {
                        Side::Lower => day.checked_sub_days(Days::new(1))?,
                        Side::Upper => day.checked_add_days(Days::new(1))?,
                    };
                }
                self.moment(day.and_time(NaiveTime::MIN), native, side)
            }
            _ => None,
        }
    }

    fn moment(self, wall: NaiveDateTime, native: Native, side: Side) -> Option<String> {
        // SQLite compares text: a day is less than any moment of it, however that is written.
        let days = self == Self::Sqlite || native == Native::Date;
        let text = if !days {
            wall.format("%Y-%m-%d %H:%M:%S").to_string()
        } else if side == Side::Upper && wall.time() != NaiveTime::MIN {
            wall.date().checked_add_days(Days::new(1))?.to_string()
        } else {
            wall.date().to_string()
        };
        match (self, native) {
            (Self::Sqlite, _) | (Self::Mysql, Native::Date | Native::Wall | Native::Instant) => {
                Some(format!("'{text}'"))
            }
            (Self::Postgres, Native::Wall) => Some(format!("TIMESTAMP '{text}'")),
            (Self::Postgres, Native::Instant) => Some(format!("TIMESTAMPTZ '{text}+00'")),
            (Self::Postgres, Native::Date) => Some(format!("DATE '{text}'")),
            #[cfg(feature = "sqlserver")]
            (Self::Sqlserver, Native::Date) => Some(format!("CONVERT(date, '{text}', 23)")),
            #[cfg(feature = "sqlserver")]
            (Self::Sqlserver, Native::Wall) => Some(format!("CONVERT(datetime2, '{text}', 121)")),
            #[cfg(feature = "sqlserver")]
            (Self::Sqlserver, Native::Instant) => {
                Some(format!("TODATETIMEOFFSET(CONVERT(datetime2, '{text}', 121), 0)"))
            }
            _ => None,
        }
    }

    /// Values below every real one of the column: zero dates, years before Christ, other types.
    fn odd(self, column: &SpecColumn, name: &str) -> Option<String> {
        let temporal = column.column_type != ColumnType::Int64;
        match (self, temporal, column.native) {
            (Self::Sqlite, true, _) => Some(format!("{name} < '1000'")),
            (Self::Sqlite, false, Native::Int) => None,
            (Self::Sqlite, false, _) => Some(format!("typeof({name}) <> 'integer'")),
            (Self::Mysql, true, _) => Some(format!("{name} < '1000-01-01'")),
            (Self::Postgres, true, Native::Wall) => {
                Some(format!("{name} < TIMESTAMP '0001-01-01'"))
            }
            (Self::Postgres, true, Native::Instant) => {
                Some(format!("{name} < TIMESTAMPTZ '0001-01-01 00:00:00+00'"))
            }
            (Self::Postgres, true, Native::Date) => Some(format!("{name} < DATE '0001-01-01'")),
            _ => None,
        }
    }
}

/// The wall clock at an instant. Around a change of clocks an hour further out: wall clocks then
/// do not order moments.
fn wall(micros: i64, side: Side, zone: &ZoneTable) -> Option<NaiveDateTime> {
    let hour = TimeDelta::hours(1);
    let step = hour.num_microseconds()?;
    let at = zone.wall(micros)?;
    let near = match side {
        Side::Lower => zone.wall(micros.checked_add(step)?)? - at,
        Side::Upper => at - zone.wall(micros.checked_sub(step)?)?,
    };
    match side {
        _ if near == hour => Some(at),
        Side::Lower => at.checked_sub_signed(hour),
        Side::Upper => at.checked_add_signed(hour),
    }
}

#[cfg(test)]
mod tests;
