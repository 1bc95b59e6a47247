//! hub-pipeline
