//! Bad input as `src/docs/bad-input.md` declares it: every case goes through every kind of source
//! that can hold it, and the page's tables are written from the cases checked here.

mod page;

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    group: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    input: String,
    #[serde(default)]
    note: String,
    #[serde(rename = "type")]
    column_type: String,
    postgres: Option<(String, String)>,
    mariadb: Option<(String, String)>,
    csv: Option<String>,
    jsonl: Option<String>,
    then: Then,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Then {
    Everywhere(String),
    PerKind(BTreeMap<String, String>),
}

/// Rows of one key each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyCase {
    input: String,
    #[serde(default)]
    note: String,
    rows: Vec<Option<String>>,
    loaded: u64,
    #[serde(default)]
    refused: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Mariadb,
    Csv,
    Jsonl,
}

const KINDS: [Kind; 4] = [Kind::Postgres, Kind::Mariadb, Kind::Csv, Kind::Jsonl];

impl Kind {
    fn name(self) -> &'static str {
        ["postgres", "mariadb", "csv", "jsonl"][self as usize]
    }
}

fn values() -> Vec<Group> {
    serde_saphyr::from_str(include_str!("values.yaml")).expect("cases")
}

fn key_cases() -> Vec<KeyCase> {
    serde_saphyr::from_str(include_str!("keys.yaml")).expect("cases")
}

impl Case {
    /// What becomes of the value; none when the kind cannot hold it.
    fn then(&self, kind: Kind) -> Option<&str> {
        let held = match kind {
            Kind::Postgres => self.postgres.is_some(),
            Kind::Mariadb => self.mariadb.is_some(),
            Kind::Csv => self.csv.is_some(),
            Kind::Jsonl => self.jsonl.is_some(),
        };
        held.then(|| match &self.then {
            Then::Everywhere(then) => then.as_str(),
            Then::PerKind(each) => each[kind.name()].as_str(),
        })
    }
}

/// A value as the file holds it.
fn bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix("hex:") {
        Some(digits) => hex::decode(digits).expect("hex"),
        None => text.as_bytes().to_vec(),
    }
}

/// One row and one column per case: each row holds its own case's value alone.
struct Table<'a> {
    cases: Vec<(usize, &'a Case)>,
}

fn column(number: usize) -> String {
    format!("c{number:03}")
}

impl Table<'_> {
    fn contract(&self) -> String {
        let of = |(number, case): &(usize, &Case)| {
            let kind = case.column_type.trim_end_matches('?');
            format!("{}: '{kind}?'", column(*number))
        };
        let columns: Vec<String> = self.cases.iter().map(of).collect();
        format!("{{ t: {{ key: [id], columns: {{ id: int64, {} }} }} }}", columns.join(", "))
    }

    fn sql(&self, pick: fn(&Case) -> Option<&(String, String)>) -> Vec<String> {
        let typed = |(number, case): &(usize, &Case)| {
            format!("{} {}", column(*number), pick(case).expect("held").0)
        };
        let columns: Vec<String> = self.cases.iter().map(typed).collect();
        let mut statements = vec![format!("CREATE TABLE t (id int, {})", columns.join(", "))];
        statements.extend(self.cases.iter().map(|(number, case)| {
            let value = &pick(case).expect("held").1;
            format!("INSERT INTO t (id, {}) VALUES ({number}, {value})", column(*number))
        }));
        statements
    }

    fn csv(&self) -> Vec<u8> {
        let names: Vec<String> = self.cases.iter().map(|(number, _)| column(*number)).collect();
        let mut file = format!("id,{}\n", names.join(",")).into_bytes();
        for (place, (number, case)) in self.cases.iter().enumerate() {
            file.extend(format!("{number}{}", ",".repeat(place + 1)).bytes());
            file.extend(bytes(case.csv.as_deref().expect("held")));
            file.extend(",".repeat(self.cases.len() - place - 1).bytes());
            file.push(b'\n');
        }
        file
    }

    fn jsonl(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for (number, case) in &self.cases {
            file.extend(format!("{{\"id\": {number}, \"{}\": ", column(*number)).bytes());
            file.extend(bytes(case.jsonl.as_deref().expect("held")));
            file.extend(b"}\n");
        }
        file
    }
}

/// A deployment whose table `t` is what `statements` or `file` make it; none without a server.
async fn bench(
    kind: Kind,
    name: &str,
    contract: &str,
    statements: Vec<String>,
    file: &[u8],
) -> Option<Bench> {
    let section = match kind {
        Kind::Postgres => {
            let (url, client) = super::postgres::schema(name).await?;
            for statement in statements {
                client.batch_execute(&statement).await.expect(&statement);
            }
            format!("{{ kind: postgres, url: '{url}', tables: {{ t: {{ from: hub_{name}.t }} }} }}")
        }
        Kind::Mariadb => {
            let (url, mut connection) = super::mysql::database(name).await?;
            let odd = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'";
            connection.query_drop(odd).await.expect("a mode");
            for statement in statements {
                connection.query_drop(&statement).await.expect(&statement);
            }
            format!("{{ kind: mysql, url: '{url}', tables: {{ t: {{ from: hub_{name}.t }} }} }}")
        }
        Kind::Csv | Kind::Jsonl => format!("{{ kind: {}, path: DIR/in }}", kind.name()),
    };
    let bench = Bench::new(contract, &section);
    std::fs::create_dir(bench.path("in")).expect("a folder");
    if matches!(kind, Kind::Csv | Kind::Jsonl) {
        std::fs::write(bench.path("in").join(format!("t.{}", kind.name())), file).expect("a file");
    }
    Some(bench)
}

