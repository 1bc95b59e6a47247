//! What the api and the pipeline need from the rooms below, as traits over domain types.
//!
//! Every read goes through a [`ReadSession`], which is bound to one principal and one published
//! snapshot: one request, one snapshot, one policy.

use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::Error;
use crate::alert::{Alert, AlertEvent, AlertFilter, AlertRule};
use crate::analysis::costing::Method;
use crate::annotation::NewTag;
use crate::attribution::{AttributionQuery, AttributionRow};
use crate::board::{Board, BoardDefinition, BoardQuery, Card};
use crate::calendar::DateRange;
use crate::cost::{CostAllocation, CostDimension, CostStructure};
use crate::cross_line::CrossLineRow;
use crate::freshness::TableFreshness;
use crate::funnel::{FunnelQuery, FunnelResult};
use crate::identity::{MatchDecision, Merge, PendingMatch};
use crate::metric::{Dimension, MetricDefinition, MetricsQuery, MetricsResult};
use crate::org::{OrgLevel, OrgUnit};
use crate::page::{Page, PageRequest};
use crate::patient::{
    Consent, Entitlement, FamilyMember, Identifier, LifecycleLine, Money, Patient, PatientFilter,
    PatientOrder, Plan, Rfm, SurveyAnswer, Tag, Task, TimelineEvent,
};
use crate::principal::Principal;
use crate::profit::{ProfitDrivers, ProfitQuery};
use crate::recall::{Recall, RecallFilter};
use crate::referral::{ReferralFilter, ReferredPerson};
use crate::retention::{RetentionQuery, RetentionResult};
use crate::run::Run;
use crate::segment::{DormantEntry, DormantFilter, Segment, SegmentMember};
use crate::snapshot::{Freshness, Snapshot, SnapshotPick};

/// Opens read sessions. Implemented by the engine.
#[async_trait]
pub trait Warehouse: Send + Sync {
    /// A session for `principal` on one published snapshot.
    ///
    /// # Errors
    /// `NoSnapshot` when nothing is published, `NotFound` when `pick` names none.
    async fn session(
        &self,
        principal: &Principal,
        pick: SnapshotPick,
    ) -> Result<Arc<dyn ReadSession>, Error>;

    /// Every metric that is not private, by id.
    fn metric_catalog(&self) -> Vec<MetricDefinition>;

    /// Dimensions a metric allows, in a fixed order.
    fn metric_dimensions(&self, metric: &str) -> Vec<Dimension>;

    /// Every board definition, in file order.
    fn boards(&self) -> Vec<BoardDefinition>;
}

/// All reads of one principal on one snapshot.
#[async_trait]
pub trait ReadSession: Send + Sync {
    /// The snapshot read from.
    fn snapshot(&self) -> &Snapshot;

    /// Its freshness.
    fn freshness(&self) -> Freshness;

    /// How old the tables of the snapshot are, per site, for what the principal sees.
    async fn table_freshness(&self) -> Result<Vec<TableFreshness>, Error>;

    /// Org units the principal sees: a site principal sees its sites, their departments and the
    /// nodes above them.
    async fn org_units(
        &self,
        level: Option<OrgLevel>,
        parent_id: Option<String>,
    ) -> Result<Vec<OrgUnit>, Error>;

    /// Answers a metrics query.
    async fn metrics(&self, query: &MetricsQuery) -> Result<MetricsResult, Error>;

    /// Answers a funnel.
    async fn funnel(&self, query: &FunnelQuery) -> Result<FunnelResult, Error>;

    /// Cohorts and how many of them came back.
    async fn retention(&self, query: &RetentionQuery) -> Result<RetentionResult, Error>;

    /// Credit of conversions over channels, most first.
    async fn attribution(&self, query: &AttributionQuery) -> Result<Vec<AttributionRow>, Error>;

    /// Conversion between business lines within so many days.
    async fn cross_line(
        &self,
        range: DateRange,
        window_days: u32,
    ) -> Result<Vec<CrossLineRow>, Error>;

