//! SQL Server, as far as its protocol goes: a responder that speaks TDS 7.4 as MS-TDS publishes
//! it, with answers made here. No SQL Server is asked; this tests the wire, the binding of
//! parameters and the conversion of values, and nothing a server decides.

mod tds;

use super::*;
use hub_domain::run::LoadStatus;
use tds::{Answer, Kind, Responder, column, row};

const CONTRACT: &str = "{ visit: { key: [id], columns: { id: int64, 姓名: 'text?', ok: 'bool?', \
                        born: 'date?', at: timestamp, seen: 'timestamp?', fee: 'decimal(12,2)?', \
                        weight: 'decimal(6,3)?', note: 'text?' } } }";

/// Name, type as the server prints it, precision, scale, part of the key.
const COLUMNS: [(&str, &str, i32, i32, bool); 9] = [
    ("id", "int", 10, 0, true),
    ("姓名", "nvarchar(20)", 0, 0, false),
    ("ok", "bit", 1, 0, false),
    ("born", "date", 10, 0, false),
    ("at", "datetime2(7)", 27, 7, false),
    ("seen", "datetimeoffset(7)", 34, 7, false),
    ("fee", "money", 19, 4, false),
    ("weight", "float", 53, 0, false),
    ("note", "nvarchar(max)", 0, 0, false),
];

fn described() -> Answer {
    let head = vec![
        column("name", Kind::Text),
        column("system_type_name", Kind::Text),
        column("precision", Kind::Int),
        column("scale", Kind::Int),
        column("is_part_of_unique_key", Kind::Bit),
    ];
    let rows = COLUMNS.iter().map(|(name, kind, precision, scale, key)| {
        row(&[
            tds::text(name),
            tds::text(kind),
            tds::int(*precision),
            tds::int(*scale),
            tds::bit(*key),
        ])
    });
    Answer::rows(&head, &rows.collect::<Vec<_>>())
}

/// The columns in the order they are asked for: the contract's.
fn head() -> Vec<Vec<u8>> {
    vec![
        column("at", Kind::DateTime2),
        column("born", Kind::Date),
        column("fee", Kind::Decimal),
        column("id", Kind::Int),
        column("note", Kind::LongText),
        column("ok", Kind::Bit),
        column("seen", Kind::DateTimeOffset),
        column("weight", Kind::Float),
        column("姓名", Kind::Text),
    ]
}

/// Days from 0001-01-01.
fn days(date: &str) -> u32 {
    use chrono::Datelike;
    let date: NaiveDate = date.parse().expect("a date");
    u32::try_from(date.num_days_from_ce() - 1).expect("after Christ")
}

fn visit(id: i32, name: &str, tenths: u64, fee: i64) -> Vec<u8> {
    let eight = 8 * 3_600 * 10_000_000;
    row(&[
        tds::datetime2(days("2026-03-01"), eight + tenths),
        tds::date(days("1990-02-28")),
        tds::decimal(fee),
        tds::int(id),
        tds::long_text("长"),
        tds::bit(true),
        // A quarter past midnight in UTC, told with the offset of its writer.
        tds::datetimeoffset(days("2026-03-01"), 15 * 60 * 10_000_000, 480),
        tds::float(0.125),
        tds::text(name),
    ])
}

fn bench(responder: &Responder, table: &str) -> Bench {
    let port = responder.port();
    let url = format!("sqlserver://hub:s%40fe@127.0.0.1:{port}/his?encrypt=off");
    let section = format!("{{ kind: sqlserver, url: '{url}', tables: {{ visit: {table} }} }}");
    Bench::new(CONTRACT, &section)
}

