//! The API from outside: its router over ports that live in memory.

mod attacks;
mod client;
mod failures;
mod persons;
mod protocol;
mod reads;
mod schema;
mod sockets;
mod world;
