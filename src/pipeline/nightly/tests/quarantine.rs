//! What refused rows do to publication, and how they come back.

use hub_domain::run::RunStatus;

use super::*;
use crate::extract::{RetryRequest, Sealer, retry};

async fn refused(bench: &Bench, number: u32, wanted: &[&str]) {
    let run = bench.night(number).await;
    assert_eq!(run.status, RunStatus::Refused, "{run:?}");
    let error = run.error.expect("an error");
    for part in wanted {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(bench.latest().await.map(|snapshot| snapshot.id), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_row_whose_key_is_at_fault_stops_the_night_until_it_is_accepted() {
    let bench = Bench::new();
    assert_eq!(bench.night(1).await.status, RunStatus::Published);
    bench.source("customer", &format!("{CUSTOMERS}c4,Again,,\n"));
    let wanted =
        ["`raw/crm.customer` quarantine:key (1 rows)", "`--accept-quarantine crm.customer`"];
    refused(&bench, 2, &wanted).await;
    refused(&bench, 2, &wanted).await;
    let mut accepting = request(2);
    accepting.accept_quarantine = vec!["crm.customer".to_owned()];
    let run = bench.nightly(Arc::default()).run(&accepting, &Unwatched).await;
    assert_eq!(run.status, RunStatus::Published, "{run:?}");
    let audits = bench.latest().await.expect("published").audits;
    let key = audits.iter().find(|a| a.table == "raw/crm.customer" && a.check == "quarantine:key");
    assert_eq!(key.map(|a| (a.failures, a.blocking)), Some((1, false)), "it stays on record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_refused_rows_stop_the_night_until_the_source_is_mended() {
    let bench = Bench::new();
    assert_eq!(bench.night(1).await.status, RunStatus::Published);
    bench.source("visit", &format!("{VISITS}v5,c1,2026-03-02,1O\n"));
    assert_eq!(bench.night(2).await.status, RunStatus::Published, "one row may be");
    bench.source("visit", &format!("{VISITS}v5,c1,2026-03-02,1O\nv6,c1,2026-03-02,2O\n"));
    let run = bench.night(3).await;
    assert_eq!(run.status, RunStatus::Refused, "{run:?}");
    let error = run.error.expect("an error");
    assert!(error.contains("`raw/crm.visit` quarantine:share (2 rows)"), "{error}");
    let mut elsewhere = request(4);
    elsewhere.sources = vec!["other".to_owned()];
    let mut nightly = bench.nightly(Arc::default());
    let path = bench.folder.path().join("crm");
    let section = format!(
        "{{ kind: csv, path: {}, tables: {{ customer: {{ key: [id] }} }} }}",
        path.display()
    );
    let other = serde_saphyr::from_str(&section).expect("a section");
    nightly.sources.insert("other".to_owned(), other);
    let run = nightly.run(&elsewhere, &Unwatched).await;
    assert_eq!(run.status, RunStatus::Refused, "a night that reads elsewhere changes nothing");
    bench.source("visit", &format!("{VISITS}v5,c1,2026-03-02,10\nv6,c1,2026-03-02,20\n"));
    assert_eq!(bench.night(5).await.status, RunStatus::Published);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovered_rows_are_published_under_the_published_date() {
    let mut bench = Bench::new();
    bench.edit("schema/sources/crm.yaml", "name: 'text?'", "name: text");
    bench.source("customer", &format!("{CUSTOMERS}c5,,Y,\n"));
    let sealer = Arc::new(Sealer::new("0123456789abcdef", []));
    let mut nightly = bench.nightly(Arc::default());
    nightly.quarantine.sealer = Some(Arc::clone(&sealer));
    let run = nightly.run(&request(1), &Unwatched).await;
    assert_eq!(run.status, RunStatus::Published, "{run:?}");
    assert_eq!(bench.shown("person_record").await.len(), 5, "four rows and a frame");

    bench.edit("schema/sources/crm.yaml", "name: text", "name: 'text?'");
    let nightly = bench.nightly(Arc::default());
    let request = RetryRequest {
        suppression: None,
        source: "crm",
        table: "customer",
        config: &nightly.sources["crm"],
        contracts: &nightly.contracts,
        lake: &nightly.lake,
        zone: nightly.engine.zone,
        sealer: &sealer,
        run_id: "retry",
        dry_run: false,
    };
    assert_eq!(retry(&request).await.expect("tried").recovered, 1);
    let run = nightly.republish("retry", Vec::new(), &Unwatched).await.expect("a snapshot");
    assert_eq!((run.status, run.kind.as_str()), (RunStatus::Published, "retry"), "{run:?}");
    assert_eq!(run.business_date, day(1));
    assert_eq!(bench.shown("person_record").await.len(), 6);
}
