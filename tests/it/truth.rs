//! Numbers of the hub against `truth.json`, through every door: GraphQL = SQL = check query =
//! truth, per site and month.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::support::{Row, clinichub, hub, truth};

/// The metrics the hub promises.
const METRICS: [&str; 24] = [
    "arrivals",
    "arrivals_first",
    "arrivals_return",
    "atv_deal",
    "atv_visit",
    "booking_rate",
    "close_rate",
    "close_rate_first",
    "complaint_rate",
    "consults",
    "cost_per_encounter",
    "gross_margin_pct",
    "leads",
    "material_ratio",
    "no_show_rate",
    "nps",
    "persons_seen",
    "referral_share_first",
    "refund_rate",
    "revenue_billed",
    "revenue_cash",
    "revenue_earned",
    "show_rate",
    "target_attainment",
];

/// Metrics that are numbers of things or sums of money, not quotients.
const PLAIN: [&str; 9] = [
    "arrivals",
    "arrivals_first",
    "arrivals_return",
    "consults",
    "leads",
    "persons_seen",
    "revenue_billed",
    "revenue_cash",
    "revenue_earned",
];

/// Months the demo touches, whole.
const RANGE: &str = r#"{ from: "2026-06-01", to: "2026-10-31" }"#;

/// One metric at one site in one month.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    numerator: Decimal,
    denominator: Option<Decimal>,
    value: Decimal,
}

/// Site and month → cell. Quotients by nothing and plain zeros are no cells.
type Cells = BTreeMap<(String, String), Cell>;

pub(crate) fn decimal(text: &str) -> Decimal {
    let parsed = text.parse().or_else(|_| Decimal::from_scientific(text));
    parsed.unwrap_or_else(|_| panic!("no number: `{text}`"))
}

pub(crate) fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(decimal(text)),
        other => Some(decimal(&other.to_string())),
    }
}

fn cell(metric: &str, numerator: Decimal, below: Option<Decimal>, value: Decimal) -> Option<Cell> {
    let plain = PLAIN.contains(&metric);
    let empty = if plain { value.is_zero() } else { below.is_none_or(|below| below.is_zero()) };
    let denominator = below.filter(|_| !plain);
    (!empty).then_some(Cell { numerator, denominator, value })
}

fn of_truth(metric: &str, truth: &Value) -> Cells {
    let rows = truth["metrics"].as_array().expect("metrics").iter();
    rows.filter(|row| row["metric"] == metric)
        .filter_map(|row| {
            let text = |name: &str| row[name].as_str().expect("text").to_owned();
            let numerator = number(&row["numerator"])?;
            let value = number(&row["value"])?;
            let cell = cell(metric, numerator, number(&row["denominator"]), value)?;
            Some(((text("site"), text("month")), cell))
        })
        .collect()
}

fn of_graphql(metric: &str) -> Cells {
    let query = format!(
        "{{ metrics(input: {{ metrics: [\"{metric}\"], groupBy: [\"site\"], grain: MONTH, \
         range: {RANGE}, first: 500 }}) {{ rows {{ period dimensions {{ value }} values {{ \
         value numerator denominator suppressed }} }} pageInfo {{ hasNextPage }} }} }}"
    );
    let answer = &hub().graphql(&query)["metrics"];
    assert_eq!(answer["pageInfo"]["hasNextPage"], false);
    let rows = answer["rows"].as_array().expect("rows").iter();
    rows.filter_map(|row| {
        let found = &row["values"][0];
        assert_eq!(found["suppressed"], false);
        let value = number(&found["value"])?;
        let numerator = number(&found["numerator"]).unwrap_or(value);
        let cell = cell(metric, numerator, number(&found["denominator"]), value)?;
        let site = row["dimensions"][0]["value"].as_str().unwrap_or_default().to_owned();
        let month = row["period"].as_str().expect("a period")[..7].to_owned();
        Some(((site, month), cell))
    })
    .collect()
}

fn of_rows(metric: &str, rows: Vec<Row>, scale: Option<Decimal>) -> Cells {
    let read = |row: &Row, name: &str| {
        row.get(name).filter(|text| !text.is_empty()).map(|text| decimal(text))
    };
    rows.into_iter()
        .filter_map(|row| {
            let numerator = read(&row, "numerator")?;
            let below = read(&row, "denominator");
            let value = match (scale, below) {
                (None, _) => read(&row, "value")?,
                (Some(scale), Some(below)) => (scale * numerator).checked_div(below)?,
                (Some(_), None) => numerator,
            };
            let cell = cell(metric, numerator, below, value)?;
            Some(((row["site"].clone(), row["month"].clone()), cell))
        })
        .collect()
}

