//! Planted faults: each stops publication, and readers keep the night before.

use super::*;

/// Runs a good night, plants a fault, runs the next night; returns the second run.
async fn after(plant: impl FnOnce(&mut Bench)) -> (Bench, Run) {
    let mut bench = Bench::new();
    let first = bench.night(2).await;
    assert_eq!(first.status, RunStatus::Published, "{first:?}");
    let before = bench.all_shown().await;
    plant(&mut bench);
    let run = bench.night(3).await;
    assert_eq!(bench.all_shown().await, before, "readers keep the night before");
    (bench, run)
}

async fn refused(check: &str, plant: impl FnOnce(&mut Bench)) {
    let (_bench, run) = after(plant).await;
    let error = run.error.clone().unwrap_or_default();
    assert_eq!((run.status, run.snapshot_id), (RunStatus::Refused, None), "{error}");
    assert!(error.starts_with("AUDIT_REFUSED: "), "{error}");
    assert!(error.contains(check), "{error}");
    for name in ["Wang", "Zhao"] {
        assert!(!error.contains(name), "{error}");
    }
}

const VISIT_FILE: &str = "queries/staging/crm/visit.sql";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_null_where_none_may_be() {
    refused("`visit` not_null:fee_fen (4 rows)", |bench| {
        bench.edit(VISIT_FILE, "to_fen(v.fee)", "cast(null as bigint)");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_unique() {
    refused("`person_record` unique:record_id (4 rows)", |bench| {
        let twice = format!("{RECORD_SQL} union all {RECORD_SQL}");
        bench.edit("queries/staging/crm/person_record.sql", RECORD_SQL, &twice);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_nobody_accepted() {
    refused("`visit` values:kind (2 rows)", |bench| {
        bench.edit(VISIT_FILE, "'return'", "'repeat'");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_breaks_a_rule() {
    refused("`visit` rule:fee_not_negative (1 rows)", |bench| {
        bench.source("visit", &VISITS.replace("20.50", "-20.50"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_that_is_off_by_a_fen() {
    refused("`spent` query:adds_up (1 rows)", |bench| {
        bench.edit("queries/marts/spent.sql", "sum(fee_fen)", "sum(fee_fen) + 1");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_to_nothing() {
    refused("`visit` foreign_key:person_id->spent", |bench| {
        let key = "foreign_keys:\n  - { columns: [person_id], table: spent }\nchecks:";
        bench.edit("schema/tables/visit.yaml", "checks:", key);
        bench.edit("queries/marts/spent.sql", "group by", "where fee_fen > 600 group by");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_vanishes() {
    refused("`visit` lost_rows (4 rows before, 0 now)", |bench| {
        bench.source("visit", "id,customer,on,fee\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notable_loss_is_refused_until_it_is_accepted() {
    let (bench, run) = after(|bench| {
        bench.source("visit", "id,customer,on,fee\nv1,c1,2026-03-01,10.00\n");
    })
    .await;
    assert_eq!(run.status, RunStatus::Refused, "{run:?}");
    let error = run.error.expect("an error");
    assert!(error.contains("`visit` lost_rows (4 rows before, 1 now)"), "{error}");
    assert!(error.contains("hint: ") && error.contains("`--accept-loss`"), "{error}");
    let mut accepting = request(3);
    accepting.accept_loss = true;
    let run = bench.nightly(Arc::default()).run(&accepting, &Unwatched).await;
    assert_eq!(run.status, RunStatus::Published, "{run:?}");
    let audits = bench.latest().await.expect("published").audits;
    let loss = audits.iter().find(|a| a.table == "visit" && a.check == "lost_rows:4->1");
    assert_eq!(loss.map(|a| (a.failures, a.blocking)), Some((3, false)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_loses_values_is_not_cast() {
    let (_bench, run) = after(|bench| {
        bench.edit(VISIT_FILE, "to_fen(v.fee)", "v.fee * 100");
    })
    .await;
    assert_eq!(run.status, RunStatus::Failed);
    let error = run.error.expect("an error");
    assert!(
        error.starts_with("BUILD_FAILED: the query of table `visit` delivers `fee_fen`"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_query_does_not_quote_the_data() {
    let (_bench, run) = after(|bench| {
        let sql = "cast(name as bigint)::varchar as name";
        bench.edit("queries/staging/crm/person_record.sql", "name,", &format!("{sql},"));
    })
    .await;
    assert_eq!(run.status, RunStatus::Failed);
    let error = run.error.expect("an error");
    assert!(error.starts_with("BUILD_FAILED: "), "{error}");
    assert!(!error.contains("Wang") && !error.contains("Zhao"), "{error}");
}
