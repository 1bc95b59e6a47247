//! End to end through the real binary: a demo group is made, its nights run, its hub is served,
//! and what comes out is compared with `truth.json` and with plain SQL.

#![expect(
    clippy::disallowed_methods,
    reason = "tests are told of servers and seeds by the environment"
)]

mod access;
mod behaviour;
mod boards;
mod catalogue;
mod checks;
mod cli;
mod costing;
mod damage;
mod disk;
mod erase;
mod hooks;
mod identity;
mod kills;
mod nights;
mod object_stores;
mod ops;
mod rivals;
mod servers;
mod slt;
mod source_faults;
mod sources;
mod support;
mod truth;
