//! Writing: modes, replays, rivals, evolution.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::*;
use crate::{LakeError, SortKey, WriteOutcome};

const MAY: (&str, &str, i64) = ("v1", "2024-05", 100);
const JUNE: (&str, &str, i64) = ("v2", "2024-06", 200);

async fn put(
    lake: &Lake,
    mode: WriteMode,
    app: &str,
    version: i64,
    rows: &[(&str, &str, i64)],
) -> WriteOutcome {
    let spec = spec(mode, app, version);
    let rows = stream(vec![visits(rows)], schema());
    lake.table(&visit()).write(spec, rows).await.expect("written")
}

#[tokio::test]
async fn a_table_begins_grows_and_is_replaced() {
    let home = lake();
    let table = home.lake.table(&visit());
    assert_eq!(table.version().await.expect("read"), None);

    let first = put(&home.lake, WriteMode::Append, "load", 1, &[MAY]).await;
    assert_eq!(first, WriteOutcome { version: 0, rows: 1, skipped: false });
    put(&home.lake, WriteMode::Append, "load", 2, &[JUNE]).await;
    assert_eq!(rows(&home.lake, 1).await, ["v1,2024-05,100", "v2,2024-06,200"]);

    let last = put(&home.lake, WriteMode::Overwrite, "build", 1, &[("v9", "2024-07", 9)]).await;
    assert_eq!(last.version, 2);
    assert_eq!(rows(&home.lake, 2).await, ["v9,2024-07,9"]);
    assert_eq!(table.version().await.expect("read"), Some(2));
    assert_eq!(rows(&home.lake, 0).await, ["v1,2024-05,100"], "old versions stay as they were");
}

#[tokio::test]
async fn months_are_replaced_and_others_stay() {
    let home = lake();
    put(&home.lake, WriteMode::Append, "load", 1, &[MAY, JUNE]).await;
    let june = WriteMode::ReplaceMonths(vec!["2024-06".into(), "2024-07".into()]);
    put(&home.lake, june.clone(), "load", 2, &[("v3", "2024-06", 3)]).await;
    assert_eq!(rows(&home.lake, 1).await, ["v1,2024-05,100", "v3,2024-06,3"]);

    let wrong = home.lake.table(&visit());
    let refused = wrong.write(spec(june, "load", 3), stream(vec![visits(&[MAY])], schema())).await;
    assert!(matches!(refused, Err(LakeError::BadWrite { .. })), "{refused:?}");
    let nothing = WriteMode::ReplaceMonths(vec!["2024-06".into()]);
    put(&home.lake, nothing, "load", 4, &[]).await;
    assert_eq!(rows(&home.lake, 2).await, ["v1,2024-05,100"]);
}

#[tokio::test]
async fn a_replay_is_skipped() {
    let home = lake();
    put(&home.lake, WriteMode::Append, "load", 7, &[MAY]).await;
    for version in [7, 6] {
        let again = put(&home.lake, WriteMode::Append, "load", version, &[MAY]).await;
        assert_eq!(again, WriteOutcome::known(0));
    }
    let table = reopen(&home.folder).table(&visit());
    assert_eq!(table.version().await.expect("read"), Some(0), "exactly one commit");
    assert_eq!(table.known_txn("load").await.expect("read"), Some(7));
    assert_eq!(table.known_txn("other").await.expect("read"), None);
    let other = put(&home.lake, WriteMode::Append, "other", 1, &[JUNE]).await;
    assert_eq!(other.version, 1, "another application is not concerned");
    let txn = Txn { app_id: "load".into(), version: 7 };
    assert_eq!(table.version_of(&txn).await.expect("read"), Some(0));
}

