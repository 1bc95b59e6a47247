//! hub-lake
