//! Funnels, retention, attribution and the like over the demo: GraphQL beside plain SQL, and what
//! a site sees of them.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::support::{Hub, hub};

const RANGE: &str = r#"range: { from: "2026-05-01", to: "2026-10-15" }"#;

fn whole(value: &Value) -> i64 {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    number.unwrap_or_else(|| panic!("{value} is no whole number"))
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value}"))
}

fn reached(steps: &Value) -> Vec<i64> {
    steps.as_array().expect("steps").iter().map(|step| whole(&step["reached"])).collect()
}

fn count(statement: &str) -> i64 {
    hub().scalar(statement).parse().expect("a count")
}

#[test]
fn every_funnel_answers_and_never_widens() {
    for (id, entered) in [
        ("F1", "select count(*) from hub.lead where biz_date >= date '2026-05-01'"),
        (
            "F2",
            "select count(distinct lead_id) from hub.lead_event_step \
             where step = 'chat' and entry_on >= date '2026-05-01'",
        ),
        (
            "F3",
            "select count(distinct visit_id) from hub.sop_event \
             where step = 'triage' and biz_date >= date '2026-05-01'",
        ),
        (
            "F4",
            "select count(*) from hub.treatment_plan \
             where status not in ('draft', 'void') and biz_date >= date '2026-05-01'",
        ),
        (
            "F5",
            "select count(*) from hub.recall_due where status <> 'upcoming' \
             and biz_date between date '2026-05-01' and date '2026-10-15'",
        ),
        (
            "F6",
            "select 4 * count(distinct person_id || business_line) - count(known_line) \
             from (select a.*, b.business_line as known_line from hub.line_entry as a \
             left join hub.line_entry as b on a.person_id = b.person_id \
             and a.business_line <> b.business_line and b.entered_at <= a.entered_at) \
             where entered_on >= date '2026-05-01'",
        ),
        (
            "F7",
            "select count(distinct person_id) from hub.visit \
             where is_paying and biz_date >= date '2026-05-01'",
        ),
        (
            "F9",
            "select count(distinct coalesce(person_id, anon_id)) from hub.person_touch \
             where is_marketing and (person_id is not null or anon_id is not null)",
        ),
    ] {
        let answer = hub().graphql(&format!(
            "{{ funnel(id: \"{id}\", {RANGE}) {{ windowDays steps {{ reached medianSeconds }}
             total {{ mature {{ reached }} open {{ reached }} }} }} }}"
        ));
        let funnel = &answer["funnel"];
        let all = reached(&funnel["steps"]);
        assert_eq!(all[0], count(entered), "{id}");
        assert!(all.windows(2).all(|pair| pair[0] >= pair[1]), "{id}: {all:?}");
        let parts = [&funnel["total"]["mature"], &funnel["total"]["open"]].map(reached);
        let sums: Vec<i64> = parts[0].iter().zip(&parts[1]).map(|(a, b)| a + b).collect();
        assert_eq!(sums, all, "{id}");
    }
}

#[test]
fn lead_steps_are_those_a_join_finds() {
    let answer = hub().graphql(&format!(
        "{{ funnel(id: \"F1\", {RANGE}, breakdown: \"site\") {{ steps {{ reached }}
         series {{ value steps {{ reached }} }} }} }}"
    ));
    // Two steps by a join: contacted, then booked, in order and within thirty days.
    let booked = "select count(distinct lead.lead_id) from hub.lead_event_step as lead \
         inner join hub.lead_event_step as contact on lead.lead_id = contact.lead_id \
         inner join hub.lead_event_step as booking on lead.lead_id = booking.lead_id \
         where lead.step = 'lead' and contact.step = 'contacted' and booking.step = 'booked' \
         and contact.at >= lead.at and booking.at >= contact.at \
         and booking.at <= lead.at + interval '30 days'";
    let all = reached(&answer["funnel"]["steps"]);
    assert_eq!(all[2], count(booked));
    let series = answer["funnel"]["series"].as_array().expect("series");
    let sum: i64 = series.iter().map(|one| reached(&one["steps"])[2]).sum();
    assert_eq!(sum, all[2]);
}

#[test]
fn retention_is_what_the_months_of_visits_say() {
    let answer = hub().graphql(&format!(
        "{{ retention({RANGE}, bucket: MONTH, mode: RETURN_ON) {{ rows {{ cohort size cells {{
         fromBucket returned isMature }} }} total {{ size }} }} }}"
    ));
    let rows = answer["retention"]["rows"].as_array().expect("rows");
    let mut compared = 0;
    for row in rows {
        let month = &row["cohort"].as_str().expect("a cohort")[..7];
        for cell in row["cells"].as_array().expect("cells") {
            let k = whole(&cell["fromBucket"]);
            let wanted = count(&format!(
                "select count(distinct person_id) from hub.person_return \
                 where cohort_month = '{month}' and months_after = {k}"
            ));
            assert_eq!(whole(&cell["returned"]), wanted, "{month} + {k}");
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared} cells");
    let size = count("select count(distinct person_id) from hub.visit where is_paying");
    assert_eq!(whole(&answer["retention"]["total"]["size"]), size);
}

