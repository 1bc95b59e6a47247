//! A cron expression on the wall clock of a zone.
//!
//! Every wall-clock time the expression names starts once. One that the zone skips starts at the
//! first moment after the gap; one that repeats starts at its first occurrence. A day that the
//! zone skips whole has no start. `croner` reckons on a clock without a zone and this file places
//! the result in the zone, so that the rule does not depend on how a library treats such days.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// When the job is due.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    cron: Cron,
    zone: Tz,
}

/// One start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// The moment.
    pub(super) at: DateTime<Utc>,
    /// The day the expression named, which a gap at midnight may have moved `at` out of.
    pub(super) day: NaiveDate,
}

impl Schedule {
    /// A five-field expression in `zone`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(cron: &str, zone: Tz) -> anyhow::Result<Self> {
        let parsed = cron.parse();
        let cron = parsed.map_err(|error| anyhow::anyhow!("`nightly.cron`: `{cron}`: {error}"))?;
        Ok(Self { cron, zone })
    }

    /// The day it is at `moment`.
    pub(super) fn day(&self, moment: DateTime<Utc>) -> NaiveDate {
        moment.with_timezone(&self.zone).date_naive()
    }

    /// The first start after `after`; none when there is none any more.
    pub(super) fn next(&self, after: DateTime<Utc>) -> Option<Due> {
        let mut wall = after.with_timezone(&self.zone).naive_local();
        loop {
            wall = self.cron.find_next_occurrence(&wall.and_utc(), false).ok()?.naive_utc();
            // A time that repeats may lie behind already.
            if let Some(at) = self.moment(wall).filter(|at| *at > after) {
                return Some(Due { at, day: wall.date() });
            }
        }
    }

    /// The moment of a wall-clock time; none on a day that does not exist.
    fn moment(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        if let Some(at) = self.zone.from_local_datetime(&wall).earliest() {
            return Some(at.to_utc());
        }
        let end = self.gap_end(wall);
        let before = self.day(end - TimeDelta::seconds(1));
        let whole_day = before < wall.date() && wall.date() < self.day(end);
        (!whole_day).then_some(end)
    }

    /// The first moment at which the clock shows more than `wall`, which lies in a gap.
    fn gap_end(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        let shows_less = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local() < wall;
        // No zone is a day and three hours away from UTC.
        let (mut low, mut high) = (-27 * 3_600, 27 * 3_600);
        let at = |seconds| wall.and_utc() + TimeDelta::seconds(seconds);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if shows_less(at(middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        at(high)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Zones with gaps and repeats at night, at midnight, of half an hour, or none.
    pub(in super::super) const ZONES: [&str; 12] = [
        "Asia/Shanghai",
        "America/New_York",
        "Europe/Kyiv",
        "Europe/London",
        "America/Sao_Paulo",
        "America/Santiago",
        "America/Nuuk",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "Asia/Beirut",
        "Pacific/Apia",
    ];

    fn schedule(cron: &str, zone: &str) -> Schedule {
        Schedule::parse(cron, zone.parse().expect("a zone")).expect("cron")
    }

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn starts(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = schedule(cron, zone);
        let first = schedule.next(instant(from));
        let starts = std::iter::successors(first, |due| schedule.next(due.at));
        starts.take(count).map(|due| due.at.format("%m-%dT%H:%M").to_string()).collect()
    }

    #[test]
    fn a_skipped_hour_still_has_its_night() {
        // On 2026-03-08 New York goes from 02:00 straight to 03:00 (07:00 UTC).
        let found = starts("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2);
        assert_eq!(found, ["03-08T07:00", "03-09T06:30"]);
        // In Sao Paulo 2018-11-04 began at 01:00 (03:00 UTC).
        let found = starts("30 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", 2);
        assert_eq!(found, ["11-04T03:00", "11-05T02:30"]);
        // In Nuuk the last hour of 2024-03-30 was skipped: its start is the next day's first.
        let found = starts("30 23 * * *", "America/Nuuk", "2024-03-30T12:00:00Z", 2);
        assert_eq!(found, ["03-31T01:00", "04-01T00:30"]);
        // Many starts inside a gap are one.
        let found = starts("*/15 * * * *", "America/New_York", "2026-03-08T06:45:00Z", 3);
        assert_eq!(found, ["03-08T07:00", "03-08T07:15", "03-08T07:30"]);
    }

    #[test]
    fn a_repeated_hour_has_one_night() {
        // On 2026-11-01 the hour from 01:00 repeats.
        let found = starts("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2);
        assert_eq!(found, ["11-01T05:30", "11-02T06:30"]);
        // Asked between both, the night is over.
        let found = starts("30 1 * * *", "America/New_York", "2026-11-01T06:10:00Z", 1);
        assert_eq!(found, ["11-02T06:30"]);
    }

    #[test]
    fn a_day_that_never_was_has_no_night() {
        // Samoa went from 2011-12-29 to 2011-12-31.
        let schedule = schedule("30 2 * * *", "Pacific/Apia");
        let first = schedule.next(instant("2011-12-29T00:00:00Z")).expect("a start");
        let second = schedule.next(first.at).expect("a start");
        let third = schedule.next(second.at).expect("a start");
        let days = [first, second, third].map(|due| due.day.to_string());
        assert_eq!(days, ["2011-12-29", "2011-12-31", "2012-01-01"]);
    }

    #[test]
    fn a_daily_start_comes_once_on_every_day_of_every_zone() {
        for zone in ZONES {
            for (at, years) in [("30 2", 2018..2022), ("0 0", 2010..2013), ("59 23", 2023..2027)] {
                let schedule = schedule(&format!("{at} * * *"), zone);
                let end = instant(&format!("{}-12-28T00:00:00Z", years.end));
                let mut now = instant(&format!("{}-01-03T12:00:00Z", years.start));
                let mut days: BTreeMap<NaiveDate, u32> = BTreeMap::new();
                let mut last = schedule.day(now);
                while now < end {
                    let due = schedule.next(now).expect("a start");
                    assert!(due.at > now, "{zone} {at}: {due:?} after {now}");
                    let day = due.at.with_timezone(&schedule.zone).naive_local();
                    let late = day - due.day.and_time(day.time());
                    assert!(late <= TimeDelta::days(1), "{zone} {at}: {due:?}");
                    *days.entry(due.day).or_default() += 1;
                    now = due.at;
                    last = due.day;
                }
                assert!(days.values().all(|runs| *runs == 1), "{zone} {at}: {days:?}");
                let first = *days.keys().next().expect("days");
                let all = first.iter_days().take_while(|day| *day <= last);
                let never = NaiveDate::from_ymd_opt(2011, 12, 30);
                let without: Vec<NaiveDate> = all.filter(|day| !days.contains_key(day)).collect();
                let samoa = zone == "Pacific/Apia" && without.iter().all(|day| Some(*day) == never);
                assert!(without.is_empty() || samoa, "{zone} {at}: no night on {without:?}");
            }
        }
    }
}
