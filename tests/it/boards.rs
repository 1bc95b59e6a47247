//! What people look at: boards, patients, callers and the funnel, against SQL over the tables
//! they are read from.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Row, hub};

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

const BOARD: &str = "title day freshness { snapshotId dataThrough provisional } \
     tiles { metric { id } range { from to } value status sparkline } charts { id rows { period \
     dimensions { value } values { metric value } } } \
     lanes { id count cards(first: 1000) { nodes { id title personId siteId } } }";

#[test]
fn two_boards_in_one_request_are_of_one_snapshot() {
    let answer = hub().graphql(&format!(
        "{{ boards {{ id }} snapshot {{ id businessDate }} group: board(id: \"group_ceo\") \
         {{ {BOARD} }} site: board(id: \"site_manager\") {{ {BOARD} }} }}"
    ));
    let ids: BTreeSet<String> =
        list(&answer["boards"]).iter().map(|one| text(&one["id"])).collect();
    assert!(ids.is_superset(&["group_ceo".to_owned(), "site_manager".to_owned()].into()));
    for board in [&answer["group"], &answer["site"]] {
        assert_eq!(board["freshness"]["snapshotId"], answer["snapshot"]["id"]);
        assert_eq!(board["freshness"]["provisional"], false);
        assert_eq!(board["day"], "2026-10-15");
        assert!(list(&board["tiles"]).len() >= 10);
        for chart in list(&board["charts"]) {
            assert!(!list(&chart["rows"]).is_empty(), "{chart}");
        }
        for tile in list(&board["tiles"]) {
            tile_is_the_metric(tile);
        }
    }
    lanes_are_counted(&answer["site"]);
}

fn tile_is_the_metric(tile: &Value) {
    let (metric, range) = (text(&tile["metric"]["id"]), &tile["range"]);
    let asked = hub().graphql(&format!(
        "{{ metrics(input: {{ metrics: [\"{metric}\"], range: {{ from: {}, to: {} }} }}) \
         {{ totals {{ value }} }} }}",
        range["from"], range["to"]
    ));
    assert_eq!(asked["metrics"]["totals"][0]["value"], tile["value"], "{tile}");
}

fn lanes_are_counted(board: &Value) {
    let day = text(&board["day"]);
    for lane in list(&board["lanes"]) {
        let cards = list(&lane["cards"]["nodes"]);
        assert_eq!(lane["count"].as_u64(), Some(cards.len() as u64), "{lane}");
        for card in cards {
            assert!(text(&card["title"]).contains('*'), "a name in the clear: {card}");
        }
    }
    let cards = hub().scalar(&format!(
        "select count(*) from hub.appointment_card where biz_date = date '{day}'"
    ));
    let ids: BTreeSet<String> = list(&board["lanes"])
        .iter()
        .flat_map(|lane| list(&lane["cards"]["nodes"]).iter().map(|card| text(&card["id"])))
        .collect();
    assert_eq!(cards, ids.len().to_string(), "every card of the day lies in a lane");
}

/// One person through GraphQL.
fn patient(id: &str) -> Value {
    let answer = hub().graphql(&format!(
        "{{ patient(id: \"{id}\") {{ id displayName lifecycle firstVisitOn lastVisitOn visitCount \
         identifiers {{ kind masked }} family {{ personId relation }} tags {{ tag }} \
         timeline(first: 1000) {{ nodes {{ id kind at amount siteId }} }} \
         money {{ billed cash earned refund deferred arrears }} \
         plans {{ id total items itemsDone }} entitlements {{ id timesLeft leftValue }} \
         tasks {{ id }} surveys {{ score }} consents {{ scope }} }} }}"
    ));
    answer["patient"].clone()
}

fn ids(value: &Value) -> BTreeSet<String> {
    list(value).iter().map(|one| text(&one["id"])).collect()
}

fn column(rows: &[Row], name: &str) -> BTreeSet<String> {
    rows.iter().map(|row| row[name].clone()).collect()
}

