//! The read port over a session: every method hands on to its reader.

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use hub_domain::analysis::costing::Method;
use hub_domain::attribution::{AttributionQuery, AttributionRow};
use hub_domain::board::{Board, BoardQuery, Card};
use hub_domain::calendar::DateRange;
use hub_domain::cost::{CostAllocation, CostDimension, CostStructure};
use hub_domain::cross_line::CrossLineRow;
use hub_domain::freshness::TableFreshness;
use hub_domain::funnel::{FunnelQuery, FunnelResult};
use hub_domain::identity::{Merge, PendingMatch};
use hub_domain::metric::{MetricsQuery, MetricsResult};
use hub_domain::org::{OrgLevel, OrgUnit};
use hub_domain::page::{Page, PageRequest};
use hub_domain::patient::{
    Consent, Entitlement, FamilyMember, Identifier, LifecycleLine, Money, Patient, PatientFilter,
    PatientOrder, Plan, Rfm, SurveyAnswer, Tag, Task, TimelineEvent,
};
use hub_domain::ports::ReadSession;
use hub_domain::profit::{ProfitDrivers, ProfitQuery};
use hub_domain::recall::{Recall, RecallFilter};
use hub_domain::referral::{ReferralFilter, ReferredPerson};
use hub_domain::retention::{RetentionQuery, RetentionResult};
use hub_domain::segment::{DormantEntry, DormantFilter, Segment, SegmentMember};
use hub_domain::snapshot::{Freshness, Snapshot};
use hub_domain::{Error, Principal};

use super::metrics::Visible;
use super::{
    Definitions, Source, allocation, attribution, board, cost, cross_line, freshness, funnel,
    identity, metrics, org, patient, profit, recall, retention, segment,
};
use crate::Session;

#[async_trait]
impl Source for Session {
    async fn fetch(&self, sql: &str, params: Vec<ScalarValue>) -> Result<Vec<RecordBatch>, Error> {
        Session::fetch(self, sql, params).await
    }

    fn snapshot(&self) -> &Snapshot {
        self.published()
    }

    fn principal(&self) -> &Principal {
        Session::principal(self)
    }

    fn definitions(&self) -> &Definitions {
        Session::definitions(self)
    }

    fn pseudonym(&self, identifier: &str) -> Option<String> {
        Session::pseudonym(self, identifier)
    }
}

#[async_trait]
impl ReadSession for Session {
    fn snapshot(&self) -> &Snapshot {
        self.published()
    }

    fn freshness(&self) -> Freshness {
        self.data_freshness()
    }

    async fn table_freshness(&self) -> Result<Vec<TableFreshness>, Error> {
        freshness::tables(self, self.now(), self.zone()).await
    }

    async fn org_units(
        &self,
        level: Option<OrgLevel>,
        parent_id: Option<String>,
    ) -> Result<Vec<OrgUnit>, Error> {
        org::units(self, level, parent_id.as_deref()).await
    }

    async fn metrics(&self, query: &MetricsQuery) -> Result<MetricsResult, Error> {
        metrics::answer(self, query, Visible::Public).await
    }

    async fn funnel(&self, query: &FunnelQuery) -> Result<FunnelResult, Error> {
        funnel::answer(self, query).await
    }

    async fn retention(&self, query: &RetentionQuery) -> Result<RetentionResult, Error> {
        retention::answer(self, query).await
    }

    async fn attribution(&self, query: &AttributionQuery) -> Result<Vec<AttributionRow>, Error> {
        attribution::answer(self, query).await
    }

    async fn cross_line(
        &self,
        range: DateRange,
        window_days: u32,
    ) -> Result<Vec<CrossLineRow>, Error> {
        cross_line::answer(self, range, window_days).await
    }

    async fn profit_drivers(&self, query: &ProfitQuery) -> Result<ProfitDrivers, Error> {
        profit::answer(self, query).await
    }

    async fn cost_structure(
        &self,
        period: &str,
        org_unit: Option<String>,
        by: CostDimension,
    ) -> Result<CostStructure, Error> {
        cost::structure(self, period, org_unit.as_deref(), by).await
    }

