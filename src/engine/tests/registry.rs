//! Projects that hold together and projects that do not.

use hub_domain::project::{Problem, ProjectFiles};
use hub_lake::Contracts;

use crate::registry::{Registry, Stage};

const FILES: &[(&str, &str)] = &[
    (
        "schema/sources/his.yaml",
        "source: his\ntables:\n  t_jz:\n    key: [jzid]\n    columns: { jzid: int64, rq: date, 金额: \"decimal(12,2)\" }\n  t_br:\n    key: [brid]\n    columns: { brid: int64 }\n",
    ),
    (
        "schema/sources/crm.yaml",
        "source: crm\ntables:\n  customer:\n    key: [id]\n    columns: { id: text }\n",
    ),
    (
        "schema/tables/visit.yaml",
        "table: visit\ngrain: g\nkey: [visit_id]\npolicy: public\ncolumns:\n  - { name: visit_id, type: text }\n  - { name: biz_date, type: date }\n  - { name: amount_fen, type: int64, nullable: true }\n",
    ),
    (
        "schema/tables/person_record.yaml",
        "table: person_record\ngrain: g\nkey: [record_id]\npolicy: public\ncolumns:\n  - { name: record_id, type: text }\n",
    ),
    (
        "schema/tables/person_link.yaml",
        "table: person_link\ngrain: g\nkey: [record_id]\npolicy: public\ncolumns:\n  - { name: record_id, type: text }\n  - { name: person_id, type: text }\n",
    ),
    (
        "schema/tables/daily.yaml",
        "table: daily\ngrain: g\nkey: [biz_date]\npolicy: public\ncolumns:\n  - { name: biz_date, type: date }\n  - { name: visits, type: int64 }\n",
    ),
    (
        "schema/tables/card.yaml",
        "table: card\ngrain: g\nkey: [card_id]\npolicy: public\ncolumns:\n  - { name: card_id, type: text }\n  - { name: person_id, type: text }\n  - { name: site_id, type: text }\n  - { name: masked_name, type: text }\n  - { name: subtitle, type: text }\n  - { name: planned_at, type: timestamp }\n  - { name: biz_date, type: date }\n",
    ),
    (
        "queries/marts/card.sql",
        "select visit_id as card_id, visit_id as person_id, 'A' as site_id, '' as masked_name, '' as subtitle, cast(biz_date as timestamp) as planned_at, biz_date from hub.visit",
    ),
    (
        "queries/staging/his/visit.sql",
        "with later as (select * from raw.his_t_jz)\nselect cast(jzid as text) as visit_id, rq as biz_date, to_fen(\"金额\") as amount_fen\nfrom later;\n",
    ),
    (
        "queries/staging/his/person_record.sql",
        "select 'his:' || cast(brid as text) as record_id from raw.his_t_br\n",
    ),
    (
        "queries/staging/crm/person_record.sql",
        "select 'crm:' || id as record_id from raw.crm_customer\n",
    ),
    (
        "queries/marts/daily.sql",
        "select biz_date, count(*) as visits\nfrom hub.visit left join hub.person_link on person_id = visit_id\ngroup by biz_date\n",
    ),
    (
        "queries/metrics/dimensions.yaml",
        "dimensions:\n  - { id: day, label_zh: 日, label_en: day }\n",
    ),
    (
        "queries/metrics/care.yaml",
        "family: care\nmetrics:\n  - { id: visits, label_zh: 就诊, label_en: visits, description: d, unit: count, direction: up, additive: true, type: simple, source: daily, aggregate: sum, expression: visits, time: biz_date, dimensions: { day: biz_date } }\n",
    ),
    ("queries/checks/visits.sql", "select rq, count(*) from raw.his_t_jz group by rq\n"),
    (
        "queries/boards/care.yaml",
        "id: care\ntitle_zh: 看板\ntitle_en: care\ntiles:\n  - { metric: visits, filter: { day: [\"2026-01-01\"] } }\nlanes:\n  source: card\n  day: biz_date\n  lanes:\n    - { id: paid, title_zh: 已付, title_en: paid, filter: subtitle = '' }\n",
    ),
    (
        "queries/alerts/late.yaml",
        "rules:\n  - { id: R1, label_zh: 晚, label_en: late, action: call, severity: warning, condition: { kind: data_late, source: visit, time: biz_date, subject: visit_id, max_days: 2 } }\n",
    ),
];