fn patient_equals_sql(id: &str) {
    let (found, hub) = (patient(id), hub());
    let of = |select: &str, table: &str| {
        hub.rows(&format!("select {select} from hub.{table} where person_id = '{id}'"))
    };
    let own = of("display_name, lifecycle", "patient_360").remove(0);
    assert_eq!(text(&found["displayName"]), own["display_name"]);
    assert_eq!(text(&found["lifecycle"]), own["lifecycle"]);
    let money = of(
        "coalesce(sum(billed_fen), 0) as billed, coalesce(sum(cash_fen), 0) as cash, \
         coalesce(sum(earned_fen), 0) as earned, coalesce(sum(refund_fen), 0) as refund, \
         coalesce(sum(deferred_fen), 0) as deferred, coalesce(sum(arrears_fen), 0) as arrears",
        "patient_money",
    );
    let told: Row = money[0].keys().map(|key| (key.clone(), text(&found["money"][key]))).collect();
    assert_eq!(told, money[0], "{id}");
    let visits = of("count(*) as n, min(biz_date) as first, max(biz_date) as last", "visit");
    assert_eq!(text(&found["visitCount"]), visits[0]["n"], "{id}");
    assert_eq!(text(&found["firstVisitOn"]), visits[0]["first"], "{id}");
    assert_eq!(text(&found["lastVisitOn"]), visits[0]["last"], "{id}");
    let timeline = of("event_id as id", "patient_timeline");
    assert_eq!(ids(&found["timeline"]["nodes"]), column(&timeline, "id"), "{id}");
    let at: Vec<String> =
        list(&found["timeline"]["nodes"]).iter().map(|one| text(&one["at"])).collect();
    assert!(at.is_sorted_by(|left, right| left >= right), "newest first: {id}");
    assert_eq!(ids(&found["plans"]), column(&of("plan_id", "patient_plan"), "plan_id"));
    let left = of("entitlement_id as id, times_left", "patient_entitlement");
    let left: Vec<Row> = left.into_iter().filter(|row| row["times_left"] != "0").collect();
    let told = list(&found["entitlements"]).iter().filter(|one| one["timesLeft"] != 0);
    let told: BTreeSet<String> = told.map(|one| text(&one["id"])).collect();
    assert!(told.is_subset(&column(&left, "id")), "{id}: {told:?}");
    let kinds = of("distinct kind", "person_identifier");
    let told: BTreeSet<String> =
        list(&found["identifiers"]).iter().map(|one| text(&one["kind"])).collect();
    assert_eq!(told, column(&kinds, "kind"), "{id}");
}

#[test]
fn a_patient_is_what_the_tables_say() {
    let merged = "select person_id from hub.person_link group by 1 having count(*) > 2 order by \
                  count(*) desc, 1 limit 3";
    let rich = "select person_id from hub.patient_timeline group by 1 order by count(*) desc, 1 \
                limit 3";
    let owing = "select person_id from hub.patient_money where arrears_fen > 0 order by 1 limit 2";
    let unseen = "select person_id from hub.patient_360 where lifecycle = 'potential' order by 1 \
                  limit 2";
    for choice in [merged, rich, owing, unseen] {
        let rows = hub().rows(choice);
        assert!(!rows.is_empty(), "{choice}");
        for row in rows {
            patient_equals_sql(&row["person_id"]);
        }
    }
    assert_eq!(patient("p_nobody"), Value::Null);
}

#[test]
fn a_timeline_reads_the_same_page_by_page() {
    let person = hub().scalar(
        "select person_id from hub.patient_timeline group by 1 order by count(*) desc, 1 limit 1",
    );
    let whole: Vec<String> =
        list(&patient(&person)["timeline"]["nodes"]).iter().map(|one| text(&one["id"])).collect();
    let (mut pages, mut after) = (Vec::new(), "null".to_owned());
    loop {
        let answer = hub().graphql(&format!(
            "{{ patient(id: \"{person}\") {{ timeline(first: 7, after: {after}) {{ \
             nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
        ));
        let page = &answer["patient"]["timeline"];
        pages.extend(list(&page["nodes"]).iter().map(|one| text(&one["id"])));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].to_string();
    }
    assert!(whole.len() > 14);
    assert_eq!(pages, whole);
}