/// What became of each row by the key or place of the row: `= text` or its reason.
async fn outcomes(bench: &Bench, table: &Table<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for row in bench.cells("t", "SELECT * FROM raw WHERE _reject_reason IS NULL").await {
        let (number, case) = table
            .cases
            .iter()
            .find(|(number, _)| row["id"] == number.to_string())
            .expect("a case of this id");
        assert!(!case.input.is_empty());
        found.insert(number.to_string(), format!("= {}", row[&column(*number)]));
    }
    let refused = "SELECT _reject_reason, _reject_column, _reject_key FROM raw \
                   WHERE _reject_reason IS NOT NULL";
    for row in bench.cells("t", refused).await {
        let (key, blamed) = (row["_reject_key"].clone(), &row["_reject_column"]);
        if let Ok(number) = key.parse() {
            assert_eq!(*blamed, column(number), "the column to blame");
        }
        found.insert(key, row["_reject_reason"].clone());
    }
    found
}

async fn check_values(kind: Kind) {
    let groups = values();
    let all = groups.iter().flat_map(|group| &group.cases).enumerate();
    let table = Table { cases: all.filter(|(_, case)| case.then(kind).is_some()).collect() };
    let (statements, file) = match kind {
        Kind::Postgres => (table.sql(|case| case.postgres.as_ref()), Vec::new()),
        Kind::Mariadb => (table.sql(|case| case.mariadb.as_ref()), Vec::new()),
        Kind::Csv => (Vec::new(), table.csv()),
        Kind::Jsonl => (Vec::new(), table.jsonl()),
    };
    let Some(bench) = bench(kind, "bad_values", &table.contract(), statements, &file).await else {
        return;
    };
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rows_read, table.cases.len() as u64, "every row is accounted for");
    let found = outcomes(&bench, &table).await;
    for (place, (number, case)) in table.cases.iter().enumerate() {
        let header = usize::from(kind == Kind::Csv);
        let line = format!("@t.{}:{}", kind.name(), place + 1 + header);
        let became = found.get(&number.to_string()).or_else(|| found.get(&line));
        let declared = case.then(kind).expect("held");
        assert_eq!(became.map(String::as_str), Some(declared), "{}: {}", kind.name(), case.input);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_values_become_what_is_declared() {
    check_values(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_values_become_what_is_declared() {
    check_values(Kind::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_values_become_what_is_declared() {
    check_values(Kind::Csv).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jsonl_values_become_what_is_declared() {
    check_values(Kind::Jsonl).await;
}

/// Keys are of two parts: the case, and the key of the case's rows.
#[tokio::test(flavor = "multi_thread")]
async fn keys_become_what_is_declared() {
    let cases = key_cases();
    let rows: Vec<(usize, Option<&str>)> = cases
        .iter()
        .enumerate()
        .flat_map(|(case, key)| key.rows.iter().map(move |row| (case, row.as_deref())))
        .collect();
    let contract = "{ t: { key: [part, k], columns: { part: text, k: text } } }";
    let mut statements = vec!["CREATE TABLE t (part text, k text)".to_owned()];
    let (mut csv, mut jsonl) = ("part,k\n".to_owned(), String::new());
    for (part, key) in &rows {
        let literal = key.map_or("NULL".to_owned(), |key| format!("'{key}'"));
        statements.push(format!("INSERT INTO t VALUES ('{part}', {literal})"));
        csv.push_str(&format!("{part},{}\n", key.unwrap_or_default()));
        jsonl.push_str(&format!("{}\n", serde_json::json!({ "part": part.to_string(), "k": key })));
    }
    for kind in KINDS {
        let file = if kind == Kind::Csv { &csv } else { &jsonl };
        let made = bench(kind, "bad_keys", contract, statements.clone(), file.as_bytes()).await;
        let Some(bench) = made else { continue };
        let load = bench.night(1).await.remove(0);
        let loaded = cases.iter().map(|case| case.loaded).sum::<u64>();
        assert_eq!((load.rows_read, load.rows_loaded), (rows.len() as u64, loaded), "{kind:?}");
        let mut refused = BTreeMap::new();
        for (reason, count) in cases.iter().flat_map(|case| &case.refused) {
            *refused.entry(reason.clone()).or_default() += count;
        }
        assert_eq!(load.rejected, refused, "{kind:?}");
        for (part, case) in cases.iter().enumerate() {
            let kept =
                format!("SELECT k FROM raw WHERE part = '{part}' AND _reject_reason IS NULL");
            let mut kept: Vec<String> =
                bench.cells("t", &kept).await.into_iter().map(|row| row["k"].clone()).collect();
            kept.sort();
            let mut wanted: Vec<String> = case.rows.iter().flatten().cloned().collect();
            wanted.sort();
            wanted.dedup();
            assert_eq!(kept, wanted, "{kind:?}: {}", case.input);
        }
    }
}
