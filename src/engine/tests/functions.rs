//! The hub's functions, called from SQL.

use hub_domain::site_day::SiteDay;

use super::fixture::{config, lines};
use crate::build_context;

async fn ask(sql: &str) -> Vec<String> {
    let context = build_context(&config()).expect("a context");
    let frame = context.sql(sql).await.expect("plans");
    lines(&frame.collect().await.expect("runs"))
}

#[tokio::test]
async fn scalars_take_columns_and_literals() {
    let sql = "select local_date(timestamp '2026-03-01T16:00:00Z'), month_of(date '2026-03-01'), \
               to_fen(12.345), to_fen(cast(7 as bigint)), to_fen(null), mask_name('王小明'), \
               mask_identifier('13800000000'), pseudonym('138 0000 0000') = pseudonym('13800000000')";
    let want = "2026-03-02|2026-03|1235|700|NULL|王**|138****0000|true";
    assert_eq!(ask(sql).await, [want]);
}

#[tokio::test]
async fn sites_cut_their_own_days() {
    let mut config = config();
    let starts = "05:00:00".parse().expect("a time");
    let night = SiteDay { zone: chrono_tz::Asia::Shanghai, starts };
    config.sites.insert("night".into(), night);
    let context = build_context(&config).expect("a context");
    let sql = "select local_date(at, site) from (values \
               (timestamp '2026-03-01T18:30:00Z', 'night'), (timestamp '2026-03-01T21:00:00Z', 'night'), \
               (timestamp '2026-03-01T18:30:00Z', 'day'), (timestamp '2026-03-01T18:30:00Z', null)) as t(at, site)";
    let frame = context.sql(sql).await.expect("plans");
    let days = lines(&frame.collect().await.expect("runs"));
    assert_eq!(days, ["2026-03-01", "2026-03-02", "2026-03-02", "2026-03-02"]);
}

#[tokio::test]
async fn null_in_null_out() {
    let sql = "select local_date(null), month_of(null), mask_name(null), pseudonym(null), \
               pseudonym(' - ')";
    assert_eq!(ask(sql).await, ["NULL|NULL|NULL|NULL|NULL"]);
}

/// Events of three units; step 0 is the entry, −1 a foreign event.
const EVENTS: &str = "(values \
    ('a', timestamp '2026-01-01T00:00:00Z', 0), ('a', timestamp '2026-01-01T01:00:00Z', 1), \
    ('a', timestamp '2026-01-05T00:00:00Z', 2), \
    ('b', timestamp '2026-01-01T00:00:00Z', 0), ('b', timestamp '2026-01-01T00:30:00Z', -1), \
    ('b', timestamp '2026-01-01T01:00:00Z', 1), \
    ('c', timestamp '2026-01-01T00:00:00Z', 1)) as e(unit, at, step)";

#[tokio::test]
async fn funnel_levels_follow_window_and_mode() {
    let level = |window: u32, mode: &str| {
        format!(
            "select unit, funnel_level(at, step, {window}, '{mode}', 'longest') from {EVENTS} \
             group by unit"
        )
    };
    assert_eq!(ask(&level(86_400, "ordered")).await, ["a|2", "b|2", "c|0"]);
    assert_eq!(ask(&level(864_000, "ordered")).await, ["a|3", "b|2", "c|0"]);
    assert_eq!(ask(&level(864_000, "strict_order")).await, ["a|3", "b|1", "c|0"]);
}

#[tokio::test]
async fn every_entry_can_be_an_attempt() {
    let sql = "select funnel_attempts(at, step, 3600, 'ordered', 'each') from (values \
        (timestamp '2026-01-01T00:00:00Z', 0), (timestamp '2026-01-02T00:00:00Z', 0), \
        (timestamp '2026-01-02T00:10:00Z', 1)) as e(at, step)";
    assert_eq!(ask(sql).await, ["[1, 2]"]);
}
