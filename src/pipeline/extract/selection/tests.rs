//! Conditions per database, and that they never say less than the intake takes.

use super::*;
use crate::extract::config::TableConfig;
use crate::extract::schema::{FoundColumn, Plan, Relation};
use crate::extract::watermark::parse;

fn spec(column_type: ColumnType, native: Native) -> TableSpec {
    let found = |name: &str, column_type, native| FoundColumn {
        name: name.to_owned(),
        column_type,
        native,
        primary: name == "id",
        nullable: None,
    };
    let found = vec![found("at", column_type, native), found("id", ColumnType::Int64, Native::Int)];
    let config = TableConfig::default();
    let relation = Relation::Table("t".into());
    Plan {
        source: "his",
        table: "t",
        config: &config,
        contract: None,
        relation,
        found,
        before: None,
    }
    .spec()
    .expect("a spec")
}

fn range(from: Option<i64>, to: Option<i64>, odd: bool) -> Selection {
    Selection { ranges: vec![Range { column: 0, from, to, odd }], filled: None }
}

#[test]
fn each_database_compares_in_its_own_words() {
    let zone = ZoneTable::new(chrono_tz::Asia::Shanghai);
    let at = |text| parse(text, ColumnType::Timestamp);
    let (from, to) = (at("2026-03-01T00:00:00.5Z"), at("2026-03-31T16:00:00Z"));
    let wall = spec(ColumnType::Timestamp, Native::Wall);
    let condition = |selection: &Selection, spec: &TableSpec, dialect| {
        selection.condition(spec, &zone, dialect).unwrap_or_default()
    };
    assert_eq!(
        condition(&range(from, to, false), &wall, Dialect::Postgres),
        "(t.\"at\" >= TIMESTAMP '2026-03-01 08:00:00' AND t.\"at\" < TIMESTAMP '2026-04-01 00:00:00')"
    );
    assert_eq!(
        condition(&range(from, None, true), &wall, Dialect::Mysql),
        "((t.`at` >= '2026-03-01 08:00:00') OR t.`at` IS NULL OR t.`at` < '1000-01-01')"
    );
    let loose = spec(ColumnType::Timestamp, Native::Other);
    assert_eq!(
        condition(&range(from, from, false), &loose, Dialect::Sqlite),
        "(t.\"at\" >= '2026-03-01' AND t.\"at\" < '2026-03-02')"
    );
    let instant = spec(ColumnType::Timestamp, Native::Instant);
    assert_eq!(
        condition(&range(None, to, false), &instant, Dialect::Postgres),
        "(t.\"at\" < TIMESTAMPTZ '2026-03-31 16:00:00+00')"
    );
    // What cannot be compared is not: the intake does it.
    assert_eq!(range(from, None, true).condition(&loose, &zone, Dialect::Postgres), None);
    let filled = Selection { filled: Some(0), ..range(Some(5), None, false) };
    let number = spec(ColumnType::Int64, Native::Int);
    assert_eq!(
        condition(&filled, &number, Dialect::Mysql),
        "((t.`at` >= 5)) AND t.`at` IS NOT NULL"
    );
    assert_eq!(condition(&Selection::default(), &number, Dialect::Mysql), "");
}

#[test]
fn a_change_of_clocks_widens_the_condition() {
    let zone = ZoneTable::new(chrono_tz::Europe::Berlin);
    // 2026-10-25 00:30 UTC is the first passing of 02:30; 01:00 UTC is 02:00 once more.
    let from = parse("2026-10-25T00:30:00Z", ColumnType::Timestamp);
    let wall = spec(ColumnType::Timestamp, Native::Wall);
    let text = range(from, None, false).condition(&wall, &zone, Dialect::Mysql);
    assert_eq!(text.as_deref(), Some("(t.`at` >= '2026-10-25 01:30:00')"));
}

#[test]
fn ranges_are_closed_below_and_open_above() {
    let two = Selection {
        ranges: vec![
            Range { column: 0, from: Some(10), to: None, odd: true },
            Range { column: 1, from: Some(3), to: Some(5), odd: false },
        ],
        filled: None,
    };
    let takes = |selection: &Selection, cells: [At; 2]| selection.takes(|column| cells[column]);
    assert!(takes(&two, [At::Position(10), At::Null]));
    assert!(takes(&two, [At::Position(9), At::Position(3)]));
    assert!(!takes(&two, [At::Position(9), At::Position(5)]));
    assert!(!takes(&two, [At::Position(9), At::Odd]));
    assert!(takes(&two, [At::Null, At::Odd]) && takes(&two, [At::Odd, At::Null]));
    let filled = Selection { filled: Some(0), ..two };
    assert!(!takes(&filled, [At::Null, At::Position(4)]));
    assert!(takes(&filled, [At::Odd, At::Null]));
}
