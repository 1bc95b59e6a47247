//! Nights on a real object store that speaks S3, credentials from the environment.
//!
//! `tests/run` starts the store and sets `CLINICHUB_TEST_S3_URL` and `AWS_…`.
//! `CLINICHUB_TEST_SKIP_SERVERS=1` leaves these tests out.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use clinichub::config::store_options;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use hub_lake::{Lake, LakeError, TableId, Txn, WriteMode, WriteSpec};

use crate::servers::address;
use crate::support::ward::{SECOND, TABLES, Ward, same};
use crate::support::{Chance, Long, RUNTIME, clinichub};

const ROWS: u64 = 300;
/// Writers of one table at the same time.
const WRITERS: i64 = 6;

/// An address nobody used before; none when servers are left out on purpose.
fn fresh(what: &str) -> Option<String> {
    let bucket = address("CLINICHUB_TEST_S3_URL")?;
    Some(format!("{bucket}/{what}-{}", uuid::Uuid::new_v4()))
}

#[test]
fn nights_on_s3_publish_what_nights_on_a_disk_publish() {
    let Some(url) = fresh("nights") else { return };
    let disk = Ward::prepared(ROWS, "{ lease: 60s }");
    let (_, first) = disk.shown();
    disk.nightly(SECOND).passed();
    let (_, second) = disk.shown();

    let s3 = Ward::on_lake(ROWS, &url);
    let (id, found) = s3.shown();
    assert_eq!(id, 1);
    same(&found, &first, "night 1 on S3");
    assert!(!s3.dir.path().join("lake").exists(), "nothing of the lake is on the disk");
    for round in ["night 2", "night 2 again"] {
        s3.nightly(SECOND).passed();
        let (id, found) = s3.shown();
        assert_eq!(id, 2, "{round}");
        same(&found, &second, round);
    }
    let config = s3.config();
    clinichub(["snapshot", "rollback", "1", "--config"]).arg(config).done().passed();
    let (id, found) = s3.shown();
    assert_eq!(id, 3);
    same(&found, &first, "rollback on S3");
}

#[test]
fn wrong_credentials_are_told_without_them() {
    let Some(url) = fresh("refused") else { return };
    let ward = Ward::prepared(20, "{ lease: 60s }");
    let text = fs::read_to_string(ward.config()).expect("the configuration");
    fs::write(ward.config(), text.replace("file://./lake", &url)).expect("written");
    let run = clinichub(["nightly", "--date", SECOND, "--config"])
        .arg(ward.config())
        .env("AWS_SECRET_ACCESS_KEY", "not-the-secret")
        .done();
    run.exited(1);
    let told = format!("{}{}", run.out(), run.err());
    assert!(told.contains("error") && !told.contains("not-the-secret"), "{told}");
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

fn row(n: i64) -> SendableRecordBatchStream {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![n]));
    let batch = RecordBatch::try_new(schema(), vec![column]).expect("columns fit");
    let rows = futures::stream::iter([Ok(batch)]);
    Box::pin(RecordBatchStreamAdapter::new(schema(), rows))
}

fn open(url: &str) -> Lake {
    Lake::open(url, &store_options()).expect("a lake")
}

/// Numbers a version holds.
async fn numbers(lake: &Lake, table: &TableId, version: u64) -> BTreeSet<i64> {
    let context = SessionContext::new();
    let provider = lake.provider(table, version).await.expect("readable");
    context.register_table("t", provider).expect("registered");
    let batches = context.table("t").await.expect("a table").collect().await.expect("rows");
    let mut found = BTreeSet::new();
    for batch in &batches {
        let column = batch.column(0).as_any().downcast_ref::<Int64Array>().expect("numbers");
        for n in column.iter().flatten() {
            assert!(found.insert(n), "{n} is there twice");
        }
    }
    found
}

