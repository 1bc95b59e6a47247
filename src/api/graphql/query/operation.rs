//! Who asks, what is published, how the organisation looks, what ran and what fired.

use async_graphql::{Context, ID, Object};
use hub_domain::snapshot::SnapshotPick;

use crate::graphql::context::ContextExt;
use crate::graphql::error::{GqlError, Result};
use crate::graphql::model::alert::{Alert, AlertFilter, AlertRule};
use crate::graphql::model::org::{OrgLevel, OrgUnit};
use crate::graphql::model::run::Run;
use crate::graphql::model::snapshot::Snapshot;
use crate::graphql::model::viewer::Viewer;
use crate::graphql::page::{self, Paged};
use crate::graphql::scalars::DateTime;

#[derive(Default)]
pub(crate) struct OperationQuery;

#[Object]
impl OperationQuery {
    /// The caller.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        Viewer::from(&ctx.scope().principal)
    }

    /// The snapshot this request reads, the one with `id`, or the newest published at or before
    /// `asOf`. Only reports: other fields read the newest one.
    #[graphql(complexity = "50 + child_complexity")]
    async fn snapshot(
        &self,
        ctx: &Context<'_>,
        as_of: Option<DateTime>,
        id: Option<ID>,
    ) -> Result<Snapshot> {
        let scope = ctx.scope();
        let pick = match (as_of, id) {
            (None, None) => return Ok(Snapshot::of(scope.shared_session().await?)),
            (Some(at), None) => SnapshotPick::AsOf(at.0),
            (None, Some(id)) => {
                SnapshotPick::Id(id.parse().map_err(|_| GqlError::not_found("snapshot"))?)
            }
            (Some(_), Some(_)) => {
                return Err(GqlError::bad_input(
                    "`asOf` and `id` exclude each other",
                    "give one of them, or none for the newest snapshot",
                ));
            }
        };
        let session = scope.state.warehouse.session(&scope.principal, pick).await?;
        Ok(Snapshot::of(&session))
    }

    /// Org units the caller sees.
    #[graphql(complexity = "50 + child_complexity")]
    async fn org_units(
        &self,
        ctx: &Context<'_>,
        level: Option<OrgLevel>,
        parent_id: Option<ID>,
    ) -> Result<Vec<OrgUnit>> {
        let session = ctx.scope().session().await?;
        let units = session.org_units(level.map(Into::into), parent_id.map(|id| id.0)).await?;
        Ok(units.into_iter().map(OrgUnit::from).collect())
    }

    /// Alerts the caller may see, newest first.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        filter: Option<AlertFilter>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<Alert>> {
        let request = page::request(first, after)?;
        let filter = filter.map(Into::into).unwrap_or_default();
        let scope = ctx.scope();
        let alerts = scope.state.alerts.alerts(&scope.principal, &filter, &request).await?;
        Ok(page::connection(alerts, request.after.as_deref(), Alert::from))
    }

    /// All alert rules.
    async fn alert_rules(&self, ctx: &Context<'_>) -> Vec<AlertRule> {
        ctx.scope().state.alerts.rules().into_iter().map(AlertRule::from).collect()
    }

    /// Runs of the nightly, newest first; for callers that see the whole group.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn runs(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<Run>> {
        let request = page::request(first, after)?;
        let scope = ctx.scope();
        let runs = scope.state.runs.runs(&scope.principal, &request).await?;
        Ok(page::connection(runs, request.after.as_deref(), Run::from))
    }
}
