//! Reading: pruning, statistics, isolation, refusals.

use std::fs;

use datafusion::physical_plan::displayable;

use super::*;
use crate::LakeError;

async fn months(home: &Folder) {
    let rows: Vec<(String, String, i64)> =
        (0..240).map(|n| (format!("v{n:03}"), format!("2024-{:02}", n / 20 + 1), n * 10)).collect();
    let rows: Vec<(&str, &str, i64)> =
        rows.iter().map(|(id, month, fee)| (id.as_str(), month.as_str(), *fee)).collect();
    let table = home.lake.table(&visit());
    let spec = spec(WriteMode::Overwrite, "build", 1);
    table.write(spec, stream(vec![visits(&rows)], schema())).await.expect("written");
}

/// Physical plan of `sql` as text.
async fn plan(context: &SessionContext, sql: &str) -> String {
    let frame = context.sql(sql).await.expect("planned");
    let plan = frame.create_physical_plan().await.expect("planned");
    displayable(plan.as_ref()).indent(true).to_string()
}

fn files(plan: &str) -> usize {
    plan.matches(".parquet").count()
}

#[tokio::test]
async fn files_are_skipped_by_month_and_by_bounds() {
    let home = lake();
    months(&home).await;
    let context = session(&home.lake, &visit(), 0).await;
    for (filter, expected) in [
        ("month = '2024-03'", 1),
        ("month in ('2024-03', '2024-05', '2031-01')", 2),
        ("month >= '2024-11'", 2),
        ("fee_fen between 400 and 410", 1),
        ("fee_fen < 0", 0),
        ("visit_id = 'v100'", 1),
        ("visit_id = 'v100' and month = '2024-01'", 0),
        ("visit_id is null", 0),
        ("month like '2024-%'", 12),
    ] {
        let sql = format!("select visit_id from t where {filter}");
        let plan = plan(&context, &sql).await;
        assert_eq!(files(&plan), expected, "{filter}\n{plan}");
    }
}

#[tokio::test]
async fn counts_come_from_the_log() {
    let home = lake();
    months(&home).await;
    let context = session(&home.lake, &visit(), 0).await;
    let sql = "select count(*), min(fee_fen), max(fee_fen) from t";
    let plan = plan(&context, sql).await;
    assert_eq!(files(&plan), 0, "{plan}");
    assert_eq!(answer(&context, sql).await, ["240,0,2390"]);
    let filtered = "select count(*) from t where month = '2024-02' and fee_fen > 300";
    assert_eq!(answer(&context, filtered).await, ["9"]);
    assert_eq!(home.lake.lake_table(&visit(), 0).await.expect("loaded").row_count(), Some(240));
}

#[tokio::test]
async fn the_filter_runs_inside_the_scan() {
    let home = lake();
    months(&home).await;
    let context = session(&home.lake, &visit(), 0).await;
    let plan = plan(&context, "select visit_id from t where fee_fen = 450").await;
    assert!(!plan.contains("FilterExec"), "{plan}");
    assert!(plan.contains("predicate="), "{plan}");
}

#[tokio::test]
async fn a_reader_never_sees_later_versions() {
    let home = lake();
    months(&home).await;
    let context = session(&home.lake, &visit(), 0).await;
    let planned = context.sql("select count(visit_id), sum(fee_fen) from t").await.expect("plan");
    let table = home.lake.table(&visit());
    let spec = spec(WriteMode::Overwrite, "build", 2);
    table.write(spec, stream(vec![visits(&[("x", "2025-01", 1)])], schema())).await.expect("done");
    let batches = planned.collect().await.expect("rows");
    let text = arrow::util::pretty::pretty_format_batches(&batches).expect("text").to_string();
    assert!(text.contains("240") && text.contains("286800"), "{text}");
    assert_eq!(answer(&context, "select count(*) from t").await, ["240"]);
    assert_eq!(rows(&home.lake, 1).await, ["x,2025-01,1"]);
}

#[tokio::test]
async fn missing_versions_and_tables_are_named() {
    let home = lake();
    let missing = home.lake.provider(&visit(), 0).await.expect_err("no table");
    assert_eq!(missing.to_string(), "no table `visit` at version 0");
    months(&home).await;
    let missing = home.lake.provider(&visit(), 3).await.expect_err("no version");
    assert_eq!(missing.to_string(), "no table `visit` at version 3");
}

#[tokio::test]
async fn a_damaged_log_is_named() {
    let home = lake();
    months(&home).await;
    let log = home.folder.path().join("lake/hub/visit/_delta_log/00000000000000000000.json");
    let text = fs::read_to_string(&log).expect("log");
    fs::write(&log, &text[..text.len() / 2]).expect("cut");
    let refused = reopen(&home.folder).provider(&visit(), 0).await.expect_err("damaged");
    assert!(matches!(&refused, LakeError::Damaged { .. }), "{refused:?}");
    assert!(refused.to_string().contains("table `visit`"), "{refused}");
}

#[tokio::test]
async fn column_mapping_is_refused() {
    let home = lake();
    months(&home).await;
    let log = home.folder.path().join("lake/hub/visit/_delta_log/00000000000000000000.json");
    let mut text = fs::read_to_string(&log).expect("log");
    text = text.replace(
        "\"delta.dataSkippingNumIndexedCols\":\"-1\"",
        "\"delta.columnMapping.mode\":\"name\"",
    );
    text = text.replace(
        "\"minReaderVersion\":1,\"minWriterVersion\":2",
        "\"minReaderVersion\":2,\"minWriterVersion\":5",
    );
    for (id, name) in ["visit_id", "month", "fee_fen"].iter().enumerate() {
        let plain = format!("\\\"metadata\\\":{{}},\\\"name\\\":\\\"{name}\\\"");
        let mapped = format!(
            "\\\"metadata\\\":{{\\\"delta.columnMapping.id\\\":{},\
             \\\"delta.columnMapping.physicalName\\\":\\\"{name}\\\"}},\\\"name\\\":\\\"{name}\\\"",
            id + 1
        );
        assert!(text.contains(&plain), "{text}");
        text = text.replace(&plain, &mapped);
    }
    fs::write(&log, text).expect("changed");
    let refused = reopen(&home.folder).provider(&visit(), 0).await.expect_err("refused");
    assert!(refused.to_string().contains("column mapping"), "{refused:?}");
}
