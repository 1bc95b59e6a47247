//! The switch of a source, and what leaves the hub as CSV, from the command line.

use crate::support::{clinichub, fresh, hub};

#[test]
fn a_source_is_stopped_and_started_from_the_command_line() {
    let copy = fresh(&hub().dir, |config| config);
    let config = copy.path().join("clinichub.yaml");
    let sources = |args: &[&str]| {
        clinichub([&["sources"][..], args].concat()).arg("--config").arg(&config).done()
    };
    let listed = sources(&["list"]).passed();
    assert!(listed.contains("his") && listed.contains("on") && !listed.contains("stopped"));
    sources(&["stop", "his", "--reason", "vendor at work"]).passed();
    let listed = sources(&[]).passed();
    let line = listed.lines().find(|line| line.starts_with("his")).expect("a line");
    assert!(line.contains("stopped since 20") && line.contains(": vendor at work"), "{line}");
    assert!(sources(&["start", "his"]).passed().contains("is read again"));
    assert!(sources(&["start", "his"]).passed().contains("was not stopped"));
    assert!(!sources(&[]).passed().contains("stopped"));
    let unknown = sources(&["stop", "hiss"]);
    assert_eq!(unknown.code(), Some(2), "{}", unknown.err());
    assert!(unknown.err().contains("no source `hiss`"));
}

#[test]
fn exported_texts_are_no_formulas() {
    let statement = "select '=cmd|'' /C calc''!A0' as a, '-12.5' as b, -1 as c, '@x' as d";
    let answer = |format: &str| {
        let call = clinichub(["sql", "--format", format, statement]);
        call.arg("--config").arg(hub().config()).done().passed()
    };
    assert_eq!(answer("csv").trim(), "a,b,c,d\n'=cmd|' /C calc'!A0,-12.5,-1,'@x");
    assert!(answer("json").contains("\"=cmd|' /C calc'!A0\""));
}
