//! Reads of the world in memory. Rows carry a site; a session shows those its principal sees.

use async_trait::async_trait;
use hub_domain::analysis::costing::Method;
use hub_domain::attribution::{AttributionQuery, AttributionRow};
use hub_domain::board::{Board, BoardQuery, Card, Chart, Lane, Status, Tile};
use hub_domain::calendar::DateRange;
use hub_domain::cost::{CostAllocation, CostDimension, CostStructure};
use hub_domain::cross_line::CrossLineRow;
use hub_domain::freshness::{FreshState, Layer, TableFreshness};
use hub_domain::funnel::{FunnelQuery, FunnelResult};
use hub_domain::identity::{Merge, PendingMatch};
use hub_domain::metric::{DimensionValue, MetricValue, MetricsQuery, MetricsResult, MetricsRow};
use hub_domain::org::{OrgLevel, OrgUnit};
use hub_domain::page::{Page, PageRequest};
use hub_domain::patient::{
    Consent, Entitlement, FamilyMember, Identifier, LifecycleLine, Money, Patient, PatientFilter,
    PatientOrder, Plan, Rfm, SurveyAnswer, Tag, Task, TimelineEvent,
};
use hub_domain::ports::{ReadSession, Warehouse};
use hub_domain::profit::{ProfitDrivers, ProfitQuery};
use hub_domain::recall::{Recall, RecallFilter};
use hub_domain::referral::{ReferralFilter, ReferredPerson};
use hub_domain::retention::{RetentionQuery, RetentionResult};
use hub_domain::segment::{DormantEntry, DormantFilter, Segment, SegmentMember};
use hub_domain::snapshot::{Freshness, Snapshot};
use hub_domain::{Error, Fen, Principal};
use rust_decimal::Decimal;

use super::people::paged;
use super::{World, at, behaviour, costs, day, people};

pub(crate) struct Session {
    pub(crate) world: World,
    pub(crate) principal: Principal,
    pub(crate) snapshot: Snapshot,
}

impl Session {
    fn persons(&self) -> impl Iterator<Item = Patient> + '_ {
        people::patients(&self.principal)
    }

    fn sites(&self) -> Vec<&'static str> {
        people::PERSONS
            .iter()
            .map(|(_, _, site)| *site)
            .filter(|s| self.principal.sees_site(s))
            .collect()
    }

    fn value(metric: &str, numerator: i64) -> MetricValue {
        let ratio = metric.contains("rate");
        MetricValue {
            metric: metric.into(),
            value: Some(if ratio { Decimal::new(numerator, 1) } else { numerator.into() }),
            numerator: Some(numerator.into()),
            denominator: ratio.then(|| 10.into()),
            compare: None,
            suppressed: false,
            approximate: false,
        }
    }

    fn tile(&self) -> Tile {
        let metric = self.world.metric_catalog().remove(0);
        Tile {
            metric,
            range: DateRange { from: day("2026-03-01"), to: day("2026-03-31") },
            value: Some(120.into()),
            compare: Some(100.into()),
            target: Some(150.into()),
            attainment: Some(Decimal::new(8, 1)),
            status: Status::Bad,
            sparkline: vec![Some(3.into()), None, Some(5.into())],
        }
    }
}

#[async_trait]
impl ReadSession for Session {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn freshness(&self) -> Freshness {
        Freshness {
            snapshot_id: self.snapshot.id,
            data_through: self.snapshot.business_date,
            published_at: self.snapshot.published_at,
            provisional: false,
        }
    }

    async fn table_freshness(&self) -> Result<Vec<TableFreshness>, Error> {
        self.world.suffer().await?;
        let tables = self.sites().into_iter().map(|site| TableFreshness {
            layer: Layer::Hub,
            source: "his".into(),
            table: "visit".into(),
            site: Some(site.into()),
            data_through: Some(day("2026-03-31")),
            last_load_at: Some(at("2026-03-31T18:30:00Z")),
            expect_seconds: Some(129_600),
            age_seconds: Some(9_000),
            state: FreshState::Fresh,
        });
        Ok(tables.collect())
    }

