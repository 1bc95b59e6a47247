//! What a caller may choose about the demo.
use chrono::NaiveDate;

use crate::error::Error;

/// Size and span of the demo group's sources. Equal specifications give equal sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoSpec {
    /// Number of human beings, patients or not.
    pub people: u64,
    /// Business days covered, the last one included.
    pub days: u32,
    /// Seed of all chance.
    pub seed: u64,
    /// Last business day.
    pub end: NaiveDate,
    /// Nights the sources can be advanced through; the state starts at the first.
    pub nights: u32,
}

impl DemoSpec {
    /// The default group: 20 000 people over 400 days, three nights.
    #[must_use]
    pub fn new(end: NaiveDate) -> Self {
        Self { people: 20_000, days: 400, seed: 1, end, nights: 3 }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let bad = |reason: String, hint| Err(Error::Spec { reason, hint });
        if self.nights == 0 || self.nights > 14 {
            return bad(format!("`nights` is {}", self.nights), "choose 1 to 14 nights");
        }
        if self.days < self.nights + 14 || self.days > 3000 {
            return bad(format!("`days` is {}", self.days), "choose nights + 14 to 3000 days");
        }
        if self.people < 50 || self.people > 9_000_000 {
            return bad(format!("`people` is {}", self.people), "choose 50 to 9000000 people");
        }
        let years = (2015, 2100);
        let year = chrono::Datelike::year(&self.end);
        if year < years.0 || year > years.1 {
            return bad(format!("`end` is {}", self.end), "choose a day of 2015 to 2100");
        }
        Ok(())
    }
}
