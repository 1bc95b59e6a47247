//! `src/docs/bad-input.md` is written from the cases: what it says is what is tested.

use std::fmt::Write as _;

use super::*;

/// What other tests check, by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    group: String,
    cases: String,
}

impl Told {
    /// Input, what becomes of it, tests.
    fn rows(&self) -> impl Iterator<Item = (&str, &str, Vec<&str>)> {
        self.cases.lines().map(|line| {
            let parts: Vec<&str> = line.split(" ;; ").collect();
            let [input, became, tests] = parts[..] else { panic!("three parts: {line}") };
            (input, became, tests.split(", ").collect())
        })
    }
}

fn elsewhere() -> Vec<Told> {
    serde_saphyr::from_str(include_str!("elsewhere.yaml")).expect("cases")
}

/// A text as it may stand in a table.
fn shown(text: &str) -> String {
    if text.is_empty() {
        return "the empty text".to_owned();
    }
    let quiet = |c: char| match c {
        '|' => "\\|".to_owned(),
        c if c.is_control() || "\u{202e}\u{200b}\u{feff}\u{fffd}".contains(c) => {
            c.escape_unicode().to_string()
        }
        c => c.to_string(),
    };
    let text: String = text.chars().map(quiet).collect();
    let fence = if text.contains('`') { "``" } else { "`" };
    format!("{fence}{text}{fence}")
}

fn told(then: Option<&str>) -> String {
    match then {
        None => "–".to_owned(),
        Some("= NULL") => "NULL".to_owned(),
        Some(then) => match then.strip_prefix("= ") {
            Some(text) => format!("loaded: {}", shown(text)),
            None => format!("quarantined: `{then}`"),
        },
    }
}

fn tables() -> String {
    let mut page = String::new();
    let head = "| input | declared | PostgreSQL | MariaDB, MySQL | CSV | JSON lines |\n\
                |---|---|---|---|---|---|\n";
    for group in values() {
        write!(page, "### Values: {}\n\n{head}", group.group).expect("text");
        for case in &group.cases {
            let note =
                if case.note.is_empty() { String::new() } else { format!(" ({})", case.note) };
            let cells: Vec<String> = KINDS.iter().map(|kind| told(case.then(*kind))).collect();
            let (input, kind) = (&case.input, case.column_type.trim_end_matches('?'));
            writeln!(page, "| {input}{note} | {kind} | {} |", cells.join(" | ")).expect("text");
        }
        page.push('\n');
    }
    page.push_str("### Keys, alike in every kind\n\n| input | what becomes of it |\n|---|---|\n");
    for case in key_cases() {
        let mut became = vec![format!("{} of {} rows loaded", case.loaded, case.rows.len())];
        became.extend(case.refused.iter().map(|(reason, rows)| format!("{rows} `{reason}`")));
        let note = if case.note.is_empty() { String::new() } else { format!(": {}", case.note) };
        writeln!(page, "| {} | {}{note} |", case.input, became.join(", ")).expect("text");
    }
    for told in elsewhere() {
        let head = "| input | what becomes of it | test |\n|---|---|---|";
        write!(page, "\n### {}\n\n{head}\n", told.group).expect("text");
        for (input, became, tests) in told.rows() {
            let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
            writeln!(page, "| {input} | {became} | {} |", tests.join(", ")).expect("text");
        }
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "blessing is asked for by the environment")]
fn the_page_says_what_is_tested() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bad-input.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let mark = "<!-- written by tests: CLINICHUB_BLESS=1 cargo test -p hub-pipeline the_page -->\n";
    let (head, _) = page.split_once(mark).expect("the mark after which the page is written");
    let wanted = format!("{head}{mark}\n{}", tables());
    if std::env::var("CLINICHUB_BLESS").is_ok() {
        std::fs::write(path, wanted).expect("written");
    } else {
        assert!(page == wanted, "bless `src/docs/bad-input.md`: see its mark");
    }
}

/// A row of the page may not name a test that is gone.
#[test]
fn the_tests_the_page_names_exist() {
    let mut sources = String::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.to_path_buf(), root.join("../../tests"), root.join("../cli")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                sources.push_str(&std::fs::read_to_string(&path).expect("text"));
            }
        }
    }
    for told in elsewhere() {
        for (input, _, tests) in told.rows() {
            for test in tests {
                let found = sources.contains(&format!("fn {test}("));
                assert!(found, "{input}: no test `{test}`");
            }
        }
    }
}