    async fn org_units(
        &self,
        level: Option<OrgLevel>,
        _parent_id: Option<String>,
    ) -> Result<Vec<OrgUnit>, Error> {
        self.world.suffer().await?;
        let sites = self.sites().into_iter().map(|code| OrgUnit {
            id: format!("org-{code}"),
            level: OrgLevel::Site,
            parent_id: Some("org-brand".into()),
            code: code.into(),
            name: "徐汇门诊".into(),
            site_type: Some("clinic".into()),
            business_line: Some("obgyn".into()),
            city: Some("上海".into()),
        });
        Ok(sites.filter(|unit| level.is_none_or(|level| level == unit.level)).collect())
    }

    async fn metrics(&self, query: &MetricsQuery) -> Result<MetricsResult, Error> {
        self.world.suffer().await?;
        if let Some(unknown) = query.metrics.iter().find(|id| id.contains("nonsense")) {
            let message = format!("unknown metric `{unknown}`");
            return Err(Error::bad_input_hint(message, "see `metricCatalog`"));
        }
        let values = |n| query.metrics.iter().map(|id| Self::value(id, n)).collect();
        let rows: Vec<MetricsRow> = self
            .sites()
            .into_iter()
            .map(|site| MetricsRow {
                period: query.grain.map(|grain| grain.start(query.range.from)),
                dimensions: query
                    .group_by
                    .iter()
                    .map(|id| DimensionValue {
                        id: id.clone(),
                        value: Some(site.into()),
                        label: Some("徐汇门诊".into()),
                    })
                    .collect(),
                values: values(6),
            })
            .collect();
        let totals = values(6 * rows.len() as i64);
        let page = paged(rows, &query.page)?;
        Ok(MetricsResult {
            totals,
            cursors: page.edges.iter().map(|edge| edge.cursor.clone()).collect(),
            rows: page.edges.into_iter().map(|edge| edge.node).collect(),
            has_next_page: page.has_next_page,
            freshness: self.freshness(),
            sql: vec!["first statement".into(), "second statement".into()],
        })
    }

    async fn funnel(&self, query: &FunnelQuery) -> Result<FunnelResult, Error> {
        self.world.suffer().await?;
        behaviour::funnel(query, self.freshness())
    }

    async fn retention(&self, query: &RetentionQuery) -> Result<RetentionResult, Error> {
        self.world.suffer().await?;
        Ok(behaviour::retention(query, self.freshness()))
    }

    async fn attribution(&self, query: &AttributionQuery) -> Result<Vec<AttributionRow>, Error> {
        self.world.suffer().await?;
        Ok(behaviour::attribution(query))
    }

    async fn cross_line(
        &self,
        _range: DateRange,
        _window_days: u32,
    ) -> Result<Vec<CrossLineRow>, Error> {
        self.world.suffer().await?;
        Ok(behaviour::cross_line())
    }

    async fn profit_drivers(&self, query: &ProfitQuery) -> Result<ProfitDrivers, Error> {
        self.world.suffer().await?;
        Ok(behaviour::profit_drivers(query, self.freshness()))
    }

    async fn cost_structure(
        &self,
        period: &str,
        _org_unit: Option<String>,
        _by: CostDimension,
    ) -> Result<CostStructure, Error> {
        self.world.suffer().await?;
        Ok(costs::structure(period, self.freshness()))
    }

    async fn cost_allocation(&self, period: &str, method: Method) -> Result<CostAllocation, Error> {
        self.world.suffer().await?;
        Ok(costs::allocation(period, method, self.freshness()))
    }

