//! A small hospital of its own: five source tables, seven made from them, nights in a second.
//!
//! Where the demo is too large to be killed hundreds of times. Its rows are reckoned from their
//! number, so that every right answer is known without it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clinichub::app::definitions;
use clinichub::config::{Config, load_project, store_options};
use futures::TryStreamExt as _;
use hub_domain::clock::SystemClock;
use hub_domain::principal::Principal;
use hub_domain::snapshot::SnapshotPick;
use hub_engine::{Engine, EngineConfig};
use hub_lake::Lake;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Done, RUNTIME, clinichub, copy_tree};

pub(crate) const FIRST: &str = "2026-10-13";
pub(crate) const SECOND: &str = "2026-10-14";
pub(crate) const TABLES: [&str; 5] = ["visit", "payment", "staff", "drug", "bed"];

/// Table → sorted lines, header first.
pub(crate) type Content = BTreeMap<String, Vec<String>>;

/// Its folder: configuration, project, sources, lake, state.
pub(crate) struct Ward {
    pub(crate) dir: TempDir,
}

/// How the sources are reached.
pub(crate) struct Reached<'a> {
    /// `kind` and address lines of the source section.
    pub(crate) section: &'a str,
    /// More about table `visit`.
    pub(crate) visit: &'a str,
    /// The section `nightly`.
    pub(crate) nightly: &'a str,
}

impl Reached<'static> {
    /// A SQLite file in the ward's folder.
    pub(crate) fn file() -> Self {
        let section = "kind: sqlite\n    path: ./his.db";
        Self { section, visit: "", nightly: "{ lease: 60s }" }
    }
}

impl Ward {
    /// A ward whose sources hold nothing yet.
    pub(crate) fn new(reached: &Reached<'_>) -> Self {
        let dir = TempDir::new().expect("a folder");
        project(dir.path());
        let ward = Self { dir };
        ward.configure(reached);
        ward
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, reached: &Reached<'_>) {
        let Reached { section, visit, nightly } = reached;
        let others: String =
            TABLES[1..].iter().map(|table| format!("      {table}: {{}}\n")).collect();
        let text = format!(
            "group: ward\ntimezone: Asia/Shanghai\nlake: {{ url: \"file://./lake\" }}\n\
             state: {{ url: \"sqlite://./state.db\" }}\n\
             auth: {{ pseudonym_key: \"a ward's pseudonyms\" }}\n\
             project: {{ schema: ./schema, queries: ./queries }}\nnightly: {nightly}\n\
             sources:\n  his:\n    {section}\n    tables:\n      visit: {{ cursor: {{ column: \
             updated_at, lag: 1d }}, deletes: scan{visit} }}\n{others}"
        );
        fs::write(self.config(), text).expect("written");
    }

    /// A ward on a SQLite file: night 1 of `rows` rows per table published, the file at night 2.
    pub(crate) fn prepared(rows: u64, nightly: &str) -> Self {
        Self::new(&Reached { nightly, ..Reached::file() }).at_night_two(rows)
    }

    /// As [`Ward::prepared`], with the lake at `url`.
    pub(crate) fn on_lake(rows: u64, url: &str) -> Self {
        let ward = Self::new(&Reached::file());
        let text = fs::read_to_string(ward.config()).expect("the configuration");
        fs::write(ward.config(), text.replace("file://./lake", url)).expect("written");
        ward.at_night_two(rows)
    }

    fn at_night_two(self, rows: u64) -> Self {
        let source = self.fill(rows);
        self.nightly(FIRST).passed();
        for statement in night_two(rows) {
            source.execute_batch(&statement).expect("done");
        }
        self
    }

    /// Makes the file of night 1.
    pub(crate) fn fill(&self, rows: u64) -> Connection {
        let source = Connection::open(self.dir.path().join("his.db")).expect("opened");
        for statement in night_one(rows, "sqlite") {
            source.execute_batch(&statement).expect("done");
        }
        source
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("clinichub.yaml")
    }

    /// The same ward, in another folder.
    pub(crate) fn copied(&self) -> Self {
        let dir = TempDir::new().expect("a folder");
        copy_tree(self.dir.path(), dir.path());
        Self { dir }
    }

    pub(crate) fn nightly(&self, date: &str) -> Done {
        clinichub(["nightly", "--date", date, "--config"]).arg(self.config()).done()
    }

    /// Every table is read whole.
    pub(crate) fn nightly_full(&self, date: &str) -> Done {
        clinichub(["nightly", "--full", "--date", date, "--config"]).arg(self.config()).done()
    }

    /// Number and content of what is published.
    pub(crate) fn shown(&self) -> (u64, Content) {
        shown(&self.config())
    }
}

