//! Persons over nights: evidence that comes late, decisions, and taking them back.

use hub_domain::annotation::ManualTag;
use hub_domain::identity::Decision;

use super::*;

const DECISION: &str = "\
table: identity_decision
grain: one pair
key: [left_record_id, right_record_id]
policy: group
columns:
  - { name: left_record_id, type: text }
  - { name: right_record_id, type: text }
  - { name: decision, type: text }
  - { name: decided_by, type: text }
  - { name: decided_on, type: date }
";
const LOG: &str = "\
table: identity_merge_log
grain: one merge
key: [merge_id]
policy: group
columns:
  - { name: merge_id, type: text }
  - { name: winner_person_id, type: text }
  - { name: loser_person_id, type: text }
  - { name: winner_record_id, type: text }
  - { name: loser_record_id, type: text }
  - { name: merged_on, type: date }
  - { name: is_decided, type: bool }
  - { name: reversed_on, type: date, nullable: true }
";

const TAG: &str = "\
table: manual_tag
grain: one tag
key: [tag_id]
policy: group
columns:
  - { name: tag_id, type: text }
  - { name: record_id, type: text }
  - { name: tag, type: text }
  - { name: value, type: text, nullable: true }
  - { name: from_at, type: timestamp }
  - { name: to_at, type: timestamp, nullable: true }
  - { name: given_by, type: text }
";

/// c4 has nothing in common with c1 yet.
const APART: &str = "id,name,card,mrn\nc1,Wang,X,\nc2,Wang Fang,X,7\nc3,Li,,7\nc4,Zhao,,\n";
/// Somebody typed c4's card: it is c1's.
const TOGETHER: &str = "id,name,card,mrn\nc1,Wang,X,\nc2,Wang Fang,X,7\nc3,Li,,7\nc4,Zhao,X,\n";

fn bench() -> Bench {
    let mut bench = Bench::new();
    let files = &mut bench.project.files;
    let origin =
        "  - { name: origin_person_id, type: text }\n  - { name: origin_on, type: date }\n";
    let link = LINK.replace("foreign_keys", &format!("{origin}foreign_keys"));
    files.insert("schema/tables/person_link.yaml".into(), link);
    files.insert("schema/tables/identity_decision.yaml".into(), DECISION.into());
    files.insert("schema/tables/identity_merge_log.yaml".into(), LOG.into());
    files.insert("schema/tables/manual_tag.yaml".into(), TAG.into());
    bench.source("customer", APART);
    bench
}

/// Person by record, as published.
async fn persons(bench: &Bench) -> BTreeMap<String, String> {
    let lines = bench.shown("person_link").await;
    let cells = lines.iter().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let pair = (cells.next()?.to_owned(), cells.next()?.to_owned());
        pair.0.starts_with("crm:").then_some(pair)
    });
    cells.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_keeps_the_older_id_is_logged_and_can_be_undone() {
    let bench = bench();
    let log = Arc::new(Memory::default());
    let night = async |number: u32| {
        // Two persons of two become one: to the audit half of `spent` is gone.
        let asked = NightlyRequest { accept_loss: true, ..request(number) };
        let run = bench.nightly(Arc::clone(&log)).run(&asked, &Unwatched).await;
        assert_eq!((run.status, &run.error), (RunStatus::Published, &None));
        persons(&bench).await
    };
    let merges = async || {
        let lines = bench.shown("identity_merge_log").await;
        lines.into_iter().filter(|line| line.contains("crm:")).collect::<Vec<_>>()
    };
    let first = night(2).await;
    assert_ne!(first["crm:c1"], first["crm:c4"]);
    assert!(merges().await.is_empty());

    bench.source("customer", TOGETHER);
    let second = night(3).await;
    // Both are of one day: the smaller id counts as the older one.
    let (kept, gone) = match first["crm:c1"] < first["crm:c4"] {
        true => (&first["crm:c1"], &first["crm:c4"]),
        false => (&first["crm:c4"], &first["crm:c1"]),
    };
    assert_eq!([&second["crm:c1"], &second["crm:c4"]], [kept, kept], "one id stays");
    let logged = merges().await;
    assert_eq!(logged.len(), 1);
    assert!(logged[0].contains(gone) && logged[0].contains("| 2026-03-03 |"));

    let (left, right) = ("crm:c1".to_owned(), "crm:c4".to_owned());
    let decision =
        Decision { left, right, is_same: false, decided_by: "amy".into(), decided_on: day(3) };
    log.annotations.lock().expect("no holder panics").decisions.push(decision);
    let fourth = night(4).await;
    assert_eq!([&fourth["crm:c1"], &fourth["crm:c4"]], [&first["crm:c1"], &first["crm:c4"]]);
    let logged = merges().await;
    assert!(logged.len() == 1 && logged[0].contains("| 2026-03-04"), "{logged:?}");

    log.annotations.lock().expect("no holder panics").decisions.clear();
    assert_eq!(night(5).await, second, "what is withdrawn does not count");
    assert_eq!(merges().await.len(), 2, "the past stays in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_by_hand_are_shown_while_a_source_has_the_record() {
    let bench = bench();
    let log = Arc::new(Memory::default());
    let night = async |number: u32| {
        let run = bench.nightly(Arc::clone(&log)).run(&request(number), &Unwatched).await;
        assert_eq!((run.status, &run.error), (RunStatus::Published, &None));
        bench.shown("manual_tag").await
    };
    let given = |id: i64, record: &str, to: Option<&str>| ManualTag {
        id,
        record: record.to_owned(),
        tag: "vip".to_owned(),
        value: None,
        from: "2026-03-01T02:00:00Z".parse().expect("an instant"),
        to: to.map(|to| to.parse().expect("an instant")),
        given_by: "amy".to_owned(),
    };
    let tags = vec![given(1, "crm:c1", None), given(2, "crm:gone", None)];
    log.annotations.lock().expect("no holder panics").tags = tags;
    let first = night(2).await;
    let of_c1: Vec<&String> = first.iter().filter(|line| line.contains("| vip")).collect();
    assert!(of_c1.len() == 1 && of_c1[0].contains("crm:c1"), "{first:?}");
    assert!(of_c1[0].contains("2026-03-01T02:00:00Z"), "{first:?}");

    let tags = vec![given(1, "crm:c1", Some("2026-03-02T23:00:00Z"))];
    log.annotations.lock().expect("no holder panics").tags = tags;
    let second = night(3).await;
    let ended = second.iter().filter(|line| line.contains("2026-03-02T23:00:00Z"));
    assert_eq!(ended.count(), 1, "what ended stays: {second:?}");
}
