//! `check --diff` over the shared demo: what it says would change is what plain SQL says, and
//! nothing is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Done, clinichub, copy_tree, hub};
use crate::truth::decimal;

/// A project folder of one's own over the shared demo's lake.
struct Proposal(TempDir);

impl Proposal {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["schema", "queries"] {
            copy_tree(&root.join(name), &folder.path().join(name));
        }
        let dir = hub().dir.display();
        let config = fs::read_to_string(hub().config()).expect("the configuration");
        let config = config
            .replace("file://./lake", &format!("file://{dir}/lake"))
            .replace("sqlite://./state.db", &format!("sqlite://{dir}/state.db"))
            .replace("path: ./sources", &format!("path: {dir}/sources"));
        let project = "\nproject: { schema: ./schema, queries: ./queries }\n";
        fs::write(folder.path().join("clinichub.yaml"), config + project).expect("written");
        Self(folder)
    }

    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.0.path().join(file);
        let before = fs::read_to_string(&path).expect("a project file");
        let after = change(before.clone());
        assert_ne!(before, after, "the edit of {file} changes nothing");
        fs::write(path, after).expect("written");
    }

    fn check(&self, words: &[&str]) -> Done {
        let config = self.0.path().join("clinichub.yaml");
        clinichub(["check"]).arg("--config").arg(config).args(words).done()
    }

    fn diff(&self) -> Value {
        let out = self.check(&["--diff", "--format", "json", "--limit", "100000"]).passed();
        serde_json::from_str(&out).expect("JSON")
    }
}

/// Site and month → value.
type Values = BTreeMap<(String, String), Decimal>;

/// Values by plain SQL with columns `site`, `month`, `value`.
fn values(statement: &str) -> Values {
    let rows = hub().rows(statement).into_iter();
    rows.filter(|row| !row["value"].is_empty())
        .map(|row| ((row["site"].clone(), row["month"].clone()), decimal(&row["value"])))
        .collect()
}

/// What changes between two sets of values: key → before, after.
fn changes(before: &Values, after: &Values) -> BTreeMap<(String, String), (Decimal, Decimal)> {
    let keys = before.keys().chain(after.keys());
    let value = |of: &Values, key: &(String, String)| of.get(key).copied().unwrap_or_default();
    keys.map(|key| (key.clone(), (value(before, key), value(after, key))))
        .filter(|(_, (before, after))| before != after)
        .collect()
}

/// The same of one metric of a difference.
fn told(diff: &Value, metric: &str) -> BTreeMap<(String, String), (Decimal, Decimal)> {
    let numbers = diff["numbers"].as_array().expect("numbers").iter();
    let value = |of: &Value| of.as_str().map(decimal).unwrap_or_default().round_dp(9).normalize();
    numbers
        .filter(|number| number["metric"] == metric)
        .map(|number| {
            let site = number["site"].as_str().unwrap_or_default().to_owned();
            let month = number["month"].as_str().expect("a month")[..7].to_owned();
            ((site, month), (value(&number["published"]), value(&number["proposed"])))
        })
        .collect()
}

fn line<'a>(diff: &'a Value, of: &str, key: &str, name: &str) -> &'a Value {
    let found = diff[of].as_array().expect("a list").iter().find(|it| it[key] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {of}: {diff}"))
}

fn objects(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").fold(0, |count, entry| {
        let path = entry.expect("an entry").path();
        count + if path.is_dir() { objects(&path) } else { 1 }
    })
}

