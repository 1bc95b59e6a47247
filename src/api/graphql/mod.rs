//! The schema: roots, model types, scalars, errors.
//!
//! Owns the shape callers see. Must not know HTTP: what a resolver may reach is
//! [`context::RequestScope`].

pub(crate) mod context;
pub(crate) mod error;
mod model;
mod mutation;
mod page;
mod query;
mod scalars;
mod subscription;

use async_graphql::{SDLExportOptions, Schema};

pub(crate) use page::NEGATIVE_PAGE;

use crate::state::Limits;

pub(crate) type HubSchema = Schema<query::Query, mutation::Mutation, subscription::Subscription>;

/// The executable schema under `limits`.
pub(crate) fn schema(limits: &Limits) -> HubSchema {
    Schema::build(
        query::Query::default(),
        mutation::Mutation::default(),
        subscription::Subscription::default(),
    )
    .limit_complexity(limits.cost)
    .disable_suggestions()
    .finish()
}

const HEADER: &str = "\
# Generated from src/api; do not edit. A test of hub-api compares this file with the code;
# `CLINICHUB_BLESS=1 cargo test -p hub-api` writes it anew.

";

/// The schema in GraphQL's definition language, equal on every call; `schema/api.graphql` is
/// this text.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions().use_space_ident();
    let body = schema(&Limits::default()).sdl_with_options(options);
    format!("{HEADER}{}\n", body.trim_end())
}
