//! The generator against plain SQL and against a second reading of the rejection rules.
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::dirt::Quarantine;
use crate::table::{Kind, Source, TABS, Tab};
use crate::{DemoSpec, Truth, advance, current_night, generate};

fn spec() -> DemoSpec {
    let end = chrono::NaiveDate::from_ymd_opt(2026, 3, 31).unwrap();
    DemoSpec { people: 300, days: 90, seed: 11, end, nights: 3 }
}

fn made() -> (tempfile::TempDir, Truth) {
    let dir = tempfile::tempdir().unwrap();
    let truth = generate(dir.path(), &spec(), &|_, _| {}).unwrap();
    (dir, truth)
}

fn advanced() -> (tempfile::TempDir, Truth) {
    let (dir, truth) = made();
    advance(dir.path(), 2).unwrap();
    advance(dir.path(), 3).unwrap();
    (dir, truth)
}

/// Every export below a folder with its bytes.
fn exports(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(exports(&path));
        } else if path.extension().is_some_and(|end| end == "csv") {
            found.insert(path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn relative(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let root = folder.to_string_lossy().into_owned();
    exports(folder).into_iter().map(|(path, bytes)| (path.replace(&root, ""), bytes)).collect()
}

/// All rows of the hospital database as text, in an order that does not depend on the file.
fn dump(dir: &Path) -> Vec<String> {
    let link = Connection::open(dir.join("sources/his.db")).unwrap();
    let mut all = Vec::new();
    for tab in TABS.iter().filter(|tab| tab.source() == Source::His) {
        let width = tab.contract().columns.len();
        let mut statement = link.prepare(&format!("SELECT * FROM {}", tab.name())).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> =
                (0..width).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
            all.push(format!("{} {}", tab.name(), cells.join("|")));
        }
    }
    all.sort();
    all
}

#[test]
fn equal_seeds_make_equal_sources() {
    let ((one, truth_one), (two, truth_two)) = (made(), made());
    assert_eq!(truth_one, truth_two);
    assert_eq!(relative(one.path()), relative(two.path()));
    assert_eq!(dump(one.path()), dump(two.path()));
    let mut other = spec();
    other.seed = 8;
    let dir = tempfile::tempdir().unwrap();
    let truth = generate(dir.path(), &other, &|_, _| {}).unwrap();
    assert_ne!(truth.money_fen, truth_one.money_fen);
}

#[test]
fn money_equals_plain_sql() {
    let (dir, truth) = advanced();
    let link = Connection::open(dir.path().join("sources/his.db")).unwrap();
    let (from, to) = (&truth.from, &truth.to);
    let ask = |sql: &str| -> i64 { link.query_row(sql, [from, to], |row| row.get(0)).unwrap() };
    let fen = "CAST(IFNULL(ROUND(SUM(CAST(m.VALUE AS REAL) * 100)), 0) AS INTEGER)";
    let lines = "FROM t_sfmx m JOIN t_sfd o USING (sfdid) WHERE m.sfmxid < 900000000 \
                 AND o.zt NOT IN (0, 4) AND date(o.kdsj) BETWEEN ?1 AND ?2";
    let billed = ask(&format!("SELECT {} {lines}", fen.replace("VALUE", "ys")));
    let cash = ask(&format!(
        "SELECT {} FROM (SELECT DISTINCT * FROM t_sk) m WHERE skid < 900000000 AND lx IN (1, 2, 6) \
         AND date(sksj) BETWEEN ?1 AND ?2",
        fen.replace("VALUE", "je")
    ));
    let refund = ask(&format!(
        "SELECT {} FROM t_tf m WHERE date(tfsj) BETWEEN ?1 AND ?2",
        fen.replace("VALUE", "je")
    ));
    let redeemed = ask(&format!(
        "SELECT {} FROM t_xh m WHERE cxsj IS NULL AND date(hksj) BETWEEN ?1 AND ?2",
        fen.replace("VALUE", "je")
    ));
    let immediate = ask(&format!(
        "SELECT {} {lines} AND m.xmid IN (SELECT xmid FROM t_xm WHERE lx BETWEEN 1 AND 4) \
         AND m.sfmxid NOT IN (SELECT sfmxid FROM t_qy)",
        fen.replace("VALUE", "ys")
    ));
    assert!(billed > 0 && cash > 0 && redeemed > 0);
    assert_eq!(truth.money_fen.billed, billed);
    assert_eq!(truth.money_fen.cash, cash);
    assert_eq!(truth.money_fen.refund, refund);
    assert_eq!(truth.money_fen.earned, redeemed + immediate);
}

#[test]
fn prepaid_balance_closes() {
    let (dir, truth) = advanced();
    let link = Connection::open(dir.path().join("sources/his.db")).unwrap();
    let ask = |sql: &str| -> i64 { link.query_row(sql, [], |row| row.get(0)).unwrap() };
    let left = ask("SELECT CAST(ROUND(SUM(sycs * dj * 100)) AS INTEGER) FROM t_qy");
    let stored = ask("SELECT CAST(IFNULL(ROUND(SUM(bdje * 100)), 0) AS INTEGER) FROM t_ye");
    let billed = ask("SELECT CAST(ROUND(SUM(ys * 100)) AS INTEGER) FROM t_sfmx JOIN t_sfd \
                      USING (sfdid) WHERE zt NOT IN (0, 4) AND sfmxid < 900000000");
    let paid = ask("SELECT CAST(ROUND(SUM(p.je * 100)) AS INTEGER) FROM (SELECT DISTINCT * FROM \
                    t_sk) p JOIN t_sfd USING (sfdid) WHERE zt <> 4 AND skid < 900000000");
    let money = truth.money_fen;
    let arrears = billed - paid;
    assert_eq!(money.cash - money.refund - money.earned, left + stored - arrears);
}

#[test]
fn quarantine_counts_equal_the_planted_faults() {
    let (dir, truth) = advanced();
    let mut found = Quarantine::new();
    let mut accepted: BTreeMap<&str, u64> = BTreeMap::new();
    for tab in TABS {
        let rows = match tab.source() {
            Source::His => database_rows(dir.path(), *tab),
            _ => export_rows(dir.path(), *tab),
        };
        let mut keys = HashSet::new();
        for row in rows {
            match reason(*tab, &row, &mut keys) {
                Some(reason) => {
                    let table = format!("{}.{}", tab.source().name(), tab.name());
                    *found.entry(table).or_default().entry(reason.to_owned()).or_default() += 1;
                }
                None => *accepted.entry(tab.canonical()).or_default() += 1,
            }
        }
    }
    assert_eq!(found, truth.quarantined);
    for tab in TABS {
        let rows = accepted.get(tab.canonical()).copied().unwrap_or_default();
        assert_eq!(truth.tables[tab.canonical()], rows, "{}", tab.name());
    }
}

type Bytes = Option<Vec<u8>>;

fn database_rows(dir: &Path, tab: Tab) -> Vec<Vec<Bytes>> {
    let link = Connection::open(dir.join("sources/his.db")).unwrap();
    let sql = format!("SELECT * FROM {} ORDER BY rowid", tab.name());
    let mut statement = link.prepare(&sql).unwrap();
    let width = tab.contract().columns.len();
    let mut rows = statement.query([]).unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cell = |at| match row.get_ref(at).unwrap() {
            ValueRef::Null => None,
            ValueRef::Integer(value) => Some(value.to_string().into_bytes()),
            ValueRef::Real(value) => Some(value.to_string().into_bytes()),
            ValueRef::Text(text) | ValueRef::Blob(text) => Some(text.to_vec()),
        };
        all.push((0..width).map(cell).collect());
    }
    all
}

