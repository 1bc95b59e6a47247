//! ClinicHub: one binary that turns a clinic group's scattered data into governed numbers.
//!
//! Root composes the rooms: [`config`] reads the file and the environment, [`app`] wires rooms
//! together, [`cli`] is what people type. Business rules live in the rooms below
//! (`src/docs/architecture.md`).

pub mod app;
pub mod cli;
pub mod config;
