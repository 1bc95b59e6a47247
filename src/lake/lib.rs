//! The lake: where tables live and how they change.
//!
//! Owns object stores, Delta tables, table contracts as Arrow schemas, published snapshots and
//! the scan provider over the Delta log. Must not know HTTP, GraphQL, metrics or SQL text.

mod contracts;
mod damage;
mod definitions;
mod durable;
mod error;
mod fence;
mod id;
mod lake;
mod provider;
mod publish;
mod store;
mod table;
pub mod upkeep;
mod write;

#[cfg(test)]
mod tests;

pub use contracts::{Contracts, arrow_schema, arrow_type, raw_schema, source_arrow_schema};
pub use error::LakeError;
pub use fence::Fence;
pub use id::TableId;
pub use lake::Lake;
pub use provider::{LakeTable, MainLoad};
pub use store::Retries;
pub use table::{CommitNote, DeltaTableHandle};
pub use write::{LateMetadata, SortKey, Txn, WriteMode, WriteOutcome, WriteSpec, Written};
