//! Reads of persons: what they show, to whom, and that each is kept.

use axum::http::StatusCode;
use serde_json::json;

use crate::client::{GROUP, SITE, ask, ask_with, data};
use crate::world::{Fault, World};

const EVERYTHING: &str = "query P($id: ID!) { patient(id: $id) { id displayName sex birthDate
    isMinorU14 district firstChannelId firstChannel lifecycle firstVisitOn lastVisitOn visitCount
    identifiers { kind masked system relation } family { personId maskedName relation }
    tags { tag value source from to } timeline(first: 2) { totalCount pageInfo { hasNextPage
    hasPreviousPage startCursor endCursor } edges { cursor node { id at kind summary siteId
    amount } } } money { billed cash earned refund deferred arrears } plans { id status
    presentedAt total items itemsDone siteId } entitlements { id item timesTotal timesUsed
    timesLeft leftValue expiresOn siteId } tasks { id category ownerRole dueAt doneAt status }
    surveys { kind question score at } consents { scope status givenBy at revokedAt } } }";

fn kept(world: &World) -> Vec<(String, String, Option<String>, u64)> {
    let accesses = world.0.accesses.lock().expect("not poisoned");
    let rows = accesses.iter().map(|(user, access)| {
        assert_eq!(access.query_hash.as_ref().map(String::len), Some(64), "a hash, not the text");
        (user.clone(), access.operation.clone(), access.purpose.clone(), access.person_count)
    });
    rows.collect()
}

#[tokio::test]
async fn patient_360_in_one_request() {
    let world = World::new();
    let answer = ask_with(&world, SITE, EVERYTHING, json!({ "id": "p1" })).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!("patient", answer.json);
    assert_eq!(kept(&world), [("ben".into(), "patient".into(), None, 1)]);
}

#[tokio::test]
async fn a_foreign_person_answers_like_none_and_is_kept() {
    let world = World::new();
    let foreign = ask_with(&world, SITE, EVERYTHING, json!({ "id": "p2" })).await;
    let missing = ask_with(&world, SITE, EVERYTHING, json!({ "id": "p999" })).await;
    assert_eq!(foreign.text, missing.text);
    assert_eq!(foreign.json, json!({ "data": { "patient": null } }));
    assert_eq!(kept(&world).len(), 2);
    assert!(kept(&world).iter().all(|(_, _, _, persons)| *persons == 0));
}

#[tokio::test]
async fn lists_are_paged_and_kept() {
    let world = World::new();
    let query = "query L($after: String) { patients(filter: {}, orderBy: LAST_VISIT, first: 1,
        after: $after) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
        edges { cursor node { id displayName } } nodes { id } } }";
    let first = ask_with(&world, GROUP, query, json!({})).await;
    insta::assert_json_snapshot!("patients_first_page", first.json);
    let after = first.json["data"]["patients"]["pageInfo"]["endCursor"].clone();
    let second = ask_with(&world, GROUP, query, json!({ "after": after })).await;
    let page = &second.json["data"]["patients"];
    assert_eq!(page["nodes"], json!([{ "id": "p2" }]));
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
    assert_eq!(page["pageInfo"]["hasPreviousPage"], true);
    let forged = ask_with(&world, GROUP, query, json!({ "after": "x' or 1=1--" })).await;
    assert_eq!(forged.code(), "BAD_USER_INPUT");
    let named = data(&world, GROUP, "{ patients(filter: {name: \"李\"}) { nodes { id } } }").await;
    assert_eq!(named["patients"]["nodes"], json!([{ "id": "p2" }]));
    assert!(kept(&world).iter().all(|(_, operation, _, _)| operation == "patients"));
}

#[tokio::test]
async fn lookups_need_a_purpose() {
    let world = World::new();
    let query = "query C($purpose: String!) { callerLookup(phone: \" 13800001234 \",
        purpose: $purpose) { id displayName } }";
    let answer = ask_with(&world, GROUP, query, json!({ "purpose": "incoming call" })).await;
    assert_eq!(answer.json["data"]["callerLookup"].as_array().map(Vec::len), Some(2));
    let expected = ("ada".to_owned(), "callerLookup".to_owned(), Some("incoming call".into()), 2);
    assert_eq!(kept(&world), [expected]);
    for wrong in ["  ".to_owned(), "x".repeat(201)] {
        let refused = ask_with(&world, GROUP, query, json!({ "purpose": wrong })).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT");
    }
    assert_eq!(kept(&world).len(), 1, "refused lookups read nothing");
    let phone = "{ callerLookup(phone: \"\", purpose: \"call\") { id } }";
    assert_eq!(ask(&world, GROUP, phone).await.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let world = World::with(Fault::Unrecorded, |_| {});
    for query in [
        "{ patient(id: \"p1\") { displayName } }",
        "{ patients { nodes { displayName } } }",
        "{ callerLookup(phone: \"13800001234\", purpose: \"call\") { displayName } }",
    ] {
        let answer = ask(&world, GROUP, query).await;
        assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR", "{}", answer.text);
        assert!(!answer.text.contains("王") && !answer.text.contains("disk"), "{}", answer.text);
    }
}
