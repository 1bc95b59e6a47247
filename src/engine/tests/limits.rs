//! Limits end statements with an error, never with a shorter answer.

use std::time::Duration;

use super::fixture::{World, config, group, rows};
use crate::EngineConfig;

/// More work than any deadline of these tests allows; every row is cheap, so it can be stopped.
const ENDLESS: &str = "select count(*) from hub.visit a, hub.visit b, hub.visit c, hub.visit d, \
                       hub.visit e where a.amount_fen + b.amount_fen + c.amount_fen < e.amount_fen";

async fn world(change: impl FnOnce(&mut EngineConfig)) -> World {
    let mut config = config();
    change(&mut config);
    World::with(config, &rows(&["A"], 200)).await
}

#[tokio::test]
async fn too_many_rows_or_bytes_are_an_error() {
    let few = world(|config| config.max_rows = 100).await;
    let error = few.ask(&group(), "select * from hub.visit").await.expect_err("200 rows");
    assert_eq!(error, "LIMIT_EXCEEDED: limit reached: 100 rows");
    assert_eq!(
        few.ask(&group(), "select * from hub.visit limit 100").await.map(|r| r.len()),
        Ok(100)
    );

    let small = world(|config| config.max_bytes = 1_000).await;
    let error = small.ask(&group(), "select * from hub.visit").await.expect_err("bytes");
    assert_eq!(error, "LIMIT_EXCEEDED: limit reached: 1000 bytes");
    assert!(small.ask(&group(), "select count(*) from hub.visit").await.is_ok());
}

#[tokio::test]
async fn memory_beyond_the_pool_is_an_error() {
    let poor = world(|config| {
        config.memory_bytes = 200_000;
        config.spill_bytes = 1;
    })
    .await;
    let sql = "select array_agg(a.visit_id || b.visit_id || c.month) from hub.visit a, hub.visit b, hub.visit c";
    let error = poor.ask(&group(), sql).await.expect_err("out of memory");
    assert_eq!(error, "LIMIT_EXCEEDED: limit reached: memory of one query");
}

#[tokio::test]
async fn the_deadline_ends_statements_of_users_and_of_readers() {
    let hasty = world(|config| config.deadline = Duration::from_millis(700)).await;
    let started = std::time::Instant::now();
    let error = hasty.ask(&group(), ENDLESS).await.expect_err("late");
    assert!(error.starts_with("DEADLINE_EXCEEDED"), "{error}");
    let session = hasty.open(&group()).await;
    let error = session.fetch(ENDLESS, Vec::new()).await.expect_err("late");
    assert!(matches!(error, hub_domain::Error::Limit { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // The engine still answers.
    assert!(hasty.ask(&group(), "select 1").await.is_ok());
}

#[tokio::test]
async fn a_dropped_answer_gives_its_place_back() {
    let narrow = world(|config| {
        config.concurrent_queries = 1;
        config.deadline = Duration::from_secs(20);
    })
    .await;
    let session = narrow.open(&group()).await;
    let running = session.user_sql(ENDLESS).await.expect("started");
    // One runs, four may wait, the sixth is sent away at once.
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let session = std::sync::Arc::clone(&session);
            tokio::spawn(async move { session.user_sql("select 1").await.map(|_| ()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = session.user_sql("select 1").await.map(|_| ()).expect_err("busy");
    assert_eq!(refused.code(), "TOO_MANY_QUERIES");
    drop(running);
    for turn in waiting {
        let turn = tokio::time::timeout(Duration::from_secs(10), turn).await;
        turn.expect("in time").expect("no panic").expect("answered");
    }
}
