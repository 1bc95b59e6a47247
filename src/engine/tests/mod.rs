//! Tests of the engine over small lakes.

mod doors;
mod fixture;
mod freshness;
mod functions;
mod leaks;
mod lifecycle;
mod limits;
mod metric_files;
mod metrics;
mod policy;
mod project;
mod raw;
mod registry;
mod sessions;
mod settings;
mod summaries;

pub(crate) use fixture::lines;
