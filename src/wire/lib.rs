//! hub-wire
