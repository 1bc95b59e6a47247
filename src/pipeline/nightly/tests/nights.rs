//! Nights that go well, again, on, and are killed.

use std::time::Duration;

use hub_domain::run::LoadStatus;
use hub_lake::upkeep;

use datafusion::prelude::lit;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_is_published() {
    let bench = Bench::new();
    let log = Arc::new(Memory::default());
    let run = bench.nightly(Arc::clone(&log)).run(&request(2), &Unwatched).await;
    assert_eq!((run.status, run.snapshot_id, &run.error), (RunStatus::Published, Some(1), &None));
    let stages: Vec<&str> = run.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!(stages, ["extract", "build", "audit", "publish"]);
    assert_eq!(run.loads.iter().map(|load| load.rows_read).sum::<u64>(), 8);
    let snapshot = bench.latest().await.expect("published");
    let tables: Vec<&str> = snapshot.tables.keys().map(String::as_str).collect();
    let raw = ["raw/crm.customer", "raw/crm.visit"];
    assert_eq!(tables[..2], ["person_link", "person_record"]);
    assert_eq!(tables[2..4], raw);
    assert!(snapshot.audits.iter().all(|audit| audit.failures == 0), "{:?}", snapshot.audits);
    let spent = bench.shown("spent").await;
    assert_eq!(spent.iter().filter(|line| line.contains("p_")).count(), 2, "{spent:?}");
    assert!(spent.iter().any(|line| line.contains("| 3      | 3150    |")), "{spent:?}");
    let runs = log.runs.lock().expect("no holder panics");
    assert_eq!(runs.first().map(|run| run.status), Some(RunStatus::Running));
    assert_eq!(runs.last(), Some(&run));
}

/// A switch that is off.
struct Off;

