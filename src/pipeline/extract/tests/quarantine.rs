//! What is kept of refused rows.

use std::collections::HashSet;

use hub_domain::contract::Subject;

use super::*;

const CONTRACT: &str = "{ t: { key: [id], columns: { id: int64, fee: 'decimal(10,2)', note: 'text?', at: 'timestamp?' } } }";
const FILE: &str = "id,fee,note,at\n\
    1,10.00,a,2026-03-01 10:00:00\n2,1O.00,Wang,2026-03-01 10:00:00\n,5.00,b,2026-03-01 10:00:00\n\
    1,7.00,c,2026-03-01 10:00:00\n";
const REFUSED: &str = "SELECT _reject_reason, _reject_column, _reject_key, _reject_sealed FROM raw \
     WHERE _reject_reason IS NOT NULL ORDER BY 1";

fn bench() -> Bench {
    let bench = Bench::new(CONTRACT, "{ kind: csv, path: DIR }");
    std::fs::write(bench.path("t.csv"), FILE).expect("a file");
    bench
}

#[tokio::test]
async fn refused_rows_are_kept_sealed() {
    let bench = bench();
    let load = bench.night(1).await.remove(0);
    assert_eq!((load.rejected_new, load.key_faults), (3, 2), "{load:?}");
    let lines = bench.ask("t", REFUSED).await;
    let sealer = Sealer::new("another key of 16", [KEY]);
    let mut opened = Vec::new();
    for line in &lines {
        assert!(!line.contains("Wang"), "{line}");
        let parts: Vec<&str> = line.split(' ').collect();
        let about = About { source: "src", table: "t", reason: parts[0] };
        let row = sealer.open(about, parts[parts.len() - 1]).expect("it opens");
        let cells: Vec<String> =
            row.0.iter().map(|(name, cell)| format!("{name}={cell}")).collect();
        opened.push(format!("{} {}", parts[0], cells.join(" ")));
    }
    assert_eq!(
        opened,
        [
            "bad_value at=\"2026-03-01 10:00:00\" fee=\"1O.00\" id=\"2\" note=\"Wang\"",
            "duplicate_key at=\"2026-03-01 10:00:00\" fee=\"7.00\" id=\"1\" note=\"c\"",
            "null_key at=\"2026-03-01 10:00:00\" fee=\"5.00\" id=NULL note=\"b\"",
        ]
    );
    let again = self::bench();
    again.night(1).await;
    assert_eq!(again.ask("t", REFUSED).await, lines, "a rerun writes the same");
}

#[tokio::test]
async fn a_row_refused_with_new_content_lands_again() {
    let config = "{ kind: csv, path: DIR, tables: { t: { cursor: { column: at, lag: 2d } } } }";
    let bench = Bench::new(CONTRACT, config);
    std::fs::write(bench.path("t.csv"), FILE).expect("a file");
    bench.night(1).await;
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.rows_rejected(), load.rejected_new), (3, 0), "the same rows again");
    std::fs::write(bench.path("t.csv"), FILE.replace("Wang", "Wong")).expect("a file");
    let load = bench.night(3).await.remove(0);
    assert_eq!((load.rows_rejected(), load.rejected_new, load.key_faults), (3, 1, 0));
    assert_eq!(bench.refused("t").await.len(), 4);
}

const STRICT: &str = "{ t: { key: [id], columns: { id: int64, note: text, at: timestamp } } }";
const CURSOR: &str = "{ kind: csv, path: DIR, tables: { t: { cursor: { column: at } } } }";

async fn retried(bench: &Bench, dry_run: bool) -> Retried {
    retried_without(bench, dry_run, None).await
}

async fn retried_without(
    bench: &Bench,
    dry_run: bool,
    suppression: Option<Arc<Suppression>>,
) -> Retried {
    let sealer = Sealer::new(KEY, []);
    let request = RetryRequest {
        suppression,
        source: "src",
        table: "t",
        config: &bench.config,
        contracts: &bench.contracts,
        lake: &bench.lake,
        zone: chrono_tz::Asia::Shanghai,
        sealer: &sealer,
        run_id: "retry",
        dry_run,
    };
    retry(&request).await.expect("it is tried")
}

/// Row 2 lacks its note, row 3 lacks it until the second night, 4 comes twice.
async fn two_nights() -> Bench {
    let bench = Bench::new(STRICT, CURSOR);
    let day = "2026-03-01 10:00:00";
    let rows = format!("id,note,at\n1,a,{day}\n2,,{day}\n3,,{day}\n4,d,{day}\n4,e,{day}\n");
    std::fs::write(bench.path("t.csv"), &rows).expect("a file");
    bench.night(1).await;
    let rows = format!("{rows}3,later,2026-03-02 10:00:00\n");
    std::fs::write(bench.path("t.csv"), rows).expect("a file");
    bench.night(2).await;
    bench
}

