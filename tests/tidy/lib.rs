//! Repository rules as tests: they read the tree as text and know nothing of the product.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root folder.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file git would take, by path relative to the root, with its text.
/// Files that are not UTF-8 are left out: rules here are about text.
#[must_use]
pub fn text_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for top in ["Cargo.toml", "README.md", "src", "schema", "queries", "data", "tests", ".ci"] {
        walk(&root().join(top), top, &mut files);
    }
    files.sort();
    files
}

fn walk(path: &Path, relative: &str, files: &mut Vec<(String, String)>) {
    if path.is_dir() {
        let Ok(entries) = fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let generated = relative == "data" && name == "local";
            if name != "target" && !generated {
                walk(&entry.path(), &format!("{relative}/{name}"), files);
            }
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        files.push((relative.to_owned(), text));
    }
}

/// The part of a Rust file before its unit tests.
#[must_use]
pub fn without_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]").map_or(text, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room → rooms its manifest may name. `demo` makes sources and knows no other room.
    const ARROWS: &[(&str, &[&str])] = &[
        ("domain", &[]),
        ("lake", &["domain"]),
        ("engine", &["domain", "lake"]),
        ("state", &["domain"]),
        ("pipeline", &["domain", "lake", "engine", "state"]),
        ("api", &["domain"]),
        ("wire", &["domain", "engine"]),
        ("demo", &["domain"]),
    ];

    /// Room → dependencies that must not appear in its manifest.
    const STRANGERS: &[(&str, &[&str])] = &[
        ("domain", &["tokio", "arrow", "datafusion", "axum", "sqlx", "object_store", "reqwest"]),
        ("lake", &["axum", "async-graphql", "sqlx"]),
        ("engine", &["axum", "async-graphql", "sqlx"]),
        ("state", &["arrow", "datafusion", "async-graphql", "axum"]),
        ("pipeline", &["async-graphql", "axum"]),
        ("api", &["arrow", "datafusion", "sqlx", "object_store", "parquet", "deltalake-core"]),
        ("wire", &["async-graphql"]),
    ];

    fn breaches(found: Vec<String>) {
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }

    fn rust_code() -> impl Iterator<Item = (String, String)> {
        text_files().into_iter().filter(|(path, _)| path.ends_with(".rs"))
    }

    fn is_test(path: &str) -> bool {
        path.starts_with("tests/")
            || path.ends_with("_tests.rs")
            || path.ends_with("/tests.rs")
            || path.contains("/tests/")
    }

    fn dependencies(room: &str) -> String {
        let manifest = root().join("src").join(room).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("every room has a manifest");
        text.split("[dev-dependencies]").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn rooms_know_only_the_rooms_below() {
        let mut found = Vec::new();
        for (room, allowed) in ARROWS {
            for (other, _) in ARROWS {
                let named = dependencies(room).contains(&format!("hub-{other}.workspace"));
                if named && !allowed.contains(other) {
                    found.push(format!("src/{room}/Cargo.toml: `{room}` must not know `{other}`"));
                }
            }
        }
        breaches(found);
    }

    #[test]
    fn rooms_keep_strangers_out() {
        let mut found = Vec::new();
        for (room, strangers) in STRANGERS {
            let text = dependencies(room);
            for stranger in *strangers {
                if text.lines().any(|line| line.starts_with(&format!("{stranger}."))) {
                    found.push(format!("src/{room}/Cargo.toml: `{stranger}` does not belong here"));
                }
            }
        }
        breaches(found);
    }

    #[test]
    fn files_stay_short() {
        let long = rust_code().filter_map(|(path, text)| {
            let lines = text.lines().count();
            (lines > 500)
                .then(|| format!("{path}: {lines} lines, the cap is 500: split by concept"))
        });
        breaches(long.collect());
        let sql = text_files().into_iter().filter(|(path, _)| path.ends_with(".sql"));
        let long = sql.filter_map(|(path, text)| {
            let lines = text.lines().count();
            let capped = path.starts_with("queries/");
            (capped && lines > 80).then(|| format!("{path}: {lines} lines, the cap is 80"))
        });
        breaches(long.collect());
    }

    #[test]
    fn every_query_has_its_contract() {
        let files = text_files();
        let found = files.iter().filter_map(|(path, _)| {
            let query =
                path.strip_prefix("queries/staging/").or(path.strip_prefix("queries/marts/"))?;
            let table = query.strip_suffix(".sql")?.rsplit('/').next()?;
            let contract = format!("schema/tables/{table}.yaml");
            let paired = files.iter().any(|(other, _)| *other == contract);
            (!paired).then(|| format!("{path}: no contract `{contract}`"))
        });
        breaches(found.collect());
    }

    #[test]
    fn every_public_metric_has_a_check_query() {
        let files = text_files();
        let mut found = Vec::new();
        for (path, text) in &files {
            if !path.starts_with("queries/metrics/") || path.ends_with("dimensions.yaml") {
                continue;
            }
            for metric in text.split("\n  - id: ").skip(1) {
                let id = metric.lines().next().unwrap_or_default().trim();
                let private = metric.contains("private: true");
                let check = format!("queries/checks/{id}.sql");
                if !private && !files.iter().any(|(other, _)| *other == check) {
                    found.push(format!("{path}: metric `{id}` has no `{check}`"));
                }
            }
        }
        breaches(found);
    }

    #[test]
    fn time_and_environment_come_from_their_rooms() {
        let bans = [
            ("Utc::now", "src/domain/clock.rs"),
            ("Local::now", "src/domain/clock.rs"),
            ("SystemTime::now", "src/domain/clock.rs"),
            ("env::var", "src/config/"),
            ("rand::rng()", "nowhere"),
            ("thread_rng", "nowhere"),
        ];
        let mut found = Vec::new();
        for (path, text) in rust_code().filter(|(path, _)| !is_test(path)) {
            for (call, room) in bans {
                if without_tests(&text).contains(call) && !path.starts_with(room) {
                    found.push(format!("{path}: `{call}` belongs to {room}"));
                }
            }
        }
        breaches(found);
    }

    #[test]
    fn sql_text_lives_in_queries() {
        let rooms = ["src/domain/", "src/api/", "src/cli/", "src/config/"];
        let found = rust_code().filter_map(|(path, text)| {
            let bare = rooms.iter().any(|room| path.starts_with(room)) && !is_test(&path);
            let sql = without_tests(&text).to_lowercase();
            let holds = ["\"select ", "\"insert into ", "\"with "].iter().any(|s| sql.contains(s));
            (bare && holds).then(|| format!("{path}: holds SQL text"))
        });
        breaches(found.collect());
    }

    #[test]
    fn nothing_names_a_machine() {
        let roots = ["/wo\u{72}k/", "/ro\u{6f}t/", "/ho\u{6d}e/", "/tm\u{70}/"];
        let mut found = Vec::new();
        for (path, text) in text_files() {
            for (number, line) in text.lines().enumerate() {
                if roots.iter().any(|root| line.contains(root)) {
                    found.push(format!("{path}:{}: a path of one machine", number + 1));
                }
            }
        }
        breaches(found);
    }

    #[test]
    fn rooms_are_not_named_after_nothing() {
        let vague = ["utils", "helpers", "common", "manager", "misc"];
        let found = rust_code().filter_map(|(path, _)| {
            let part = path.trim_end_matches(".rs").split('/').find(|part| vague.contains(part))?;
            Some(format!("{path}: `{part}` says nothing"))
        });
        breaches(found.collect());
    }

    #[test]
    fn every_module_says_what_it_owns() {
        let found = rust_code().filter(|(path, _)| path.starts_with("src/") && !is_test(path));
        let found = found.filter_map(|(path, text)| {
            (!text.starts_with("//!")).then(|| format!("{path}: starts without `//!`"))
        });
        breaches(found.collect());
    }
}
