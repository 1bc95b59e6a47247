//! Metrics: what they are, how one is computed from others, questions about them and answers.
//!
//! One name is one formula. A ratio is never stored: numerator and denominator are aggregated
//! apart and divided last.

mod definition;
mod expression;
mod query;
mod unit;

pub use definition::{
    Additivity, Aggregate, Cohort, Cumulative, Derived, Dimension, Entry, EntryRule, Event,
    Formula, Gaps, MetricDefinition, MetricFamily, Ratio, Rollup, Simple, Standing, Stock, Target,
    Window, Within,
};
pub use expression::{Arithmetic, Expression, Function, OutOfRange, QUOTIENT_DECIMALS, rounded};
pub use query::{
    Compare, DimensionFilter, DimensionValue, MetricFilter, MetricValue, MetricsOrder,
    MetricsQuery, MetricsResult, MetricsRow, Operator,
};
pub use unit::{Direction, Unit, Units};
