//! Who sees what: no key sees nothing, a site sees its site, a revoked key nothing any more.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Hub, clinichub, hub};

const GRAPHQL: &str = r#"{"query":"{ viewer { user } }"}"#;

#[test]
fn nothing_answers_without_a_key() {
    let served = &hub().served;
    let forged = "Bearer hub_live_000000000000000000000000000000000000000000000000";
    for key in [None, Some("Bearer "), Some("Basic Y2VvOg=="), Some(forged)] {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(key.map(|key| ("authorization", key)));
        for (path, body) in [("/graphql", GRAPHQL), ("/sql", "select 1")] {
            let answer = served.post(path, &headers, body);
            assert_eq!(answer.status, 401, "{path} {key:?}: {}", answer.body);
            assert!(answer.body.contains("UNAUTHENTICATED"), "{}", answer.body);
        }
    }
    let answer = served.get("/graphql");
    assert!(matches!(answer.status, 401 | 405), "{}", answer.status);
    for open in ["/livez", "/readyz"] {
        assert_eq!(served.get(open).status, 200, "{open}");
    }
}

#[test]
fn each_login_sees_what_it_is_told_it_sees() {
    let (hub, query) = (hub(), "{ viewer { user role sites } }");
    let ceo = hub.served.graphql(&hub.ceo, query);
    assert_eq!(ceo["viewer"]["role"], "GROUP");
    assert_eq!(ceo["viewer"]["sites"], Value::Null);
    let manager = hub.served.graphql(&hub.manager, query);
    assert_eq!(manager["viewer"]["role"], "SITE");
    assert_eq!(manager["viewer"]["sites"][0], Hub::SITE);
}

/// Sites of the rows, and the sum of their values.
fn cash_by_site(key: &str) -> (BTreeSet<String>, i64, i64) {
    let answer = hub().served.graphql(
        key,
        r#"{ metrics(input: { metrics: ["revenue_cash"], groupBy: ["site"], first: 100,
             range: { from: "2026-06-18", to: "2026-10-15" } })
             { rows { dimensions { value } values { value } } totals { value } } }"#,
    );
    let fen = |value: &Value| value["value"].as_str().expect("fen").parse::<i64>().expect("fen");
    let rows = answer["metrics"]["rows"].as_array().expect("rows");
    let sites = rows.iter().map(|row| row["dimensions"][0]["value"].as_str().expect("a site"));
    let sum = rows.iter().map(|row| fen(&row["values"][0])).sum();
    (sites.map(str::to_owned).collect(), sum, fen(&answer["metrics"]["totals"][0]))
}

#[test]
fn metrics_of_a_site_are_that_sites_part_of_the_group() {
    let hub = hub();
    let (sites, sum, total) = cash_by_site(&hub.ceo);
    assert_eq!(sites.len(), 7);
    assert_eq!(sum, total);
    let (sites, own, total) = cash_by_site(&hub.manager);
    assert_eq!(sites, BTreeSet::from([Hub::SITE.to_owned()]));
    assert_eq!(own, total);
    let part = format!("select sum(value) from metrics.revenue_cash where site = '{}'", Hub::SITE);
    assert_eq!(hub.scalar(&part), own.to_string());
    assert_eq!(
        hub.served.scalar(&hub.manager, "select sum(value) from metrics.revenue_cash"),
        own.to_string()
    );
}

#[test]
fn sql_of_a_site_sees_rows_of_that_site() {
    let hub = hub();
    for table in ["visit", "payment", "appointment", "lead", "patient_money", "sop_event"] {
        let counted = format!("select site_id, count(*) as n from hub.{table} group by 1");
        let own = hub.served.rows(&hub.manager, &counted);
        let all = hub.rows(&counted);
        assert!(all.len() > 1, "{table}");
        let wanted: Vec<_> = all.into_iter().filter(|row| row["site_id"] == Hub::SITE).collect();
        assert_eq!(own, wanted, "{table}");
    }
    let lived =
        format!("select distinct person_id from hub.person_site where site_id = '{}'", Hub::SITE);
    let ids = |rows: Vec<crate::support::Row>| -> BTreeSet<String> {
        rows.into_iter().map(|mut row| row.remove("person_id").expect("an id")).collect()
    };
    let persons = "select person_id from hub.patient_360";
    assert_eq!(ids(hub.served.rows(&hub.manager, persons)), ids(hub.rows(&lived)));
    for closed in ["select * from raw.his_t_jz", "select * from ops.audit"] {
        assert_eq!(hub.served.sql(&hub.manager, closed).status, 400, "{closed}");
    }
    let names = "select display_name from hub.patient_360 where display_name is not null limit 50";
    for row in hub.served.rows(&hub.manager, names) {
        assert!(row["display_name"].ends_with('*'), "{row:?}");
    }
}