fn export_rows(dir: &Path, tab: Tab) -> Vec<Vec<Bytes>> {
    let folder = dir.join("sources").join(tab.source().name());
    let mut all = Vec::new();
    for (path, bytes) in exports(&folder) {
        let stem = path.rsplit('/').next().unwrap().trim_end_matches(".csv").to_owned();
        let own = match tab.split() {
            Some(_) => stem.rsplit_once('_').map(|(name, _)| name.to_owned()).unwrap_or(stem),
            None => stem,
        };
        if own != tab.name() {
            continue;
        }
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(&bytes[..]);
        for record in reader.byte_records() {
            let record = record.unwrap();
            let cell = |cell: &[u8]| (!cell.is_empty()).then(|| cell.to_vec());
            all.push(record.iter().map(cell).collect());
        }
    }
    all
}

fn reason(tab: Tab, row: &[Bytes], keys: &mut HashSet<Vec<Bytes>>) -> Option<&'static str> {
    let contract = tab.contract();
    if row.len() != contract.columns.len() {
        return Some("ragged_row");
    }
    let mut texts = Vec::new();
    for cell in row {
        let Some(bytes) = cell else {
            texts.push(None);
            continue;
        };
        let broken = match tab.source() {
            Source::Crm => encoding_rs::GB18030.decode(bytes).2,
            _ => std::str::from_utf8(bytes).is_err(),
        };
        if broken {
            return Some("bad_encoding");
        }
        texts.push(Some(String::from_utf8_lossy(bytes).into_owned()));
    }
    if contract.key.iter().any(|at| texts[*at].is_none()) {
        return Some("null_key");
    }
    for (column, text) in contract.columns.iter().zip(&texts) {
        if let Some(text) = text
            && let Some(reason) = misfit(column.kind, text)
        {
            return Some(reason);
        }
    }
    let key = contract.key.iter().map(|at| row[*at].clone()).collect();
    (!keys.insert(key)).then_some("duplicate_key")
}

