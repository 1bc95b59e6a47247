//! Backfills, frozen tables and late facts as readers see them.

use super::*;

const SECTION: &str = "{ kind: csv, path: DIR, tables: { customer: {}, \
                       visit: { range: { column: on } } } }";

fn nightly(bench: &Bench) -> Nightly {
    let path = bench.folder.path().join("crm").display().to_string();
    let config = serde_saphyr::from_str(&SECTION.replace("DIR", &path)).expect("a section");
    Nightly {
        sources: BTreeMap::from([("crm".to_owned(), config)]),
        ..bench.nightly(Arc::default())
    }
}

fn february() -> BackfillRequest {
    let date = |text: &str| text.parse().expect("a date");
    BackfillRequest {
        from: date("2026-02-01"),
        to: date("2026-02-28"),
        sources: vec!["crm".into()],
        tables: Vec::new(),
        chunks: 3,
        accept_loss: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_backfill_does_not_make_today_fresh() {
    let bench = Bench::new();
    let early = nightly(&bench).backfill(&february(), &Unwatched).await;
    assert_eq!(early.expect_err("nothing to fill").code(), "NOTHING_PUBLISHED");
    nightly(&bench).run(&request(2), &Unwatched).await;
    let before = bench.latest().await.expect("published");
    bench.source("visit", &VISITS.replace("5.00", "6.00").replace("20.50", "99.00"));
    let run = nightly(&bench).backfill(&february(), &Unwatched).await.expect("a run");
    assert_eq!((run.status, run.kind.as_str()), (RunStatus::Published, "backfill"), "{run:?}");
    let after = bench.latest().await.expect("published");
    assert_eq!((after.id, after.business_date), (before.id + 1, before.business_date));
    assert_eq!(run.business_date, before.business_date);
    let visits = bench.shown("visit").await.join("\n");
    // The days asked for are new, the others are as they were.
    assert!(visits.contains("600") && visits.contains("2050"), "{visits}");
    assert!(!visits.contains("9900"), "{visits}");
    let load = run.loads.iter().find(|load| load.table == "visit").expect("a load");
    assert_eq!((load.mode.as_str(), load.rows_read, load.rows_loaded), ("backfill", 1, 1));
    // Once more: the same snapshot.
    let shown = bench.all_shown().await;
    let again = nightly(&bench).backfill(&february(), &Unwatched).await.expect("a run");
    assert_eq!((again.status, again.snapshot_id), (RunStatus::Published, Some(after.id)));
    assert_eq!(bench.all_shown().await, shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_table_is_published_as_it_was() {
    let bench = Bench::new();
    nightly(&bench).run(&request(2), &Unwatched).await;
    let customers = bench.shown("person_record").await;
    bench.source("customer", "id,card,mrn\nc1,X,\nc2,X,7\nc3,,7\nc4,,\n");
    bench.source("visit", &format!("{VISITS}v5,c1,2026-03-03,7.00\n"));
    let run = nightly(&bench).run(&request(3), &Unwatched).await;
    assert_eq!(run.status, RunStatus::Published, "{:?}", run.error);
    let frozen = run.loads.iter().find(|load| load.table == "customer").expect("a load");
    assert_eq!(frozen.notices, ["column `name` is gone"]);
    assert_eq!(bench.shown("person_record").await, customers);
    assert!(bench.shown("visit").await.join("\n").contains("crm:v5"));
    let audits = bench.latest().await.expect("published").audits;
    let finding = audits.iter().find(|audit| audit.check == "schema:frozen").expect("a finding");
    assert_eq!((finding.table.as_str(), finding.blocking), ("raw/crm.customer", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_fact_changes_its_own_month_only() {
    let bench = Bench::new();
    bench.night(2).await;
    let before = bench.shown("visit").await;
    bench.source("visit", &format!("{VISITS}v9,c4,2026-01-15,3.00\n"));
    bench.night(3).await;
    let after = bench.shown("visit").await;
    let march = |rows: &[String]| -> Vec<String> {
        rows.iter().filter(|row| row.contains("2026-03")).cloned().collect()
    };
    assert_eq!(march(&after), march(&before));
    assert_eq!(after.iter().filter(|row| row.contains("2026-01")).count(), 1);
    // What was the first visit of `c4` is a return now: February is written again, March is not.
    assert_eq!(bench.files_of("visit").await, ["+2026-01", "+2026-02", "-2026-02"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_without_news_writes_no_file_and_nothing_is_made_from_it() {
    let bench = Bench::new();
    bench.night(2).await;
    let before = bench.latest().await.expect("published");
    bench.source("customer", &format!("{CUSTOMERS}c9,Wu,,\n"));
    bench.night(3).await;
    let after = bench.latest().await.expect("published");
    assert_eq!(bench.files_of("visit").await, [""; 0]);
    assert!(before.tables["visit"] < after.tables["visit"]);
    assert_eq!(before.tables["spent"], after.tables["spent"]);
    // And the one after it knows what the months hold.
    bench.source("visit", &format!("{VISITS}v5,c4,2026-03-03,7.00\n"));
    bench.night(4).await;
    assert_eq!(bench.files_of("visit").await, ["+2026-03", "-2026-03"]);
}
