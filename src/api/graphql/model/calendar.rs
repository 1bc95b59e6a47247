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
pub(crate) enum Grain {
    /// One day.
    Day,
    /// ISO week, Monday to Sunday.
    Week,
    /// Calendar month.
    Month,
    /// Month of the books, from the day of the month the project says.
    FiscalMonth,
    /// Calendar quarter.
    Quarter,
    /// Calendar year.
    Year,
}

impl From<Grain> for domain::Grain {
    fn from(grain: Grain) -> Self {
        match grain {
            Grain::Day => Self::Day,
            Grain::Week => Self::Week,
            Grain::Month => Self::Month,
            // The project's day is filled in where the question is answered.
            Grain::FiscalMonth => Self::FiscalMonth(domain::FiscalStart::default()),
            Grain::Quarter => Self::Quarter,
            Grain::Year => Self::Year,
        }
    }
}

impl From<domain::Grain> for Grain {
    fn from(grain: domain::Grain) -> Self {
        match grain {
            domain::Grain::Day => Self::Day,
            domain::Grain::Week => Self::Week,
            domain::Grain::Month => Self::Month,
            domain::Grain::FiscalMonth(_) => Self::FiscalMonth,
            domain::Grain::Quarter => Self::Quarter,
            domain::Grain::Year => Self::Year,
        }
    }
}
