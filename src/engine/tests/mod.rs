//! Tests of the engine over small lakes.

mod doors;
mod fixture;
mod freshness;
mod functions;
mod leaks;
mod lifecycle;
mod limits;
mod metrics;
mod policy;
mod project;
mod raw;
mod registry;
mod sessions;
mod settings;

pub(crate) use fixture::lines;
