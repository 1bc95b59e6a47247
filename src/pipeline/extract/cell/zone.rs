//! Wall clock of the deployment's zone to UTC.

use std::collections::HashMap;

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::{Civil, Reason};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Offsets of a zone, remembered per day: most days have one offset from midnight to midnight.
#[derive(Debug)]
pub(crate) struct ZoneTable {
    zone: Tz,
    /// Day → offset in seconds; `None` on days with a change of clocks.
    offsets: HashMap<i32, Option<i32>>,
}

impl ZoneTable {
    /// A table for `zone`.
    pub(crate) fn new(zone: Tz) -> Self {
        Self { zone, offsets: HashMap::new() }
    }

    /// µs since 1970 in UTC. A time the clocks passed twice is its first passing.
    ///
    /// # Errors
    /// `ZeroDate` or `ImpossibleDate`; a time the clocks skipped is impossible.
    pub(super) fn instant(&mut self, civil: &Civil) -> Result<i64, Reason> {
        let day = civil.day_number()?;
        let micros = civil.micros_of_day()?;
        let zone = self.zone;
        let offset = *self.offsets.entry(day).or_insert_with(|| offset_of_day(zone, day));
        if let Some(offset) = offset {
            return Ok(i64::from(day) * MICROS_PER_DAY + micros - i64::from(offset) * 1_000_000);
        }
        let local = local(i64::from(day) * MICROS_PER_DAY + micros)?;
        match zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Ok(at.timestamp_micros()),
            LocalResult::None => Err(Reason::ImpossibleDate),
        }
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
