//! Patient 360: the person, and the reads that hang below it.

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, SimpleObject};
use hub_domain::patient as domain;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::patient_part::{
    Consent, Entitlement, FamilyMember, Identifier, Money, Plan, SurveyAnswer, Tag, Task,
    TimelineEvent,
};
use crate::graphql::model::segment::{LifecycleLine, Rfm};
use crate::graphql::page::{self, Paged};
use crate::graphql::scalars::Date;

/// Filter of patient lists. All given conditions must hold.
#[derive(InputObject, Default)]
pub(crate) struct PatientFilter {
    /// Part of the name.
    name: Option<String>,
    /// Seen at this site (org code).
    site_id: Option<ID>,
    /// State in the group, such as `dormant`.
    lifecycle: Option<String>,
    /// First channel id.
    channel_id: Option<ID>,
    /// Has this tag now.
    tag: Option<String>,
}

impl From<PatientFilter> for domain::PatientFilter {
    fn from(filter: PatientFilter) -> Self {
        Self {
            name: filter.name,
            site_id: filter.site_id.map(|id| id.0),
            lifecycle: filter.lifecycle,
            channel_id: filter.channel_id.map(|id| id.0),
            tag: filter.tag,
        }
    }
}

/// Order of patient lists; the id breaks ties.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::patient::PatientOrder")]
pub(crate) enum PatientOrder {
    /// By person id.
    Id,
    /// By last visit, newest first; never-seen last.
    LastVisit,
}

/// One person, merged from every source that knows of them.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Patient {
    /// Golden person id.
    id: ID,
    /// Full name.
    display_name: String,
    /// `male`, `female`; null when unknown.
    sex: Option<String>,
    /// Birth date.
    birth_date: Option<Date>,
    /// Whether the person was under 14 on the snapshot's business day.
    #[graphql(name = "isMinorU14")]
    is_minor_u14: bool,
    /// District of residence.
    district: Option<String>,
    /// First channel (channel id).
    first_channel_id: Option<ID>,
    /// Label of the first channel.
    first_channel: Option<String>,
    /// State in the group: `potential`, `visited_unpaid`, `first`, `return`, `dormant`, `churned`
    /// or `reactivated`, of the business line in which the person is most active.
    lifecycle: String,
    /// First visit visible to the caller.
    first_visit_on: Option<Date>,
    /// Last visit visible to the caller.
    last_visit_on: Option<Date>,
    /// Visits visible to the caller.
    visit_count: u64,
}

impl From<domain::Patient> for Patient {
    fn from(patient: domain::Patient) -> Self {
        Self {
            id: ID(patient.id),
            display_name: patient.display_name,
            sex: patient.sex,
            birth_date: patient.birth_date.map(Date::from),
            is_minor_u14: patient.is_minor_u14,
            district: patient.district,
            first_channel_id: patient.first_channel_id.map(ID),
            first_channel: patient.first_channel,
            lifecycle: patient.lifecycle,
            first_visit_on: patient.first_visit_on.map(Date::from),
            last_visit_on: patient.last_visit_on.map(Date::from),
            visit_count: patient.visit_count,
        }
    }
}

/// Each part is a read of its own; those of one person run side by side.
#[ComplexObject]
impl Patient {
    /// Masked identifiers.
    #[graphql(complexity = "50 + child_complexity")]
    async fn identifiers(&self, ctx: &Context<'_>) -> Result<Vec<Identifier>> {
        let rows = ctx.scope().session().await?.identifiers(&self.id).await?;
        Ok(rows.into_iter().map(Identifier::from).collect())
    }

    /// Family, names masked.
    #[graphql(complexity = "50 + child_complexity")]
    async fn family(&self, ctx: &Context<'_>) -> Result<Vec<FamilyMember>> {
        let rows = ctx.scope().session().await?.family(&self.id).await?;
        Ok(rows.into_iter().map(FamilyMember::from).collect())
    }

    /// Where the person stands with each business line, over the sites the caller sees.
    #[graphql(complexity = "50 + child_complexity")]
    async fn lifecycle_lines(&self, ctx: &Context<'_>) -> Result<Vec<LifecycleLine>> {
        let rows = ctx.scope().session().await?.lifecycle_lines(&self.id).await?;
        Ok(rows.into_iter().map(LifecycleLine::from).collect())
    }

    /// RFM scores; null for who never paid.
    #[graphql(complexity = "50 + child_complexity")]
    async fn rfm(&self, ctx: &Context<'_>) -> Result<Option<Rfm>> {
        Ok(ctx.scope().session().await?.rfm(&self.id).await?.map(Rfm::from))
    }

    /// Tags, current first.
    #[graphql(complexity = "50 + child_complexity")]
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<Tag>> {
        let rows = ctx.scope().session().await?.tags(&self.id).await?;
        Ok(rows.into_iter().map(Tag::from).collect())
    }

    /// Everything that happened, newest first.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<TimelineEvent>> {
        let request = page::request(first, after)?;
        let events = ctx.scope().session().await?.timeline(&self.id, &request).await?;
        Ok(page::connection(events, request.after.as_deref(), TimelineEvent::from))
    }

    /// Money by basis, over the sites the caller sees.
    #[graphql(complexity = "50 + child_complexity")]
    async fn money(&self, ctx: &Context<'_>) -> Result<Money> {
        Ok(ctx.scope().session().await?.money(&self.id).await?.into())
    }

    /// Treatment plans, newest first.
    #[graphql(complexity = "50 + child_complexity")]
    async fn plans(&self, ctx: &Context<'_>) -> Result<Vec<Plan>> {
        let rows = ctx.scope().session().await?.plans(&self.id).await?;
        Ok(rows.into_iter().map(Plan::from).collect())
    }

    /// Package items with uses left.
    #[graphql(complexity = "50 + child_complexity")]
    async fn entitlements(&self, ctx: &Context<'_>) -> Result<Vec<Entitlement>> {
        let rows = ctx.scope().session().await?.entitlements(&self.id).await?;
        Ok(rows.into_iter().map(Entitlement::from).collect())
    }

    /// Follow-up tasks, open first.
    #[graphql(complexity = "50 + child_complexity")]
    async fn tasks(&self, ctx: &Context<'_>) -> Result<Vec<Task>> {
        let rows = ctx.scope().session().await?.tasks(&self.id).await?;
        Ok(rows.into_iter().map(Task::from).collect())
    }

    /// Survey answers, newest first.
    #[graphql(complexity = "50 + child_complexity")]
    async fn surveys(&self, ctx: &Context<'_>) -> Result<Vec<SurveyAnswer>> {
        let rows = ctx.scope().session().await?.surveys(&self.id).await?;
        Ok(rows.into_iter().map(SurveyAnswer::from).collect())
    }

    /// Consents given and withdrawn.
    #[graphql(complexity = "50 + child_complexity")]
    async fn consents(&self, ctx: &Context<'_>) -> Result<Vec<Consent>> {
        let rows = ctx.scope().session().await?.consents(&self.id).await?;
        Ok(rows.into_iter().map(Consent::from).collect())
    }
}