#[tokio::test(flavor = "multi_thread")]
async fn tds_values_come_exactly_in_one_transaction() {
    let responder = Responder::start(vec![
        (
            "snapshot_isolation_state",
            Answer::rows(&[column("s", Kind::Int)], &[row(&[tds::int(1)])]),
        ),
        ("dm_exec_describe_first_result_set", described()),
        (
            "FROM [dbo].[visit] AS t",
            Answer::rows(
                &head(),
                &[
                    visit(1, "王 𠮷", 2_500_000, 125_000),
                    visit(2, "b", 1, 1),
                    visit(3, "c", 0, 50),
                    visit(1, "again", 0, 0),
                ],
            ),
        ),
    ])
    .await;
    let bench = bench(&responder, "{ from: dbo.visit }");
    let load = bench.night(1).await.remove(0);
    assert_eq!((load.status, load.notices.as_slice()), (LoadStatus::Loaded, &[][..]));
    // A time finer than a microsecond, half a fen, and a key that comes twice.
    assert_eq!(load.rejected, counts(&[("bad_value", 2), ("duplicate_key", 1)]));
    assert_eq!(
        bench.refused("visit").await,
        ["bad_value at 2", "bad_value fee 3", "duplicate_key NULL 1"]
    );
    assert_eq!(
        bench.current("visit", "id", "id, 姓名, ok, born, at, seen, fee, weight, note").await,
        ["1 王 𠮷 true 1990-02-28 2026-03-01T00:00:00.250Z 2026-03-01T00:15:00Z 12.50 0.125 长"]
    );
    let asked = responder.asked();
    let login = &asked[0];
    assert_eq!((login.as_str(), responder.reads_only()), ("hub@his", true));
    let begin =
        asked.iter().find(|text| text.contains("BEGIN TRANSACTION")).expect("a transaction");
    assert!(
        begin.contains("ISOLATION LEVEL SNAPSHOT") && begin.contains("LOCK_TIMEOUT"),
        "{begin}"
    );
    assert!(asked.iter().any(|text| text.contains("CONVERT(decimal(19,4), t.[fee])")));
    assert!(asked.last().expect("a request").contains("ROLLBACK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tds_reads_by_cursor_are_bounded_and_read_committed_is_told() {
    let responder = Responder::start(vec![
        ("dm_exec_describe_first_result_set", described()),
        ("FROM [visit] AS t", Answer::rows(&head(), &[visit(1, "a", 0, 100)])),
    ])
    .await;
    let bench = bench(&responder, "{ cursor: { column: at, lag: 1h } }");
    let load = bench.night(1).await.remove(0);
    assert!(load.notices.iter().any(|told| told.contains("READ COMMITTED")), "{:?}", load.notices);
    bench.night(2).await;
    let asked = responder.asked();
    let from = "t.[at] >= CONVERT(datetime2, '2026-03-01 07:00:00', 121)";
    let bounded = asked.iter().find(|text| text.contains(from));
    let bounded = bounded.unwrap_or_else(|| panic!("a bounded read: {asked:?}"));
    assert!(bounded.contains("OR t.[at] IS NULL"), "{bounded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tds_reads_that_break_off_land_nothing() {
    for broken in
        [Answer::cut(&head(), &visit(1, "a", 0, 100)), Answer::error(3_960, "snapshot too old")]
    {
        let responder = Responder::start(vec![
            ("dm_exec_describe_first_result_set", described()),
            ("FROM [visit] AS t", broken),
        ])
        .await;
        let bench = bench(&responder, "{}");
        let text = bench.fails(1).await;
        assert!(text.contains("`visit`") && text.contains("broke off"), "{text}");
        assert_eq!(bench.version("visit").await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tds_sessions_are_encrypted_unless_said_otherwise() {
    // The responder has no certificate: an address that does not give encryption up is refused.
    let responder = Responder::start(Vec::new()).await;
    let url = format!("sqlserver://hub:x@127.0.0.1:{}/his", responder.port());
    let section: SourceConfig =
        serde_saphyr::from_str(&format!("{{ kind: sqlserver, url: '{url}' }}")).expect("a section");
    let refused = connect("src", &section, chrono_tz::UTC).await;
    assert!(matches!(refused, Err(ExtractError::Connect { .. })));
    assert!(responder.asked().is_empty(), "no password was sent");
}