    async fn cost_allocation(&self, period: &str, method: Method) -> Result<CostAllocation, Error> {
        allocation::allocation(self, period, method).await
    }

    async fn board(&self, query: &BoardQuery) -> Result<Board, Error> {
        board::board(self, query).await
    }

    async fn lane_cards(
        &self,
        board: &BoardQuery,
        lane: &str,
        page: &PageRequest,
    ) -> Result<Page<Card>, Error> {
        board::cards(self, board, lane, page).await
    }

    async fn patient(&self, id: &str) -> Result<Option<Patient>, Error> {
        patient::patient(self, id).await
    }

    async fn patients(
        &self,
        filter: &PatientFilter,
        order: PatientOrder,
        page: &PageRequest,
    ) -> Result<Page<Patient>, Error> {
        patient::patients(self, filter, order, page).await
    }

    async fn caller_lookup(&self, phone: &str) -> Result<Vec<Patient>, Error> {
        patient::caller_lookup(self, phone).await
    }

    async fn patient_records(&self, person: &str) -> Result<Vec<String>, Error> {
        patient::records(self, person).await
    }

    async fn identifiers(&self, person: &str) -> Result<Vec<Identifier>, Error> {
        patient::identifiers(self, person).await
    }

    async fn family(&self, person: &str) -> Result<Vec<FamilyMember>, Error> {
        patient::family(self, person).await
    }

    async fn lifecycle_lines(&self, person: &str) -> Result<Vec<LifecycleLine>, Error> {
        segment::lifecycle_lines(self, person).await
    }

    async fn rfm(&self, person: &str) -> Result<Option<Rfm>, Error> {
        segment::rfm(self, person).await
    }

    async fn segments(&self) -> Result<Vec<Segment>, Error> {
        segment::segments(self).await
    }

    async fn segment_members(
        &self,
        segment: &str,
        contactable: bool,
        page: &PageRequest,
    ) -> Result<Page<SegmentMember>, Error> {
        segment::members(self, segment, contactable, page).await
    }

    async fn recalls(
        &self,
        filter: &RecallFilter,
        page: &PageRequest,
    ) -> Result<Page<Recall>, Error> {
        recall::recalls(self, filter, page).await
    }

    async fn referrals(
        &self,
        filter: &ReferralFilter,
        page: &PageRequest,
    ) -> Result<Page<ReferredPerson>, Error> {
        recall::referrals(self, filter, page).await
    }

    async fn dormant(
        &self,
        filter: &DormantFilter,
        page: &PageRequest,
    ) -> Result<Page<DormantEntry>, Error> {
        segment::dormant(self, filter, page).await
    }

    async fn identity_matches(&self, page: &PageRequest) -> Result<Page<PendingMatch>, Error> {
        identity::matches(self, page).await
    }

    async fn identity_merges(&self, page: &PageRequest) -> Result<Page<Merge>, Error> {
        identity::merges(self, page).await
    }

    async fn are_records(&self, left: &str, right: &str) -> Result<bool, Error> {
        identity::are_records(self, left, right).await
    }

    async fn tags(&self, person: &str) -> Result<Vec<Tag>, Error> {
        patient::tags(self, person).await
    }

    async fn timeline(
        &self,
        person: &str,
        page: &PageRequest,
    ) -> Result<Page<TimelineEvent>, Error> {
        patient::timeline(self, person, page).await
    }

    async fn money(&self, person: &str) -> Result<Money, Error> {
        patient::money(self, person).await
    }

    async fn plans(&self, person: &str) -> Result<Vec<Plan>, Error> {
        patient::plans(self, person).await
    }

    async fn entitlements(&self, person: &str) -> Result<Vec<Entitlement>, Error> {
        patient::entitlements(self, person).await
    }

    async fn tasks(&self, person: &str) -> Result<Vec<Task>, Error> {
        patient::tasks(self, person).await
    }

    async fn surveys(&self, person: &str) -> Result<Vec<SurveyAnswer>, Error> {
        patient::surveys(self, person).await
    }

    async fn consents(&self, person: &str) -> Result<Vec<Consent>, Error> {
        patient::consents(self, person).await
    }
}
