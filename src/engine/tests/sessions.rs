//! Snapshots: which one a session reads, and that it stays readable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::Int64Array;
use arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use hub_domain::ports::Warehouse;
use hub_domain::snapshot::SnapshotPick;

use super::fixture::{World, config, group, instant, lines, rows, site_a};
use crate::cache::{Question, ResultCache};

const COUNT: &str = "select count(*) from hub.visit";

#[tokio::test]
async fn nothing_published_is_said_so() {
    let world = World::empty(config());
    let error = world.engine.open(&group(), SnapshotPick::Latest).await.expect_err("empty");
    assert!(matches!(error, hub_domain::Error::NoSnapshot));
    let error = world.engine.open(&group(), SnapshotPick::Id(7)).await.expect_err("none");
    assert!(matches!(error, hub_domain::Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_session_keeps_its_snapshot_and_new_ones_see_the_newest() {
    let world = World::with(config(), &rows(&["A"], 10)).await;
    let old = world.open(&group()).await;
    world.publish(2, &rows(&["A"], 25)).await;
    assert_eq!(world.engine.refresh().await.expect("asked"), Some(2));
    let new = world.open(&group()).await;
    assert_eq!(new.published().id, 2);
    for (session, want) in [(&old, "10"), (&new, "25")] {
        let fetched = session.fetch(COUNT, Vec::new()).await.expect("fetched");
        assert_eq!(lines(&fetched), [want]);
        let asked = session.user_sql(COUNT).await.expect("asked").collect().await.expect("rows");
        assert_eq!(lines(&asked), [want]);
    }
    let first = world.engine.open(&group(), SnapshotPick::Id(1)).await.expect("1");
    assert_eq!(lines(&first.fetch(COUNT, Vec::new()).await.expect("fetched")), ["10"]);
    let between = SnapshotPick::AsOf(instant("2026-04-01T12:00:00Z"));
    assert_eq!(world.engine.open(&group(), between).await.expect("as of").published().id, 1);
    let before = SnapshotPick::AsOf(instant("2020-01-01T00:00:00Z"));
    assert!(world.engine.open(&group(), before).await.is_err());
    let port = Warehouse::session(&world.engine, &site_a(), SnapshotPick::Latest).await;
    assert_eq!(port.expect("a session").snapshot().id, 2);
}

#[tokio::test]
async fn the_newest_snapshot_is_noticed_within_a_second() {
    let world = World::with(config(), &rows(&["A"], 3)).await;
    assert_eq!(world.open(&group()).await.published().id, 1);
    world.publish(2, &rows(&["A"], 4)).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(world.open(&group()).await.published().id, 2);
}

#[tokio::test]
async fn parameters_are_bound_and_never_spliced() {
    let world = World::with(config(), &rows(&["A"], 10)).await;
    let session = world.open(&group()).await;
    let sql = "select count(*) from hub.visit where code = $1 and amount_fen >= $2";
    let ask = |text: &str| vec![ScalarValue::from(text), ScalarValue::from(0_i64)];
    assert_eq!(lines(&session.fetch(sql, ask("3")).await.expect("one")), ["1"]);
    let splice = ask("3' or 1=1 --");
    assert_eq!(lines(&session.fetch(sql, splice).await.expect("none")), ["0"]);
    let empty = "select visit_id, amount_fen from hub.visit where visit_id = $1";
    let none = session.fetch(empty, vec![ScalarValue::from("x")]).await.expect("none");
    assert_eq!((none.len(), none[0].num_rows(), none[0].num_columns()), (1, 0, 2));
    assert!(session.fetch("drop table hub.visit", Vec::new()).await.is_err());
}

#[tokio::test]
async fn one_principals_answer_is_never_anothers() {
    let world = World::with(config(), &rows(&["A", "B"], 10)).await;
    for (principal, want) in [(group(), "20"), (site_a(), "10"), (group(), "20")] {
        let session = world.open(&principal).await;
        assert_eq!(lines(&session.fetch(COUNT, Vec::new()).await.expect("fetched")), [want]);
        let asked = session.user_sql(COUNT).await.expect("asked").collect().await.expect("rows");
        assert_eq!(lines(&asked), [want]);
    }
}

#[tokio::test]
async fn a_whole_board_at_once_is_answered() {
    let world = World::with(config(), &rows(&["A", "B"], 10)).await;
    let session = world.open(&site_a()).await;
    let tiles = (0..60).map(|n| {
        let session = Arc::clone(&session);
        async move {
            let sql =
                format!("select {n}, count(*) from hub.visit v join hub.person using (person_id)");
            lines(&session.fetch(&sql, Vec::new()).await.expect("a tile"))
        }
    });
    let tiles = futures::future::join_all(tiles).await;
    assert!(tiles.iter().zip(0..).all(|(tile, n)| *tile == [format!("{n}|10")]), "{tiles:?}");
}

fn question(sql: &str, snapshot: u64, policy: &str) -> Question {
    Question { sql: sql.into(), params: Vec::new(), snapshot, policy: policy.into() }
}

fn number(value: i64) -> Vec<RecordBatch> {
    let column = Arc::new(Int64Array::from(vec![value])) as _;
    vec![RecordBatch::try_from_iter([("n", column)]).expect("a batch")]
}

#[tokio::test]
async fn equal_questions_are_answered_once() {
    let cache = ResultCache::new(1_000_000);
    let computed = Arc::new(AtomicUsize::new(0));
    let ask = |sql: &'static str, snapshot: u64, policy: &'static str| {
        let (cache, computed) = (cache.clone(), Arc::clone(&computed));
        async move {
            let answer = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                computed.fetch_add(1, Ordering::SeqCst);
                Ok(number(7))
            };
            cache.get(question(sql, snapshot, policy), answer).await.expect("an answer")
        }
    };
    futures::future::join_all((0..20).map(|_| ask("q", 1, "group:*"))).await;
    assert_eq!(computed.load(Ordering::SeqCst), 1);
    ask("q", 1, "site:A").await;
    ask("q", 2, "group:*").await;
    ask("r", 1, "group:*").await;
    assert_eq!(computed.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn failures_are_told_to_all_who_wait_and_not_kept() {
    let cache = ResultCache::new(1_000_000);
    let fail = async { Err(crate::Error::Limit { limit: "x".into() }) };
    assert!(cache.get(question("q", 1, "p"), fail).await.is_err());
    let works = async { Ok(number(1)) };
    assert!(cache.get(question("q", 1, "p"), works).await.is_ok());
}