fn misfit(kind: Kind, text: &str) -> Option<&'static str> {
    match kind {
        Kind::Text => None,
        Kind::Int => text.parse::<i64>().is_err().then_some("bad_value"),
        Kind::Decimal { precision, scale } => {
            let whole = text.split('.').next().unwrap().trim_start_matches('-');
            if text.parse::<f64>().is_err() {
                Some("bad_value")
            } else {
                (whole.len() > usize::from(precision - scale)).then_some("decimal_overflow")
            }
        }
        Kind::Date | Kind::Timestamp => {
            let day = text.split(' ').next().unwrap();
            if day == "0000-00-00" {
                Some("zero_date")
            } else {
                chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d")
                    .is_err()
                    .then_some("impossible_date")
            }
        }
    }
}

#[test]
fn advancing_twice_changes_nothing_more() {
    let (dir, _) = made();
    let his = dir.path().join("sources/his.db");
    let before = dir.path().join("before.db");
    std::fs::copy(&his, &before).unwrap();
    let (rows, files) = (dump(dir.path()), relative(&dir.path().join("sources/crm")));
    advance(dir.path(), 2).unwrap();
    let (next_rows, next_files) = (dump(dir.path()), relative(&dir.path().join("sources/crm")));
    assert_ne!(rows, next_rows);
    assert_ne!(files, next_files);
    advance(dir.path(), 2).unwrap();
    assert_eq!(next_rows, dump(dir.path()));
    // A crash after the exports and before the database commit.
    std::fs::copy(&before, &his).unwrap();
    assert_eq!(current_night(dir.path()).unwrap(), 1);
    advance(dir.path(), 2).unwrap();
    assert_eq!(next_rows, dump(dir.path()));
    assert_eq!(next_files, relative(&dir.path().join("sources/crm")));
    advance(dir.path(), 3).unwrap();
    assert_eq!(current_night(dir.path()).unwrap(), 3);
    assert!(advance(dir.path(), 5).is_err());
}

#[test]
fn nights_insert_update_delete_and_come_late() {
    let (_dir, truth) = made();
    assert_eq!(truth.nights.len(), 3);
    let sum = |change: &str| -> u64 {
        let later = truth.nights.iter().skip(1).flat_map(|night| night.tables.values());
        later.filter_map(|counts| counts.get(change)).sum()
    };
    assert!(sum("inserted") > 0 && sum("updated") > 0 && sum("deleted") > 0);
}

#[test]
fn the_last_day_fills_the_lanes() {
    let (dir, truth) = advanced();
    let link = Connection::open(dir.path().join("sources/his.db")).unwrap();
    let sql = "SELECT count(*) FROM t_yy WHERE date(kssj) > ?1 AND zt = 2";
    let ahead: i64 = link.query_row(sql, [&truth.to], |row| row.get(0)).unwrap();
    assert!(ahead > 0);
    let orphans: i64 = link
        .query_row(
            "SELECT (SELECT count(*) FROM t_sfmx WHERE sfmxid < 900000000 AND sfdid NOT IN \
             (SELECT sfdid FROM t_sfd)) + (SELECT count(*) FROM t_zx WHERE jzid NOT IN (SELECT \
             jzid FROM t_jz)) + (SELECT count(*) FROM t_jz WHERE jzid < 900000000 AND brid NOT IN \
             (SELECT brid FROM t_br WHERE brid IS NOT NULL)) + (SELECT count(*) FROM t_sk WHERE \
             skid < 900000000 AND sfdid NOT IN (SELECT sfdid FROM t_sfd)) + (SELECT count(*) FROM \
             t_xh WHERE qyid NOT IN (SELECT qyid FROM t_qy))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(orphans, 0);
}
