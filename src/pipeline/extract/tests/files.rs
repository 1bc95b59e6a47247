//! Files that are not what they should be: packed, cut, copied twice, changed, wrongly described.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const CONTRACT: &str = "{ t: { key: [id], columns: { id: text, v: 'text?' } } }";

fn folder(kind: &str) -> Bench {
    let bench = Bench::new(CONTRACT, &format!("{{ kind: {kind}, path: DIR/in }}"));
    std::fs::create_dir(bench.path("in")).expect("a folder");
    bench
}

fn put(bench: &Bench, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(bench.path("in").join(name), bytes).expect("a file");
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).expect("packed");
    packer.finish().expect("packed")
}

/// The one file `name` is refused with `told`; nothing of the table is landed.
async fn refused(kind: &str, name: &str, bytes: &[u8], told: &str) {
    let bench = folder(kind);
    put(&bench, name, bytes);
    let error = bench.load_as(day(1), LoadKind::Nightly).await.expect_err("refused");
    let text = error.to_string();
    assert!(text.contains(told), "{name}: {text}");
    assert!(text.contains(name) && text.contains("hint:"), "{text}");
    assert_eq!(bench.version("t").await, None);
}

fn rows(count: usize) -> String {
    let rows: String = (0..count).map(|row| format!("{row},value {row}\n")).collect();
    format!("id,v\n{rows}")
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_files_load_and_broken_ones_do_not() {
    let whole = packed(rows(5_000).as_bytes());
    let bench = folder("csv");
    put(&bench, "t.csv.gz", &whole);
    assert_eq!(bench.night(1).await.remove(0).rows_loaded, 5_000);
    // Two packed parts, one after the other, are one file.
    let bench = folder("csv");
    put(&bench, "t.csv.gz", [packed(b"id,v\n1,a\n"), packed(b"2,b\n")].concat());
    assert_eq!(bench.night(1).await.remove(0).rows_loaded, 2);
    refused("csv", "t.csv.gz", &whole[..whole.len() / 2], "is cut short").await;
    refused("csv", "t.csv.gz", &whole[..whole.len() - 4], "is cut short").await;
    let mut damaged = whole.clone();
    for byte in &mut damaged[200..260] {
        *byte ^= 0x5a;
    }
    refused("csv", "t.csv.gz", &damaged, "is damaged").await;
    refused("csv", "t.csv.gz", b"id,v\n1,a\n", "not packed by gzip").await;
    let lines = packed(b"{\"id\": \"1\"}\n");
    refused("jsonl", "t.jsonl.gz", &lines[..lines.len() - 3], "is cut short").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_files_may_not_unpack_without_bound() {
    let zeros = vec![b'0'; 80 << 20];
    let bomb = packed(&[&b"id,v\n1,"[..], &zeros, b"\n"].concat());
    assert!(bomb.len() < 100 << 10);
    refused("csv", "t.csv.gz", &bomb, "unpacks to more than").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_under_two_names_is_loaded_once() {
    let text = rows(50);
    for (first, second, bytes) in [
        ("t.csv", "t_2026-01.csv", text.clone().into_bytes()),
        ("t.csv", "t.csv.gz", packed(text.as_bytes())),
    ] {
        let bench = folder("csv");
        put(&bench, first, &text);
        put(&bench, second, &bytes);
        put(
            &bench,
            "t_2026-02.csv",
            text.replace("value", "VALUE").replace('\n', "x\n").replace("id,vx", "id,v"),
        );
        let load = bench.night(1).await.remove(0);
        // A file of the same length with other bytes is another file.
        assert_eq!((load.rows_read, load.rows_loaded), (100, 50), "{:?}", load.notices);
        assert_eq!(load.notices.len(), 1);
        assert!(load.notices[0].contains(first) && load.notices[0].contains(second));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_copied_files_are_refused() {
    refused("csv", "t.csv", b"id,v\n1,a\n2", "ends in the middle of line 3").await;
    refused("csv", "t.csv", b"id,v\n1,a\n2,\"b", "ends in a quoted field of the row at line 3")
        .await;
    refused("csv", "t.csv", b"id,v\n1,a\n2,\"b\n3,c\n", "ends in a quoted field").await;
    refused("csv", "t.csv", b"id,v\n1,\xe5\xa4", "ends in the middle of line 2").await;
    refused("csv", "t.csv", b"", "is empty").await;
    refused("jsonl", "t.jsonl", b"{\"id\":\"1\"}\n{\"id\":\"2\",\"v", "middle of line 2").await;
    refused("jsonl", "t.jsonl", b"", "is empty").await;
    // A last row that is whole is taken, and said to lack its line end.
    let bench = folder("csv");
    put(&bench, "t.csv", b"id,v\n1,a\n2,b");
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rows_loaded, 2);
    assert!(load.notices[0].contains("`t.csv` has no line end"), "{:?}", load.notices);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_while_they_are_read_are_refused() {
    for (kind, name, before, after) in [
        ("csv", "t.csv", "id,v\n1,a\n", "2,b\n"),
        ("jsonl", "t.jsonl", "{\"id\":\"1\"}\n", "{\"id\":\"2\"}\n"),
    ] {
        let bench = folder(kind);
        put(&bench, name, before);
        let mut source = connect("src", &bench.config, chrono_tz::UTC).await.expect("a folder");
        let patterns = bench.config.tables.get("t").cloned().unwrap_or_default();
        let relation = patterns.relation("t", bench.config.kind);
        source.describe(&relation).await.expect("columns");
        put(&bench, name, format!("{before}{after}"));
        let error = source.describe(&relation).await.expect_err("it grew").to_string();
        assert!(error.contains(name) && error.contains("changed while it was read"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_written_as_configured_say_how() {
    refused("csv", "t.csv", b"id;v\n1;a\n", "one column with `;` in its name").await;
    let told = bench_told("csv", "t.csv", b"id;v\n1;a\n").await;
    assert!(told.contains("set `delimiter: \";\"`"), "{told}");
    refused("csv", "t.csv", b"id\tv\n1\ta\n", "one column with `\\t`").await;
    let wide: Vec<u8> = "id,v\n1,a\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused("csv", "t.csv", &wide, "holds zero bytes").await;
    let told = bench_told("csv", "t.csv", &wide).await;
    assert!(told.contains("encoding: utf-16le"), "{told}");
    refused("csv", "t.csv", b"\xb1\xe0\xba\xc5,v\n1,a\n", "is not UTF-8").await;
    refused("csv", "t.csv", b"id,v\r1,a\r", "holds a bare carriage return").await;
    refused("csv", "t.csv", b"id,v,v\n1,a,b\n", "has column `v` twice").await;
    refused("jsonl", "t.jsonl", b"[{\"id\":\"1\"}]\n", "is one JSON array").await;
    refused("jsonl", "t.jsonl", &wide, "is not UTF-8").await;
}

async fn bench_told(kind: &str, name: &str, bytes: &[u8]) -> String {
    let bench = folder(kind);
    put(&bench, name, bytes);
    bench.fails(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn utf_16_is_read_with_and_without_a_mark() {
    for (label, mark) in [("utf-16le", true), ("utf-16le", false), ("utf-16be", false)] {
        let text = format!("{}id,v\n𠮷,大\n", if mark { "\u{feff}" } else { "" });
        let bytes: Vec<u8> = match label {
            "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        let config = format!("{{ kind: csv, path: DIR/in, encoding: {label} }}");
        let bench = Bench::new(CONTRACT, &config);
        std::fs::create_dir(bench.path("in")).expect("a folder");
        put(&bench, "t.csv", bytes);
        bench.night(1).await;
        assert_eq!(bench.current("t", "id", "id, v").await, ["𠮷 大"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_rows_are_quarantined_by_file_and_line() {
    let bench = folder("csv");
    put(
        &bench,
        "t.csv",
        "id,v\r\n1,\"a\r\nb\"\r\n\r\n2\r\n3,b,c\r\nid,v\r\n4,\"x\"y\r\n5,a\rb\r\n6,\"\"\"q\"\"\"\r\n",
    );
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rejected, counts(&[("ragged_row", 3), ("repeated_header", 1)]));
    assert_eq!(
        bench.refused("t").await,
        [
            "ragged_row NULL @t.csv:5",
            "ragged_row NULL @t.csv:6",
            "ragged_row NULL @t.csv:8",
            "repeated_header NULL @t.csv:7",
        ]
    );
    assert_eq!(bench.current("t", "id", "id, v").await, ["1 a\r\nb", "5 a\rb", "6 \"q\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_lines_of_json_are_quarantined_by_file_and_line() {
    let bench = folder("jsonl");
    let mut bytes =
        "\u{feff}{\"id\": \"1\", \"v\": [1, {\"a\": 2.50}], \"other\": 1}\n\n".as_bytes().to_vec();
    bytes.extend(b"{\"id\": \"2\", \"v\": \"a\", \"v\": \"b\"}\n");
    bytes.extend(b"{\"id\": \"3\", \"v\": NaN}\n[1]\nnothing\n{\"id\": \"4\", \"v\": \"\xff\"}\n");
    bytes.extend(
        b"{\"id\": \"5\", \"v\": \"\\ud800\"}\n{\"v\": \"no id\"}\n{\"id\": 6, \"v\": true}",
    );
    put(&bench, "t.jsonl", bytes);
    let load = bench.night(1).await.remove(0);
    let expected = counts(&[("bad_encoding", 2), ("bad_json", 4), ("null_key", 1)]);
    assert_eq!(load.rejected, expected);
    assert_eq!(
        bench.refused("t").await,
        [
            "bad_encoding v @t.jsonl:8",
            "bad_encoding NULL @t.jsonl:7",
            "bad_json v @t.jsonl:3",
            "bad_json NULL @t.jsonl:4",
            "bad_json NULL @t.jsonl:5",
            "bad_json NULL @t.jsonl:6",
            "null_key id @t.jsonl:9",
        ]
    );
    let rows = bench.current("t", "id", "id, v").await;
    assert_eq!(rows, ["1 [1, {\"a\": 2.50}]", "6 true"]);
}

/// A field of 64 MiB in the long form; the short form is of the same kind.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
async fn long_fields_are_loaded_and_endless_ones_refused() {
    let long = std::env::var("CLINICHUB_LONG").as_deref() == Ok("1");
    let field = "文".repeat(if long { (64 << 20) / 3 } else { (1 << 20) / 3 });
    for (kind, name, text) in [
        ("csv", "t.csv", format!("id,v\n1,{field}\n2,x\n")),
        ("jsonl", "t.jsonl", format!("{{\"id\":\"1\",\"v\":\"{field}\"}}\n{{\"id\":\"2\"}}\n")),
    ] {
        let bench = folder(kind);
        put(&bench, name, text);
        assert_eq!(bench.night(1).await.remove(0).rows_loaded, 2);
        let length = bench.ask("t", "SELECT octet_length(v) FROM raw WHERE id = '1'").await;
        assert_eq!(length, [field.len().to_string()]);
    }
    if long {
        let endless = format!("id,v\n1,\"{}", "x\n".repeat(70 << 20));
        refused("csv", "t.csv", endless.as_bytes(), "has a row of over 128 MiB").await;
        let endless = format!("{{\"id\":\"{}", "x".repeat(140 << 20));
        refused("jsonl", "t.jsonl", endless.as_bytes(), "has over 128 MiB").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_gone_are_named() {
    let bench = folder("csv");
    put(&bench, "other.csv", "id,v\n");
    let text = bench.fails(1).await;
    assert!(text.contains("there is no file `t.csv`") && text.contains("hint:"), "{text}");
    if let Some((url, client)) = super::postgres::schema("gone").await {
        client.batch_execute("CREATE TABLE x (id int)").await.expect("a table");
        client.batch_execute("CREATE VIEW t AS SELECT 1 / id AS id FROM x").await.expect("a view");
        let section = |from: &str| {
            let tables = format!("t: {{ from: {from}, key: [id] }}");
            format!("{{ kind: postgres, url: '{url}', tables: {{ {tables} }} }}")
        };
        let text = Bench::new("", &section("hub_gone.nowhere")).fails(1).await;
        assert!(text.contains("cannot describe table `t`"), "{text}");
        client.batch_execute("INSERT INTO x VALUES (0)").await.expect("a row");
        let text = Bench::new("", &section("hub_gone.t")).fails(1).await;
        assert!(text.contains("`t`") && text.contains("broke off"), "{text}");
    }
    if let Some((url, _connection)) = super::mysql::database("gone").await {
        let tables = "t: { from: hub_gone.nowhere, key: [id] }";
        let section = format!("{{ kind: mysql, url: '{url}', tables: {{ {tables} }} }}");
        let text = Bench::new("", &section).fails(1).await;
        assert!(text.contains("cannot describe table `t`"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_and_many_columns_are_read() {
    let columns: Vec<String> = (0..5_000).map(|number| format!("列{number}")).collect();
    let bench = Bench::new("", "{ kind: csv, path: DIR/in, tables: { t: { key: [列0] } } }");
    std::fs::create_dir(bench.path("in")).expect("a folder");
    let values: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    put(&bench, "t.csv", format!("{}\n{}\n", columns.join(","), values.join(",")));
    assert_eq!(bench.night(1).await.remove(0).rows_loaded, 1);
    assert_eq!(bench.ask("t", "SELECT \"列4999\" FROM raw").await, ["4999"]);
    let contract =
        "{ t: { key: [select], columns: { select: int64, 'A\"b': 'text?', 姓名: text } } }";
    let rows = "INSERT INTO t VALUES (1, 'x', '王')";
    if let Some((url, client)) = super::postgres::schema("names").await {
        let table = "CREATE TABLE t (\"select\" int, \"A\"\"b\" text, \"姓名\" text)";
        client.batch_execute(&format!("{table}; {rows}")).await.expect("a table");
        let section = "t: { from: hub_names.t }";
        let section = format!("{{ kind: postgres, url: '{url}', tables: {{ {section} }} }}");
        let bench = Bench::new(contract, &section);
        bench.night(1).await;
        assert_eq!(
            bench.ask("t", "SELECT \"select\", \"A\"\"b\", 姓名 FROM raw").await,
            ["1 x 王"]
        );
    }
    if let Some((url, mut connection)) = super::mysql::database("names").await {
        use mysql_async::prelude::Queryable;
        let table = "CREATE TABLE t (`select` INT, `A\"b` TEXT, `姓名` TEXT)";
        connection.query_drop(table).await.expect("a table");
        connection.query_drop(rows).await.expect("a row");
        let section = "t: { from: hub_names.t }";
        let section = format!("{{ kind: mysql, url: '{url}', tables: {{ {section} }} }}");
        let bench = Bench::new(contract, &section);
        bench.night(1).await;
        assert_eq!(
            bench.ask("t", "SELECT \"select\", \"A\"\"b\", 姓名 FROM raw").await,
            ["1 x 王"]
        );
    }
}
