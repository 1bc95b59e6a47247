//! CSV: encodings, quoting, ragged and undecodable rows, headers, many files.

use super::*;

const CONTRACT: &str = "{ customer: { key: [编号], columns: { 编号: text, 姓名: 'text?', \
                        生日: 'date?', 金额: 'decimal(12,2)?' } } }";
const GBK: &str = "{ kind: csv, path: DIR/crm, encoding: gb18030 }";

fn write(bench: &Bench, name: &str, bytes: &[u8]) {
    let folder = bench.path("crm");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), bytes).expect("a file");
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn gb18030_files_with_every_fault() {
    let bench = Bench::new(CONTRACT, GBK);
    let mut bytes =
        gbk("姓名,编号,金额,生日\r\n王芳,C1,12.50,1990-01-01\r\n\"李 \"\"四\"\",\r\n二\",C2,,\r\n");
    bytes.extend(b"\xb4\xff,C3,1.00,\r\n");
    bytes.extend(gbk("张,C4,1.00\r\n张,C5,1.00,,\r\n张,,1.00,\r\n张,C1,2.00,\r\n"));
    bytes.extend(gbk("张,C6,\"1,234.56\",\r\n张,C7,,0000-00-00\r\n𠮷,C8,,"));
    write(&bench, "customer.csv", &bytes);
    let load = bench.night(1).await.remove(0);
    let expected = counts(&[
        ("bad_encoding", 1),
        ("bad_value", 1),
        ("duplicate_key", 1),
        ("null_key", 1),
        ("ragged_row", 2),
        ("zero_date", 1),
    ]);
    assert_eq!(load.rejected, expected);
    assert_eq!((load.rows_read, load.rows_loaded), (10, 3));
    assert_eq!(
        bench.current("customer", "编号", "编号, 姓名, 金额, 生日").await,
        ["C1 王芳 12.50 1990-01-01", "C2 李 \"四\",\r\n二 NULL NULL", "C8 𠮷 NULL NULL"]
    );
    assert_eq!(
        bench.refused("customer").await,
        [
            "bad_encoding 姓名 @customer.csv:5",
            "bad_value 金额 C6",
            "duplicate_key NULL C1",
            "null_key 编号 @customer.csv:8",
            "ragged_row NULL @customer.csv:6",
            "ragged_row NULL @customer.csv:7",
            "zero_date 生日 C7",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_in_order_and_columns_may_move() {
    let bench = Bench::new(CONTRACT, "{ kind: csv, path: DIR/crm }");
    write(
        &bench,
        "customer_2026-02.csv",
        "编号,姓名,金额,生日\nB,二月,1,\nA,again,1,\n".as_bytes(),
    );
    write(
        &bench,
        "customer_2026-01.csv",
        "\u{feff}生日,金额,姓名,编号,新列\n,1,一月,A,x\n".as_bytes(),
    );
    let utf16: Vec<u8> = "\u{feff}编号,姓名,金额,生日\nC,宽,1,\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    write(&bench, "customer_2026-03.csv", &utf16);
    write(&bench, "customer_event_2026-01.csv", b"not,mine\n");
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rejected, counts(&[("duplicate_key", 1)]));
    assert_eq!(bench.current("customer", "编号", "编号, 姓名").await, ["A 一月", "B 二月", "C 宽"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn delimiters_that_are_parts_of_characters() {
    let config = "{ kind: csv, path: DIR/crm, encoding: gbk, delimiter: '|', \
                   tables: { customer: { file: 'cust*.txt' } } }";
    let bench = Bench::new(CONTRACT, config);
    // The second byte of this character is 0x7c, the delimiter.
    assert_eq!(gbk("東").get(1), Some(&b'|'));
    write(&bench, "customers.txt", &gbk("编号|姓名|金额|生日\nA|東|1,5|\nB|東|1|\n"));
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rejected, counts(&[("bad_value", 1)]));
    assert_eq!(bench.current("customer", "编号", "编号, 姓名").await, ["B 東"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_whole_stop_the_table() {
    let bench = Bench::new(CONTRACT, GBK);
    assert!(bench.fails(1).await.contains("no folder"));
    write(&bench, "other.csv", b"x\n");
    assert!(bench.fails(1).await.contains("no file `customer.csv`"));
    write(&bench, "customer.csv", b"");
    assert!(bench.fails(1).await.contains("is empty"));
    write(&bench, "customer.csv", &gbk("编号,姓名,姓名\nA,b,c\n"));
    assert!(bench.fails(1).await.contains("column `姓名` twice"));
    write(&bench, "customer.csv", "编号,姓名\nA,大\n".as_bytes());
    let text = bench.fails(1).await;
    assert!(text.contains("编号") || text.contains("header"), "{text}");
    write(&bench, "customer.csv", &gbk("编号,姓名,金额,生日\nA,b,1,\n"));
    write(&bench, "customer-1.csv", &gbk("姓名,金额,生日\nb,1,\n"));
    let text = bench.fails(1).await;
    assert!(text.contains("file `customer-1.csv` has no column `编号`"), "{text}");
    assert_eq!(bench.version("customer").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_contract_is_text() {
    let bench =
        Bench::new("", "{ kind: csv, path: DIR/crm, tables: { x: { file: x.csv, key: [a] } } }");
    write(&bench, "x.csv", b"a,b\n1,2026-02-30\n2,\n");
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rejected, counts(&[]));
    assert_eq!(bench.current("x", "a", "a, b").await, ["1 2026-02-30", "2 NULL"]);
}