#[test]
fn every_model_credits_every_conversion() {
    let conversions = count("select count(distinct person_id) from hub.visit where is_paying");
    let cash = count(
        "select sum(value_fen) from (select path_id, min(value_fen) as value_fen \
         from hub.touch_path where outcome = 'first_paid' group by path_id)",
    );
    for model in
        ["FIRST", "LAST", "LINEAR", "U", "J", "INVERSE_J", "TIME_DECAY", "MARKOV", "SHAPLEY"]
    {
        let answer = hub().graphql(&format!(
            "{{ attribution({RANGE}, model: {model}, beside: LAST) {{ channel label conversions
             value beside {{ conversions value }} }} }}"
        ));
        let rows = answer["attribution"].as_array().expect("rows");
        let sum: Decimal = rows.iter().map(|row| decimal(&row["conversions"])).sum();
        assert_eq!(sum, Decimal::from(conversions), "{model}");
        let value: i64 = rows.iter().map(|row| whole(&row["value"])).sum();
        assert_eq!(value, cash, "{model}");
        let beside: i64 = rows.iter().map(|row| whole(&row["beside"]["value"])).sum();
        assert_eq!(beside, cash, "{model} beside last");
    }
}

#[test]
fn lines_and_drivers_add_up() {
    let answer = hub().graphql(&format!(
        "{{ crossLine({RANGE}, windowDays: 60) {{ fromLine toLine cohort persons }}
         profitDrivers({RANGE}, base: {{ from: \"2026-06-01\", to: \"2026-07-31\" }})
         {{ factors {{ id now contribution }} base now change }} }}"
    ));
    let pairs = answer["crossLine"].as_array().expect("pairs");
    let entered = count("select count(*) from hub.line_entry");
    let lines = count("select count(distinct business_line) from hub.line_entry");
    let cohorts: i64 = pairs.iter().map(|pair| whole(&pair["cohort"])).sum();
    assert_eq!(cohorts, entered * (lines - 1), "every line meets every other");
    let persons: i64 = pairs.iter().map(|pair| whole(&pair["persons"])).sum();
    let wanted = count(
        "select count(*) from hub.line_entry as a inner join hub.line_entry as b \
         on a.person_id = b.person_id where b.entered_at > a.entered_at \
         and b.entered_on <= a.entered_on + interval '60 days'",
    );
    assert_eq!(persons, wanted);
    let drivers = &answer["profitDrivers"];
    let cash = count("select sum(cash_fen) from hub.payment where is_cash");
    assert_eq!(whole(&drivers["now"]), cash);
    let factors = drivers["factors"].as_array().expect("factors");
    let parts: i64 = factors.iter().map(|it| whole(&it["contribution"])).sum();
    assert_eq!(parts, whole(&drivers["now"]) - whole(&drivers["base"]));
    let product: Decimal = factors.iter().map(|it| decimal(&it["now"])).product();
    assert!((product - Decimal::from(cash)).abs() < Decimal::ONE, "{product}");
}

/// What a site sees is made of its own rows: no more than the group sees of that site.
#[test]
fn a_site_sees_its_own_behaviour_only() {
    let (hub, site) = (hub(), Hub::SITE);
    let filter = format!("filter: [{{ dimension: \"site\", in: [\"{site}\"] }}]");
    let funnel = |arguments: &str| {
        format!("{{ funnel(id: \"F1\", {RANGE}{arguments}) {{ steps {{ reached }} }} }}")
    };
    let own = hub.served.graphql(&hub.manager, &funnel(""));
    let of_group = hub.graphql(&funnel(&format!(", {filter}")));
    assert_eq!(reached(&own["funnel"]["steps"]), reached(&of_group["funnel"]["steps"]));
    let series = hub.served.graphql(
        &hub.manager,
        &format!("{{ funnel(id: \"F1\", {RANGE}, breakdown: \"site\") {{ series {{ value }} }} }}"),
    );
    assert_eq!(series["funnel"]["series"], serde_json::json!([{ "value": site }]));
    let attribution = |arguments: &str| {
        format!(
            "{{ attribution({RANGE}, model: LINEAR{arguments}) {{ channel conversions value }} }}"
        )
    };
    let own = hub.served.graphql(&hub.manager, &attribution(""));
    let of_group = hub.graphql(&attribution(&format!(", {filter}")));
    assert_eq!(own["attribution"], of_group["attribution"]);
    let retention = format!(
        "{{ retention({RANGE}, bucket: MONTH, mode: RETURN_ON, cohort: FIRST_WITHIN, {filter})
         {{ total {{ size cells {{ returned cohort }} }} }} }}"
    );
    assert_eq!(
        hub.served.graphql(&hub.manager, &retention)["retention"],
        hub.graphql(&retention)["retention"]
    );
    let lists = ["recall_due", "touch_path", "sop_skip", "referral_tree", "return_forecast"];
    for table in lists {
        let statement = format!("select distinct site_id from hub.{table}");
        let rows = hub.served.rows(&hub.manager, &statement);
        assert!(rows.iter().all(|row| row["site_id"] == site), "{table}");
    }
    let above = hub.served.sql(&hub.manager, "select * from hub.referral_above");
    assert_eq!(above.status, 400, "chains over all sites are for the group: {}", above.body);
}
