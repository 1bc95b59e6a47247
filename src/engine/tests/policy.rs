//! A principal's answers over everything equal the group's answers over what is permitted.

use super::fixture::{World, config, group, rows, site_a};

/// Statements that read no masked column.
const QUESTIONS: &[&str] = &[
    "select count(*) from hub.visit",
    "select * from hub.visit",
    "select visit_id from visit where site_id = 'B'",
    "select count(*) from hub.visit where site_id is null",
    "select count(site_id), count(distinct person_id) from hub.visit",
    "select min(amount_fen), max(amount_fen), sum(divisor) from hub.visit",
    "select min(code), max(code) from hub.visit",
    "select site_id, count(*) from hub.visit group by site_id",
    "select month, sum(amount_fen) from hub.visit group by month order by month",
    "select visit_id from hub.visit order by amount_fen desc, visit_id limit 3",
    "select visit_id from hub.visit order by visit_id limit 5 offset 90",
    "select distinct divisor from hub.visit",
    "select visit_id from hub.visit where amount_fen between 300 and 900",
    "select visit_id from hub.visit where visit_id in ('A1', 'B1', 'none1')",
    "select visit_id from hub.visit where code like 'S%'",
    "select visit_id from hub.visit where code like '1%' or site_id = 'B'",
    "select visit_id from hub.visit where not (site_id = 'A')",
    "select count(*) from hub.visit where month = '2026-02' and amount_fen > 500",
    "select count(*) from hub.visit where biz_date >= date '2026-02-01'",
    "select v.visit_id from hub.visit v join hub.person p on p.person_id = v.person_id",
    "select count(*) from hub.visit v left join hub.person p using (person_id) where p.sex is null",
    "select p.person_id, count(v.visit_id) from hub.person p left join hub.visit v using (person_id) group by p.person_id",
    "select count(*) from hub.visit a cross join hub.visit b where a.visit_id < b.visit_id",
    "select count(*) from hub.visit where person_id in (select person_id from hub.person_site)",
    "select count(*) from hub.visit v where exists (select 1 from hub.person_site s where s.person_id = v.person_id and s.site_id = 'B')",
    "select count(*) from hub.visit v where not exists (select 1 from hub.person p where p.person_id = v.person_id)",
    "select person_id, sex from hub.person",
    "select count(*) from hub.person where person_id >= 'p_B'",
    "select count(*) from hub.person_site",
    "select * from hub.person_site",
    "select name from hub.site",
    "with x as (select site_id s, amount_fen a from hub.visit) select s, avg(a) from x group by s",
    "select visit_id, row_number() over (partition by site_id order by visit_id) from hub.visit",
    "select visit_id from hub.visit union all select person_id from hub.person",
    "select visit_id from hub.visit except select 'A1'",
    "select site_id, person_id, count(*) from hub.visit group by grouping sets ((site_id), (person_id))",
    "select coalesce(site_id, 'nobody'), count(*) from hub.visit group by 1",
    "select case when site_id = 'A' then 1 else 10 / divisor end from hub.visit",
    "select (select max(code) from hub.visit)",
    "select sum(value), sum(numerator), sum(denominator) from metrics.ticket",
    "select site, sum(value) from metrics.visits group by site",
    "select period, value from metrics.persons",
    "select * from metrics.growth",
    "select v.code from hub.visit v, hub.site s where v.site_id = s.site_id and s.name <> 'x'",
    "select string_agg(code, ',' order by code) from hub.visit",
    "select array_agg(distinct site_id) from hub.visit",
    "select approx_distinct(person_id) from hub.visit",
];

#[tokio::test]
async fn answers_equal_those_over_permitted_rows_only() {
    let full = World::with(config(), &rows(&["A", "B", "none"], 100)).await;
    let permitted = World::with(config(), &rows(&["A"], 100)).await;
    for sql in QUESTIONS {
        let seen = full.ask(&site_a(), sql).await;
        let want = permitted.ask(&group(), sql).await;
        assert_eq!(seen, want, "{sql}");
        assert!(!format!("{seen:?}").contains("SECRET"), "{sql}");
        // The trusted path of the readers stands under the same policy.
        let trusted = full.open(&site_a()).await.fetch(sql, Vec::new()).await.expect(sql);
        assert_eq!(Ok(super::fixture::lines(&trusted)), want, "{sql}");
    }
}

/// Put together with every one of [`PREDICATES`]; none of them can fail.
const SHAPES: &[&str] = &[
    "select count(*), min(code), sum(divisor) from hub.visit where",
    "select visit_id from hub.visit where",
    "select site_id, month, count(distinct person_id) from hub.visit where",
    "select count(*) from (select v.* from hub.visit v join hub.person p using (person_id)) where",
    "select person_id from hub.person_site where person_id in (select person_id from hub.visit where",
    "select visit_id, rank() over (order by amount_fen, visit_id) from hub.visit where",
    "select * from (select * from hub.visit order by visit_id limit 1000) where",
];

