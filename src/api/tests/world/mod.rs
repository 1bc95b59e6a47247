//! A small hub in memory: two sites, two persons, one metric of each shape, one board, one alert.

mod behaviour;
mod costs;
mod people;
mod session;
mod stores;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use chrono::{DateTime, NaiveDate, Utc};
use hub_api::{ApiState, Limits, Web};
use hub_domain::alert::{Alert, AlertEvent};
use hub_domain::annotation::NewTag;
use hub_domain::board::BoardDefinition;
use hub_domain::identity::MatchDecision;
use hub_domain::metric::{
    Additivity, Aggregate, Dimension, Direction, Formula, MetricDefinition, Ratio, Simple, Unit,
};
use hub_domain::ports::{Access, ReadSession, Warehouse};
use hub_domain::snapshot::{AuditResult, Snapshot, SnapshotPick};
use hub_domain::{Error, Principal};
use tokio::sync::broadcast;

pub(crate) use session::Session;
pub(crate) use stores::alert;

/// How reads misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Nothing is published.
    Empty,
    /// Reads fail with a secret in their cause.
    Secret,
    /// Reads never end.
    Hang,
    /// Reads panic.
    Panic,
    /// Accesses cannot be recorded.
    Unrecorded,
    /// A limit below is met.
    Limit,
}

/// A cause that must not reach a caller.
pub(crate) const SECRET: &str = "password=hunter2 at 10.0.0.7";

#[derive(Clone)]
pub(crate) struct World(pub(crate) Arc<Inner>);

/// User, records, and the tag given; without one, the name of what was taken back.
type TagWord = (String, Vec<String>, Result<NewTag, String>);

pub(crate) struct Inner {
    pub(crate) fault: Fault,
    pub(crate) limits: Limits,
    pub(crate) web: Web,
    pub(crate) accesses: Mutex<Vec<(String, Access)>>,
    pub(crate) opened: Mutex<Vec<SnapshotPick>>,
    pub(crate) alerts: Mutex<Vec<Alert>>,
    /// User, both records, and what was said.
    pub(crate) decisions: Mutex<Vec<(String, String, String, MatchDecision)>>,
    pub(crate) tags: Mutex<Vec<TagWord>>,
    pub(crate) revoked: Mutex<bool>,
    pub(crate) events: broadcast::Sender<AlertEvent>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Fault::None, |_| {})
    }

    pub(crate) fn with(fault: Fault, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Inner {
            fault,
            limits: Limits { deadline: Duration::from_secs(2), ..Limits::default() },
            web: Web { instance: "test".into(), ..Web::default() },
            accesses: Mutex::default(),
            opened: Mutex::default(),
            alerts: Mutex::new(vec![stores::alert("SH01"), stores::alert("BJ01")]),
            decisions: Mutex::default(),
            tags: Mutex::default(),
            revoked: Mutex::new(false),
            events: broadcast::channel(64).0,
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    pub(crate) fn router(&self) -> Router {
        let world = Arc::new(self.clone());
        hub_api::router(ApiState {
            warehouse: world.clone(),
            alerts: world.clone(),
            runs: world.clone(),
            decisions: world.clone(),
            tags: world.clone(),
            auth: world.clone(),
            access: world,
            limits: self.0.limits.clone(),
            web: self.0.web.clone(),
        })
    }

    /// Fails, hangs or panics as this world does.
    pub(crate) async fn suffer(&self) -> Result<(), Error> {
        match self.0.fault {
            Fault::Secret => Err(Error::internal(std::io::Error::other(SECRET))),
            Fault::Hang => std::future::pending().await,
            Fault::Panic => panic!("a defect in the room below"),
            Fault::Limit => Err(Error::Limit { limit: "deadline of 30 s".into() }),
            Fault::None | Fault::Empty | Fault::Unrecorded => Ok(()),
        }
    }
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

pub(crate) fn snapshot(id: u64) -> Snapshot {
    Snapshot {
        id,
        business_date: day("2026-03-31"),
        published_at: at("2026-03-31T19:10:00Z"),
        run_id: format!("run-{id}"),
        tables: [("payment".to_owned(), 11), ("visit".to_owned(), 12)].into(),
        definition_hash: "abc123".into(),
        audits: vec![AuditResult {
            table: "visit".into(),
            check: "unique:visit_id".into(),
            failures: 0,
            blocking: true,
        }],
        rollback_of: None,
        lease_token: 0,
    }
}

#[async_trait]
impl Warehouse for World {
    async fn session(
        &self,
        principal: &Principal,
        pick: SnapshotPick,
    ) -> Result<Arc<dyn ReadSession>, Error> {
        self.0.opened.lock().expect("not poisoned").push(pick);
        let id = match pick {
            _ if self.0.fault == Fault::Empty => return Err(Error::NoSnapshot),
            SnapshotPick::Latest => 7,
            SnapshotPick::Id(id) if id <= 7 => id,
            SnapshotPick::AsOf(at) if at >= self::at("2026-03-01T00:00:00Z") => 6,
            SnapshotPick::Id(_) | SnapshotPick::AsOf(_) => {
                return Err(Error::NotFound { what: "snapshot" });
            }
        };
        let (world, principal) = (self.clone(), principal.clone());
        Ok(Arc::new(Session { world, principal, snapshot: snapshot(id) }))
    }

    fn metric_catalog(&self) -> Vec<MetricDefinition> {
        let simple = Formula::Simple(Simple {
            source: "visit".into(),
            aggregate: Aggregate::Count,
            expression: None,
            percentile: None,
            filter: None,
            time: "visit_date".into(),
            dimensions: [("site".to_owned(), "site_code".to_owned())].into(),
        });
        let ratio = Formula::Ratio(Ratio {
            numerator: "deals_first".into(),
            denominator: "arrivals_first".into(),
            scale: 1.into(),
            denominator_offset: 0,
        });
        vec![
            metric("arrivals_first", "初诊到院", simple.clone(), Unit::Count, false),
            metric("close_rate_first", "初诊成交率", ratio, Unit::Ratio, false),
            metric("inner_only", "内部", simple, Unit::Count, true),
        ]
    }

    fn metric_dimensions(&self, _metric: &str) -> Vec<Dimension> {
        vec![Dimension {
            id: "site".into(),
            label_zh: "院区".into(),
            label_en: "Site".into(),
            label_table: None,
            label_key: None,
            label_column: None,
            labels: std::collections::BTreeMap::new(),
            rollup: None,
        }]
    }

    fn boards(&self) -> Vec<BoardDefinition> {
        vec![BoardDefinition {
            id: "daily".into(),
            title_zh: "每日运营".into(),
            title_en: "Daily operations".into(),
            tiles: Vec::new(),
            charts: Vec::new(),
            lanes: None,
        }]
    }
}

fn metric(id: &str, label: &str, formula: Formula, unit: Unit, private: bool) -> MetricDefinition {
    MetricDefinition {
        id: id.into(),
        label_zh: label.into(),
        label_en: id.replace('_', " "),
        description: "counts what it says".into(),
        unit,
        direction: Direction::Up,
        additive: unit == Unit::Count,
        private,
        owner: "operations".into(),
        version: 1,
        default_grain: None,
        gaps: None,
        targets: Vec::new(),
        allowed_dimensions: None,
        check: None,
        additivity: if unit == Unit::Count { Additivity::Full } else { Additivity::None },
        formula,
    }
}
