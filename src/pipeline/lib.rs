//! The pipeline: source systems into one published snapshot per night, then alerts.
//!
//! Owns extraction, builds, audits, publication, detection and delivery. Must not know GraphQL,
//! HTTP servers or who reads what.

pub mod audit;
pub mod build;
mod costing;
pub mod detect;
pub mod erase;
pub mod extract;
mod identity;
pub mod lease;
pub mod lineage;
pub mod nightly;
pub mod notify;
pub mod publish;
