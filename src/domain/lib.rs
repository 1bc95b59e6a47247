//! Vocabulary and pure rules of the hub.
//!
//! Owns the words every other room uses (org, money, calendar, metric, funnel, board, alert,
//! patient), the rules that need no machine, and the port traits api and pipeline speak to.
//! Must not know tokio, Arrow, DataFusion, HTTP or SQL engines.

pub mod alert;
pub mod analysis;
pub mod annotation;
pub mod attribution;
pub mod board;
pub mod calendar;
pub mod clock;
pub mod contract;
pub mod cost;
pub mod cross_line;
pub mod difference;
pub mod error;
pub mod freshness;
pub mod funnel;
pub mod identity;
pub mod metric;
pub mod money;
pub mod org;
pub mod page;
pub mod patient;
pub mod ports;
pub mod principal;
pub mod profit;
pub mod project;
pub mod recall;
pub mod referral;
pub mod retention;
pub mod run;
pub mod segment;
pub mod site_day;
pub mod snapshot;
pub mod summary;

pub use error::Error;
pub use money::Fen;
pub use principal::Principal;
