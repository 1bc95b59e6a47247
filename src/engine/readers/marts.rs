//! Marts about behaviour, by hand over small tables.

use super::testing::Fixture;

const REFERRALS: &str = "referral_id, referrer_kind, referrer_person_id, referred_person_id, at, \
                         biz_date, site_id, reward_fen";

fn referral(id: u32, referrer: &str, referred: &str, kind: &str) -> String {
    format!(
        "('{id}', '{kind}', '{referrer}', '{referred}', '2026-01-0{id}T00:00:00', '2026-02-01', \
         'A', 0)"
    )
}

/// a brought b, b brought c; then c is said to have brought a: the circle stays open there.
#[tokio::test]
async fn referrals_make_a_tree_without_circles() {
    let fixture = Fixture::new("2026-03-31");
    let rows = [
        referral(1, "a", "b", "customer"),
        referral(2, "b", "c", "customer"),
        referral(3, "c", "a", "customer"),
        referral(4, "d", "d", "customer"),
        referral(5, "e", "b", "customer"),
        referral(6, "a", "f", "customer"),
        referral(7, "x", "y", "doctor"),
        referral(8, "c", "g", "customer"),
    ];
    fixture.fill("referral", REFERRALS, &rows.join(", ")).await;
    let cash = "('1', 'c', 'A', true, 700), ('2', 'c', 'A', false, 5), ('3', 'c', 'B', true, 90)";
    fixture.fill("payment", "payment_id, person_id, site_id, is_cash, cash_fen", cash).await;
    for table in ["referral_above", "referral_edge", "referral_tree"] {
        fixture.make(table).await;
    }
    let edges = "select referral_id, status from hub.referral_edge order by referral_id";
    let wanted =
        ["1|counted", "2|counted", "3|circular", "4|self", "5|repeated", "6|counted", "8|counted"];
    assert_eq!(fixture.lines(edges).await, wanted);
    let tree = "select person_id, root_person_id, level, brought, cash_fen \
                from hub.referral_tree order by person_id";
    assert_eq!(fixture.lines(tree).await, ["b|a|1|1|0", "c|a|2|1|700", "f|a|1|0|0", "g|a|3|0|0"]);
}

/// Cleaning every 180 days. p came back in time, q too late, r is due in a month, s missed it.
#[tokio::test]
async fn a_recall_is_kept_in_its_window_only() {
    let fixture = Fixture::new("2026-12-31");
    fixture.fill("data_through", "data_through", "('2026-12-31')").await;
    let item = "('I1', '洁牙', '洁牙', 'service', 'dental', 180)";
    let columns = "item_id, name, category, item_type, business_line, recall_interval_days";
    fixture.fill("item", columns, item).await;
    let acts = [
        ("p", "2026-02-01"),
        ("p", "2026-07-02"),
        ("q", "2026-02-01"),
        ("q", "2026-10-15"),
        ("r", "2026-08-01"),
        ("s", "2026-01-01"),
    ];
    let rows: Vec<String> = acts
        .iter()
        .zip(0..)
        .map(|((person, on), id)| {
            format!("('{id}', '{person}', 'I1', 'done', '{on}', 'A', 'dental')")
        })
        .collect();
    let columns = "procedure_id, person_id, item_id, status, biz_date, site_id, business_line";
    fixture.fill("procedure", columns, &rows.join(", ")).await;
    fixture.make("recall_rule").await;
    fixture.make("recall_due").await;
    let due = "select person_id, biz_date, kept_on, status from hub.recall_due \
               where person_id in ('p', 'q', 'r', 's') order by person_id, biz_date";
    let wanted = [
        "p|2026-07-31|2026-07-02|kept",
        "p|2026-12-29|NULL|overdue",
        "q|2026-07-31|NULL|missed",
        "q|2027-04-13|NULL|upcoming",
        "r|2027-01-28|NULL|due",
        "s|2026-06-30|NULL|missed",
    ];
    assert_eq!(fixture.lines(due).await, wanted);
}

#[tokio::test]
async fn children_are_due_by_age_from_their_first_visit_on() {
    let fixture = Fixture::new("2026-12-31");
    fixture.fill("data_through", "data_through", "('2026-12-31')").await;
    fixture.fill("person", "person_id, birth_date", "('k', '2026-01-15'), ('m', null)").await;
    let visits = "('1', 'k', 'A', 'pediatrics', '2026-05-01'), \
                  ('2', 'm', 'A', 'pediatrics', '2026-05-01')";
    fixture.fill("visit", "visit_id, person_id, site_id, business_line, biz_date", visits).await;
    fixture.make("recall_rule").await;
    fixture.make("recall_due").await;
    let due = "select rule_id, biz_date, status from hub.recall_due \
               where category = '儿保' and biz_date < date '2027-08-01' order by biz_date";
    // Not the third month, which was over before the clinic knew the child.
    let wanted = [
        "儿保:12|2027-01-15|due",
        "儿保:18|2027-07-15|upcoming",
        "儿保:6|2026-07-15|missed",
        "儿保:8|2026-09-15|missed",
    ];
    assert_eq!(fixture.lines(due).await, wanted);
}

