//! The engine: DataFusion over the lake, for principals.
//!
//! Owns sessions, the row and column policy, limits on users' SQL, the functions of the hub, the
//! registry of `queries/`, the result cache, and the readers that turn record batches into domain
//! values. Must not know HTTP or GraphQL.
//!
//! ```text
//! Engine ─ open(principal, snapshot) ─► Session ─ fetch(sql, params) ─► readers (trusted, cached)
//!   │                                      └──── user_sql(sql) ────► doors (bounded, masked)
//!   └─ lake, contracts, registry, memory, query threads
//! ```

mod cache;
mod catalog;
mod config;
mod context;
mod current_rows;
mod engine;
mod error;
mod guard;
mod limits;
mod meters;
mod optimizer;
mod policy;
mod prepared;
mod preview;
mod raw_view;
pub mod readers;
pub mod registry;
mod runtime;
mod session;
mod sql_error;
pub mod udf;

#[cfg(test)]
mod tests;

pub use config::EngineConfig;
pub use context::{CATALOG, HUB, RAW, build_context};
pub use engine::Engine;
pub use error::Error;
pub use limits::LimitedStream;
pub use meters::{Load, Meters};
pub use prepared::is_timeless;
pub use preview::Preview;
pub use raw_view::{raw_view_name, register_raw_view};
pub use registry::{
    COST_ALLOCATION, COST_TABLES, IDENTITY_DECISION, IDENTITY_MERGE_LOG, MANUAL_TAG, Node,
    PERSON_LINK, PERSON_RECORD, Part, Reference, Registry, Stage, Summary,
};
pub use session::Session;
pub use sql_error::{SqlError, SqlErrorKind};
