//! Numbers: the metric catalogue, metrics, funnels, costs.

use async_graphql::{Context, ID, Object};
use hub_domain::metric as domain;
use hub_domain::principal::Role;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::allocation::{AllocationMethod, CostAllocation};
use crate::graphql::model::calendar::DateRange;
use crate::graphql::model::cost::{CostDimension, CostStructure};
use crate::graphql::model::funnel::FunnelResult;
use crate::graphql::model::metric::MetricDefinition;
use crate::graphql::model::metrics::{self, DimensionFilter, MetricsInput, MetricsResult};

#[derive(Default)]
pub(crate) struct AnalysisQuery;

#[Object]
impl AnalysisQuery {
    /// Metrics whose id, names or description hold `search`; all without it.
    async fn metric_catalog(
        &self,
        ctx: &Context<'_>,
        search: Option<String>,
    ) -> Vec<MetricDefinition> {
        let wanted = search.unwrap_or_default().trim().to_lowercase();
        let catalog = ctx.scope().state.warehouse.metric_catalog().into_iter();
        let public = catalog.filter(|metric| !metric.private);
        public.filter(|metric| mentions(metric, &wanted)).map(MetricDefinition::from).collect()
    }

    /// Answers a question about metrics.
    #[graphql(complexity = "50 + child_complexity")]
    async fn metrics(&self, ctx: &Context<'_>, input: MetricsInput) -> Result<MetricsResult> {
        let query = input.checked()?;
        let scope = ctx.scope();
        let answer = scope.session().await?.metrics(&query).await?;
        let show_sql = scope.principal.role == Role::Group;
        Ok(MetricsResult::new(answer, query.page.after.is_some(), show_sql))
    }

    /// Answers a funnel for the units that entered in `range`.
    #[graphql(complexity = "50 + child_complexity")]
    async fn funnel(
        &self,
        ctx: &Context<'_>,
        id: ID,
        range: DateRange,
        breakdown: Option<String>,
        filter: Option<Vec<DimensionFilter>>,
    ) -> Result<FunnelResult> {
        let range = range.checked()?;
        let session = ctx.scope().session().await?;
        let funnel = session.funnel(&id, range, breakdown, metrics::filters(filter)).await?;
        Ok(funnel.into())
    }

    /// Departments of `period` (`YYYY-MM` or `YYYY`) before and after allocation by `method`; only
    /// departments of the caller's sites.
    #[graphql(complexity = "50 + child_complexity")]
    async fn cost_allocation(
        &self,
        ctx: &Context<'_>,
        period: String,
        method: AllocationMethod,
    ) -> Result<CostAllocation> {
        let session = ctx.scope().session().await?;
        Ok(session.cost_allocation(&period, method.into()).await?.into())
    }

    /// Direct costs of `period` (`YYYY-MM` or `YYYY`) under an org unit (org code; null: every
    /// site the caller sees).
    #[graphql(complexity = "50 + child_complexity")]
    async fn cost_structure(
        &self,
        ctx: &Context<'_>,
        period: String,
        org_unit_id: Option<ID>,
        by: CostDimension,
    ) -> Result<CostStructure> {
        let session = ctx.scope().session().await?;
        let unit = org_unit_id.map(|id| id.0);
        Ok(session.cost_structure(&period, unit, by.into()).await?.into())
    }
}

fn mentions(metric: &domain::MetricDefinition, wanted: &str) -> bool {
    [&metric.id, &metric.label_zh, &metric.label_en, &metric.description]
        .iter()
        .any(|text| text.to_lowercase().contains(wanted))
}
