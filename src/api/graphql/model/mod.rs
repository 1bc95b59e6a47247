//! Output and input types, one file per noun. Each is built from its domain type by hand: the
//! domain is not serialisable, so a new domain field reaches nobody by accident.

pub(crate) mod alert;
pub(crate) mod allocation;
pub(crate) mod attribution;
pub(crate) mod board;
pub(crate) mod calendar;
pub(crate) mod cost;
pub(crate) mod cross_line;
pub(crate) mod freshness;
pub(crate) mod funnel;
pub(crate) mod identity;
pub(crate) mod metric;
pub(crate) mod metrics;
pub(crate) mod org;
pub(crate) mod patient;
pub(crate) mod patient_part;
pub(crate) mod profit;
pub(crate) mod recall;
pub(crate) mod retention;
pub(crate) mod run;
pub(crate) mod segment;
pub(crate) mod snapshot;
pub(crate) mod tag;
pub(crate) mod viewer;
