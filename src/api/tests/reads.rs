//! Answers of every query, as callers see them.

use axum::http::StatusCode;
use serde_json::json;

use crate::client::{GROUP, SITE, ask, ask_with, data};
use crate::world::World;

#[tokio::test]
async fn who_what_where() {
    let world = World::new();
    let query = "{ viewer { user role sites } orgUnits(level: SITE) { id level parentId code name
        siteType businessLine city } snapshot { id businessDate publishedAt runId
        freshness { layer source table site dataThrough lastLoadAt expectSeconds ageSeconds state }
        definitionHash
        rollbackOf tables { name version } audits { table check failures blocking } } }";
    insta::assert_json_snapshot!("who_group", data(&world, GROUP, query).await);
    insta::assert_json_snapshot!("who_site", data(&world, SITE, query).await);
}

#[tokio::test]
async fn one_request_reads_one_session() {
    let world = World::new();
    let query = "{ snapshot { id } orgUnits { id } patients { totalCount }
        board(id: \"daily\") { lanes { cards { nodes { id } } } } }";
    data(&world, GROUP, query).await;
    assert_eq!(world.0.opened.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn older_snapshots_are_named_or_dated() {
    let world = World::new();
    let picked = data(&world, GROUP, "{ snapshot(id: 3) { id } }").await;
    assert_eq!(picked["snapshot"]["id"], "3");
    let query = "{ snapshot(asOf: \"2026-03-15T00:00:00+08:00\") { id } }";
    assert_eq!(data(&world, GROUP, query).await["snapshot"]["id"], "6");
    for (query, code) in [
        ("{ snapshot(id: 99) { id } }", "NOT_FOUND"),
        ("{ snapshot(id: \"x\") { id } }", "NOT_FOUND"),
        ("{ snapshot(id: 1, asOf: \"2026-03-15T00:00:00Z\") { id } }", "BAD_USER_INPUT"),
    ] {
        let answer = ask(&world, GROUP, query).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::OK, code), "{}", answer.text);
        assert_eq!(answer.json["data"], json!(null));
    }
}

#[tokio::test]
async fn metrics_with_totals_of_everything_visible() {
    let world = World::new();
    let query = "query M($input: MetricsInput!) { metrics(input: $input) { rows { period
        dimensions { id value label } values { metric value numerator denominator compare
        suppressed definition { label unit dimensions { id } } } } totals { metric value }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } freshness { snapshotId
        dataThrough publishedAt provisional } sql } }";
    let input = json!({ "input": {
        "metrics": ["arrivals_first", "close_rate_first"],
        "groupBy": ["site"],
        "grain": "MONTH",
        "range": { "from": "2026-03-01", "to": "2026-03-31" },
        "filter": [{ "dimension": "site", "in": ["SH01", "BJ01"], "isNull": false }],
        "having": [{ "metric": "arrivals_first", "op": "GTE", "value": "1.5" }],
        "compare": "PREVIOUS_PERIOD",
        "orderBy": [{ "by": "arrivals_first", "descending": true }],
        "first": 1
    } });
    let group = ask_with(&world, GROUP, query, input.clone()).await;
    insta::assert_json_snapshot!("metrics_group", group.json);
    let site = ask_with(&world, SITE, query, input).await;
    assert_eq!(site.json["data"]["metrics"]["totals"][0]["value"], "6");
    assert_eq!(site.json["data"]["metrics"]["sql"], json!(null), "sites do not see statements");
}

#[tokio::test]
async fn the_catalogue_hides_private_metrics() {
    let world = World::new();
    let query = "{ metricCatalog { id label labelEn description unit direction additive owner
        version kind source numerator denominator expression dimensions { id label labelEn } } }";
    insta::assert_json_snapshot!("catalogue", data(&world, GROUP, query).await);
    let found = data(&world, GROUP, "{ metricCatalog(search: \" 成交 \") { id } }").await;
    assert_eq!(found, json!({ "metricCatalog": [{ "id": "close_rate_first" }] }));
}

