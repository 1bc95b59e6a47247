//! The GraphQL door of the hub: axum routes and the async-graphql schema over the domain's ports.
//!
//! Owns the shape of the API, GraphQL over HTTP and WebSocket, and every limit a caller meets
//! before a read starts. Must not know Arrow, DataFusion, SQL, files or how a port is built.
//!
//! The way of one request: `http::handler` (headers, key, body) → `http::operation` (envelope,
//! guard) → `graphql` (resolvers over one [`hub_domain::ports::ReadSession`]) → `http::answer`
//! (codes, masking, status).

mod graphql;
mod http;
mod state;

pub use graphql::sdl;
pub use http::{Outcome, router};
pub use state::{ApiState, Limits, Web};