/// Sums of the metric's view; of a distinct count, the count over the table itself.
fn of_sql(metric: &str) -> Cells {
    let statement = if metric == "persons_seen" {
        "select site_id as site, substr(cast(biz_date as varchar), 1, 7) as month, \
         count(distinct person_id) as numerator from hub.visit group by 1, 2"
            .to_owned()
    } else {
        format!(
            "select site, substr(cast(period as varchar), 1, 7) as month, sum(numerator) as \
             numerator, sum(denominator) as denominator from metrics.{metric} group by 1, 2"
        )
    };
    let scale = match metric {
        "nps" => 100,
        "complaint_rate" => 1_000,
        _ => 1,
    };
    of_rows(metric, hub().rows(&statement), Some(Decimal::from(scale)))
}

fn of_check(metric: &str) -> Cells {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("queries/checks/{metric}.sql"));
    let statement = std::fs::read_to_string(path).expect("a check query");
    of_rows(metric, hub().rows(&statement), None)
}

pub(crate) fn close(left: Decimal, right: Decimal) -> bool {
    let room = Decimal::new(1, 9) * left.abs().max(right.abs());
    (left - right).abs() <= room.max(Decimal::new(2, 12))
}

/// Differences, one line each.
fn differences(metric: &str, door: &str, found: &Cells, truth: &Cells) -> Vec<String> {
    let keys: BTreeSet<_> = found.keys().chain(truth.keys()).collect();
    let differs = |key: &&&(String, String)| match (found.get(**key), truth.get(**key)) {
        (Some(found), Some(truth)) => {
            found.numerator != truth.numerator
                || found.denominator != truth.denominator
                || !close(found.value, truth.value)
        }
        _ => true,
    };
    let wrong = keys.iter().filter(differs).map(|key| {
        format!("{metric} {key:?}: {door} {:?}, truth {:?}", found.get(*key), truth.get(*key))
    });
    wrong.collect()
}

#[test]
fn every_metric_is_the_same_through_every_door() {
    let truth = truth();
    let counted: BTreeSet<&str> = truth["metrics"]
        .as_array()
        .expect("metrics")
        .iter()
        .map(|row| row["metric"].as_str().expect("an id"))
        .collect();
    assert_eq!(counted, METRICS.into_iter().collect());
    let mut wrong = Vec::new();
    for metric in METRICS {
        let wanted = of_truth(metric, &truth);
        assert!(wanted.len() > 3, "{metric}: {} cells", wanted.len());
        for (door, found) in
            [("GraphQL", of_graphql(metric)), ("SQL", of_sql(metric)), ("check", of_check(metric))]
        {
            wrong.extend(differences(metric, door, &found, &wanted));
        }
    }
    assert!(wrong.is_empty(), "{} cells differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_metric_has_a_check_query() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/checks");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".sql", ""))
        .collect();
    let wanted = METRICS.into_iter().map(str::to_owned).collect();
    assert!(found.is_superset(&wanted), "{found:?}");
}

