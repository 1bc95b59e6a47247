//! hub-api
