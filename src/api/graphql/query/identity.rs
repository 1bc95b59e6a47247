//! Identity, for who sees the whole group. Lists of persons are recorded before they leave.

use async_graphql::{Context, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::identity::{IdentityMatch, IdentityMerge};
use crate::graphql::page::{self, Paged};

#[derive(Default)]
pub(crate) struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// Pairs of persons that share a phone and wait for somebody to say whether they are one.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn identity_matches(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<IdentityMatch>> {
        let request = page::request(first, after)?;
        let scope = ctx.scope();
        let found = scope.session().await?.identity_matches(&request).await?;
        scope.record("identityMatches", None, 2 * found.edges.len()).await?;
        Ok(page::connection(found, request.after.as_deref(), IdentityMatch::from))
    }

    /// Persons that became one, newest first; those that came apart again stay in the list.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn identity_merges(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<IdentityMerge>> {
        let request = page::request(first, after)?;
        let scope = ctx.scope();
        let found = scope.session().await?.identity_merges(&request).await?;
        scope.record("identityMerges", None, found.edges.len()).await?;
        Ok(page::connection(found, request.after.as_deref(), IdentityMerge::from))
    }
}
