//! A hub served by the real binary, and clients of its doors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use reqwest::Client;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::RUNTIME;

/// One row of an answer: column → text, empty for NULL.
pub(crate) type Row = BTreeMap<String, String>;

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    LazyLock::force(&RUNTIME);
    Client::builder().no_proxy().build().expect("a client")
});

/// The server's pipe to standard input: when it closes, however this process ends, the shell
/// around the server stops it.
const SHELL: &str = r#""$0" serve --config "$1" --listen 127.0.0.1:0 & hub=$!
cat >/dev/null; kill -TERM $hub; wait $hub; [ -z "$2" ] || rm -rf "$2""#;

/// A running server.
pub(crate) struct Served {
    address: String,
    shell: Child,
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

impl Served {
    /// Serves `config` until the value is dropped, then removes `remove`.
    pub(crate) fn start(config: &Path, remove: Option<&Path>) -> Self {
        let log = File::create(config.with_extension("log")).expect("a log");
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, env!("CARGO_BIN_EXE_clinichub")])
            .arg(config)
            .arg(remove.unwrap_or_else(|| Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("started");
        let mut line = String::new();
        let out = shell.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| {
            let log = std::fs::read_to_string(config.with_extension("log"));
            panic!("not serving: `{line}` {}", log.unwrap_or_default())
        });
        Self { address: address.to_owned(), shell }
    }

    /// One request; `headers` as name and value.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = CLIENT.post(format!("{}{path}", self.address)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(CLIENT.get(format!("{}{path}", self.address)))
    }

    pub(crate) fn get_as(&self, path: &str, key: &str) -> Answer {
        let request = CLIENT.get(format!("{}{path}", self.address));
        answer(request.bearer_auth(key))
    }

    pub(crate) fn sql(&self, key: &str, statement: &str) -> Answer {
        let key = format!("Bearer {key}");
        self.post("/sql", &[("authorization", &key), ("accept", "text/csv")], statement)
    }

    pub(crate) fn rows(&self, key: &str, statement: &str) -> Vec<Row> {
        let answer = self.sql(key, statement);
        assert_eq!(answer.status, 200, "{statement}\n{}", answer.body);
        let mut reader = csv::Reader::from_reader(answer.body.as_bytes());
        reader.deserialize().map(|row| row.expect("a row")).collect()
    }

    /// The first column of the first row.
    pub(crate) fn scalar(&self, key: &str, statement: &str) -> String {
        let rows = self.rows(key, statement);
        let cell = rows.first().and_then(|row| row.values().next());
        cell.unwrap_or_else(|| panic!("no row: {statement}")).clone()
    }

    /// The whole answer of a GraphQL request.
    pub(crate) fn graphql_answer(&self, key: &str, query: &str) -> Answer {
        let key = format!("Bearer {key}");
        let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
        self.post("/graphql", &headers, &json!({ "query": query }).to_string())
    }

    /// `data` of a GraphQL answer without errors.
    pub(crate) fn graphql(&self, key: &str, query: &str) -> Value {
        let answer = self.graphql_answer(key, query).json();
        assert!(answer.get("errors").is_none(), "{query}\n{answer}");
        answer["data"].clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn answer(request: reqwest::RequestBuilder) -> Answer {
    RUNTIME.block_on(async {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.expect("a body") }
    })
}

/// Rows of one answer.
const PART: usize = 40_000;

/// Everything published in schema `hub`: table → sorted lines, header first.
pub(crate) fn content(served: &Served, key: &str) -> BTreeMap<String, Vec<String>> {
    let tables = served
        .rows(key, "select table_name from information_schema.tables where table_schema = 'hub'");
    assert!(tables.len() > 60, "{} tables", tables.len());
    let lines = tables.into_iter().map(|row| {
        let table = row["table_name"].clone();
        // An answer holds 50,000 rows at most; all columns together order rows the same each time.
        let head = served.sql(key, &format!("select * from hub.{table} limit 0")).body;
        let order = head.trim().split(',').map(|name| format!("\"{name}\""));
        let order = order.collect::<Vec<_>>().join(", ");
        let (mut lines, mut seen) = (Vec::<String>::new(), 0);
        loop {
            let part =
                format!("select * from hub.{table} order by {order} limit {PART} offset {seen}");
            let answer = served.sql(key, &part);
            assert_eq!(answer.status, 200, "{table}: {}", answer.body);
            let mut read = answer.body.lines().map(str::to_owned);
            let head = read.next().unwrap_or_default();
            if lines.is_empty() {
                lines.push(head);
            }
            let before = lines.len();
            lines.extend(read);
            seen += PART;
            if lines.len() - before < PART {
                break;
            }
        }
        lines[1..].sort_unstable();
        (table, lines)
    });
    lines.collect()
}
