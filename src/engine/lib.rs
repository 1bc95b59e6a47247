//! hub-engine
