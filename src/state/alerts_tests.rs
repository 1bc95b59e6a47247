use hub_domain::alert::{Condition, Severity, Verdict};
use hub_domain::metric::Operator;
use rust_decimal::Decimal;

use super::*;
use crate::tests::open;

struct Plain;

impl Message for Plain {
    fn body(&self, event: &AlertEvent) -> String {
        format!("{:?} {}", event.state, event.alert.subject)
    }
}

fn rule() -> AlertRule {
    AlertRule {
        id: "R3".into(),
        label_zh: "转介绍不足".into(),
        label_en: "few referrals".into(),
        action: "study the referral figures".into(),
        severity: Severity::Warning,
        version: 1,
        enabled: true,
        condition: Condition::Metric {
            metric: "referral_share_first".into(),
            subject: "site".into(),
            filter: Default::default(),
            op: Operator::Lt,
            threshold: Decimal::new(30, 2),
            threshold_by_month: Default::default(),
            min_denominator: Decimal::TEN,
            min_numerator: None,
            min_volume: Default::default(),
            exempt_tenure_years: None,
            months: 1,
        },
    }
}

fn saw(verdict: Verdict) -> Observation {
    Observation {
        rule: "R3".into(),
        subject: "site:SH01".into(),
        subject_label: None,
        site_id: Some("SH01".into()),
        period: "2026-10".into(),
        verdict,
        value: Some(Decimal::new(25, 2)),
        threshold: Decimal::new(30, 2),
    }
}

async fn evaluate(state: &State, snapshot_id: u64, verdict: Verdict) -> Vec<AlertState> {
    let hooks = ["ops".to_owned(), "owner".to_owned()];
    let evaluation =
        Evaluation { snapshot_id, observations: &[saw(verdict)], rules: &[rule()], hooks: &hooks };
    let events = state.apply_evaluation(&evaluation, &Plain).await.expect("applied");
    events.iter().map(|event| event.state).collect()
}

#[tokio::test]
async fn one_identity_fires_once_and_resolves_once() {
    let (state, _dir) = open().await;
    assert_eq!(evaluate(&state, 1, Verdict::Breach).await, [AlertState::Firing]);
    assert!(evaluate(&state, 1, Verdict::Breach).await.is_empty(), "same snapshot twice");
    assert!(evaluate(&state, 2, Verdict::Breach).await.is_empty(), "still firing");
    assert!(evaluate(&state, 3, Verdict::NoData).await.is_empty(), "no data resolves nothing");
    assert_eq!(evaluate(&state, 4, Verdict::Healthy).await, [AlertState::Resolved]);
    assert_eq!(evaluate(&state, 5, Verdict::Breach).await, [AlertState::Firing]);
    let page = PageRequest { first: 10, after: None };
    let all = state
        .alerts_page(&Principal::group("g"), &AlertFilter::default(), &page)
        .await
        .expect("listed");
    assert_eq!(all.edges.len(), 1);
    let told = state.alert_events_after(0).await.expect("listed");
    let order: Vec<AlertState> = told.iter().map(|(_, event)| event.state).collect();
    assert_eq!(order, [AlertState::Firing, AlertState::Resolved, AlertState::Firing]);
    assert_eq!(state.last_alert_event().await.expect("read"), told[2].0);
    // Three events to two hooks each.
    assert_eq!(state.deliveries().await.expect("listed").len(), 6);
}

#[tokio::test]
async fn a_site_principal_sees_and_acknowledges_its_own_alerts_only() {
    let (state, _dir) = open().await;
    evaluate(&state, 1, Verdict::Breach).await;
    let page = PageRequest { first: 10, after: None };
    let own = Principal::site("lin", ["SH01".to_owned()]);
    let other = Principal::site("wu", ["HZ01".to_owned()]);
    let filter = AlertFilter::default();
    let alert =
        state.alerts_page(&own, &filter, &page).await.expect("listed").edges[0].node.clone();
    assert!(state.alerts_page(&other, &filter, &page).await.expect("listed").edges.is_empty());
    assert!(state.acknowledge_alert(&other, &alert.id, None).await.expect("asked").is_none());
    let noted = state
        .acknowledge_alert(&own, &alert.id, Some("calling".into()))
        .await
        .expect("asked")
        .expect("visible");
    assert_eq!(noted.acknowledged_by.as_deref(), Some("lin"));
}