/// Appends of one writer that were acknowledged.
async fn writes(url: String, writer: i64, appends: i64) -> Vec<i64> {
    let table = open(&url).table(&TableId::hub("race"));
    let mut acknowledged = Vec::new();
    for number in 0..appends {
        let n = writer * appends + number;
        let txn = Txn { app_id: format!("writer:{writer}"), version: number };
        let spec = WriteSpec::new(schema(), WriteMode::Append, txn);
        match table.write(spec, row(n)).await {
            Ok(done) => {
                assert!(!done.skipped);
                acknowledged.push(n);
            }
            // An honest answer: nothing was written.
            Err(LakeError::Contended { .. }) => {}
            Err(error) => panic!("writer {writer}: {error:?}"),
        }
    }
    acknowledged
}

#[test]
fn what_rival_writers_were_acknowledged_is_there_once() {
    let Some(url) = fresh("rivals") else { return };
    let chance = Chance::new("rival writers of one table on S3");
    let appends = i64::try_from(Long(8, 60).now()).expect("small");
    RUNTIME.block_on(async {
        open(&url).probe().await.expect("the store keeps writers apart");
        let done = Arc::new(AtomicBool::new(false));
        let (watched, stop) = (url.clone(), Arc::clone(&done));
        let reader = tokio::spawn(async move {
            let (mut polls, mut known) = (0, BTreeSet::new());
            while !stop.load(Ordering::SeqCst) {
                let (lake, race) = (open(&watched), TableId::hub("race"));
                if let Some(version) = lake.table(&race).version().await.expect("readable") {
                    let seen = numbers(&lake, &race, version).await;
                    assert_eq!(seen.len() as u64, version + 1, "a version is not whole");
                    assert!(known.is_subset(&seen), "what was there is gone");
                    known = seen;
                    polls += 1;
                }
            }
            polls
        });
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(writes(url.clone(), writer, appends));
        }
        let acknowledged: BTreeSet<i64> = writers.join_all().await.into_iter().flatten().collect();
        done.store(true, Ordering::SeqCst);
        let polls = reader.await.expect("the reader");
        let (lake, race) = (open(&url), TableId::hub("race"));
        let version = lake.table(&race).version().await.expect("readable").expect("written");
        assert_eq!(numbers(&lake, &race, version).await, acknowledged);
        assert_eq!(version + 1, acknowledged.len() as u64, "one commit each");
        assert!(acknowledged.len() as i64 > WRITERS * appends / 2, "{}", acknowledged.len());
        chance.told(&format!(
            "{} of {} appends acknowledged, all there once; {polls} whole versions read meanwhile",
            acknowledged.len(),
            WRITERS * appends
        ));
    });
}

/// Readers poll through a publication: one snapshot, one answer.
#[test]
fn readers_on_s3_see_only_whole_nights() {
    let Some(url) = fresh("readers") else { return };
    let chance = Chance::new("readers of a lake on S3 while a night runs");
    let ward = Ward::on_lake(ROWS, &url);
    let (_, first) = ward.shown();
    let config = ward.config();
    let night = std::thread::spawn(move || {
        clinichub(["nightly", "--date", SECOND, "--config"]).arg(config).done().passed()
    });
    let mut polls = [0_u32; 2];
    while polls[1] == 0 {
        let ended = night.is_finished();
        let (id, seen) = ward.shown();
        if id == 1 {
            same(&seen, &first, "part of a night is visible");
        }
        let counts = seen["total"][1..].iter();
        let counts = counts.filter_map(|line| line.split(',').nth(1)?.parse::<usize>().ok());
        let whole: usize = TABLES.iter().map(|table| seen[*table].len() - 1).sum();
        assert_eq!(counts.sum::<usize>(), whole, "the sum and its parts are of one night");
        polls[usize::from(id != 1)] += 1;
        assert!(!ended || id == 2, "the night ended and is not shown");
    }
    night.join().expect("the night");
    chance.told(&format!("{} polls of night 1, {} of night 2, all whole", polls[0], polls[1]));
}