#[async_trait]
impl StopSwitch for Off {
    async fn stopped(&self, _: &str) -> Result<Option<String>, Cause> {
        Ok(Some("quiet night".to_owned()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_source_does_not_stop_the_night() {
    let bench = Bench::new();
    bench.night(2).await;
    let before = bench.all_shown().await;
    bench.source("visit", "id,customer,on,fee\n");
    let mut nightly = bench.nightly(Arc::default());
    nightly.switch = Arc::new(Off);
    let run = nightly.run(&request(3), &Unwatched).await;
    assert_eq!((run.status, &run.error), (RunStatus::Published, &None));
    assert!(run.loads.iter().all(|load| load.status == LoadStatus::Stopped));
    assert!(run.loads[0].notices[0].contains("quiet night"), "{:?}", run.loads[0].notices);
    assert_eq!(bench.all_shown().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_night_again_changes_nothing() {
    let bench = Bench::new();
    bench.night(2).await;
    let before = bench.latest().await.expect("published");
    let run = bench.night(2).await;
    assert_eq!((run.status, run.snapshot_id), (RunStatus::Published, Some(1)));
    assert_eq!(bench.latest().await, Some(before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_night_leaves_the_old_one_readable() {
    let bench = Bench::new();
    bench.night(2).await;
    let old = bench.latest().await.expect("published");
    let old_rows = bench.shown("visit").await;
    bench.source("visit", &format!("{VISITS}v5,c4,2026-03-03,7.00\n"));
    let run = bench.night(3).await;
    assert_eq!((run.status, run.snapshot_id), (RunStatus::Published, Some(2)));
    assert_eq!(bench.shown("visit").await.len(), old_rows.len() + 1);
    assert_eq!(bench.rows("visit", old.tables["visit"]).await, old_rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_query_rewrites_what_depends_on_it() {
    let mut bench = Bench::new();
    bench.night(2).await;
    let old = bench.latest().await.expect("published");
    bench.edit("queries/marts/spent.sql", "count(*)", "count(*) + 0");
    let run = bench.night(2).await;
    assert_eq!((run.status, run.snapshot_id), (RunStatus::Published, Some(2)));
    let new = bench.latest().await.expect("published");
    assert_eq!(old.tables["visit"], new.tables["visit"]);
    assert_eq!(old.tables["spent"] + 1, new.tables["spent"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_publishes_nothing() {
    let bench = Bench::new();
    let mut dry = request(2);
    dry.dry_run = true;
    let run = bench.nightly(Arc::default()).run(&dry, &Unwatched).await;
    assert_eq!((run.status, run.snapshot_id), (RunStatus::DryRun, None));
    assert_eq!(bench.latest().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_day_is_refused_before_anything_is_read() {
    let bench = Bench::new();
    bench.night(2).await;
    bench.night(3).await;
    let refused = async || {
        let run = bench.night(2).await;
        assert_eq!((run.status, run.loads.len(), run.stages.len()), (RunStatus::Failed, 0, 0));
        let error = run.error.expect("an error");
        assert!(error.starts_with("OLDER_DATE: the night of 2026-03-02 is older"), "{error}");
        assert!(error.contains("2026-03-03") && error.contains("`clinichub snapshot rollback`"));
    };
    refused().await;
    // A rollback shows the older day; the sources are no older for it.
    let first = bench.lake().snapshot(1).await.expect("readable");
    let back = Snapshot { id: 3, rollback_of: Some(1), ..first };
    bench.lake().publish(&back).await.expect("published");
    refused().await;
    let run = bench.night(3).await;
    assert_eq!((run.status, run.snapshot_id), (RunStatus::Published, Some(4)), "{run:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_source_is_named() {
    let bench = Bench::new();
    let mut wrong = request(2);
    wrong.sources = vec!["erp".to_owned()];
    let run = bench.nightly(Arc::default()).run(&wrong, &Unwatched).await;
    assert_eq!(run.status, RunStatus::Failed);
    let error = run.error.expect("an error");
    assert!(error.starts_with("UNKNOWN_SOURCE: no source `erp` is configured"), "{error}");
}

/// Runs that end after every stage, then one that is let through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_that_ends_after_any_stage_is_finished_by_the_next_run() {
    let whole = Bench::new();
    whole.night(2).await;
    let bench = Bench::new();
    for refuse_from in 0..5 {
        let log = Memory { refuse_from: Some(refuse_from), ..Memory::default() };
        let run = bench.nightly(Arc::new(log)).run(&request(2), &Unwatched).await;
        let published = bench.latest().await.is_some();
        assert_eq!(published, run.snapshot_id.is_some(), "after {refuse_from} records");
    }
    let run = bench.night(2).await;
    assert_eq!(run.status, RunStatus::Published);
    assert_eq!(bench.lake().snapshot_ids().await.expect("listed"), [1]);
    assert_eq!(bench.all_shown().await, whole.all_shown().await);
}

/// Runs that are stopped at many moments, again and again over one lake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_that_is_stopped_anywhere_is_finished_by_the_next_run() {
    let whole = Bench::new();
    whole.night(2).await;
    for round in 0..3_u64 {
        let bench = Bench::new();
        for millis in [3, 9, 20, 41, 80, 160, 270].map(|millis| millis + round * 7) {
            let nightly = bench.nightly(Arc::default());
            let task = tokio::spawn(async move { nightly.run(&request(2), &Unwatched).await });
            tokio::time::sleep(Duration::from_millis(millis)).await;
            task.abort();
            let stopped = task.await;
            assert!(stopped.is_ok() || stopped.is_err_and(|error| error.is_cancelled()));
        }
        let run = bench.night(2).await;
        assert_eq!((run.status, run.snapshot_id), (RunStatus::Published, Some(1)), "{run:?}");
        assert_eq!(bench.all_shown().await, whole.all_shown().await, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rival_nightlies_publish_one_snapshot_of_whole_tables() {
    let bench = Bench::new();
    let mut rivals = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let nightly = bench.nightly(Arc::default());
        rivals.spawn(async move { nightly.run(&request(2), &Unwatched).await });
    }
    rivals.join_all().await;
    let run = bench.night(2).await;
    assert_eq!(run.status, RunStatus::Published, "{run:?}");
    let whole = Bench::new();
    whole.night(2).await;
    assert_eq!(bench.all_shown().await, whole.all_shown().await);
}

/// A raw table grown by many small commits, then compacted: nothing is built or published anew,
/// and the next real night names the compacted version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_laid_out_anew_rebuild_nothing() {
    let bench = Bench::new();
    bench.night(2).await;
    let lake = bench.lake();
    let id = TableId::raw("crm", "visit");
    for copy in 0..8 {
        let context = SessionContext::new();
        let version = lake.table(&id).version().await.expect("read").expect("landed");
        let provider = lake.provider(&id, 0).await.expect("readable");
        let txn = hub_lake::Txn { app_id: "copy".into(), version: copy };
        let spec = hub_lake::WriteSpec::new(provider.schema(), hub_lake::WriteMode::Append, txn);
        let rows = context.read_table(provider).expect("a frame");
        // Every load has a number of its own.
        let rows = rows.with_column("_load_seq", lit(copy + 1)).expect("a column");
        let rows = rows.execute_stream().await;
        let done = lake.table(&id).write(spec, rows.expect("rows")).await.expect("written");
        assert_eq!(done.version, version + 1);
    }
    assert_eq!(bench.night(2).await.snapshot_id, Some(2), "the raw table did change");
    let before = (bench.latest().await.expect("published"), bench.all_shown().await);

    let nightly = bench.nightly(Arc::default());
    let plan = UpkeepPlan { retention: None, grace: upkeep::GRACE, limit: Duration::from_secs(60) };
    let nightly = Nightly { upkeep: Some(plan), ..nightly };
    let run = nightly.run(&request(2), &Unwatched).await;
    assert_eq!((run.snapshot_id, &run.error), (Some(2), &None));
    assert_eq!(run.stages.last().map(|stage| stage.stage.as_str()), Some("upkeep"));
    let compacted = lake.table(&id).version().await.expect("read").expect("landed");
    assert_eq!(compacted, before.0.tables["raw/crm.visit"] + 1, "nine files became one");

    let run = bench.night(2).await;
    assert_eq!((run.status, run.snapshot_id), (RunStatus::Published, Some(2)));
    assert_eq!((bench.latest().await.expect("published"), bench.all_shown().await), before);

    bench.source("customer", &format!("{CUSTOMERS}c9,Wu,,\n"));
    let spent = lake.table(&TableId::hub("spent")).version().await.expect("read");
    assert_eq!(bench.night(3).await.snapshot_id, Some(3));
    let after = bench.latest().await.expect("published");
    assert!(after.tables["raw/crm.visit"] >= compacted, "the next snapshot names it");
    assert!(before.0.tables["person_record"] < after.tables["person_record"], "a new customer");
    assert_eq!(spent, Some(after.tables["spent"]), "no visit is another one, whatever the day");
}
