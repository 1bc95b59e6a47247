//! Ranges and grains.

use async_graphql::{Enum, InputObject, SimpleObject};
use hub_domain::calendar as domain;

use crate::graphql::error::Result;
use crate::graphql::scalars::Date;

/// Clinic-local days, both ends included.
#[derive(InputObject)]
pub(crate) struct DateRange {
    /// First day.
    from: Date,
    /// Last day.
    to: Date,
}

impl DateRange {
    /// The range, when it is one.
    pub(crate) fn checked(&self) -> Result<domain::DateRange> {
        Ok(domain::DateRange::new(self.from.0, self.to.0)?)
    }
}

/// Days an answer covers, both ends included.
#[derive(SimpleObject)]
pub(crate) struct DateSpan {
    /// First day.
    from: Date,
    /// Last day.
    to: Date,
}

impl From<domain::DateRange> for DateSpan {
    fn from(range: domain::DateRange) -> Self {
        Self { from: range.from.into(), to: range.to.into() }
    }
}

/// Length of one period.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::calendar::Grain")]
pub(crate) enum Grain {
    /// One day.
    Day,
    /// Monday to Sunday.
    Week,
    /// Calendar month.
    Month,
    /// Calendar quarter.
    Quarter,
    /// Calendar year.
    Year,
}