const PREDICATES: &[&str] = &[
    "true",
    "site_id = 'B'",
    "site_id <> 'A'",
    "site_id is null or site_id = 'A'",
    "not (site_id = 'A')",
    "divisor = 0",
    "divisor in (0, 1, 2)",
    "code >= 'S'",
    "code like '%SECRET%'",
    "length(code) > 3",
    "upper(code) = code",
    "visit_id between 'A5' and 'B5'",
    "amount_fen > 500 and divisor < 4",
    "amount_fen > 9223372036854 or code = '7'",
    "month = '2026-02' and biz_date > date '2026-02-10'",
    "try_cast(code as bigint) is null",
    "coalesce(nullif(divisor, 0), 99) = 99",
    "case when site_id = 'B' then true else divisor = 3 end",
    "exists (select 1 from hub.site s where s.site_id = visit_id or s.name like 'site%')",
    "person_id in (select person_id from hub.person_site where site_id = 'B')",
    "local_date(arrived_at) = biz_date",
];

#[tokio::test]
async fn shapes_and_predicates_meet_in_every_pair() {
    let full = World::with(config(), &rows(&["B", "A", "none"], 40)).await;
    let permitted = World::with(config(), &rows(&["A"], 40)).await;
    for shape in SHAPES {
        for predicate in PREDICATES {
            let end = match () {
                () if shape.contains("in (select") => ")",
                () if shape.contains("distinct") => "group by site_id, month",
                () => "",
            };
            let sql = format!("{shape} {predicate} {end}");
            let seen = full.ask(&site_a(), &sql).await;
            assert_eq!(seen, permitted.ask(&group(), &sql).await, "{sql}");
            assert!(seen.is_ok() && !format!("{seen:?}").contains("SECRET"), "{sql}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_principal_without_sites_sees_nothing_but_reference_data() {
    let world = World::with(config(), &rows(&["A", "B"], 10)).await;
    let nobody = hub_domain::Principal::site("nobody", []);
    for (table, want) in [("visit", "0"), ("person", "0"), ("person_site", "0"), ("site", "2")] {
        let count = world.ask(&nobody, &format!("select count(*) from hub.{table}")).await;
        assert_eq!(count, Ok(vec![want.to_owned()]), "{table}");
    }
}

#[tokio::test]
async fn group_tables_and_raw_rows_do_not_exist_for_others() {
    let world = World::with(config(), &rows(&["A", "B"], 3)).await;
    let count = "select count(*) from hub.payroll";
    assert_eq!(world.ask(&group(), count).await, Ok(vec!["1".to_owned()]));
    for sql in [count, "select * from raw.his_t_jz", "select * from ops.quarantine"] {
        let error = world.ask(&site_a(), sql).await.expect_err(sql);
        assert!(error.starts_with("INVALID_SQL"), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
    // A reader's statement is refused as a missing right, not told as a defect.
    let read = world.open(&site_a()).await.fetch(count, Vec::new()).await;
    assert!(matches!(read, Err(hub_domain::Error::Denied)), "{read:?}");
    let names = "select table_schema || '.' || table_name from information_schema.tables";
    let own = world.ask(&site_a(), names).await.expect("names");
    assert!(own.contains(&"hub.visit".to_owned()) && own.contains(&"metrics.ticket".to_owned()));
    assert!(!own.iter().any(|name| name.contains("payroll") || name.contains("raw.")), "{own:?}");
    assert!(!own.contains(&"metrics.hidden".to_owned()));
    let all = world.ask(&group(), names).await.expect("names");
    assert!(all.contains(&"hub.payroll".to_owned()) && all.contains(&"ops.quarantine".to_owned()));
}

#[tokio::test]
async fn doors_mask_direct_identifiers_and_readers_do_not() {
    let world = World::with(config(), &rows(&["A"], 3)).await;
    let sql = "select display_name, his_mrn, birth_date from hub.person where person_id = 'p_A1'";
    let masked = world.ask(&site_a(), sql).await;
    assert_eq!(masked, Ok(vec!["王**|****01|NULL".to_owned()]));
    let plain = vec!["王小明1|MRN0000001|1991-01-01".to_owned()];
    assert_eq!(world.ask(&group(), sql).await, Ok(plain.clone()));
    let read = world.open(&site_a()).await.fetch(sql, Vec::new()).await.expect("read");
    assert_eq!(super::fixture::lines(&read), plain);
    for sql in [
        "select count(*) from hub.person where display_name = '王小明1'",
        "select count(*) from hub.person where display_name like '%小明%'",
        "select count(*) from hub.person where his_mrn in ('MRN0000001')",
        "select count(*) from hub.person where birth_date = date '1991-01-01'",
        "select count(*) from hub.person a join (select '王小明1' as n) b on a.display_name = b.n",
    ] {
        assert_eq!(world.ask(&site_a(), sql).await, Ok(vec!["0".to_owned()]), "{sql}");
    }
    let forms = "select min(display_name), max(his_mrn), count(distinct display_name), \
                 string_agg(display_name, ',') from hub.person";
    let shown = world.ask(&site_a(), forms).await.expect("shown");
    assert_eq!(shown, ["王**|****02|1|王**,王**,王**"]);
}
