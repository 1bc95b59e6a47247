//! How a site cuts its days: in which zone, and at which hour.
//!
//! A night clinic that closes at two counts its last visits on the day it opened.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// Sites with days of their own, by code.
pub type SiteDays = BTreeMap<String, SiteDay>;

/// Zone and start of a site's days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SiteDay {
    /// Zone its clocks show.
    pub zone: Tz,
    /// What its clocks show when a day starts; what comes before counts on the day before.
    pub starts: NaiveTime,
}

impl SiteDay {
    /// The business day of an instant.
    #[must_use]
    pub fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        let shown = instant.with_timezone(&self.zone).naive_local();
        let lead = chrono::TimeDelta::seconds(i64::from(self.starts.num_seconds_from_midnight()));
        (shown - lead).date()
    }

    /// The instant at which `day` begins. Where clocks skip that moment, the first one after it;
    /// where they show it twice, the first time.
    #[must_use]
    pub fn start_of(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        let shown = day.and_time(self.starts);
        // No zone skips more than a day, and all skip whole quarters of an hour.
        let moments = (0..96).map(|quarter| shown + chrono::TimeDelta::minutes(15 * quarter));
        moments
            .filter_map(|moment| self.zone.from_local_datetime(&moment).earliest())
            .map(|at| at.to_utc())
            .next()
    }
}

impl fmt::Display for SiteDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.zone.name(), self.starts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_by_the_clock_on_the_wall() {
        let site = |zone, starts: &str| SiteDay { zone, starts: starts.parse().expect("a time") };
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let late = at("2026-03-01T18:30:00Z");
        let shanghai = chrono_tz::Asia::Shanghai;
        assert_eq!(site(shanghai, "00:00:00").day_of(late), day("2026-03-02"), "02:30 there");
        assert_eq!(site(shanghai, "05:00:00").day_of(late), day("2026-03-01"));
        assert_eq!(site(shanghai, "02:30:00").day_of(late), day("2026-03-02"), "it just started");
        assert_eq!(site(chrono_tz::Asia::Urumqi, "01:00:00").day_of(late), day("2026-03-01"));
        let start = |zone, starts, on| site(zone, starts).start_of(day(on));
        let opens = start(shanghai, "05:00:00", "2026-03-02");
        assert_eq!(opens, Some(at("2026-03-01T21:00:00Z")));
        // Midnight of 6 September 2026 is skipped in Santiago.
        let skipped = start(chrono_tz::America::Santiago, "00:00:00", "2026-09-06");
        assert_eq!(skipped, Some(at("2026-09-06T04:00:00Z")));
    }
}
