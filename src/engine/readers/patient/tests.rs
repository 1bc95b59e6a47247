//! Patient pieces over small tables.

use hub_domain::Fen;
use hub_domain::page::PageRequest;
use hub_domain::patient::{PatientFilter, PatientOrder};

use super::*;
use crate::readers::testing::{Fixture, day};

async fn fixture() -> Fixture {
    let fixture = Fixture::new("2026-03-31");
    fixture
        .fill(
            "patient_360",
            "person_id, display_name, lifecycle, birth_date",
            "('p1', '王小明', 'return', '1990-05-01'), ('p2', '李雷', 'first', null), \
             ('p3', '王芳', 'potential', null)",
        )
        .await;
    fixture
        .fill(
            "patient_visit_summary",
            "person_id, site_id, first_visit_on, last_visit_on, visit_count",
            "('p1', 'A', '2025-01-01', '2026-01-01', 3), \
             ('p1', 'B', '2024-06-01', '2025-02-01', 2), \
             ('p2', 'A', '2026-02-01', '2026-02-01', 1)",
        )
        .await;
    fixture
}

fn first(first: usize) -> PageRequest {
    PageRequest { first, after: None }
}

#[tokio::test]
async fn a_person_sums_visits_over_visible_sites() {
    let fixture = fixture().await;
    let person = patient(&fixture, "p1").await.expect("an answer").expect("p1");
    assert_eq!(person.display_name, "王小明");
    assert_eq!(person.visit_count, 5);
    assert_eq!(person.first_visit_on, Some(day("2024-06-01")));
    assert_eq!(person.last_visit_on, Some(day("2026-01-01")));
    assert_eq!(patient(&fixture, "nobody").await.expect("an answer"), None);
    assert_eq!(fixture.statements.lock().expect("statements").len(), 4, "two per person");
}

#[tokio::test]
async fn pages_in_either_order_join_to_the_whole() {
    let fixture = fixture().await;
    let orders =
        [(PatientOrder::Id, ["p1", "p2", "p3"]), (PatientOrder::LastVisit, ["p2", "p1", "p3"])];
    for (order, expected) in orders {
        let mut seen = Vec::new();
        let mut page = first(1);
        loop {
            let got =
                patients(&fixture, &PatientFilter::default(), order, &page).await.expect("a page");
            seen.extend(got.edges.iter().map(|edge| edge.node.id.clone()));
            page.after = got.edges.last().map(|edge| edge.cursor.clone());
            if !got.has_next_page {
                break;
            }
        }
        assert_eq!(seen, expected, "{order:?}");
    }
}