    async fn board(&self, query: &BoardQuery) -> Result<Board, Error> {
        self.world.suffer().await?;
        if query.id != "daily" {
            return Err(Error::NotFound { what: "board" });
        }
        Ok(Board {
            id: query.id.clone(),
            title: "每日运营".into(),
            day: self.snapshot.business_date,
            tiles: vec![self.tile()],
            charts: vec![Chart {
                id: "by_day".into(),
                title: "每日到院".into(),
                rows: vec![MetricsRow {
                    period: Some(day("2026-03-31")),
                    dimensions: Vec::new(),
                    values: vec![Self::value("arrivals_first", 12)],
                }],
            }],
            lanes: vec![Lane {
                id: "arrived".into(),
                title: "已到院".into(),
                owner_role: Some("front_desk".into()),
                count: self.sites().len() as u64,
            }],
            freshness: self.freshness(),
        })
    }

    async fn lane_cards(
        &self,
        board: &BoardQuery,
        lane: &str,
        page: &PageRequest,
    ) -> Result<Page<Card>, Error> {
        let cards = self.sites().into_iter().map(|site| Card {
            id: format!("{}-{lane}-{site}", board.id),
            title: "王**".into(),
            subtitle: Some("复诊".into()),
            at: Some(at("2026-04-01T01:30:00Z")),
            site_id: Some(site.into()),
            person_id: Some("p1".into()),
        });
        paged(cards.collect(), page)
    }

    async fn patient(&self, id: &str) -> Result<Option<Patient>, Error> {
        self.world.suffer().await?;
        Ok(self.persons().find(|person| person.id == id))
    }

    async fn patients(
        &self,
        filter: &PatientFilter,
        _order: PatientOrder,
        page: &PageRequest,
    ) -> Result<Page<Patient>, Error> {
        self.world.suffer().await?;
        let wanted = |person: &Patient| {
            filter.name.as_ref().is_none_or(|name| person.display_name.contains(name.as_str()))
        };
        paged(self.persons().filter(wanted).collect(), page)
    }

    async fn caller_lookup(&self, phone: &str) -> Result<Vec<Patient>, Error> {
        self.world.suffer().await?;
        Ok(if phone == "13800001234" { self.persons().collect() } else { Vec::new() })
    }

    async fn patient_records(&self, person: &str) -> Result<Vec<String>, Error> {
        Ok(vec![format!("his:{person}")])
    }

    async fn identifiers(&self, _person: &str) -> Result<Vec<Identifier>, Error> {
        Ok(vec![Identifier {
            kind: "phone".into(),
            masked: "138****1234".into(),
            system: "his".into(),
            relation: Some("mother".into()),
        }])
    }

    async fn family(&self, _person: &str) -> Result<Vec<FamilyMember>, Error> {
        Ok(vec![FamilyMember {
            person_id: "p9".into(),
            masked_name: "王**".into(),
            relation: "mother_child".into(),
        }])
    }

    async fn lifecycle_lines(&self, person: &str) -> Result<Vec<LifecycleLine>, Error> {
        self.world.suffer().await?;
        let lines = self.persons().filter(|one| one.id == person).map(|_| people::line());
        Ok(lines.collect())
    }

    async fn rfm(&self, person: &str) -> Result<Option<Rfm>, Error> {
        self.world.suffer().await?;
        let known = self.persons().find(|one| one.id == person);
        Ok(known.map(|_| people::rfm()))
    }

    async fn segments(&self) -> Result<Vec<Segment>, Error> {
        self.world.suffer().await?;
        let members = self.persons().count() as u64;
        Ok(vec![people::segment(members)])
    }

    async fn segment_members(
        &self,
        segment: &str,
        contactable: bool,
        page: &PageRequest,
    ) -> Result<Page<SegmentMember>, Error> {
        self.world.suffer().await?;
        if segment != "vip" {
            return Err(Error::NotFound { what: "segment" });
        }
        let members = self.persons().filter(|_| !contactable).map(people::member);
        paged(members.collect(), page)
    }

    async fn recalls(
        &self,
        filter: &RecallFilter,
        page: &PageRequest,
    ) -> Result<Page<Recall>, Error> {
        self.world.suffer().await?;
        let is_due = filter.status.as_deref().is_none_or(|status| status == "due");
        paged(self.persons().filter(|_| is_due).map(people::recall).collect(), page)
    }

