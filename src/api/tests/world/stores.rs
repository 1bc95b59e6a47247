//! Keys, alerts, runs and accesses of the world in memory.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use hub_domain::alert::{
    Alert, AlertEvent, AlertFilter, AlertRule, AlertState, Condition, Severity, alert_id,
};
use hub_domain::metric::Operator;
use hub_domain::page::{Edge, Page, PageRequest};
use hub_domain::ports::{Access, AccessLog, Alerts, Authenticator, Runs};
use hub_domain::principal::Role;
use hub_domain::run::{Reconciled, Run, RunStatus, StageTime, TableLoad};
use hub_domain::{Error, Principal};
use rust_decimal::Decimal;
use tokio_stream::wrappers::BroadcastStream;

use super::{Fault, World, at, day};

/// A firing alert of one site.
pub(crate) fn alert(site: &str) -> Alert {
    let subject = format!("site:{site}");
    Alert {
        id: alert_id("R1", &subject, "2026-03"),
        rule: "R1".into(),
        subject,
        subject_label: Some("徐汇门诊".into()),
        site_id: Some(site.into()),
        period: "2026-03".into(),
        severity: Severity::Warning,
        state: AlertState::Firing,
        value: Some(Decimal::new(31, 2)),
        threshold: Decimal::new(40, 2),
        fired_at: at("2026-03-31T19:11:00Z"),
        resolved_at: None,
        snapshot_id: 7,
        acknowledged_by: None,
        acknowledged_at: None,
        note: None,
    }
}

fn visible(principal: &Principal, alert: &Alert) -> bool {
    alert.site_id.as_deref().is_some_and(|site| principal.sees_site(site))
}

fn one_page<T>(rows: impl Iterator<Item = T>) -> Page<T> {
    let edges = rows.enumerate();
    Page {
        edges: edges.map(|(at, node)| Edge { cursor: format!("c{at}"), node }).collect(),
        has_next_page: false,
        total_count: None,
    }
}

#[async_trait]
impl Alerts for World {
    async fn alerts(
        &self,
        principal: &Principal,
        filter: &AlertFilter,
        _page: &PageRequest,
    ) -> Result<Page<Alert>, Error> {
        let alerts = self.0.alerts.lock().expect("not poisoned").clone();
        let wanted = |alert: &Alert| {
            visible(principal, alert) && filter.state.is_none_or(|state| state == alert.state)
        };
        Ok(one_page(alerts.into_iter().filter(wanted)))
    }

    fn rules(&self) -> Vec<AlertRule> {
        vec![AlertRule {
            id: "R1".into(),
            label_zh: "成交率过低".into(),
            label_en: "low close rate".into(),
            action: "look at the consultations of the month".into(),
            severity: Severity::Warning,
            version: 1,
            enabled: true,
            condition: Condition::Metric {
                metric: "close_rate_first".into(),
                subject: "site".into(),
                filter: [].into(),
                op: Operator::Lt,
                threshold: Decimal::new(40, 2),
                threshold_by_month: std::iter::once(("2026-02".to_owned(), Decimal::new(3, 1)))
                    .collect(),
                min_denominator: 20.into(),
                min_numerator: None,
                min_volume: [].into(),
                exempt_tenure_years: None,
                months: 1,
            },
        }]
    }

    async fn acknowledge(
        &self,
        principal: &Principal,
        id: &str,
        note: Option<String>,
    ) -> Result<Alert, Error> {
        self.suffer().await?;
        let mut alerts = self.0.alerts.lock().expect("not poisoned");
        let found = alerts.iter_mut().find(|alert| alert.id == id && visible(principal, alert));
        let alert = found.ok_or(Error::NotFound { what: "alert" })?;
        alert.acknowledged_by = Some(principal.user.clone());
        alert.acknowledged_at = Some(at("2026-04-01T01:00:00Z"));
        alert.note = note;
        Ok(alert.clone())
    }

    async fn events(
        &self,
        principal: &Principal,
        _filter: AlertFilter,
    ) -> Result<BoxStream<'static, AlertEvent>, Error> {
        self.suffer().await?;
        let principal = principal.clone();
        let events = BroadcastStream::new(self.0.events.subscribe());
        let seen = events.filter_map(move |event| {
            let event = event.ok().filter(|event| visible(&principal, &event.alert));
            std::future::ready(event)
        });
        Ok(seen.boxed())
    }
}

#[async_trait]
impl Runs for World {
    async fn runs(&self, principal: &Principal, _page: &PageRequest) -> Result<Page<Run>, Error> {
        if principal.role != Role::Group {
            return Err(Error::Denied);
        }
        let load = TableLoad {
            source: "his".into(),
            table: "t_jz".into(),
            mode: "cursor".into(),
            rows_read: 10,
            rows_loaded: 8,
            rejected: [("bad_date".to_owned(), 2)].into(),
            rows_deleted: 1,
            watermark_after: Some("2026-03-31 23:59:59".into()),
            bytes_written: 2_048,
            files_written: 1,
            version: Some(6),
            reconciled: vec![Reconciled {
                amount: "rows".into(),
                source: "10".into(),
                lake: "10".into(),
            }],
            duration_ms: 12,
            parts_ms: [("read".to_owned(), 9), ("write".to_owned(), 3)].into(),
            ..TableLoad::default()
        };
        let run = Run {
            id: "run-7".into(),
            kind: "nightly".into(),
            business_date: day("2026-03-31"),
            interval: None,
            lease_token: None,
            started_at: at("2026-03-31T18:30:00Z"),
            finished_at: Some(at("2026-03-31T19:10:00Z")),
            status: RunStatus::Published,
            snapshot_id: Some(7),
            loads: vec![load],
            stages: vec![StageTime { stage: "extract".into(), duration_ms: 400 }],
            error: None,
        };
        Ok(one_page(std::iter::once(run)))
    }
}

#[async_trait]
impl Authenticator for World {
    async fn by_api_key(&self, key: &str) -> Result<Principal, Error> {
        match key {
            _ if *self.0.revoked.lock().expect("not poisoned") => Err(Error::Unauthenticated),
            "group-key" => Ok(Principal::group("ada")),
            "site-key" => Ok(Principal::site("ben", ["SH01".to_owned()])),
            "broken-key" => Err(Error::internal(std::io::Error::other(super::SECRET))),
            _ => Err(Error::Unauthenticated),
        }
    }
}

#[async_trait]
impl AccessLog for World {
    async fn record(&self, principal: &Principal, access: Access) -> Result<(), Error> {
        if self.0.fault == Fault::Unrecorded {
            return Err(Error::internal(std::io::Error::other("disk full")));
        }
        self.0.accesses.lock().expect("not poisoned").push((principal.user.clone(), access));
        Ok(())
    }
}
