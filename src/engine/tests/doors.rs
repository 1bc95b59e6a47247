//! Statements a door refuses, with a clean error and a living process.

use super::fixture::{World, config, group, rows, site_a};

async fn code(world: &World, sql: &str) -> String {
    let mut codes = Vec::new();
    for principal in [group(), site_a()] {
        codes.push(match world.ask(&principal, sql).await {
            Ok(rows) => format!("answered {} rows", rows.len()),
            Err(error) => error.split(':').next().unwrap_or_default().to_owned(),
        });
    }
    assert_eq!(codes[0], codes[1], "{sql}");
    codes.remove(0)
}

#[tokio::test]
async fn only_one_reading_statement_is_taken() {
    let world = World::with(config(), &rows(&["A"], 3)).await;
    let out = tempfile::tempdir().expect("a folder");
    let file = out.path().join("x.csv").display().to_string();
    for sql in [
        "create external table p stored as csv location '/etc/passwd'".to_owned(),
        "create table t as select 1".to_owned(),
        "create view v as select 1".to_owned(),
        "drop table hub.visit".to_owned(),
        "insert into hub.visit select * from hub.visit".to_owned(),
        "delete from hub.visit".to_owned(),
        "update hub.visit set code = 'x'".to_owned(),
        format!("copy (select 1) to '{file}' stored as csv"),
        "prepare p as select 1".to_owned(),
        "execute p".to_owned(),
        "set datafusion.runtime.memory_limit = '100G'".to_owned(),
        "set datafusion.execution.batch_size = 100000000".to_owned(),
        "reset datafusion.execution.batch_size".to_owned(),
        "show all".to_owned(),
        "show tables".to_owned(),
        "show create table hub.visit".to_owned(),
        "describe hub.visit".to_owned(),
        "begin".to_owned(),
        "select 1; drop view v".to_owned(),
        "select 1; select 2".to_owned(),
        format!("select 1 into outfile '{file}'"),
    ] {
        let code = code(&world, &sql).await;
        assert!(matches!(code.as_str(), "STATEMENT_REFUSED" | "INVALID_SQL"), "{sql}: {code}");
    }
    assert!(std::fs::read_dir(out.path()).expect("a folder").next().is_none(), "a file was made");
    let sneaky = format!("explain analyze copy (select 1) to '{file}' stored as csv");
    assert!(world.ask(&group(), &sneaky).await.is_err());
    assert!(std::fs::read_dir(out.path()).expect("a folder").next().is_none(), "a file was made");
    for sql in ["", ";", "-- nothing", "/*/**/", "selec 1", "select '\0'"] {
        assert_eq!(code(&world, sql).await, "INVALID_SQL", "{sql:?}");
    }
    assert_eq!(code(&world, "select 1;").await, "answered 1 rows");
}

#[tokio::test]
async fn files_settings_and_the_machine_are_out_of_reach() {
    let world = World::with(config(), &rows(&["A"], 3)).await;
    for sql in [
        "select * from '/etc/passwd'",
        "select * from 's3://bucket/x.parquet'",
        "select * from 'http://127.0.0.1/x.csv'",
        "select * from information_schema.df_settings",
        "select * from information_schema.views",
        "select * from information_schema.routines",
        "select * from datafusion.public.visit",
        "select * from range(0, 1000000000000)",
        "select * from generate_series(0, 1000000000000)",
        "select range(0, 1000000000000)",
        "select repeat('x', 1000000000)",
        "select lpad('x', 1000000000)",
        "select rpad('x', 1000000000, 'y')",
        "select array_repeat(1, 1000000000)",
        "select array_resize([1], 1000000000)",
        "select version()",
        "select pg_read_file('/etc/passwd')",
        "select pg_sleep(1000000000)",
        "select current_setting('x')",
        "select inet_server_addr()",
        "select * from query_to_xml('select 1', true, true, '')",
        "select $1",
        "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r",
    ] {
        let code = code(&world, sql).await;
        assert!(code == "INVALID_SQL" || code == "STATEMENT_REFUSED", "{sql}: {code}");
    }
}

#[tokio::test]
async fn deep_and_long_statements_end_cleanly() {
    let world = World::with(config(), &rows(&["A"], 3)).await;
    let nested = |open: &str, close: &str, depth: usize| {
        format!("select {}1{}", open.repeat(depth), close.repeat(depth))
    };
    let mut doubling = "with c0 as (select * from hub.visit)".to_owned();
    for n in 1..=30 {
        let before = n - 1;
        doubling +=
            &format!(", c{n} as (select * from c{before} union all select * from c{before})");
    }
    for sql in [
        format!("select 1{}", "+1".repeat(1_000)),
        format!("select 1{}", "+1".repeat(20_000)),
        format!("select 1 where 1=1{}", " or 1=1".repeat(2_000)),
        format!("select 1{}", " union all select 1".repeat(3_000)),
        nested("(", ")", 300),
        nested("case when true then ", " else 0 end", 300),
        nested("not ", "", 2_000),
        nested("- ", "", 2_000),
        nested("abs(", ")", 300),
        format!("select 1 in ({}1)", "1,".repeat(200_000)),
        format!("{doubling} select count(*) from c30"),
        "x".repeat(1_000_000),
    ] {
        let code = code(&world, &sql).await;
        let start: String = sql.chars().take(60).collect();
        assert!(code == "STATEMENT_TOO_LARGE" || code == "INVALID_SQL", "{start}: {code}");
    }
    // What the guard lets through must also run.
    for sql in [
        format!("select 1{}", "+1".repeat(499)),
        format!("select 1 where 1=2{}", " or 1=1".repeat(200)),
        format!("select 1{}", " union all select 1".repeat(120)),
        nested("abs(", ")", 30),
    ] {
        let code = code(&world, &sql).await;
        assert!(code.starts_with("answered"), "{code}");
    }
}
