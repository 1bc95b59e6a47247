//! hub-state
