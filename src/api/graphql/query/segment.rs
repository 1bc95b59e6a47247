//! Segments and lapsed customers. Lists of persons are recorded before they leave.

use async_graphql::{Context, ID, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::segment::{DormantCustomer, DormantFilter, Segment, SegmentMember};
use crate::graphql::page::{self, Paged};

#[derive(Default)]
pub(crate) struct SegmentQuery;

#[Object]
impl SegmentQuery {
    /// Every segment, with the members the caller sees counted.
    #[graphql(complexity = "50 + child_complexity")]
    async fn segments(&self, ctx: &Context<'_>) -> Result<Vec<Segment>> {
        let segments = ctx.scope().session().await?.segments().await?;
        Ok(segments.into_iter().map(Segment::from).collect())
    }

    /// Members of a segment the caller sees. With `contactable`, only who may be written or called
    /// to sell: what is exported for selling asks so.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn segment_members(
        &self,
        ctx: &Context<'_>,
        id: ID,
        contactable: Option<bool>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<SegmentMember>> {
        let request = page::request(first, after)?;
        let scope = ctx.scope();
        let contactable = contactable.unwrap_or_default();
        let members = scope.session().await?.segment_members(&id, contactable, &request).await?;
        scope.record("segmentMembers", None, members.edges.len()).await?;
        Ok(page::connection(members, request.after.as_deref(), SegmentMember::from))
    }

    /// Customers who lapsed at the sites the caller sees, those who paid most first.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn dormant_customers(
        &self,
        ctx: &Context<'_>,
        filter: Option<DormantFilter>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<DormantCustomer>> {
        let request = page::request(first, after)?;
        let filter = filter.unwrap_or_default().into();
        let scope = ctx.scope();
        let lapsed = scope.session().await?.dormant(&filter, &request).await?;
        scope.record("dormantCustomers", None, lapsed.edges.len()).await?;
        Ok(page::connection(lapsed, request.after.as_deref(), DormantCustomer::from))
    }
}