/// An anonymous visitor becomes the person their id later names; of two persons, nobody.
#[tokio::test]
async fn paths_hold_the_touches_before_the_end() {
    let fixture = Fixture::new("2026-03-31");
    let touch = |id: u32, person: &str, anon: &str, channel: &str, kind: &str, on: &str| {
        let (kind, direction) = kind.split_once('/').unwrap_or((kind, "in"));
        format!(
            "('{id}', {person}, {anon}, '{channel}', '{kind}', '{direction}', '{on}T00:00:00', \
             '{on}')"
        )
    };
    let touches = [
        touch(1, "null", "'x'", "C1", "view", "2026-01-01"),
        touch(2, "'p'", "'x'", "C2", "form", "2026-02-01"),
        touch(3, "'p'", "null", "C3", "message", "2026-03-05"),
        touch(4, "'p'", "null", "C4", "message/out", "2026-02-02"),
        touch(5, "'q'", "'y'", "C1", "call", "2026-02-03"),
        touch(6, "'r'", "'y'", "C2", "call", "2026-02-04"),
        touch(7, "null", "'y'", "C5", "view", "2026-01-01"),
    ];
    let columns = "touch_id, person_id, anon_id, channel_id, kind, direction, at, biz_date";
    fixture.fill("touchpoint", columns, &touches.join(", ")).await;
    let visits = "('v1', 'p', 'A', '2026-03-01T02:00:00', '2026-03-01', true, 900), \
                  ('v2', 'p', 'A', '2026-03-09T02:00:00', '2026-03-09', true, 50)";
    let columns = "visit_id, person_id, site_id, arrived_at, biz_date, is_paying, cash_fen";
    fixture.fill("visit", columns, visits).await;
    fixture.make("person_touch").await;
    fixture.make("touch_path").await;
    let paths = "select path_id, touch_id, outcome, days_before, value_fen \
                 from hub.touch_path order by path_id, touch_id";
    let wanted = [
        "lost:q|5|lost|0|0",
        "lost:r|6|lost|0|0",
        "v1|1|first_paid|59|900",
        "v1|2|first_paid|28|900",
        "v2|1|paid|67|50",
        "v2|2|paid|36|50",
        "v2|3|paid|4|50",
    ];
    assert_eq!(fixture.lines(paths).await, wanted);
}

/// Eight Mondays with two returns each and one booking; the ninth has two bookings.
#[tokio::test]
async fn a_forecast_knows_only_what_was_known_a_week_before() {
    let fixture = Fixture::new("2026-03-09");
    fixture.fill("data_through", "data_through", "('2026-03-09')").await;
    fixture.fill("org_unit", "org_unit_id, level", "('A', 'site')").await;
    let monday = |week: i64| {
        chrono::NaiveDate::from_ymd_opt(2026, 1, 5).expect("a day") + chrono::TimeDelta::weeks(week)
    };
    let (mut visits, mut bookings) = (Vec::new(), Vec::new());
    for week in 0..10 {
        let on = monday(week);
        let before = on - chrono::TimeDelta::days(9);
        for nth in 0..2 {
            visits.push(format!("('{week}{nth}', 'A', '{on}', 'return')"));
        }
        for nth in 0..if week == 9 { 2 } else { 1 } {
            bookings.push(format!("('{week}{nth}', 'A', '{on}', 'treatment', '{before}', null)"));
        }
    }
    // Booked too late, and cancelled in time: neither stood a week before.
    let last = monday(9);
    bookings.push(format!("('late', 'A', '{last}', 'treatment', '{last}', null)"));
    bookings
        .push(format!("('off', 'A', '{last}', 'recheck', '2026-02-01', '2026-02-20T00:00:00')"));
    fixture.fill("visit", "visit_id, site_id, biz_date, visit_type", &visits.join(", ")).await;
    let columns = "appointment_id, site_id, biz_date, type, booked_on, cancelled_at";
    fixture.fill("appointment", columns, &bookings.join(", ")).await;
    fixture.make("return_forecast").await;
    let forecast = format!(
        "select booked, by_bookings, by_weekday, forecast, actual, error \
         from hub.return_forecast where biz_date = date '{last}'"
    );
    // Sixteen returns on eight bookings: two each, so four; the weekday says two.
    assert_eq!(fixture.lines(&forecast).await, ["2|4.0000|2.0000|3.0000|2|1.0000"]);
}