    /// Revenue or profit as a product of factors, and what each did to a change of it.
    async fn profit_drivers(&self, query: &ProfitQuery) -> Result<ProfitDrivers, Error>;

    /// Direct costs of a period under an org unit (org code; none for all permitted sites).
    async fn cost_structure(
        &self,
        period: &str,
        org_unit: Option<String>,
        by: CostDimension,
    ) -> Result<CostStructure, Error>;

    /// Departments of a period before and after allocation by `method`.
    async fn cost_allocation(&self, period: &str, method: Method) -> Result<CostAllocation, Error>;

    /// One board, tiles and lane counts.
    async fn board(&self, query: &BoardQuery) -> Result<Board, Error>;

    /// Cards of one lane of a board, in planned order.
    async fn lane_cards(
        &self,
        board: &BoardQuery,
        lane: &str,
        page: &PageRequest,
    ) -> Result<Page<Card>, Error>;

    /// One person, when visible.
    async fn patient(&self, id: &str) -> Result<Option<Patient>, Error>;

    /// Persons in order.
    async fn patients(
        &self,
        filter: &PatientFilter,
        order: PatientOrder,
        page: &PageRequest,
    ) -> Result<Page<Patient>, Error>;

    /// Every visible person a phone number belongs to, in any relation.
    async fn caller_lookup(&self, phone: &str) -> Result<Vec<Patient>, Error>;

    /// Source records of a person (`his:12`), by which annotations name it.
    async fn patient_records(&self, person: &str) -> Result<Vec<String>, Error>;

    /// Masked identifiers of a person.
    async fn identifiers(&self, person: &str) -> Result<Vec<Identifier>, Error>;

    /// Family of a person.
    async fn family(&self, person: &str) -> Result<Vec<FamilyMember>, Error>;

    /// Where a person stands with each business line, over the sites the principal sees.
    async fn lifecycle_lines(&self, person: &str) -> Result<Vec<LifecycleLine>, Error>;

    /// RFM scores of a person who ever paid.
    async fn rfm(&self, person: &str) -> Result<Option<Rfm>, Error>;

    /// Every segment with its visible members counted.
    async fn segments(&self) -> Result<Vec<Segment>, Error>;

    /// Visible members of a segment, by person id; with `contactable`, only who may be written
    /// or called to sell.
    ///
    /// # Errors
    /// `NotFound` for an unknown segment.
    async fn segment_members(
        &self,
        segment: &str,
        contactable: bool,
        page: &PageRequest,
    ) -> Result<Page<SegmentMember>, Error>;

    /// Customers who lapsed, those who paid most first.
    async fn dormant(
        &self,
        filter: &DormantFilter,
        page: &PageRequest,
    ) -> Result<Page<DormantEntry>, Error>;

    /// Services that fall due again, by due day.
    async fn recalls(
        &self,
        filter: &RecallFilter,
        page: &PageRequest,
    ) -> Result<Page<Recall>, Error>;

    /// Persons brought by customers, trees together, from the top down.
    async fn referrals(
        &self,
        filter: &ReferralFilter,
        page: &PageRequest,
    ) -> Result<Page<ReferredPerson>, Error>;

    /// Pairs of persons that share a phone and wait for somebody to say whether they are one.
    ///
    /// # Errors
    /// `Denied` for principals that do not see the whole group, as in the next two.
    async fn identity_matches(&self, page: &PageRequest) -> Result<Page<PendingMatch>, Error>;

    /// Persons that became one, newest first.
    async fn identity_merges(&self, page: &PageRequest) -> Result<Page<Merge>, Error>;

    /// Whether both are source records of the snapshot.
    async fn are_records(&self, left: &str, right: &str) -> Result<bool, Error>;

    /// Tags of a person, current first.
    async fn tags(&self, person: &str) -> Result<Vec<Tag>, Error>;

