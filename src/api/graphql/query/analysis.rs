//! Numbers: the metric catalogue, metrics, costs.

use async_graphql::{Context, ID, Object};
use hub_domain::metric as domain;
use hub_domain::principal::Role;

use crate::graphql::context::ContextExt;
use crate::graphql::error::{GqlError, Result};
use crate::graphql::model::allocation::{AllocationMethod, CostAllocation};
use crate::graphql::model::cost::{CostDimension, CostStructure};
use crate::graphql::model::metric::{Dimension, MetricDefinition};
use crate::graphql::model::metrics::{MetricsInput, MetricsResult};

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

    /// Metrics that may be grouped and filtered by all of `dimensions`.
    async fn dimension_metrics(
        &self,
        ctx: &Context<'_>,
        dimensions: Vec<String>,
    ) -> Vec<MetricDefinition> {
        let warehouse = &ctx.scope().state.warehouse;
        let allows = |metric: &domain::MetricDefinition| {
            let own = warehouse.metric_dimensions(&metric.id);
            dimensions.iter().all(|id| own.iter().any(|dimension| dimension.id == *id))
        };
        let catalog = warehouse.metric_catalog().into_iter();
        let public = catalog.filter(|metric| !metric.private && allows(metric));
        public.map(MetricDefinition::from).collect()
    }

    /// Dimensions all of `metrics` may be grouped and filtered by when asked together.
    async fn metric_dimensions(
        &self,
        ctx: &Context<'_>,
        metrics: Vec<ID>,
    ) -> Result<Vec<Dimension>> {
        let warehouse = &ctx.scope().state.warehouse;
        let catalog = warehouse.metric_catalog();
        let mut shared: Option<Vec<domain::Dimension>> = None;
        for id in &metrics {
            if !catalog.iter().any(|metric| metric.id == **id && !metric.private) {
                let message = format!("unknown metric `{}`", **id);
                return Err(GqlError::bad_input(message, "see `metricCatalog`"));
            }
            let own = warehouse.metric_dimensions(id);
            shared = Some(match shared {
                None => own,
                Some(before) => before.into_iter().filter(|it| own.contains(it)).collect(),
            });
        }
        let shared = shared.ok_or_else(|| {
            GqlError::bad_input("name at least one metric", "see `metricCatalog`")
        })?;
        Ok(shared.into_iter().map(Dimension::from).collect())
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