fn project(changes: &[(&str, &str)]) -> ProjectFiles {
    let all =
        FILES.iter().chain(changes).map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let mut project = ProjectFiles { files: all.collect() };
    project.files.retain(|_, text| !text.is_empty());
    project
}

pub(super) async fn check(changes: &[(&str, &str)]) -> Result<Registry, Vec<Problem>> {
    let project = project(changes);
    let contracts = Contracts::load(&project)?;
    let registry = Registry::load(&project, &contracts)?;
    registry.plan_all(&contracts).await?;
    Ok(registry)
}

#[tokio::test]
async fn a_whole_project_loads_in_the_order_it_runs() {
    let registry = check(&[]).await.expect("a sound project");
    let order: Vec<(&str, Stage)> =
        registry.nodes.iter().map(|node| (node.target.as_str(), node.stage)).collect();
    let want = [
        ("person_record", Stage::Staging),
        ("person_link", Stage::Identity),
        ("visit", Stage::Staging),
        ("card", Stage::Mart),
        ("daily", Stage::Mart),
    ];
    assert_eq!(order, want);
    let united = registry.nodes[0].sql();
    assert!(united.contains("union all by name") && united.contains("raw.crm_customer"));
    assert!(registry.checks.contains_key("visits"));
    assert_eq!(registry.metric_dimensions("visits").len(), 1);
}