    /// Timeline of a person, newest first, keyset-paged.
    async fn timeline(
        &self,
        person: &str,
        page: &PageRequest,
    ) -> Result<Page<TimelineEvent>, Error>;

    /// Money of a person by basis, over the sites the principal sees.
    async fn money(&self, person: &str) -> Result<Money, Error>;

    /// Treatment plans of a person, newest first.
    async fn plans(&self, person: &str) -> Result<Vec<Plan>, Error>;

    /// Package items with uses left.
    async fn entitlements(&self, person: &str) -> Result<Vec<Entitlement>, Error>;

    /// Follow-up tasks of a person, open first.
    async fn tasks(&self, person: &str) -> Result<Vec<Task>, Error>;

    /// Survey answers of a person, newest first.
    async fn surveys(&self, person: &str) -> Result<Vec<SurveyAnswer>, Error>;

    /// Consents of a person.
    async fn consents(&self, person: &str) -> Result<Vec<Consent>, Error>;
}

/// Alerts and their rules. Implemented by root over state and the rules of `queries/alerts`.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Alerts the principal may see, newest first. A site principal sees alerts whose subject is
    /// one of its sites or a practitioner of one.
    async fn alerts(
        &self,
        principal: &Principal,
        filter: &AlertFilter,
        page: &PageRequest,
    ) -> Result<Page<Alert>, Error>;

    /// All rules.
    fn rules(&self) -> Vec<AlertRule>;

    /// Records who took notice of an alert.
    ///
    /// # Errors
    /// `NotFound` when there is no such alert or the principal may not see it.
    async fn acknowledge(
        &self,
        principal: &Principal,
        id: &str,
        note: Option<String>,
    ) -> Result<Alert, Error>;

    /// Changes of alerts the principal may see, from now on.
    async fn events(
        &self,
        principal: &Principal,
        filter: AlertFilter,
    ) -> Result<BoxStream<'static, AlertEvent>, Error>;
}

/// Past runs. Implemented over state.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Runs, newest first; for principals that see the whole group.
    async fn runs(&self, principal: &Principal, page: &PageRequest) -> Result<Page<Run>, Error>;
}

/// Keeps what people decide about identity. Implemented over state; the next night applies it.
#[async_trait]
pub trait IdentityDecisions: Send + Sync {
    /// Keeps the principal's word on two source records; the last one counts.
    async fn decide(
        &self,
        principal: &Principal,
        left: &str,
        right: &str,
        decision: MatchDecision,
    ) -> Result<(), Error>;
}

/// Keeps the tags people give. Implemented over state; the next night shows them.
#[async_trait]
pub trait ManualTags: Send + Sync {
    /// Gives the person of `records` a tag; one of the same name ends.
    async fn give(
        &self,
        principal: &Principal,
        records: &[String],
        tag: &NewTag,
    ) -> Result<(), Error>;

    /// Takes a tag of the person of `records` back; whether one held.
    async fn end(
        &self,
        principal: &Principal,
        records: &[String],
        tag: &str,
    ) -> Result<bool, Error>;
}

/// Turns credentials into principals. Implemented over state.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The principal of an API key.
    ///
    /// # Errors
    /// `Unauthenticated` when the key does not hold; the text is the same for every reason.
    async fn by_api_key(&self, key: &str) -> Result<Principal, Error>;
}

/// One access to personal data, kept for audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `patient`, `callerLookup`, `patients`, `sql`, …
    pub operation: String,
    /// Why, as the caller said.
    pub purpose: Option<String>,
    /// Distinct persons shown.
    pub person_count: u64,
    /// SHA-256 of the query text; never the text.
    pub query_hash: Option<String>,
}

/// Keeps accesses. A failure to record refuses the answer.
#[async_trait]
pub trait AccessLog: Send + Sync {
    /// Records one access before its answer leaves.
    async fn record(&self, principal: &Principal, access: Access) -> Result<(), Error>;
}