#[test]
fn the_same_definitions_change_nothing() {
    let proposal = Proposal::new();
    let out = proposal.check(&["--diff", "--fail-on-change"]).passed();
    assert!(out.contains("no definition differs"), "{out}");
    assert_eq!(proposal.diff()["numbers"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_changed_metric_shows_the_numbers_plain_sql_shows() {
    let proposal = Proposal::new();
    // An input nobody sees, and what is made from it.
    proposal.edit("queries/metrics/consults.yaml", |text| {
        text.replacen("    filter: is_won\n", "    filter: is_won and deal_fen > 500000\n", 1)
            .replacen("label_en: Consults\n", "label_en: Sales consults\n", 1)
    });
    let diff = proposal.diff();
    let sql = |won: &str| {
        values(&format!(
            "select site_id as site, month, round(cast(count(*) filter (where {won}) as \
             decimal(30, 12)) / count(*), 9) as value from hub.consult group by 1, 2"
        ))
    };
    let wanted = changes(&sql("is_won"), &sql("is_won and deal_fen > 500000"));
    assert!(!wanted.is_empty(), "the edit matters");
    let wanted: BTreeMap<_, _> = wanted
        .into_iter()
        .map(|(key, (before, after))| (key, (before.normalize(), after.normalize())))
        .collect();
    assert_eq!(told(&diff, "close_rate"), wanted);
    let close_rate = line(&diff, "metrics", "metric", "close_rate");
    assert_eq!(close_rate["change"], "affected");
    assert_eq!(close_rate["changed"], wanted.len());
    let consults = line(&diff, "metrics", "metric", "consults");
    assert_eq!((&consults["change"], &consults["changed"]), (&"described".into(), &0.into()));
    assert_eq!(diff["tables"].as_array().map(Vec::len), Some(0), "no table differs");
    // For people: bounded, and the exit code on demand.
    let out = proposal.check(&["--diff", "--limit", "1", "--fail-on-change"]).exited(1);
    assert!(out.contains("smaller changes") && out.contains("numbers would change"), "{out}");
}

#[test]
fn a_changed_mart_is_evaluated_and_not_written() {
    let proposal = Proposal::new();
    proposal.edit("queries/marts/cost_direct.sql", |text| {
        format!("{}\nwhere entry.amount_fen > 1000000\n", text.trim_end())
    });
    let lake = hub().dir.join("lake");
    let before = objects(&lake);
    let diff = proposal.diff();
    assert_eq!(objects(&lake), before, "nothing is written");
    let sql = |rows: &str| {
        values(&format!(
            "select site_id as site, month, sum(amount_fen) as value from hub.cost_direct \
             where {rows} group by 1, 2"
        ))
    };
    let wanted = changes(&sql("true"), &sql("amount_fen > 1000000"));
    assert!(!wanted.is_empty(), "the edit matters");
    assert_eq!(told(&diff, "direct_cost"), wanted);
    let table = line(&diff, "tables", "table", "cost_direct");
    let rows = |rows: &str| hub().scalar(&format!("select count(*) from hub.cost_direct {rows}"));
    assert_eq!(table["change"], "changed");
    assert_eq!(table["published_rows"].to_string(), rows(""));
    assert_eq!(table["proposed_rows"].to_string(), rows("where amount_fen > 1000000"));
}

#[test]
fn new_removed_and_impossible_definitions_are_told() {
    let proposal = Proposal::new();
    fs::remove_file(proposal.0.path().join("queries/checks/refunds.sql")).expect("removed");
    proposal.edit("queries/metrics/money.yaml", |text| {
        text.replacen("- id: refunds\n", "- id: refunds_paid\n", 1)
            .replace(": refunds\n", ": refunds_paid\n")
    });
    // A column no night has landed yet.
    proposal.edit("schema/sources/ledger.yaml", |text| {
        text.replacen("columns: {", "columns: { approved_by: \"text?\",", 1)
    });
    proposal.edit("queries/staging/ledger/account.sql", |text| {
        format!("{}\nwhere approved_by is null\n", text.trim_end())
    });
    let out = proposal.check(&["--diff", "--format", "json"]);
    let diff: Value = serde_json::from_str(&out.passed()).expect("JSON");
    let why =
        |of: &str, key: &str, name: &str| line(&diff, of, key, name)["unevaluated"].to_string();
    assert!(why("tables", "table", "account").contains("approved_by"), "{diff}");
    assert!(why("tables", "table", "cost_direct").contains("reads `cost_entry`"), "{diff}");
    assert!(why("metrics", "metric", "direct_cost").contains("table `cost_direct`"), "{diff}");
    assert_eq!(line(&diff, "metrics", "metric", "refunds")["change"], "removed");
    assert_eq!(line(&diff, "metrics", "metric", "refunds_paid")["change"], "new");
    proposal.check(&["--diff", "--fail-on-change"]).exited(1);
    let noted = proposal.check(&[]).passed();
    assert!(noted.contains("metric `refunds_paid` has no check query"), "{noted}");
}

#[test]
fn what_is_wrong_or_not_published_is_refused() {
    let proposal = Proposal::new();
    proposal.edit("queries/metrics/consults.yaml", |text| {
        text.replacen("    filter: is_won\n", "    filter: is_wonn\n", 1)
    });
    let out = proposal.check(&["--diff"]).exited(1);
    assert!(out.contains("queries/metrics/consults.yaml:"), "{out}");

    let nothing = Proposal::new();
    let config = nothing.0.path().join("clinichub.yaml");
    let text = fs::read_to_string(&config).expect("the configuration");
    let lake = format!("file://{}/lake", hub().dir.display());
    fs::write(&config, text.replace(&lake, "file://./lake")).expect("written");
    let done = nothing.check(&["--diff"]);
    done.exited(1);
    assert!(done.err().contains("nothing is published yet"), "{}", done.err());
    nothing.check(&["--limit", "3"]).exited(2);
}