#[tokio::test]
async fn metrics_and_dimensions_name_each_other() {
    let world = World::new();
    let query = "{ metricDimensions(metrics: [\"arrivals_first\", \"close_rate_first\"]) { id }
        site: dimensionMetrics(dimensions: [\"site\"]) { id }
        none: dimensionMetrics(dimensions: [\"site\", \"moon\"]) { id } }";
    let found = data(&world, GROUP, query).await;
    assert_eq!(found["metricDimensions"], json!([{ "id": "site" }]));
    let both = json!([{ "id": "arrivals_first" }, { "id": "close_rate_first" }]);
    assert_eq!(found["site"], both, "private metrics are not told");
    assert_eq!(found["none"], json!([]));
    let wrong = "{ metricDimensions(metrics: [\"inner_only\"]) { id } }";
    let answer = ask_with(&world, GROUP, wrong, json!(null)).await;
    assert_eq!(answer.json["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(answer.json["errors"][0]["extensions"]["hint"], "see `metricCatalog`");
}

#[tokio::test]
async fn funnels_and_costs() {
    let world = World::new();
    let query = "{ funnel(id: \"F1\", range: {from: \"2026-03-01\", to: \"2026-03-31\"},
        breakdown: \"channel\", breakdownAt: \"last_step\") { id label windowDays steps { event
        label labelEn reached conversionFromFirst conversionFromPrevious drop medianSeconds
        p90Seconds } total { mature { reached conversionFromFirst } open { reached } }
        series { value label steps { reached conversionFromFirst } }
        matureThrough freshness { snapshotId } }
        costStructure(period: \"2026-03\", by: COST_CLASS) { period rows { key label amount share
        full } total full }
        costAllocation(period: \"2026\", method: THREE_LEVEL) { period method direct full
        runs { month id ruleVersion allocated published centre message }
        centres { orgUnitId label class isFinal direct full levels { level amount }
        classes { costClass label direct received full } } } }";
    insta::assert_json_snapshot!("funnel_and_costs", data(&world, GROUP, query).await);
}

#[tokio::test]
async fn behaviour_in_one_request() {
    let world = World::new();
    let march = "range: {from: \"2026-03-01\", to: \"2026-03-31\"}";
    let query = format!(
        "{{ retention({march}, bucket: MONTH, mode: ON_OR_AFTER) {{ rows {{ cohort size cells
        {{ fromBucket toBucket returned cohort rate isMature }} }} total {{ cohort size }} }}
        spans: retention({march}, bucket: DAY, mode: BRACKET, clock: ROLLING, cohort: FIRST_WITHIN,
        brackets: [{{from: 1, to: 3}}], buckets: 5) {{ total {{ cells {{ fromBucket toBucket }} }} }}
        attribution({march}, model: MARKOV, lookbackDays: 30, beside: TIME_DECAY,
        conversion: PAID_VISIT) {{ channel label conversions value removal beside {{ conversions
        value }} }} crossLine({march}, windowDays: 365) {{ fromLine fromLabel toLine cohort persons
        rate medianDays revenue matureCohort maturePersons matureRate }}
        profitDrivers({march}, method: LMDI) {{ baseRange {{ from to }} factors {{ id label base now
        contribution }} base now change method }} }}"
    );
    insta::assert_json_snapshot!("behaviour", data(&world, GROUP, &query).await);
}

#[tokio::test]
async fn a_whole_board_in_one_request() {
    let world = World::new();
    let query = "{ boards { id title titleEn } board(id: \"daily\",
        range: {from: \"2026-03-01\", to: \"2026-03-31\"}, filter: [{dimension: \"site\",
        in: [\"SH01\"]}]) { id title day tiles { metric { id label labelEn description unit
        direction dimensions { id label } } range { from to } value compare target attainment
        status sparkline } charts { id title rows { period dimensions { id value label } values {
        metric value definition { unit dimensions { id label } } } } } lanes { id title ownerRole
        count cards(first: 20) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node {
        id title subtitle at siteId personId } } } } freshness { snapshotId dataThrough
        publishedAt provisional } } }";
    insta::assert_json_snapshot!("board", data(&world, SITE, query).await);
    let missing = ask(&world, SITE, "{ board(id: \"none\") { id } }").await;
    assert_eq!(missing.code(), "NOT_FOUND");
}

#[tokio::test]
async fn alerts_rules_and_runs() {
    let world = World::new();
    let query = "{ alerts(filter: {state: FIRING}) { totalCount nodes { id rule
        definition { label } subject subjectLabel siteId period severity state value threshold firedAt resolvedAt snapshotId
        acknowledgedBy acknowledgedAt note } } alertRules { id label labelEn action severity
        version enabled condition { ... on MetricCondition { metric subject op threshold
        thresholdByMonth { month threshold } minDenominator minNumerator months }
        ... on DataLateCondition { source maxDays } } } }";
    insta::assert_json_snapshot!("alerts_site", data(&world, SITE, query).await);
    let runs = "{ runs(first: 5) { nodes { id kind businessDate startedAt finishedAt status
        snapshotId error loads { source table mode status notices rowsRead rowsLoaded rowsRejected
        rejected { reason rows } rowsDeleted watermarkBefore watermarkAfter bytesWritten
        filesWritten version reconciled { amount source lake equal } durationMs parts { part
        durationMs } } stages { stage durationMs } } } }";
    insta::assert_json_snapshot!("runs", data(&world, GROUP, runs).await);
    assert_eq!(ask(&world, SITE, runs).await.code(), "FORBIDDEN");
}

#[tokio::test]
async fn acknowledging_answers_expected_failures_as_data() {
    let world = World::new();
    let mutation = "mutation A($id: ID!, $note: String) { acknowledgeAlert(id: $id, note: $note) {
        status message alert { id acknowledgedBy acknowledgedAt note } } }";
    let own = crate::world::alert("SH01").id;
    let foreign = crate::world::alert("BJ01").id;
    let status = |answer: &crate::client::Answer| {
        assert!(answer.json.get("errors").is_none(), "{}", answer.text);
        answer.json["data"]["acknowledgeAlert"]["status"].clone()
    };
    let done = ask_with(&world, SITE, mutation, json!({ "id": own, "note": "seen" })).await;
    assert_eq!(status(&done), "ACKNOWLEDGED");
    assert_eq!(done.json["data"]["acknowledgeAlert"]["alert"]["acknowledgedBy"], "ben");
    let hidden = ask_with(&world, SITE, mutation, json!({ "id": foreign })).await;
    let missing = ask_with(&world, SITE, mutation, json!({ "id": "alert_none" })).await;
    assert_eq!(hidden.text, missing.text, "existence is not told");
    assert_eq!(status(&hidden), "NOT_FOUND");
    let note = json!({ "id": own, "note": "x".repeat(2_001) });
    let long = ask_with(&world, SITE, mutation, note).await;
    assert_eq!(status(&long), "REJECTED");
}
