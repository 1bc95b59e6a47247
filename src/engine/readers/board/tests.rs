//! Boards over small tables.

use hub_domain::board::{BoardQuery, Status};
use hub_domain::metric::DimensionFilter;
use hub_domain::page::PageRequest;
use rust_decimal::Decimal;

use super::*;
use crate::readers::testing::{Fixture, day};

const CARDS: &str = "card_id, site_id, biz_date, status, planned_at, arrived_at, left_at, \
                     has_open_bill, masked_name";

fn on_site(id: &str, site: &str) -> BoardQuery {
    let filter = DimensionFilter {
        dimension: "site".into(),
        any_of: Some(vec![site.into()]),
        ..DimensionFilter::default()
    };
    BoardQuery { id: id.into(), filter: vec![filter], range: None }
}

async fn fixture() -> Fixture {
    let fixture = Fixture::new("2026-03-15");
    fixture
        .fill(
            "payment",
            "payment_id, site_id, biz_date, is_cash, cash_fen",
            "('1', 'A', '2026-03-02', true, 6000), ('2', 'A', '2026-03-15', true, 3000), \
             ('3', 'B', '2026-03-15', true, 777), ('4', 'A', '2026-02-20', true, 1000)",
        )
        .await;
    fixture
        .fill(
            "target",
            "metric, month, org_unit_id, level, site_id, biz_date, value",
            "('revenue_cash', '2026-03', 'A', 'site', 'A', '2026-03-01', 18000), \
             ('revenue_cash', '2026-03', 'G', 'brand', null, '2026-03-01', 99999), \
             ('revenue_cash', '2026-02', 'A', 'site', 'A', '2026-02-01', 18000)",
        )
        .await;
    fixture
        .fill(
            "appointment_card",
            CARDS,
            "('c1', 'A', '2026-03-15', 'booked', '2026-03-15T02:00:00', null, null, false, '王*'), \
             ('c2', 'A', '2026-03-15', 'booked', '2026-03-15T01:00:00', null, null, false, '李*'), \
             ('c3', 'A', '2026-03-15', 'fulfilled', '2026-03-15T01:00:00', \
              '2026-03-15T01:00:00', '2026-03-15T03:00:00', false, '赵*'), \
             ('c4', 'A', '2026-03-15', 'arrived', '2026-03-15T01:00:00', \
              '2026-03-15T01:00:00', null, true, '钱*'), \
             ('c5', 'A', '2026-03-14', 'booked', '2026-03-14T01:00:00', null, null, false, '孙*'), \
             ('c6', 'B', '2026-03-15', 'noshow', '2026-03-15T01:00:00', null, null, false, '周*')",
        )
        .await;
    fixture
}

#[tokio::test]
async fn a_tile_has_value_comparison_target_and_sparkline() {
    let fixture = fixture().await;
    let board = board(&fixture, &on_site("site_manager", "A")).await.expect("a board");
    assert_eq!(board.day, day("2026-03-15"));
    let tile = board.tiles.iter().find(|it| it.metric.id == "revenue_cash").expect("a tile");
    let number = |n: i64| Some(Decimal::from(n));
    assert_eq!(tile.range, DateRange { from: day("2026-03-01"), to: day("2026-03-15") });
    assert_eq!((tile.value, tile.compare), (number(9000), number(1000)));
    assert_eq!(tile.target, number(18000), "the brand's own target is not added");
    assert_eq!(tile.attainment, Some("0.5".parse().expect("a number")));
    assert_eq!(tile.status, Status::Good, "half the month owes 15/31 of the target");
    assert_eq!(tile.sparkline.len(), 14);
    assert_eq!((tile.sparkline[0], tile.sparkline[13]), (number(6000), number(3000)));
    let attainment = board.tiles.iter().find(|it| it.metric.id == "target_attainment");
    let attainment = attainment.expect("a tile");
    assert_eq!(attainment.value, Some("0.5".parse().expect("a number")));
    assert_eq!(attainment.sparkline.len(), 6);
}

#[tokio::test]
async fn tiles_that_share_a_range_share_statements() {
    let fixture = fixture().await;
    board(&fixture, &on_site("site_manager", "A")).await.expect("a board");
    let statements = fixture.statements.lock().expect("statements");
    let of_visits = statements.iter().filter(|sql| sql.contains("hub.visit\n")).count();
    // Day, month to date and their previous periods, one sparkline per grain, two charts.
    assert!(of_visits <= 9, "{of_visits} statements over visits:\n{}", statements.join("\n\n"));
}

#[tokio::test]
async fn lanes_count_all_cards_and_each_card_once() {
    let fixture = fixture().await;
    let query = on_site("site_manager", "A");
    let board = board(&fixture, &query).await.expect("a board");
    let counts: Vec<(&str, u64)> =
        board.lanes.iter().map(|lane| (lane.id.as_str(), lane.count)).collect();
    let expected = [
        ("waiting", 2),
        ("arrived", 1),
        ("consulting", 0),
        ("treating", 0),
        ("paying", 0),
        ("left", 1),
        ("missed", 0),
    ];
    assert_eq!(counts, expected);
    let mut page = PageRequest { first: 1, after: None };
    let mut seen = Vec::new();
    loop {
        let got = cards(&fixture, &query, "waiting", &page).await.expect("cards");
        seen.extend(got.edges.iter().map(|edge| edge.node.id.clone()));
        page.after = got.edges.last().map(|edge| edge.cursor.clone());
        if !got.has_next_page {
            break;
        }
    }
    assert_eq!(seen, ["c2", "c1"]);
    assert!(cards(&fixture, &query, "nowhere", &page).await.is_err());
}

#[tokio::test]
async fn every_board_of_the_project_answers_on_empty_tables() {
    for id in ["group_ceo", "site_manager"] {
        let fixture = Fixture::new("2026-03-15");
        let query = BoardQuery { id: id.into(), ..BoardQuery::default() };
        let board = board(&fixture, &query).await.expect("a board");
        assert!(board.tiles.len() > 10 && board.charts.len() > 2, "{id}");
        assert!(board.tiles.iter().all(|tile| tile.target.is_none()));
    }
}

#[test]
fn a_month_is_closed_on_its_last_day() {
    assert_eq!(closed_month(day("2026-03-31")), day("2026-03-31"));
    assert_eq!(closed_month(day("2026-03-30")), day("2026-02-28"));
}
