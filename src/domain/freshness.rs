//! How old the data of a table is, per site: judged by the newest business day it holds, never by
//! when somebody last wrote to it. A backfill of an old month writes today and brings nothing of
//! today, so it does not make a table fresh.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};

/// Seconds per unit of a written span.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// How old data may be, written `36h` or `8d`, counted from the end of its business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// The span in seconds.
    pub seconds: u64,
}

impl Expectation {
    fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let count: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
        Some(Self { seconds: count.checked_mul(*factor)? })
    }

    fn span(self) -> TimeDelta {
        i64::try_from(self.seconds)
            .ok()
            .and_then(TimeDelta::try_seconds)
            .unwrap_or(TimeDelta::days(36_500))
    }

    /// The oldest business day that is still fresh at `now`.
    #[must_use]
    pub fn oldest_fresh(self, now: DateTime<Utc>, zone: Tz) -> NaiveDate {
        let asked = now - self.span();
        let day = asked.with_timezone(&zone).date_naive();
        // A day that ended exactly then is exactly as old as it may be.
        let before = day.pred_opt().unwrap_or(day);
        if end_of(before, zone) >= asked { before } else { day }
    }
}

impl<'de> Deserialize<'de> for Expectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no span of time; write `36h` or `8d`"))
        })
    }
}

/// What is expected of source tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations(BTreeMap<(String, Option<String>), Expectation>);

impl Expectations {
    /// Adds what is expected of one table, or of every other table of `source`.
    pub fn add(&mut self, source: &str, table: Option<&str>, seconds: u64) {
        let key = (source.to_owned(), table.map(str::to_owned));
        self.0.insert(key, Expectation { seconds });
    }

    /// What is expected of a table.
    #[must_use]
    pub fn of(&self, source: &str, table: &str) -> Option<Expectation> {
        let own = self.0.get(&(source.to_owned(), Some(table.to_owned())));
        own.or_else(|| self.0.get(&(source.to_owned(), None))).copied()
    }
}

/// Whether data is as new as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshState {
    /// As new as expected.
    Fresh,
    /// Older than expected.
    Stale,
    /// Nothing is expected, or nothing is there to judge by.
    Unknown,
}

impl FreshState {
    /// The name shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
        }
    }

    /// The state of data whose newest business day is `through`.
    #[must_use]
    pub fn of(
        through: Option<NaiveDate>,
        expect: Option<Expectation>,
        now: DateTime<Utc>,
        zone: Tz,
    ) -> Self {
        match (through, expect) {
            (Some(through), Some(expect)) if through >= expect.oldest_fresh(now, zone) => {
                Self::Fresh
            }
            (Some(_), Some(_)) => Self::Stale,
            _ => Self::Unknown,
        }
    }
}

/// Where a table stands in the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// As landed from a source.
    Raw,
    /// Canonical table or mart.
    Hub,
}

impl Layer {
    /// The name shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Hub => "hub",
        }
    }
}

/// How old one table is, at one site where it has sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFreshness {
    /// Raw or canonical.
    pub layer: Layer,
    /// Source; of a canonical table those it is made from, joined by `,`.
    pub source: String,
    /// Table.
    pub table: String,
    /// Org code of the site; none for tables without sites.
    pub site: Option<String>,
    /// Newest business day: of a raw table the night that landed it last, of a canonical table
    /// its newest row up to the snapshot's day. None when there is none.
    pub data_through: Option<NaiveDate>,
    /// When a night last landed the table, or the oldest of the tables it is made from.
    pub last_load_at: Option<DateTime<Utc>>,
    /// What is expected, in seconds from the end of `data_through`.
    pub expect_seconds: Option<u64>,
    /// Seconds since the end of `data_through`; 0 while that day goes on.
    pub age_seconds: Option<u64>,
    /// The verdict.
    pub state: FreshState,
}

/// Seconds from the end of `through` to `now`; 0 while that day goes on.
#[must_use]
pub fn age_seconds(through: NaiveDate, now: DateTime<Utc>, zone: Tz) -> u64 {
    u64::try_from((now - end_of(through, zone)).num_seconds()).unwrap_or(0)
}

/// The moment a business day ends. Where the zone skips that midnight, UTC's stands in.
#[must_use]
pub fn end_of(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let next = day.checked_add_days(Days::new(1)).unwrap_or(day).and_time(NaiveTime::MIN);
    zone.from_local_datetime(&next).earliest().map_or_else(|| next.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_day_is_fresh_until_its_end_is_too_long_ago() {
        let expect = Expectation::parse("36h");
        // 2026-03-31 ends in Shanghai at 16:00 UTC; 36 hours later it is no longer fresh.
        let state = |now: &str, through: &str| {
            FreshState::of(Some(day(through)), expect, at(now), Shanghai)
        };
        assert_eq!(state("2026-03-31T16:00:00Z", "2026-03-31"), FreshState::Fresh);
        assert_eq!(state("2026-04-02T04:00:00Z", "2026-03-31"), FreshState::Fresh);
        assert_eq!(state("2026-04-02T04:00:01Z", "2026-03-31"), FreshState::Stale);
        assert_eq!(state("2026-03-31T16:00:00Z", "2026-02-28"), FreshState::Stale);
        let none = FreshState::of(None, expect, at("2026-04-02T04:00:00Z"), Shanghai);
        assert_eq!(none, FreshState::Unknown);
    }

    #[test]
    fn the_oldest_fresh_day_agrees_with_the_age() {
        for hours in [0_u64, 1, 24, 36, 200] {
            let expect = Expectation { seconds: hours * 3_600 };
            for minutes in (0..4_320).step_by(7) {
                let now = at("2026-03-08T00:00:00Z") + TimeDelta::minutes(minutes);
                for zone in [Shanghai, chrono_tz::America::New_York] {
                    let oldest = expect.oldest_fresh(now, zone);
                    let before = oldest.pred_opt().expect("a day");
                    assert!(now - end_of(oldest, zone) <= expect.span(), "{now} {zone} {hours}");
                    assert!(now - end_of(before, zone) > expect.span(), "{now} {zone} {hours}");
                }
            }
        }
    }

    #[test]
    fn a_table_follows_its_source_unless_it_says_otherwise() {
        let mut expected = Expectations::default();
        expected.add("his", None, 3_600);
        expected.add("his", Some("t_jz"), 60);
        let seconds = |source, table| expected.of(source, table).map(|expect| expect.seconds);
        assert_eq!(seconds("his", "t_jz"), Some(60));
        assert_eq!(seconds("his", "t_br"), Some(3_600));
        assert_eq!(seconds("crm", "lead"), None);
    }
}