/// What the newest snapshot of a deployment shows the group, read without a server.
pub(crate) fn shown(config: &Path) -> (u64, Content) {
    RUNTIME.block_on(async {
        // Without the state database: a test may copy the folder right after.
        let config = Config::load(config).expect("a configuration");
        let project = load_project(config.project.as_ref(), &config.base).expect("a project");
        let (contracts, registry) = definitions(&project).expect("definitions");
        let url = config.lake.resolved(&config.base);
        let lake = Lake::open(&url, &store_options()).expect("a lake");
        let key = b"a test's pseudonyms".to_vec();
        let settings = EngineConfig::new(config.zone().expect("a zone"), key);
        let engine = Engine::new(settings, lake, contracts, registry, Arc::new(SystemClock));
        let engine = engine.expect("an engine");
        let everybody = Principal::group("ceo");
        let session = engine.open(&everybody, SnapshotPick::Latest).await.expect("a session");
        let snapshot = session.published();
        let mut content = Content::new();
        for table in snapshot.tables.keys().filter(|table| !table.contains('/')) {
            let stream = session.user_sql(&format!("select * from hub.{table}")).await;
            let batches: Vec<_> =
                stream.expect("planned").try_collect().await.expect("rows of a table");
            let mut writer = arrow::csv::Writer::new(Vec::new());
            batches.iter().for_each(|batch| writer.write(batch).expect("text"));
            let text = String::from_utf8(writer.into_inner()).expect("UTF-8");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if let Some(rows) = lines.get_mut(1..) {
                rows.sort_unstable();
            }
            content.insert(table.clone(), lines);
        }
        (snapshot.id, content)
    })
}

/// Fails with the tables that differ and one differing line of each.
pub(crate) fn same(found: &Content, wanted: &Content, what: &str) {
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{what}");
    let differs = found.iter().filter(|(table, lines)| wanted[*table] != **lines);
    let told: Vec<String> = differs
        .map(|(table, lines)| {
            let other = &wanted[table];
            let only = lines.iter().find(|line| !other.contains(line));
            let lost = other.iter().find(|line| !lines.contains(line));
            format!("{table}: {} and {} lines; {only:?} {lost:?}", lines.len(), other.len())
        })
        .collect();
    assert!(told.is_empty(), "{what}: {} tables differ\n{}", told.len(), told.join("\n"));
}

/// Statements that make and fill the sources of night 1.
pub(crate) fn night_one(rows: u64, kind: &str) -> Vec<String> {
    let (id, amount, time) = match kind {
        "sqlite" => ("integer primary key", "text", "text"),
        "mysql" => ("bigint primary key", "decimal(12,2)", "datetime(6)"),
        _ => ("bigint primary key", "numeric(12,2)", "timestamp"),
    };
    let mut statements = Vec::new();
    for table in TABLES {
        statements.push(format!(
            "create table {table} (id {id}, name varchar(64), amount {amount}, updated_at {time})"
        ));
        statements.extend(inserts(table, 0..rows));
    }
    statements
}

/// Statements that insert `rows` of `table`.
pub(crate) fn inserts(table: &str, rows: std::ops::Range<u64>) -> Vec<String> {
    let numbers: Vec<u64> = rows.collect();
    let insert = |chunk: &[u64]| {
        let rows: Vec<String> = chunk.iter().map(|id| row(*id, 13)).collect();
        format!("insert into {table} values {}", rows.join(", "))
    };
    numbers.chunks(400).map(insert).collect()
}

fn row(id: u64, day: u32) -> String {
    let (yuan, fen) = (id * 37 % 10_000, id % 100);
    let (hour, minute) = (id / 60 % 24, id % 60);
    let name = id % 97;
    format!("({id}, '病人 {name}', '{yuan}.{fen:02}', '2026-10-{day} {hour:02}:{minute:02}:00')")
}

/// Statements that bring the sources to night 2: rows changed, added, deleted.
pub(crate) fn night_two(rows: u64) -> Vec<String> {
    let mut statements = Vec::new();
    for table in TABLES {
        statements.push(format!(
            "update {table} set amount = '7.77', updated_at = '2026-10-14 20:00:00' where id % 10 = 3"
        ));
        statements.push(format!("delete from {table} where id % 50 = 4"));
        let added: Vec<String> = (rows..rows + rows / 20).map(|id| row(id, 14)).collect();
        statements.push(format!("insert into {table} values {}", added.join(", ")));
    }
    statements
}

fn project(dir: &Path) {
    let write = |path: String, text: String| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    };
    let columns = "{ id: int64, name: text, amount: 'decimal(12,2)', updated_at: timestamp }";
    let tables = TABLES.map(|table| format!("  {table}: {{ key: [id], columns: {columns} }}\n"));
    write("schema/sources/his.yaml".into(), format!("source: his\ntables:\n{}", tables.concat()));
    let contract = |table: &str, key: &str, columns: &str| {
        let head = format!("table: {table}\ngrain: one {table}\nkey: [{key}]\npolicy: group\n");
        write(format!("schema/tables/{table}.yaml"), format!("{head}columns:\n{columns}"));
    };
    for table in TABLES {
        contract(
            table,
            "id",
            "  - { name: id, type: int64 }\n  - { name: name, type: text }\n  \
             - { name: amount_fen, type: int64 }\n  - { name: updated_at, type: timestamp }\n",
        );
        write(
            format!("queries/staging/his/{table}.sql"),
            format!(
                "select id, name, to_fen(amount) as amount_fen, updated_at from raw.his_{table}"
            ),
        );
    }
    let sums = "  - { name: n, type: int64 }\n  - { name: fen, type: int64 }\n";
    contract("spent", "name", &format!("  - {{ name: name, type: text }}\n{sums}"));
    write(
        "queries/marts/spent.sql".into(),
        "select name, count(*) as n, sum(amount_fen) as fen from hub.visit group by name".into(),
    );
    contract("total", "what", &format!("  - {{ name: what, type: text }}\n{sums}"));
    let parts = TABLES.map(|table| {
        format!("select '{table}' as what, count(*) as n, sum(amount_fen) as fen from hub.{table}")
    });
    write("queries/marts/total.sql".into(), parts.join("\nunion all "));
}