#[test]
fn patients_and_alerts_of_a_site_are_its_own() {
    let hub = hub();
    let listed = hub
        .served
        .graphql(&hub.manager, "{ patients(first: 500) { totalCount edges { node { id } } } }");
    let lived = format!(
        "select count(distinct person_id) from hub.person_site where site_id = '{}'",
        Hub::SITE
    );
    let edges = listed["patients"]["edges"].as_array().expect("edges").len();
    assert_eq!(hub.scalar(&lived), edges.to_string());
    let foreign = hub.scalar(&format!(
        "select person_id from hub.person_site group by 1 having \
         sum(case when site_id = '{}' then 1 else 0 end) = 0 order by 1 limit 1",
        Hub::SITE
    ));
    let query = format!("{{ patient(id: \"{foreign}\") {{ id }} }}");
    assert_eq!(hub.served.graphql(&hub.manager, &query)["patient"], Value::Null);
    assert_eq!(hub.graphql(&query)["patient"]["id"], foreign);
    let alerts = "{ alerts(first: 100) { nodes { siteId } } }";
    let seen = hub.served.graphql(&hub.manager, alerts);
    for alert in seen["alerts"]["nodes"].as_array().expect("alerts") {
        assert_eq!(alert["siteId"], Hub::SITE);
    }
    let all = hub.graphql(alerts);
    assert!(!all["alerts"]["nodes"].as_array().expect("alerts").is_empty());
    let denied = hub.served.graphql_answer(&hub.manager, "{ runs(first: 1) { nodes { id } } }");
    assert!(denied.json()["errors"].is_array(), "{}", denied.body);
}

#[test]
fn the_sql_door_only_reads() {
    let hub = hub();
    for (statement, status, code) in [
        ("delete from hub.visit", 403, "STATEMENT_REFUSED"),
        ("insert into hub.visit values (1)", 403, "STATEMENT_REFUSED"),
        ("create table x as select 1", 403, "STATEMENT_REFUSED"),
        ("create external table x stored as csv location '/etc/passwd'", 403, "STATEMENT_REFUSED"),
        ("copy hub.visit to 'x.csv'", 403, "STATEMENT_REFUSED"),
        ("set datafusion.execution.batch_size = 1", 403, "STATEMENT_REFUSED"),
        ("select 1; select 2", 403, "STATEMENT_REFUSED"),
        ("select * from 'x.csv'", 400, "INVALID_SQL"),
        ("select * from hub.nothing", 400, "INVALID_SQL"),
        ("selec 1", 400, "INVALID_SQL"),
    ] {
        let answer = hub.served.sql(&hub.ceo, statement);
        assert_eq!(answer.status, status, "{statement}: {}", answer.body);
        assert_eq!(answer.json()["code"], code, "{statement}");
    }
    let answer = hub.served.sql(&hub.ceo, "select id from ops.snapshot");
    assert_eq!(answer.headers["x-snapshot-id"], "3");
    assert_eq!(answer.body, "id\n3\n");
    let out = clinichub(["sql", "drop table hub.visit", "--config"]).arg(hub.config()).done();
    assert_eq!(out.code(), Some(1));
    let seen = clinichub(["sql", "--as", "manager", "--format", "csv", "--config"])
        .arg(hub.config())
        .arg("select count(distinct site_id) from hub.visit")
        .done()
        .passed();
    assert_eq!(seen.lines().nth(1), Some("1"));
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let hub = hub();
    let keys = |words: &[&str]| clinichub(words).arg("--config").arg(hub.config()).done();
    let out = keys(&["keys", "create", "--user", "guest", "--role", "site", "--sites", "MH-SH-KQ"])
        .passed();
    let key = out.lines().last().expect("a key").to_owned();
    let viewer = hub.served.graphql(&key, "{ viewer { user sites } }");
    assert_eq!(viewer["viewer"]["user"], "guest");
    assert_eq!(viewer["viewer"]["sites"][0], "MH-SH-KQ");
    let listed = keys(&["keys", "list"]).passed();
    let line = listed.lines().find(|line| line.contains("guest")).expect("listed");
    let id = line.split_whitespace().next().expect("an id");
    let secret = key.rsplit('_').next().expect("a secret");
    assert!(secret.starts_with(id) && !listed.contains(secret), "{listed}");
    keys(&["keys", "revoke", id]).passed();
    for _ in 0..2 {
        assert_eq!(hub.served.sql(&key, "select 1").status, 401);
        assert_eq!(hub.served.graphql_answer(&key, "{ viewer { user } }").status, 401);
    }
    keys(&["keys", "revoke", id]).exited(1);
    keys(&["keys", "create", "--user", "x", "--role", "king"]).exited(2);
    let typo = ["keys", "create", "--user", "x", "--role", "site", "--sites", "MH-SH-NOPE"];
    assert_ne!(keys(&typo).code(), Some(0));
}
