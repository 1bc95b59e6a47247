//! What people do over time: funnels, retention, attribution, conversion between lines, and what
//! drives the profit.

use async_graphql::{Context, ID, Object};
use hub_domain::attribution::AttributionQuery;
use hub_domain::funnel::{BreakdownAt, FunnelQuery};
use hub_domain::profit::ProfitQuery;
use hub_domain::retention::RetentionQuery;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::attribution::{AttributionModel, AttributionRow, Conversion};
use crate::graphql::model::calendar::{DateRange, Grain};
use crate::graphql::model::cross_line::CrossLineRow;
use crate::graphql::model::funnel::FunnelResult;
use crate::graphql::model::metrics::{self, DimensionFilter};
use crate::graphql::model::profit::{Method, ProfitBasis, ProfitDrivers};
use crate::graphql::model::retention::{
    BracketInput, BucketClock, CohortScope, RetentionMode, RetentionResult,
};

/// Days a touch counts before a conversion, unless said otherwise.
const LOOKBACK_DAYS: u32 = 90;
/// Buckets shown after the entry, unless said otherwise.
const BUCKETS: u32 = 12;

#[derive(Default)]
pub(crate) struct BehaviourQuery;

#[Object]
impl BehaviourQuery {
    /// Answers a funnel for the attempts that entered in `range`. `breakdownAt` says which step's
    /// value of the breakdown counts: `first_step`, `last_step` (the last one reached), or the
    /// name of a step; the definition's choice when absent.
    #[graphql(complexity = "50 + child_complexity")]
    async fn funnel(
        &self,
        ctx: &Context<'_>,
        id: ID,
        range: DateRange,
        breakdown: Option<String>,
        filter: Option<Vec<DimensionFilter>>,
        breakdown_at: Option<String>,
    ) -> Result<FunnelResult> {
        let query = FunnelQuery {
            id: id.0,
            range: range.checked()?,
            breakdown,
            breakdown_at: breakdown_at.map(BreakdownAt::from),
            filter: metrics::filters(filter),
        };
        Ok(ctx.scope().session().await?.funnel(&query).await?.into())
    }

    /// Persons by the period of their first paid visit, and how many of them came back. Filters
    /// are dimensions of visits.
    #[graphql(complexity = "50 + child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "every one is an argument of the field")]
    async fn retention(
        &self,
        ctx: &Context<'_>,
        range: DateRange,
        bucket: Grain,
        mode: RetentionMode,
        filter: Option<Vec<DimensionFilter>>,
        brackets: Option<Vec<BracketInput>>,
        #[graphql(default_with = "BucketClock::Calendar")] clock: BucketClock,
        #[graphql(default_with = "CohortScope::FirstEver")] cohort: CohortScope,
        buckets: Option<u32>,
    ) -> Result<RetentionResult> {
        let query = RetentionQuery {
            range: range.checked()?,
            bucket: bucket.into(),
            mode: mode.into(),
            brackets: brackets.unwrap_or_default().into_iter().map(Into::into).collect(),
            clock: clock.into(),
            scope: cohort.into(),
            buckets: buckets.unwrap_or(BUCKETS),
            filter: metrics::filters(filter),
        };
        Ok(ctx.scope().session().await?.retention(&query).await?.into())
    }

    /// Credit of conversions over the channels of the touches in the days before them (90 unless
    /// said otherwise), most first; `beside` shows a second model with it. Shares of
    /// co-occurrence, not causal effect.
    #[graphql(complexity = "50 + child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "every one is an argument of the field")]
    async fn attribution(
        &self,
        ctx: &Context<'_>,
        range: DateRange,
        model: AttributionModel,
        lookback_days: Option<u32>,
        beside: Option<AttributionModel>,
        #[graphql(default_with = "Conversion::FirstPaidVisit")] conversion: Conversion,
        filter: Option<Vec<DimensionFilter>>,
    ) -> Result<Vec<AttributionRow>> {
        let query = AttributionQuery {
            range: range.checked()?,
            model: model.into(),
            beside: beside.map(Into::into),
            lookback_days: lookback_days.unwrap_or(LOOKBACK_DAYS),
            conversion: conversion.into(),
            filter: metrics::filters(filter),
        };
        let rows = ctx.scope().session().await?.attribution(&query).await?;
        Ok(rows.into_iter().map(AttributionRow::from).collect())
    }

    /// Who first paid in one business line in `range`, and in another within `windowDays` after.
    #[graphql(complexity = "50 + child_complexity")]
    async fn cross_line(
        &self,
        ctx: &Context<'_>,
        range: DateRange,
        window_days: u32,
    ) -> Result<Vec<CrossLineRow>> {
        let session = ctx.scope().session().await?;
        let rows = session.cross_line(range.checked()?, window_days).await?;
        Ok(rows.into_iter().map(CrossLineRow::from).collect())
    }

    /// Revenue or profit as traffic × conversion × frequency × ticket (× margin − fixed cost), and
    /// its change against `base` (the range before, when absent) shared out over the factors to
    /// the fen.
    #[graphql(complexity = "50 + child_complexity")]
    async fn profit_drivers(
        &self,
        ctx: &Context<'_>,
        range: DateRange,
        base: Option<DateRange>,
        #[graphql(default_with = "ProfitBasis::Cash")] basis: ProfitBasis,
        #[graphql(default_with = "Method::Sequential")] method: Method,
        filter: Option<Vec<DimensionFilter>>,
    ) -> Result<ProfitDrivers> {
        let query = ProfitQuery {
            range: range.checked()?,
            base: base.map(|base| base.checked()).transpose()?,
            basis: basis.into(),
            method: method.into(),
            filter: metrics::filters(filter),
        };
        Ok(ctx.scope().session().await?.profit_drivers(&query).await?.into())
    }
}