#[tokio::test]
async fn filters_must_all_hold() {
    let fixture = fixture().await;
    fixture.fill("person_site", "person_id, site_id", "('p1', 'A'), ('p3', 'B')").await;
    let tags = "('1', 'p1', 'vip', true), ('2', 'p3', 'vip', false)";
    fixture.fill("patient_tag", "tag_id, person_id, tag, is_current", tags).await;
    let name = |name: &str| PatientFilter { name: Some(name.into()), ..PatientFilter::default() };
    for (filter, expected) in [
        (name("王"), vec!["p1", "p3"]),
        (name("' or 1=1 --"), vec![]),
        (name("%"), vec![]),
        (PatientFilter { site_id: Some("A".into()), ..name("王") }, vec!["p1"]),
        (PatientFilter { tag: Some("vip".into()), ..PatientFilter::default() }, vec!["p1"]),
        (PatientFilter { lifecycle: Some("first".into()), ..name("王") }, vec![]),
    ] {
        let page = patients(&fixture, &filter, PatientOrder::Id, &first(10)).await;
        let page = page.expect("a page");
        let ids: Vec<&str> = page.edges.iter().map(|edge| edge.node.id.as_str()).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_phone_finds_everyone_it_belongs_to_the_owner_first() {
    let fixture = fixture().await;
    let hash = fixture.pseudonym("13800001234").expect("a pseudonym");
    let rows = format!(
        "('{hash}', 'p1', 'mother', '1'), ('{hash}', 'p3', 'self', '2'), ('x', 'p2', 'self', '3')"
    );
    fixture.fill("person_phone", "phone_hash, person_id, relation, record_id", &rows).await;
    let found = caller_lookup(&fixture, "+86 138-0000-1234").await.expect("an answer");
    let ids: Vec<&str> = found.iter().map(|person| person.id.as_str()).collect();
    assert_eq!(ids, ["p3", "p1"]);
    assert!(caller_lookup(&fixture, "13900000000").await.expect("an answer").is_empty());
}

#[tokio::test]
async fn the_timeline_pages_newest_first_through_ties() {
    let fixture = fixture().await;
    fixture
        .fill(
            "patient_timeline",
            "person_id, event_id, at, kind, summary, amount_fen",
            "('p1', 'a', '2026-01-01T10:00:00', 'visit', 'x', null), \
             ('p1', 'b', '2026-01-02T10:00:00', 'payment', 'y', 1234), \
             ('p1', 'c', '2026-01-02T10:00:00', 'visit', 'z', null), \
             ('p2', 'd', '2026-01-03T10:00:00', 'visit', 'w', null)",
        )
        .await;
    let mut seen = Vec::new();
    let mut page = first(1);
    loop {
        let got = timeline(&fixture, "p1", &page).await.expect("a page");
        seen.extend(got.edges.iter().map(|edge| (edge.node.id.clone(), edge.node.amount)));
        page.after = got.edges.last().map(|edge| edge.cursor.clone());
        if !got.has_next_page {
            break;
        }
    }
    let expected = [("b".into(), Some(Fen(1234))), ("c".into(), None), ("a".into(), None)];
    assert_eq!(seen, expected);
    let foreign = timeline(&fixture, "p2", &page).await;
    assert!(foreign.is_err(), "a cursor of another person's timeline");
}

#[tokio::test]
async fn every_piece_plans_and_is_empty_for_a_stranger() {
    let fixture = Fixture::new("2026-03-31");
    let who = "stranger";
    assert!(identifiers(&fixture, who).await.expect("identifiers").is_empty());
    assert!(family(&fixture, who).await.expect("family").is_empty());
    assert!(tags(&fixture, who).await.expect("tags").is_empty());
    assert_eq!(money(&fixture, who).await.expect("money"), Money::default());
    assert!(plans(&fixture, who).await.expect("plans").is_empty());
    assert!(entitlements(&fixture, who).await.expect("entitlements").is_empty());
    assert!(tasks(&fixture, who).await.expect("tasks").is_empty());
    assert!(surveys(&fixture, who).await.expect("surveys").is_empty());
    assert!(consents(&fixture, who).await.expect("consents").is_empty());
}

#[tokio::test]
async fn pieces_decode_what_the_contracts_promise() {
    let fixture = Fixture::new("2026-03-31");
    fixture
        .fill(
            "patient_money",
            "person_id, site_id, billed_fen, cash_fen",
            "('p', 'A', 100, 90), ('p', 'B', 50, 5)",
        )
        .await;
    let sums = money(&fixture, "p").await.expect("money");
    assert_eq!((sums.billed, sums.cash, sums.arrears), (Fen(150), Fen(95), Fen(0)));
    fixture
        .fill(
            "patient_tag",
            "tag_id, person_id, tag, source, from_at, to_at, is_current",
            "('1', 'p', 'old', 'rule', '2025-01-01T00:00:00', '2025-06-01T00:00:00', false), \
             ('2', 'p', 'new', 'manual', '2024-01-01T00:00:00', null, true)",
        )
        .await;
    let tags = tags(&fixture, "p").await.expect("tags");
    assert_eq!(tags[0].tag, "new");
    assert!(tags[0].to.is_none() && tags[1].to.is_some());
    fixture
        .fill(
            "patient_plan",
            "person_id, plan_id, site_id, status, presented_at, item_count",
            "('p', '1', 'A', 'accepted', '2026-01-01T00:00:00', 4)",
        )
        .await;
    let plans = plans(&fixture, "p").await.expect("plans");
    assert_eq!((plans[0].items, plans[0].items_done), (4, 0));
}