#[test]
fn every_table_holds_the_rows_it_must() {
    let mut wrong = Vec::new();
    for (table, rows) in truth()["tables"].as_object().expect("tables") {
        let found = hub().scalar(&format!("select count(*) from hub.{table}"));
        let rows = rows.to_string();
        if found != rows {
            wrong.push(format!("{table}: {found} rows, truth {rows}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let persons = hub().scalar("select count(*) from hub.patient_360");
    assert_eq!(persons, truth()["persons"].to_string());
}

#[test]
fn rejected_rows_are_counted_by_table_and_reason() {
    let rows = hub().rows(
        "select source || '.' || table_name as place, reason, sum(rows) as n \
         from ops.quarantine group by 1, 2",
    );
    let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for row in rows {
        let reasons = found.entry(row["place"].clone()).or_default();
        reasons.insert(row["reason"].clone(), row["n"].parse().expect("a number"));
    }
    let wanted: BTreeMap<String, BTreeMap<String, u64>> =
        serde_json::from_value(truth()["quarantined"].clone()).expect("counts");
    assert_eq!(found, wanted);
    let listed = clinichub(["quarantine", "list", "--config"]).arg(hub().config()).done().passed();
    assert!(wanted.keys().all(|place| listed.contains(place.split_once('.').expect("a dot").1)));
}

#[test]
fn money_adds_up_by_basis() {
    let truth = truth();
    for (basis, metric) in [
        ("billed", "revenue_billed"),
        ("cash", "revenue_cash"),
        ("earned", "revenue_earned"),
        ("refund", "refund_rate"),
    ] {
        let sum = hub().scalar(&format!("select sum(numerator) from metrics.{metric}"));
        let wanted = number(&truth["money_fen"][basis]).expect("fen");
        assert_eq!(decimal(&sum), wanted, "{basis}");
    }
}

#[test]
fn rows_read_are_rows_loaded_and_rows_rejected() {
    let runs = hub().graphql(
        "{ runs(first: 10) { nodes { status loads { source table rowsRead rowsLoaded \
         rowsRejected rejected { rows } } } } }",
    );
    let nodes = runs["runs"]["nodes"].as_array().expect("runs");
    assert_eq!(nodes.len(), 3);
    for run in nodes {
        assert_eq!(run["status"], "PUBLISHED");
        for load in run["loads"].as_array().expect("loads") {
            let count = |name: &str| load[name].as_u64().expect("a count");
            let by_reason = load["rejected"].as_array().expect("reasons").iter();
            let rejected: u64 = by_reason.map(|one| one["rows"].as_u64().expect("a count")).sum();
            assert_eq!(count("rowsRejected"), rejected, "{load}");
            assert_eq!(count("rowsRead"), count("rowsLoaded") + rejected, "{load}");
        }
    }
}

type Fired = BTreeSet<(String, String)>;

fn fired_by_truth(rule: &str) -> Fired {
    let truth = truth();
    let fired = truth["rules"][rule].as_array().expect("a rule").iter();
    fired
        .map(|one| {
            let text = |name: &str| one[name].as_str().expect("text").to_owned();
            (text("month"), text("subject"))
        })
        .collect()
}

#[test]
fn rules_replayed_over_all_months_fire_as_the_truth_says() {
    let mut any = 0;
    for rule in ["R1", "R2", "R3", "R4"] {
        let out = clinichub(["alerts", "replay", "--from", "2026-06-01", "--to", "2026-10-15"])
            .arg("--rule")
            .arg(rule)
            .arg("--config")
            .arg(hub().config())
            .done()
            .passed();
        let found: Fired = out
            .lines()
            .skip(1)
            .map(|line| {
                let mut words = line.split_whitespace().map(str::to_owned);
                (words.next().expect("a period"), words.next().expect("a subject"))
            })
            .collect();
        assert_eq!(found, fired_by_truth(rule), "{rule}");
        any += found.len();
    }
    assert!(any > 3, "the demo breaches no rule");
}

#[test]
fn firing_alerts_are_the_breaches_of_the_newest_closed_month() {
    let answer = hub().graphql(
        "{ alerts(first: 100) { nodes { rule subject period state } } \
         alertRules { id condition { ... on MetricCondition { months } } } }",
    );
    let alerts = answer["alerts"]["nodes"].as_array().expect("alerts");
    for rule in ["R1", "R2", "R3", "R4"] {
        let defined = answer["alertRules"].as_array().expect("rules").iter();
        let months = defined
            .filter(|one| one["id"] == rule)
            .map(|one| one["condition"]["months"].as_u64().expect("months"))
            .next()
            .expect("the rule");
        let judged = ["2026-09", "2026-08", "2026-07", "2026-06"];
        let judged = &judged[..usize::try_from(months).expect("few").min(judged.len())];
        let found: Fired = alerts
            .iter()
            .filter(|alert| alert["rule"] == rule && alert["state"] == "FIRING")
            .map(|alert| {
                let text = |name: &str| alert[name].as_str().expect("text").to_owned();
                (text("period"), text("subject"))
            })
            .collect();
        let wanted: Fired = fired_by_truth(rule)
            .into_iter()
            .filter(|(month, _)| judged.contains(&month.as_str()))
            .collect();
        assert_eq!(found, wanted, "{rule}");
    }
}