    async fn referrals(
        &self,
        _filter: &ReferralFilter,
        page: &PageRequest,
    ) -> Result<Page<ReferredPerson>, Error> {
        self.world.suffer().await?;
        paged(self.persons().map(people::referred).collect(), page)
    }

    async fn dormant(
        &self,
        filter: &DormantFilter,
        page: &PageRequest,
    ) -> Result<Page<DormantEntry>, Error> {
        self.world.suffer().await?;
        let entries = self.persons().filter(|_| !filter.due).map(people::lapsed);
        paged(entries.collect(), page)
    }

    async fn identity_matches(&self, page: &PageRequest) -> Result<Page<PendingMatch>, Error> {
        self.are_records("", "").await?;
        paged(vec![people::pair()], page)
    }

    async fn identity_merges(&self, page: &PageRequest) -> Result<Page<Merge>, Error> {
        self.are_records("", "").await?;
        paged(vec![people::merge()], page)
    }

    async fn are_records(&self, left: &str, right: &str) -> Result<bool, Error> {
        self.world.suffer().await?;
        let known = |record: &str| ["his:1", "his:2"].contains(&record);
        if self.principal.sees_group() {
            Ok(known(left) && known(right))
        } else {
            Err(Error::Denied)
        }
    }

    async fn tags(&self, _person: &str) -> Result<Vec<Tag>, Error> {
        Ok(vec![Tag {
            tag: "vip".into(),
            value: None,
            source: "rule".into(),
            from: at("2026-01-01T00:00:00Z"),
            to: None,
        }])
    }

    async fn timeline(
        &self,
        person: &str,
        page: &PageRequest,
    ) -> Result<Page<TimelineEvent>, Error> {
        let events = (0..3).map(|n| TimelineEvent {
            id: format!("{person}-e{n}"),
            at: at("2026-03-30T02:00:00Z"),
            kind: "payment".into(),
            summary: "付款".into(),
            site_id: Some("SH01".into()),
            amount: Some(Fen(12_800)),
        });
        paged(events.collect(), page)
    }

    async fn money(&self, _person: &str) -> Result<Money, Error> {
        let [billed, cash, earned] = [Fen(30_000), Fen(25_000), Fen(20_000)];
        let [refund, deferred, arrears] = [Fen(0), Fen(5_000), Fen(5_000)];
        Ok(Money { billed, cash, earned, refund, deferred, arrears })
    }

    async fn plans(&self, _person: &str) -> Result<Vec<Plan>, Error> {
        Ok(vec![Plan {
            id: "plan-1".into(),
            status: "accepted".into(),
            presented_at: at("2026-02-01T02:00:00Z"),
            total: Fen(100_000),
            items: 4,
            items_done: 1,
            site_id: Some("SH01".into()),
        }])
    }

    async fn entitlements(&self, _person: &str) -> Result<Vec<Entitlement>, Error> {
        Ok(vec![Entitlement {
            id: "ent-1".into(),
            item: "儿保年卡".into(),
            times_total: 10,
            times_used: 4,
            times_left: 6,
            left_value: Fen(60_000),
            expires_on: Some(day("2026-12-31")),
            site_id: Some("SH01".into()),
        }])
    }

    async fn tasks(&self, _person: &str) -> Result<Vec<Task>, Error> {
        Ok(vec![Task {
            id: "task-1".into(),
            category: "post_visit".into(),
            owner_role: Some("nurse".into()),
            due_at: at("2026-04-02T02:00:00Z"),
            done_at: None,
            status: "open".into(),
        }])
    }

    async fn surveys(&self, _person: &str) -> Result<Vec<SurveyAnswer>, Error> {
        Ok(vec![SurveyAnswer {
            kind: "nps".into(),
            question: "recommend".into(),
            score: 9,
            at: at("2026-03-30T12:00:00Z"),
        }])
    }

    async fn consents(&self, _person: &str) -> Result<Vec<Consent>, Error> {
        Ok(vec![Consent {
            scope: "care".into(),
            status: "granted".into(),
            given_by: "guardian".into(),
            at: at("2025-01-02T02:00:00Z"),
            revoked_at: None,
        }])
    }
}
