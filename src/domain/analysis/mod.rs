//! The analytical rules: pure functions from plain rows to numbers.
//!
//! Owns the counting rule of funnels, retention, attribution of conversions, profit drivers, cost allocation in its
//! direct, step-down, reciprocal and three-level forms, item cost, RFM and robust anomaly
//! scores. Every file names the source of its formula. Must not know where rows come from
//! (files, queries, requests) nor how answers are shown.

pub mod allocation;
pub mod anomaly;
pub mod attribution;
pub mod costing;
mod exact;
pub mod funnel;
pub mod item_cost;
pub mod profit_driver;
pub mod retention;
pub mod rfm;
pub mod three_level;
