//! Wall clock of the deployment's zone to UTC.

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::{Civil, Reason};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 0001-01-01 and 9999-12-31 in days since 1970.
pub(crate) const FIRST_DAY: i32 = -719_162;
pub(crate) const LAST_DAY: i32 = 2_932_896;

/// Days from 1970 on whose offsets are remembered: until 2099.
const KNOWN_DAYS: usize = 47_482;
/// A day nobody asked about yet.
const UNKNOWN: i32 = i32::MIN;
/// A day on which the clocks change.
const CHANGES: i32 = i32::MAX;

/// Offsets of a zone, remembered per day: most days have one offset from midnight to midnight.
#[derive(Debug, Clone)]
pub(crate) struct ZoneTable {
    zone: Tz,
    /// Offset in seconds by day since 1970.
    offsets: Vec<i32>,
}

impl ZoneTable {
    /// A table for `zone`.
    pub(crate) fn new(zone: Tz) -> Self {
        Self { zone, offsets: Vec::new() }
    }

    /// µs since 1970 in UTC. A time the clocks passed twice is its first passing.
    ///
    /// # Errors
    /// `ZeroDate` or `ImpossibleDate`; a time the clocks skipped is impossible.
    pub(crate) fn instant(&mut self, civil: &Civil) -> Result<i64, Reason> {
        let day = civil.day_number()?;
        let micros = civil.micros_of_day()?;
        if let Some(offset) = self.offset(day) {
            return Ok(i64::from(day) * MICROS_PER_DAY + micros - i64::from(offset) * 1_000_000);
        }
        let local = local(i64::from(day) * MICROS_PER_DAY + micros)?;
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Ok(at.timestamp_micros()),
            LocalResult::None => Err(Reason::ImpossibleDate),
        }
    }

    /// µs since 1970 in UTC of a wall clock given as µs since 1970 of that clock; none where it
    /// takes a closer look: days of a change of clocks, years no date here may have.
    pub(crate) fn plain_instant(&mut self, wall: i64) -> Option<i64> {
        let day = i32::try_from(wall.div_euclid(MICROS_PER_DAY)).ok()?;
        if !(FIRST_DAY..=LAST_DAY).contains(&day) {
            return None;
        }
        Some(wall - i64::from(self.offset(day)?) * 1_000_000)
    }

    /// The day's offset in seconds; none on days with a change of clocks.
    fn offset(&mut self, day: i32) -> Option<i32> {
        let Some(place) = usize::try_from(day).ok().filter(|day| *day < KNOWN_DAYS) else {
            return offset_of_day(self.zone, day);
        };
        if self.offsets.is_empty() {
            self.offsets = vec![UNKNOWN; KNOWN_DAYS];
        }
        if self.offsets[place] == UNKNOWN {
            self.offsets[place] = offset_of_day(self.zone, day).unwrap_or(CHANGES);
        }
        Some(self.offsets[place]).filter(|offset| *offset != CHANGES)
    }

    /// The wall clock at an instant.
    pub(crate) fn wall(&self, micros: i64) -> Option<NaiveDateTime> {
        let at = DateTime::from_timestamp_micros(micros)?;
        Some(at.with_timezone(&self.zone).naive_local())
    }
}

fn local(micros: i64) -> Result<NaiveDateTime, Reason> {
    DateTime::from_timestamp_micros(micros).map(|at| at.naive_utc()).ok_or(Reason::ImpossibleDate)
}

/// The day's offset when it is the same at both midnights.
fn offset_of_day(zone: Tz, day: i32) -> Option<i32> {
    let midnight = local(i64::from(day) * MICROS_PER_DAY).ok()?;
    let next = midnight.date().checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN);
    let seconds = |local: &NaiveDateTime| match zone.from_local_datetime(local) {
        LocalResult::Single(at) => Some(at.offset().fix().local_minus_utc()),
        _ => None,
    };
    let offset = seconds(&midnight)?;
    (seconds(&next) == Some(offset)).then_some(offset)
}
