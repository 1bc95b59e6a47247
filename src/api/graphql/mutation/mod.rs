//! The mutation root, by noun.

mod alert;
mod identity;
mod tag;

use async_graphql::MergedObject;

/// Everything that changes. Nothing here changes what the lake holds.
#[derive(MergedObject, Default)]
pub(crate) struct Mutation(alert::AlertMutation, identity::IdentityMutation, tag::TagMutation);
