//! Recall lists and the referral tree. Lists of persons are recorded before they leave.

use async_graphql::{Context, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::recall::{Recall, RecallFilter, ReferralFilter, ReferredPerson};
use crate::graphql::page::{self, Paged};

#[derive(Default)]
pub(crate) struct RecallQuery;

#[Object]
impl RecallQuery {
    /// Services that fall due again, by interval or by age, at the sites the caller sees; by due
    /// day.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn recalls(
        &self,
        ctx: &Context<'_>,
        filter: Option<RecallFilter>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<Recall>> {
        let request = page::request(first, after)?;
        let filter = filter.unwrap_or_default().into();
        let scope = ctx.scope();
        let recalls = scope.session().await?.recalls(&filter, &request).await?;
        scope.record("recalls", None, recalls.edges.len()).await?;
        Ok(page::connection(recalls, request.after.as_deref(), Recall::from))
    }

    /// Persons brought by customers, as a tree from the top down. Referrals of oneself, repeated
    /// ones and those that close a circle are not in it.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn referrals(
        &self,
        ctx: &Context<'_>,
        filter: Option<ReferralFilter>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<ReferredPerson>> {
        let request = page::request(first, after)?;
        let filter = filter.unwrap_or_default().into();
        let scope = ctx.scope();
        let brought = scope.session().await?.referrals(&filter, &request).await?;
        scope.record("referrals", None, brought.edges.len()).await?;
        Ok(page::connection(brought, request.after.as_deref(), ReferredPerson::from))
    }
}
