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
    surveys { kind question score at } lifecycleLines {
    businessLine state since lastVisitOn nextBookingOn isInTreatment isInterrupted } rfm { recency
    frequency monetary group lastPaidOn } consents { scope status givenBy at revokedAt } } }";

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

#[tokio::test]
async fn segments_and_lapsed_customers_are_lists_of_who_the_caller_sees() {
    let world = World::new();
    let query = "{ segments { id kind members contactable } segmentMembers(id: \"vip\") { nodes {
        personId maskedName lifecycle mayBeContacted } } dormantCustomers(first: 1) { nodes { id
        personId businessLine siteId state since lastVisitOn cash isDue } pageInfo { hasNextPage } }
        open: segmentMembers(id: \"vip\", contactable: true) { nodes { personId } }
        due: dormantCustomers(filter: { due: true }) { nodes { id } } }";
    let seen = data(&world, SITE, query).await;
    insta::assert_json_snapshot!("segments", seen);
    let all = data(&world, GROUP, query).await;
    assert_eq!(all["segments"][0]["members"], 2);
    let kept = kept(&world);
    assert!(kept.contains(&("ben".into(), "segmentMembers".into(), None, 1)), "{kept:?}");
    assert!(kept.contains(&("ben".into(), "dormantCustomers".into(), None, 1)), "{kept:?}");
    let unknown = ask(&world, GROUP, "{ segmentMembers(id: \"x\") { nodes { personId } } }").await;
    assert_eq!(unknown.json["errors"][0]["extensions"]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn recalls_and_referrals_are_lists_of_who_the_caller_sees() {
    let world = World::new();
    let query =
        "{ recalls(first: 1, filter: { status: \"due\", dueFrom: \"2026-04-01\" }) { nodes {
        id personId maskedName ruleId kind category businessLine siteId dueOn status keptOn }
        pageInfo { hasNextPage } } referrals(filter: { rootPersonId: \"p0\" }) { nodes { personId
        maskedName referrerPersonId rootPersonId level siteId referredAt firstVisitOn brought cash
        } } }";
    insta::assert_json_snapshot!("recalls", data(&world, SITE, query).await);
    let all = data(&world, GROUP, query).await;
    assert_eq!(all["recalls"]["pageInfo"]["hasNextPage"], true);
    assert_eq!(all["referrals"]["nodes"].as_array().map(Vec::len), Some(2));
    let kept = kept(&world);
    assert!(kept.contains(&("ben".into(), "recalls".into(), None, 1)), "{kept:?}");
    assert!(kept.contains(&("ben".into(), "referrals".into(), None, 1)), "{kept:?}");
}

#[tokio::test]
async fn who_sees_the_group_decides_about_identity() {
    let world = World::new();
    let lists = "{ identityMatches { nodes { id leftPersonId rightPersonId rule } }
        identityMerges { nodes { id winnerPersonId loserPersonId mergedOn reversedOn } } }";
    let found = data(&world, GROUP, lists).await;
    let pair = found["identityMatches"]["nodes"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(found["identityMerges"]["nodes"][0]["winnerPersonId"], "p1");
    let refused = ask(&world, SITE, lists).await;
    assert!(refused.json["errors"][0]["extensions"]["code"] == "FORBIDDEN", "{}", refused.text);
    let decide = |id: &str| {
        format!("mutation {{ decideIdentityMatch(id: \"{id}\", decision: SAME) {{ status }} }}")
    };
    for (caller, id, status) in [
        (GROUP, pair.as_str(), "DECIDED"),
        (SITE, pair.as_str(), "NOT_FOUND"),
        (GROUP, "his:1+his:9", "NOT_FOUND"),
        (GROUP, "his:1", "NOT_FOUND"),
    ] {
        let answer = data(&world, caller, &decide(id)).await;
        assert_eq!(answer["decideIdentityMatch"]["status"], status, "{id}");
    }
    let kept = world.0.decisions.lock().expect("not poisoned");
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].1.as_str(), kept[0].2.as_str()), ("his:1", "his:2"));
}

#[tokio::test]
async fn who_sees_a_patient_tags_it_by_hand() {
    let world = World::new();
    let tag = |id: &str, input: &str| {
        format!("mutation {{ tagPatient(id: \"{id}\", input: {input}) {{ status message }} }}")
    };
    let long = format!("{{ tag: \"{}\" }}", "长".repeat(61));
    let vip = "{ tag: \" VIP \", value: \"gold\", until: \"2027-01-01T00:00:00Z\" }";
    for (caller, id, input, status) in [
        (SITE, "p1", vip, "TAGGED"),
        (SITE, "p2", vip, "NOT_FOUND"),
        (GROUP, "nobody", vip, "NOT_FOUND"),
        (GROUP, "p2", "{ tag: \"  \" }", "REJECTED"),
        (GROUP, "p2", long.as_str(), "REJECTED"),
    ] {
        let answer = data(&world, caller, &tag(id, input)).await;
        assert_eq!(answer["tagPatient"]["status"], status, "{id} {input}: {answer}");
    }
    let untag = |id: &str, tag: &str| {
        format!("mutation {{ untagPatient(id: \"{id}\", tag: \"{tag}\") {{ status }} }}")
    };
    for (caller, tag, status) in [(SITE, "VIP", "ENDED"), (SITE, "gold", "NOT_FOUND")] {
        let answer = data(&world, caller, &untag("p1", tag)).await;
        assert_eq!(answer["untagPatient"]["status"], status, "{tag}");
    }
    let kept = world.0.tags.lock().expect("not poisoned");
    let (user, records, given) = &kept[0];
    let given = given.as_ref().expect("a tag");
    assert_eq!((user.as_str(), records.as_slice()), ("ben", ["his:p1".to_owned()].as_slice()));
    assert_eq!((given.tag.as_str(), given.value.as_deref()), ("VIP", Some("gold")));
    assert_eq!(kept.len(), 3, "only tags of patients the caller sees are touched");
}
