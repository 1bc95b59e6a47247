//! How old landed tables are: nights count, backfills and upkeep do not.

use std::collections::BTreeMap;

use hub_lake::{TableId, Txn, WriteMode, WriteSpec, raw_schema};

use super::fixture::{World, config, group, site_a};

const ASKED: &str = "select data_through, state from ops.freshness where table_name = 't_jz'";

/// One commit of `application` for a business day, published as the snapshot after those before.
async fn landed(world: &World, snapshot: u64, application: &str, day: &str) {
    let id = TableId::raw("his", "t_jz");
    let schema = raw_schema(&world.contracts.sources["his"].tables["t_jz"]);
    let version = i64::try_from(snapshot).expect("a small number");
    let txn = Txn { app_id: application.into(), version };
    let spec = WriteSpec::new(schema, WriteMode::Append, txn)
        .with_metadata("clinichub.business_date", day);
    let row = format!(
        r#"{{"jzid":{snapshot},"_load_id":"l","_extracted_at":"2026-03-31T20:00:00Z","_load_seq":{snapshot},"_deleted":false}}"#
    );
    let version = world.write(&id, spec, &row).await;
    world.publish_tables(snapshot, BTreeMap::from([(id.key(), version)])).await;
    world.engine.refresh().await.expect("the newest snapshot");
}

#[tokio::test]
async fn a_backfill_does_not_make_today_fresh() {
    let mut config = config();
    config.expectations.add("his", None, 36 * 3_600);
    // It is the morning of 2026-04-01.
    let world = World::empty(config);
    landed(&world, 1, "raw:his.t_jz", "2026-03-28").await;
    let stale = ["2026-03-28|stale"];
    assert_eq!(world.ask(&group(), ASKED).await.expect("rows"), stale);
    landed(&world, 2, "raw-backfill:his.t_jz:b1", "2026-03-31").await;
    assert_eq!(world.ask(&group(), ASKED).await.expect("rows"), stale);
    landed(&world, 3, "compact:his.t_jz", "2026-03-31").await;
    assert_eq!(world.ask(&group(), ASKED).await.expect("rows"), stale);
    landed(&world, 4, "raw-full:his.t_jz", "2026-03-31").await;
    assert_eq!(world.ask(&group(), ASKED).await.expect("rows"), ["2026-03-31|fresh"]);
    assert_eq!(world.ask(&site_a(), ASKED).await.expect("rows"), [""; 0]);
    for closed in ["select * from ops.runs", "select * from ops.loads"] {
        assert!(world.ask(&site_a(), closed).await.is_err(), "{closed}");
        assert_eq!(world.ask(&group(), closed).await.expect("rows"), [""; 0]);
    }
}

#[tokio::test]
async fn nothing_is_judged_that_nothing_is_expected_of() {
    let world = World::empty(config());
    landed(&world, 1, "raw:his.t_jz", "2020-01-01").await;
    assert_eq!(world.ask(&group(), ASKED).await.expect("rows"), ["2020-01-01|unknown"]);
}