#[tokio::test]
async fn commits_keep_what_they_were_told() {
    let home = lake();
    let told = "{\"rows_read\": 3, \"name\": \"中文\"}";
    let spec = spec(WriteMode::Append, "load", 1).with_metadata("clinichub.load", told);
    let table = home.lake.table(&visit());
    table.write(spec, stream(vec![visits(&[MAY])], schema())).await.expect("written");
    let kept = table.commit_metadata(0).await.expect("read");
    assert_eq!(kept.get("clinichub.load").map(String::as_str), Some(told));
    let keys: Vec<&str> = kept.keys().map(String::as_str).collect();
    assert_eq!(keys, ["clinichub.lease_token", "clinichub.load"]);
    assert!(matches!(table.commit_metadata(1).await, Err(LakeError::NoTable { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rival_writers_both_land_once() {
    let home = lake();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_i64 {
        let lake = reopen(&home.folder);
        writers.spawn(async move {
            let id = format!("v{writer}");
            let row = [(id.as_str(), "2024-05", writer)];
            // Pairs share an application: one of each pair is a replay.
            let app = format!("load:{}", writer / 2);
            put(&lake, WriteMode::Append, &app, 1, &row).await
        });
    }
    let done: Vec<WriteOutcome> = writers.join_all().await;
    assert_eq!(done.iter().filter(|outcome| !outcome.skipped).count(), 4, "{done:?}");
    assert_eq!(home.lake.table(&visit()).version().await.expect("read"), Some(3));
    assert_eq!(rows(&home.lake, 3).await.len(), 4);
}

#[tokio::test]
async fn columns_may_be_added_and_left_out() {
    let home = lake();
    put(&home.lake, WriteMode::Append, "load", 1, &[MAY]).await;
    let wider = Arc::new(Schema::new(vec![
        Field::new("visit_id", DataType::Utf8, true),
        Field::new("month", DataType::Utf8, true),
        Field::new("is_first", DataType::Boolean, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["v5"])),
        Arc::new(StringArray::from(vec!["2024-05"])),
        Arc::new(BooleanArray::from(vec![true])),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&wider), columns).expect("columns fit");
    let mut spec = spec(WriteMode::Append, "load", 2);
    spec.schema = Arc::clone(&wider);
    let table = home.lake.table(&visit());
    table.write(spec, stream(vec![batch], wider)).await.expect("written");
    let context = session(&home.lake, &visit(), 1).await;
    let found = answer(&context, "select visit_id, month, fee_fen, is_first from t").await;
    assert_eq!(found, ["v1,2024-05,100,", "v5,2024-05,,true"]);
}

#[tokio::test]
async fn a_changed_type_is_refused_unless_all_is_replaced() {
    let home = lake();
    put(&home.lake, WriteMode::Append, "load", 1, &[MAY]).await;
    let changed = Arc::new(Schema::new(vec![Field::new("fee_fen", DataType::Utf8, true)]));
    let column: ArrayRef = Arc::new(StringArray::from(vec!["many"]));
    let batch = RecordBatch::try_new(Arc::clone(&changed), vec![column]).expect("columns fit");
    let table = home.lake.table(&visit());
    let txn = |version| Txn { app_id: "x".into(), version };
    let mut append = WriteSpec::new(Arc::clone(&changed), WriteMode::Append, txn(1));
    let refused = table.write(append.clone(), stream(vec![batch.clone()], changed.clone())).await;
    assert!(matches!(refused, Err(LakeError::BadWrite { .. })), "{refused:?}");
    append.mode = WriteMode::Overwrite;
    table.write(append, stream(vec![batch], changed)).await.expect("written");
    let context = session(&home.lake, &visit(), 1).await;
    assert_eq!(answer(&context, "select * from t").await, ["many"]);
}

#[tokio::test]
async fn rows_lie_sorted_in_files() {
    let home = lake();
    let mut spec = spec(WriteMode::Append, "load", 1);
    spec.sort = vec![SortKey { column: "fee_fen".into(), descending: true }];
    let rows = [("a", "2024-06", 1), ("b", "2024-05", 2), ("c", "2024-06", 3), ("d", "2024-05", 4)];
    let table = home.lake.table(&visit());
    table.write(spec, stream(vec![visits(&rows)], schema())).await.expect("written");
    assert_eq!(home.lake.lake_table(&visit(), 0).await.expect("loaded").file_count(), 2);
    let context = session(&home.lake, &visit(), 0).await;
    let frame = context.sql("select visit_id from t where month = '2024-06'").await.expect("plan");
    let batches = frame.collect().await.expect("rows");
    let text = arrow::util::pretty::pretty_format_batches(&batches).expect("text").to_string();
    let (c, a) = (text.find("| c"), text.find("| a"));
    assert!(c < a && c.is_some(), "{text}");
}

#[tokio::test]
async fn rows_without_a_declared_column_are_refused() {
    let home = lake();
    let mut spec = spec(WriteMode::Append, "load", 1);
    spec.schema = Arc::new(Schema::new(vec![
        Field::new("visit_id", DataType::Utf8, true),
        Field::new("month", DataType::Utf8, true),
        Field::new("doctor_id", DataType::Utf8, true),
    ]));
    let table = home.lake.table(&visit());
    let refused = table.write(spec, stream(vec![visits(&[MAY])], schema())).await;
    assert!(matches!(refused, Err(LakeError::BadWrite { .. })), "{refused:?}");
    assert_eq!(table.version().await.expect("read"), None, "nothing became visible");
}