#[test]
fn a_caller_is_everybody_the_phone_belongs_to() {
    let path = hub().dir.join("sources/his.db");
    let his = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opened");
    let mut statement = his
        .prepare(
            "select lxdh from t_br where length(lxdh) = 11 group by lxdh having \
             count(distinct csrq) > 1 order by count(*) desc, lxdh limit 40",
        )
        .expect("a statement");
    let phones: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("phones");
    let mut families = 0;
    for phone in phones {
        let rows = hub().rows(&format!(
            "select distinct link.person_id as id from raw.his_t_br as record \
             inner join hub.person_link as link \
             on link.record_id = 'his:' || cast(record.brid as varchar) \
             where record.lxdh = '{phone}'"
        ));
        let answer = hub().graphql(&format!(
            "{{ callerLookup(phone: \"{phone}\", purpose: \"incoming call\") {{ id }} }}"
        ));
        let (found, wanted) = (ids(&answer["callerLookup"]), column(&rows, "id"));
        assert!(found.is_superset(&wanted), "{phone}: {found:?} lacks some of {wanted:?}");
        let pretty = format!("+86 {}-{}-{}", &phone[..3], &phone[3..7], &phone[7..]);
        let again = hub().graphql(&format!(
            "{{ callerLookup(phone: \"{pretty}\", purpose: \"incoming call\") {{ id }} }}"
        ));
        assert_eq!(ids(&again["callerLookup"]), found, "{pretty}");
        families += usize::from(wanted.len() > 1);
    }
    assert!(families > 0, "no family shares a phone");
}

/// Steps of the lead funnel reached in order within 30 days of the lead, counted without the
/// product's aggregate.
fn reached(rows: &[Row], steps: &[String]) -> Vec<u64> {
    let mut leads: BTreeMap<&str, BTreeMap<&str, BTreeSet<i64>>> = BTreeMap::new();
    for row in rows {
        let micros = row["micros"].parse().expect("an instant");
        let events = leads.entry(&row["lead_id"]).or_default();
        events.entry(&row["step"]).or_default().insert(micros);
    }
    let mut reached = vec![0; steps.len()];
    for events in leads.values() {
        let first = |step: &str, from: i64| events.get(step)?.range(from..).next().copied();
        let Some(start) = first("lead", i64::MIN) else { continue };
        let mut before = start;
        for (count, step) in reached.iter_mut().zip(steps) {
            match first(step, before) {
                Some(at) if at - start <= 30 * 86_400_000_000 => before = at,
                _ => break,
            }
            *count += 1;
        }
    }
    reached
}

#[test]
fn the_funnel_counts_what_the_events_say() {
    let answer = hub().graphql(
        "{ funnel(id: \"F1\", range: { from: \"2026-07-01\", to: \"2026-10-15\" }, breakdown: \
         \"channel\") { total { steps { event reached } } series { value steps { event reached } } \
         matureThrough } }",
    );
    let funnel = &answer["funnel"];
    let events = |series: &Value| -> Vec<String> {
        list(&series["steps"]).iter().map(|step| text(&step["event"])).collect()
    };
    let counts = |series: &Value| -> Vec<u64> {
        list(&series["steps"]).iter().map(|step| step["reached"].as_u64().expect("n")).collect()
    };
    let rows = hub().rows(
        "select lead_id, step, channel_id, cast(date_part('epoch', at) * 1000000 as bigint) as \
         micros from hub.lead_event_step where entry_on between date '2026-07-01' and date \
         '2026-10-15'",
    );
    let steps = events(&funnel["total"]);
    assert_eq!(steps.first().map(String::as_str), Some("lead"));
    assert_eq!(counts(&funnel["total"]), reached(&rows, &steps));
    let mut sum = vec![0; steps.len()];
    for series in list(&funnel["series"]) {
        let channel = text(&series["value"]);
        let own: Vec<Row> =
            rows.iter().filter(|row| row["channel_id"] == channel).cloned().collect();
        assert_eq!(counts(series), reached(&own, &steps), "{channel}");
        sum.iter_mut().zip(counts(series)).for_each(|(sum, count)| *sum += count);
    }
    assert_eq!(sum, counts(&funnel["total"]), "channels add up");
    assert_eq!(funnel["matureThrough"], "2026-09-15");
}

#[test]
fn costs_add_up_by_class_department_and_month() {
    for by in ["COST_CLASS", "DEPARTMENT", "SITE"] {
        let answer = hub().graphql(&format!(
            "{{ costStructure(period: \"2026-09\", by: {by}) {{ rows {{ key amount }} total }} }}"
        ));
        let costs = &answer["costStructure"];
        let fen = |value: &Value| text(value).parse::<i64>().expect("fen");
        let sum: i64 = list(&costs["rows"]).iter().map(|row| fen(&row["amount"])).sum();
        assert_eq!(sum, fen(&costs["total"]), "{by}");
        let booked = hub().scalar(
            "select sum(to_fen(amount)) from raw.ledger_cost_entry where period = '2026-09'",
        );
        assert_eq!(fen(&costs["total"]).to_string(), booked, "{by}");
    }
}
