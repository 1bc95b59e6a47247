//! The command line on its own: generated contracts, mistakes told as file:line, exit codes,
//! pure analyses.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{clinichub, copy_tree, hub};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn schema_graphql_prints_the_sdl_of_the_repository() {
    let kept = fs::read_to_string(root().join("schema/api.graphql")).expect("the SDL");
    let body = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
        lines.join("\n").trim().to_owned()
    };
    assert_eq!(body(&clinichub(["schema", "graphql"]).done().passed()), body(&kept));
}

/// `CLINICHUB_BLESS=1` writes the file anew.
#[test]
fn schema_config_prints_the_schema_of_the_repository() {
    let path = root().join("schema/config.schema.json");
    let printed = clinichub(["schema", "config"]).done().passed();
    if std::env::var("CLINICHUB_BLESS").is_ok_and(|value| value == "1") {
        fs::write(&path, &printed).expect("written");
    }
    let kept = fs::read_to_string(&path).expect("the schema");
    assert_eq!(printed.trim(), kept.trim(), "bless with CLINICHUB_BLESS=1");
    let schema: Value = serde_json::from_str(&printed).expect("JSON");
    for key in ["group", "lake", "state", "sources", "nightly", "server", "auth", "alerts"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

/// A project on disk with a configuration that names it.
fn project() -> TempDir {
    let dir = TempDir::new().expect("a folder");
    for folder in ["schema", "queries"] {
        copy_tree(&root().join(folder), &dir.path().join(folder));
    }
    let config = fs::read_to_string(hub().config()).expect("the configuration");
    let config = config + "project: { schema: ./schema, queries: ./queries }\n";
    fs::write(dir.path().join("clinichub.yaml"), config).expect("written");
    dir
}

fn check(dir: &Path) -> crate::support::Done {
    clinichub(["check", "--config"]).arg(dir.join("clinichub.yaml")).done()
}

/// Replaces `from` in a file of the project; the line it stands on.
fn plant(dir: &Path, file: &str, from: &str, to: &str) -> usize {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).expect("a file");
    let at = text.find(from).unwrap_or_else(|| panic!("no `{from}` in {file}"));
    fs::write(&path, text.replacen(from, to, 1)).expect("written");
    text[..at].matches('\n').count() + 1
}

#[test]
fn check_passes_the_built_in_set_and_its_copy() {
    let built_in = clinichub(["check", "--config"]).arg(hub().config()).done().passed();
    assert!(built_in.starts_with("ok: "), "{built_in}");
    assert_eq!(check(project().path()).passed(), built_in);
}

#[test]
fn check_tells_planted_mistakes_by_file_and_line() {
    for (file, from, to, told) in [
        ("queries/marts/person_site.sql", "select", "selec", "person_site"),
        ("queries/marts/patient_money.sql", "person_id", "person_idd", "person_idd"),
        ("queries/metrics/visits.yaml", "aggregate: count\n", "aggregate: cuont\n", "cuont"),
        ("queries/alerts/seed_rules.yaml", "metric: close_rate_first", "metric: nope", "nope"),
        ("queries/boards/group_ceo.yaml", "metric: revenue_cash", "metric: nope", "nope"),
        ("schema/tables/visit.yaml", "type: date", "type: dat", "dat"),
    ] {
        let dir = project();
        let line = plant(dir.path(), file, from, to);
        let done = check(dir.path());
        let out = done.exited(1);
        let found = out.lines().find(|text| text.starts_with(file) && text.contains(told));
        let found = found.unwrap_or_else(|| panic!("{file} `{to}` is not told: {out}"));
        let place = found[file.len() + 1..].split(':').next().expect("a line");
        let place: usize = place.parse().unwrap_or_else(|_| panic!("no line: {found}"));
        // The line itself, or where the thing it belongs to begins or ends; 0 is the whole file.
        assert!(place <= line + 3, "{file} `{to}` on line {line}: {found}");
        assert!(out.contains("hint: ") || found.contains("; use "), "{out}");
    }
}

#[test]
fn a_wrong_configuration_is_exit_code_2() {
    let dir = TempDir::new().expect("a folder");
    let path = dir.path().join("clinichub.yaml");
    let good = fs::read_to_string(hub().config()).expect("the configuration");
    for (text, told) in [
        (format!("{good}servr: {{}}\n"), "servr"),
        (good.replace("Asia/Shanghai", "Mars/Olympus"), "Mars/Olympus"),
        (good.replace("kind: sqlite", "kind: oracle"), "oracle"),
        (good.replace("./sources/his.db", "${CLINICHUB_NO_SUCH}"), "CLINICHUB_NO_SUCH"),
    ] {
        fs::write(&path, text).expect("written");
        let done = clinichub(["sql", "select 1", "--config"]).arg(&path).done();
        done.exited(2);
        let err = done.err();
        assert!(err.contains(told) && err.contains("clinichub.yaml:"), "{err}");
        assert!(err.contains("hint: "), "{err}");
    }
    clinichub(["sql", "--config", "/nowhere/clinichub.yaml", "select 1"]).done().exited(2);
    clinichub(["nightly", "--date", "yesterday"]).done().exited(2);
    clinichub(["frobnicate"]).done().exited(2);
}

fn analyzed(files: &[(&str, &str)], words: &[&str]) -> Value {
    let dir = TempDir::new().expect("a folder");
    for (name, text) in files {
        fs::write(dir.path().join(name), text).expect("written");
    }
    let words = words.iter().map(|word| match word.strip_prefix('@') {
        Some(name) => dir.path().join(name).display().to_string(),
        None => (*word).to_owned(),
    });
    let out = clinichub(["analyze".to_owned()].into_iter().chain(words)).done().passed();
    serde_json::from_str(&out).expect("JSON")
}

fn close(found: &Value, wanted: f64) {
    let number = found.as_f64().or_else(|| found.as_str()?.parse().ok()).expect("a number");
    assert!((number - wanted).abs() < 0.006, "{number} is not {wanted}");
}

#[test]
fn a_chain_that_starts_later_may_reach_further() {
    let events = "unit,at,event\nu,2026-03-01 13:00:00,A\nu,2026-03-01 13:30:00,A\n\
                  u,2026-03-01 13:45:00,B\nu,2026-03-01 14:15:00,C\n";
    for (entry, level) in [("first", 2), ("longest", 3)] {
        let words = ["funnel", "@events.csv", "--steps", "A,B,C", "--window", "60m", "--entry"];
        let found = analyzed(&[("events.csv", events)], &[&words[..], &[entry]].concat());
        assert_eq!(found["levels"]["u"], level, "{entry}");
    }
}

#[test]
fn step_down_allocation_gives_the_published_example() {
    let centers = "code,name,step,is_final,direct\nL,Laundry,1,false,7000\n\
                   H,Housekeeping,2,false,5000\nA,Admin,3,false,20000\nS,Surgery,4,true,40000\n\
                   P,Pharmacy,5,true,100000\n";
    let drivers = "from,to,qty\nL,H,5\nL,A,20\nL,S,40\nL,P,20\nH,A,100\nH,S,100\nH,P,100\n\
                   A,S,4\nA,P,2\n";
    let files = [("centers.csv", centers), ("drivers.csv", drivers)];
    let words = ["allocation", "--centers", "@centers.csv", "--drivers", "@drivers.csv"];
    for (method, surgery, pharmacy) in
        [("step_down", 60_732.03, 111_267.97), ("direct", 60_500.0, 111_500.0)]
    {
        let found = analyzed(&files, &[&words[..], &["--method", method]].concat());
        close(&found["centers"]["S"]["full"], surgery);
        close(&found["centers"]["P"]["full"], pharmacy);
    }
}

#[test]
fn rfm_counts_weeks() {
    let bought = "person,on,amount\np,2026-03-02,100\np,2026-03-16,50\n";
    let words = ["rfm", "@bought.csv", "--as-of", "2026-03-30", "--unit", "week"];
    let found = analyzed(&[("bought.csv", bought)], &words);
    for (name, wanted) in [("frequency", 1.0), ("recency", 2.0), ("t", 4.0), ("monetary", 50.0)] {
        close(&found["p"][name], wanted);
    }
}
