//! Metrics beyond the ones the truth counts: GraphQL = check query, per site and month.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::support::hub;
use crate::truth::{close, decimal, number};

/// Site (empty for none) and month → value.
type Values = BTreeMap<(String, String), Decimal>;

/// Sums of nothing are told as 0 or not at all; quotients by nothing never are.
fn put(values: &mut Values, site: &str, month: &str, value: Option<Decimal>, plain: bool) {
    if let Some(value) = value.filter(|value| !plain || !value.is_zero()) {
        values.insert((site.to_owned(), month.to_owned()), value);
    }
}

fn of_graphql(metric: &str, plain: bool) -> Values {
    let answer = hub().graphql(&format!(
        "{{ metrics(input: {{ metrics: [\"{metric}\"], groupBy: [\"site\"], grain: MONTH, \
         range: {{ from: \"2026-06-01\", to: \"2027-03-31\" }}, first: 500 }}) \
         {{ rows {{ period dimensions {{ value }} values {{ value }} }} }} }}"
    ));
    let mut values = Values::new();
    for row in answer["metrics"]["rows"].as_array().expect("rows") {
        let site = row["dimensions"][0]["value"].as_str().unwrap_or_default();
        let month = &row["period"].as_str().expect("a period")[..7];
        put(&mut values, site, month, number(&row["values"][0]["value"]), plain);
    }
    values
}

fn of_check(statement: &str, plain: bool) -> Values {
    let mut values = Values::new();
    for row in hub().rows(statement) {
        let value = Some(&row["value"]).filter(|text| !text.is_empty()).map(|text| decimal(text));
        put(&mut values, &row["site"], &row["month"], value, plain);
    }
    values
}

fn has_site(metric: &Value) -> bool {
    metric["dimensions"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == "site"))
}

#[test]
fn every_check_query_agrees_with_graphql() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/checks");
    let answer = hub().graphql("{ metricCatalog { id kind dimensions { id } } }");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for metric in answer["metricCatalog"].as_array().expect("metrics") {
        let id = metric["id"].as_str().expect("an id");
        let path = folder.join(format!("{id}.sql"));
        if !has_site(metric) || !path.exists() {
            continue;
        }
        compared += 1;
        let statement = std::fs::read_to_string(&path).expect("a check query");
        let plain = metric["kind"] != "RATIO";
        let (found, wanted) = (of_graphql(id, plain), of_check(&statement, plain));
        let keys: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
        for key in keys {
            let (found, wanted) = (found.get(key), wanted.get(key));
            if !matches!((found, wanted), (Some(found), Some(wanted)) if close(*found, *wanted)) {
                wrong.push(format!("{id} {key:?}: GraphQL {found:?}, check {wanted:?}"));
            }
        }
    }
    assert!(compared >= 35, "{compared} metrics compared");
    assert!(wrong.is_empty(), "{} cells differ\n{}", wrong.len(), wrong.join("\n"));
}
