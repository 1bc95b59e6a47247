//! Nightly summaries of the shared demo: read where they can answer, with the same numbers.

use serde_json::Value;

use crate::support::hub;

/// Asked beside others, it makes the hub read the visits themselves.
const DISTINCT: &str = "persons_seen";

fn ask(key: &str, metrics: &[&str], filter: &str) -> Value {
    let metrics: Vec<String> = metrics.iter().map(|id| format!("\"{id}\"")).collect();
    let query = format!(
        "{{ metrics(input: {{ metrics: [{}], groupBy: [\"site\", \"business_line\"], grain: MONTH, \
         range: {{ from: \"2026-05-20\", to: \"2026-11-30\" }}, filter: [{filter}], \
         compare: PREVIOUS_PERIOD, first: 1000 }}) \
         {{ sql totals {{ value }} rows {{ period dimensions {{ value }} \
         values {{ value compare }} }} }} }}",
        metrics.join(", ")
    );
    hub().served.graphql(key, &query)["metrics"].clone()
}

/// Rows of the first `count` metrics, as text.
fn rows(answer: &Value, count: usize) -> Vec<String> {
    let rows = answer["rows"].as_array().expect("rows").iter();
    let told = rows.map(|row| {
        let values = &row["values"].as_array().expect("values")[..count];
        format!("{} {} {values:?}", row["period"], row["dimensions"])
    });
    told.collect()
}

#[test]
fn a_summary_is_read_and_says_what_the_table_says() {
    let metrics = ["arrivals", "arrivals_first", "paying_visits"];
    let beside: Vec<&str> = metrics.iter().copied().chain([DISTINCT]).collect();
    for filter in ["", "{ dimension: \"visit_type\", notIn: [\"first\"] }"] {
        for key in [&hub().ceo, &hub().manager] {
            let (summed, plain) = (ask(key, &metrics, filter), ask(key, &beside, filter));
            assert!(!rows(&summed, 3).is_empty(), "{summed}");
            assert_eq!(rows(&summed, 3), rows(&plain, 3));
            let totals = plain["totals"].as_array().expect("totals");
            assert_eq!(summed["totals"].as_array().expect("totals")[..], totals[..3]);
            if key == &hub().ceo {
                let (summed, plain) = (summed["sql"].to_string(), plain["sql"].to_string());
                assert!(summed.contains("hub.summary_visit"), "{summed}");
                assert!(plain.contains("hub.visit") && !plain.contains("summary"), "{plain}");
            } else {
                assert!(!summed["sql"].to_string().contains("summary"), "{summed}");
            }
        }
    }
}

#[test]
fn a_summary_keeps_the_policy_of_its_source() {
    let all = hub().rows("select distinct site_id from hub.summary_visit");
    assert!(all.len() > 1);
    let own = hub().served.rows(&hub().manager, "select distinct site_id from hub.summary_visit");
    let own: Vec<&str> = own.iter().map(|row| row["site_id"].as_str()).collect();
    assert_eq!(own, [crate::support::Hub::SITE]);
    let totals = "select sum(n_arrivals) from hub.summary_visit";
    assert_eq!(hub().scalar(totals), hub().scalar("select count(*) from hub.visit"));
}