fn relaxed(bench: &mut Bench) {
    let relaxed = Bench::new(&STRICT.replace("note: text", "note: 'text?'"), CURSOR);
    bench.contracts = relaxed.contracts;
}

#[tokio::test]
async fn a_retry_leaves_rows_of_erased_persons() {
    let mut bench = two_nights().await;
    relaxed(&mut bench);
    let contract = bench.contracts.sources.get_mut("src").expect("a contract");
    let subject = Subject { column: "id".to_owned(), through: None };
    contract.subjects.insert("t".to_owned(), vec![subject]);
    let erased = Suppression::new(b"key", HashSet::new()).person("src", "2");
    let suppression = Suppression::new(b"key", HashSet::from([erased]));
    let told = retried_without(&bench, false, Some(Arc::new(suppression))).await;
    assert_eq!((told.rows, told.recovered), (3, 1));
    assert_eq!(told.refused, counts(&[("duplicate_key", 1), ("erased_person", 1)]));
}

#[tokio::test]
async fn a_retry_recovers_what_fits_now_and_nothing_newer_is_lost() {
    let mut bench = two_nights().await;
    let before = retried(&bench, false).await;
    assert_eq!((before.rows, before.recovered), (3, 0), "nothing changed yet: {before:?}");
    relaxed(&mut bench);
    let version = bench.version("t").await;
    let dry = retried(&bench, true).await;
    assert_eq!((dry.recovered, bench.version("t").await), (2, version));
    let told = retried(&bench, false).await;
    assert_eq!((told.rows, told.recovered), (3, 2));
    assert_eq!(told.refused, counts(&[("duplicate_key", 1)]));
    assert_eq!(bench.current("t", "id", "id, note").await, ["1 a", "2 NULL", "3 later", "4 d"]);
    let stamps = "SELECT id, _load_id, _load_seq, _reject_key, _recovered FROM raw \
                  WHERE _recovered IS NOT NULL ORDER BY 1";
    let load = "run-2026-03-01 0";
    let wanted = [format!("2 {load} 2 bad_value"), format!("3 {load} 3 bad_value")];
    assert_eq!(bench.ask("t", stamps).await, wanted);
    let left = quarantined(&bench.lake, "src", "t").await.expect("rows");
    assert_eq!(left.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>(), ["duplicate_key"]);

    let version = bench.version("t").await;
    let again = retried(&bench, false).await;
    assert_eq!((again.rows, again.recovered), (1, 0), "the same retry twice loads once");
    assert_eq!(bench.version("t").await, version);
    let load = bench.night(3).await.remove(0);
    assert_eq!(load.mode, "cursor");
    assert_eq!(load.watermark_before.as_deref(), Some("2026-03-02T02:00:00.000000Z"));
    assert_eq!(bench.current("t", "id", "id, note").await, ["1 a", "2 NULL", "3 later", "4 d"]);
}

#[tokio::test]
async fn two_retries_of_one_state_land_once() {
    let mut bench = two_nights().await;
    relaxed(&mut bench);
    let (one, other) = tokio::join!(retried(&bench, false), retried(&bench, false));
    assert_eq!((one.recovered, other.recovered), (2, 2), "both found the same rows");
    let rows = "SELECT count(*) FROM raw WHERE _recovered IS NOT NULL";
    assert_eq!(bench.ask("t", rows).await, ["2"]);
}

#[tokio::test]
async fn a_retry_under_another_type_says_what_to_do() {
    let mut bench = two_nights().await;
    let other =
        Bench::new(&STRICT.replace("id: int64, note: text", "id: text, note: 'text?'"), CURSOR);
    bench.contracts = other.contracts;
    let sealer = Sealer::new(KEY, []);
    let request = RetryRequest {
        suppression: None,
        source: "src",
        table: "t",
        config: &bench.config,
        contracts: &bench.contracts,
        lake: &bench.lake,
        zone: chrono_tz::Asia::Shanghai,
        sealer: &sealer,
        run_id: "retry",
        dry_run: false,
    };
    let error = retry(&request).await.expect_err("types differ").to_string();
    assert!(
        error.contains("column `id`") && error.contains("hint: run `clinichub nightly`"),
        "{error}"
    );
}