/// A change to the project, and the file and words of a problem it must cause.
const BREAKS: &[(&str, &str, &str)] = &[
    (
        "queries/marts/daily.sql",
        "select biz_date, count(*) as visits\nfrom hub.nowhere group by 1",
        "queries/marts/daily.sql:2: unknown table `hub.nowhere`",
    ),
    (
        "queries/marts/daily.sql",
        "select biz_date,\n no_such as visits from hub.visit",
        "queries/marts/daily.sql:2: ",
    ),
    ("queries/marts/daily.sql", "select biz_date from hub.visit", "column `visits` is missing"),
    (
        "queries/marts/daily.sql",
        "select biz_date, 1 as visits, 2 as more from hub.visit",
        "column `more` is not in the contract",
    ),
    (
        "queries/marts/daily.sql",
        "select biz_date, 'x' as visits from hub.visit",
        "column `visits` is `Utf8`, the contract says `Int64`",
    ),
    (
        "queries/marts/daily.sql",
        "select biz_date, visits from hub.daily",
        "in a circle: `daily` → `daily`",
    ),
    (
        "queries/marts/daily.sql",
        "select biz_date,\n\n count(* as visits from hub.visit",
        "queries/marts/daily.sql:3: ",
    ),
    ("queries/marts/daily.sql", "drop table hub.visit", "not a select"),
    ("queries/marts/daily.sql", "select 1 as visits; select 2", "several statements"),
    ("queries/marts/daily.sql", "", "no query makes table `daily`"),
    ("queries/marts/extra.sql", "select 1 as a", "table `extra` has no contract"),
    (
        "queries/marts/visit.sql",
        "select visit_id, biz_date, amount_fen from hub.visit",
        "`visit` is made twice",
    ),
    (
        "queries/staging/his/visit.sql",
        "select * from raw.his_nothing",
        "unknown source table `raw.his_nothing`",
    ),
    (
        "queries/metrics/more.yaml",
        "family: more\nmetrics:\n  - { id: r, label_zh: r, label_en: r, description: d, unit: ratio, direction: up, type: ratio, numerator: visits, denominator: nothing }",
        "queries/metrics/more.yaml:3: `r` needs the unknown metric `nothing`",
    ),
    (
        "queries/metrics/more.yaml",
        "family: more\nmetrics:\n  - { id: r, additive: true, label_zh: r, label_en: r, description: d, unit: ratio, direction: up, type: ratio, numerator: visits, denominator: visits }",
        "ratio `r` is declared additive",
    ),
    (
        "queries/metrics/more.yaml",
        "family: more\nmetrics:\n  - { id: d, additive: true, label_zh: r, label_en: r, description: d, unit: count, direction: up, type: simple, source: visit, aggregate: count_distinct, expression: visit_id, time: biz_date, dimensions: { day: biz_date } }",
        "declared additive",
    ),
    (
        "queries/metrics/more.yaml",
        "family: more\nmetrics:\n  - { id: s, label_zh: r, label_en: r, description: d, unit: count, direction: up, type: simple, source: visit, aggregate: count, time: visit_id, dimensions: { city: visit_id } }",
        "unknown dimension `city`",
    ),
    (
        "queries/metrics/more.yaml",
        "family: more\nmetrics:\n  - { id: s, label_zh: r, label_en: r, description: d, unit: count, direction: up, type: simple, source: visit, aggregate: sum, expression: no_such, time: biz_date, dimensions: { day: biz_date } }",
        "queries/metrics/more.yaml:3: ",
    ),
    (
        "queries/metrics/more.yaml",
        "family: more\nmetrics:\n  - { id: visits, label_zh: r, label_en: r, description: d, unit: count, direction: up, type: simple, source: visit, aggregate: count, time: biz_date, dimensions: { day: biz_date } }",
        "defined twice, first in queries/metrics/care.yaml:3",
    ),
    (
        "queries/metrics/more.yaml",
        "family: more\nmetrics:\n  - { id: s, colour: red, label_zh: r, label_en: r, description: d, unit: count, direction: up, type: simple, source: visit, aggregate: count, time: biz_date, dimensions: {} }",
        "queries/metrics/more.yaml:",
    ),
    (
        "queries/boards/care.yaml",
        "id: care\ntitle_zh: 看板\ntitle_en: care\ntiles:\n  - { metric: visitz }",
        "unknown metric `visitz`",
    ),
    (
        "queries/boards/care.yaml",
        "id: care\ntitle_zh: 看板\ntitle_en: care\ntiles:\n  - { metric: visits, filter: { site: [x] } }",
        "metric `visits` has no dimension `site`",
    ),
    (
        "queries/boards/care.yaml",
        "id: care\ntitle_zh: 看板\ntitle_en: care\ntiles: []\nlanes: { source: card, day: biz_date, lanes: [ { id: l, title_zh: l, title_en: l, filter: no_such > 1 } ] }",
        "no_such",
    ),
    (
        "queries/alerts/late.yaml",
        "rules:\n  - { id: R1, label_zh: 晚, label_en: late, action: call, severity: warning, condition: { kind: data_late, source: visit, time: no_such, subject: visit_id, max_days: 2 } }",
        "table `visit` has no column `no_such`",
    ),
    ("queries/checks/nothing.sql", "select 1", "no metric `nothing`"),
    (
        "queries/checks/visits.sql",
        "select no_such from raw.his_t_jz",
        "queries/checks/visits.sql:1: ",
    ),
    (
        "queries/funnels/g.yaml",
        "id: G\nlabel_zh: f\nlabel_en: f\nsource: card\nunit: visit\nunit_column: card_id\nat: planned_at\nevent: subtitle\nwindow: 1d\nmode: ordered\nentry: first\ndimensions: {}\nexclude: [ { event: x, between: [b, a] } ]\nsteps: [ { event: a, label_zh: a, label_en: a }, { event: b, label_zh: b, label_en: b } ]",
        "`x` lies between no two steps",
    ),
    (
        "queries/funnels/f.yaml",
        "id: F1\nlabel_zh: f\nlabel_en: f\ndescription: d\nsource: visit\nunit: visit\nunit_column: visit_id\nat: biz_date\nevent: visit_id\ncohort: biz_date\nwindow: 1d\nmode: ordered\nentry: first\ndimensions: {}\nsteps: [ { event: a, label_zh: a, label_en: a }, { event: b, label_zh: b, label_en: b } ]",
        "column `visit.biz_date` is `date`, not `timestamp`",
    ),
];

#[tokio::test]
async fn every_break_is_told_with_its_place() {
    for (path, text, want) in BREAKS {
        let problems = check(&[(path, text)]).await.expect_err(want);
        let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert!(told.iter().any(|problem| problem.contains(want)), "{want}: {told:#?}");
    }
}
