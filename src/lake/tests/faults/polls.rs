//! Readers poll through publications and see only whole nights.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;

/// Polls of a run of the suite, and of a long one.
const POLLS: (u32, u32) = (150, 10_000);

/// Night `number`: every table says so, table after table, then it is published.
async fn night(lake: &Lake, number: u64) {
    let fee = i64::try_from(number).expect("small");
    let mut tables = BTreeMap::new();
    for table in TABLES {
        let rows = [("v1", "2024-05", fee), ("v2", "2024-06", fee)];
        let done = put(lake, table, WriteMode::Overwrite, fee, &rows).await.expect("written");
        tables.insert(table.to_owned(), done.version);
    }
    let run_id = format!("run {number}");
    let night = Snapshot { id: number, run_id, ..snapshot(tables) };
    lake.publish(&night).await.expect("published");
}

/// One poll: every table says the night's own number.
async fn poll(lake: &Lake) -> u64 {
    let snapshot = lake.latest().await.expect("readable").expect("published");
    for (key, version) in &snapshot.tables {
        let context = session(lake, &TableId::parse(key), *version).await;
        let seen = answer(&context, "select min(fee_fen), max(fee_fen), count(*) from t").await;
        assert_eq!(seen, [format!("{0},{0},2", snapshot.id)], "{key} in night {}", snapshot.id);
    }
    snapshot.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn readers_see_only_whole_nights() {
    let home = lake();
    night(&home.lake, 1).await;
    let (polls, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let wanted = if long() { POLLS.1 } else { POLLS.0 };
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (folder, polls) = (reopen(&home.folder), Arc::clone(&polls));
        let done = Arc::clone(&done);
        readers.spawn(async move {
            let mut last = 0;
            while polls.fetch_add(1, Ordering::SeqCst) < wanted {
                let seen = poll(&folder).await;
                assert!(seen >= last, "night {seen} after night {last}");
                last = seen;
            }
            done.store(true, Ordering::SeqCst);
            last
        });
    }
    let mut number = 1;
    while !done.load(Ordering::SeqCst) {
        number += 1;
        night(&home.lake, number).await;
    }
    let last = readers.join_all().await;
    assert!(last.iter().all(|seen| *seen > 1), "{last:?} of {number} nights");
    super::told(&format!("readers of a lake: {wanted} polls over {number} nights, all whole"));
}
