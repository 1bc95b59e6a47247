//! Statements written to make hidden rows speak through errors.

use super::fixture::{World, config, group, rows, site_a};

/// Each fails, or would fail, on a row of site B or of no site, and on none of site A.
const PROBES: &[&str] = &[
    "select visit_id from hub.visit where cast(code as bigint) >= 0",
    "select visit_id from hub.visit where cast(nullif(code, 'x') as int) = 1",
    "select count(*) from hub.visit where 10 / divisor > 0",
    "select count(*) from hub.visit where 10 % divisor >= 0",
    "select sum(10 / divisor) from hub.visit",
    "select visit_id from hub.visit order by 10 / divisor, visit_id",
    "select visit_id from hub.visit order by cast(code as bigint) limit 3",
    "select cast(code as bigint) as c, count(*) from hub.visit group by 1 having min(cast(code as int)) >= 0",
    "select case when 10 / divisor > 2 then 1 else 0 end from hub.visit",
    "select max(amount_fen * 3) from hub.visit",
    "select sum(amount_fen) from hub.visit",
    "select max(cast(amount_fen as int)) from hub.visit",
    "select max(cast(amount_fen as decimal(12, 2))) from hub.visit",
    "select count(*) from hub.visit a join hub.visit b on cast(a.code as bigint) = cast(b.code as bigint)",
    "select count(*) from hub.visit a join hub.visit b on a.visit_id = b.visit_id and 10 / a.divisor > 0",
    "select count(*) from hub.visit where site_id = 'A' and 10 / divisor > 0",
    "select count(*) from hub.visit where site_id = 'A' or 10 / divisor > 0",
    "select count(*) from hub.visit where site_id <> 'A' and 10 / divisor > 0",
    "select count(*) from hub.visit where site_id is null and cast(code as int) > 0",
    "select count(*) from hub.visit where visit_id = 'B1' and cast(code as int) > 0",
    "select count(*) from hub.visit where visit_id in ('B1', 'B2') and 1 / divisor = 1",
    "select to_date(code) is null from hub.visit where code like 'SEC%'",
    "select to_timestamp(code) from hub.visit where code like 'SEC%'",
    "select decode(code, 'hex') from hub.visit where length(code) > 5",
    "select count(*) from hub.visit where (select 10 / min(divisor) from hub.visit) > 0",
    "select count(*) from hub.visit v where exists (select 1 from hub.visit w where w.person_id = v.person_id and 10 / w.divisor > 0)",
    "select sum(cast(code as bigint)) over (order by visit_id) from hub.visit",
    "select sum(10 / divisor) over (partition by site_id) from hub.visit",
    "select count(*) filter (where 10 / divisor > 0) from hub.visit",
    "select sum(value), max(10 / nullif(numerator, 0)) from metrics.billed",
    "select 10 / sum(case when site = 'B' then 0 else 1 end) from metrics.visits",
    "select cast(arrow_cast(code, 'Int64') as text) from hub.visit",
    "select count(*) from hub.visit where cast(code as date) is null and site_id = 'B'",
    "select regexp_count(code, code) from hub.visit where code like 'S%'",
    "select count(*) from (select cast(code as int) c from hub.visit) where c > 0",
    "select count(*) from (select code from hub.visit limit 100000) where cast(code as int) >= 0",
    "select count(*) from hub.visit where cast(divisor as boolean) and cast(code as int) >= 0",
    "select count(*) from hub.visit where coalesce(try_cast(code as int), 1 / divisor) >= 0",
    "select chr(divisor) from hub.visit where divisor = 0",
    "select substr(code, 1, cast(divisor as bigint) - 1) from hub.visit where divisor = 0",
];

#[tokio::test]
async fn hidden_rows_fail_nothing_and_name_nothing() {
    let full = World::with(config(), &rows(&["A", "B", "none"], 60)).await;
    let permitted = World::with(config(), &rows(&["A"], 60)).await;
    let mut failing = 0;
    for sql in PROBES {
        let seen = full.ask(&site_a(), sql).await;
        let want = permitted.ask(&group(), sql).await;
        assert_eq!(seen, want, "{sql}");
        assert!(!format!("{seen:?}").contains("SECRET"), "{sql}: {seen:?}");
        // The probe is worth something only if it fails where the rows are open; and even then
        // no value is told.
        if let Err(error) = full.ask(&group(), sql).await {
            assert!(!error.contains("SECRET"), "{sql}: {error}");
            failing += 1;
        }
    }
    assert!(failing >= 20, "only {failing} probes fail over open rows");
}

#[tokio::test]
async fn plans_and_counters_are_for_the_group() {
    let world = World::with(config(), &rows(&["A", "B"], 5)).await;
    for sql in ["explain select * from hub.visit", "explain analyze select count(*) from hub.visit"]
    {
        assert!(world.ask(&group(), sql).await.is_ok(), "{sql}");
        let error = world.ask(&site_a(), sql).await.expect_err(sql);
        assert!(error.starts_with("STATEMENT_REFUSED"), "{error}");
    }
}
