//! A lake with a damaged table: what names it, what still answers, and the ways back.

use std::fs;
use std::path::PathBuf;

use crate::support::ward::{SECOND, Ward, same};
use crate::support::{Done, clinichub};

const ROWS: u64 = 60;

/// Night 2 published after night 1.
fn published() -> Ward {
    let ward = Ward::prepared(ROWS, "{ lease: 60s }");
    ward.nightly(SECOND).passed();
    ward
}

fn sql(ward: &Ward, statement: &str) -> Done {
    clinichub(["sql", "--format", "csv", "--config"]).arg(ward.config()).arg(statement).done()
}

/// The commit of night 2 of hub table `visit`.
fn newest_commit(ward: &Ward) -> PathBuf {
    let log = ward.dir.path().join("lake/hub/visit/_delta_log");
    let commits = fs::read_dir(log).expect("a log").map(|entry| entry.expect("an entry").path());
    let commits = commits.filter(|path| path.extension().is_some_and(|end| end == "json"));
    commits.max().expect("a commit")
}

#[test]
fn a_damaged_table_leaves_the_others_and_the_night_before() {
    let ward = published();
    let (_, second) = ward.shown();
    let commit = newest_commit(&ward);
    let whole = fs::read(&commit).expect("a commit");
    fs::write(&commit, &whole[..whole.len() / 2]).expect("cut");

    let told = sql(&ward, "select count(*) from hub.visit");
    told.exited(1);
    let told = told.err();
    for part in ["table `visit`", "at version 1", "cut off", "`clinichub snapshot rollback 1`"] {
        assert!(told.contains(part), "no {part} in: {told}");
    }
    for statement in [
        "select count(*) from hub.staff",
        "select count(*) from hub.total",
        "select count(*) from raw.his_visit",
        "select count(*) from information_schema.columns where table_name = 'staff'",
    ] {
        sql(&ward, statement).passed();
    }

    let night = ward.nightly(SECOND);
    night.exited(1);
    let told = format!("{}{}", night.out(), night.err());
    assert!(told.contains("table `visit`") && told.contains("hint: "), "{told}");

    let rollback = clinichub(["snapshot", "rollback", "1", "--config"]).arg(ward.config()).done();
    rollback.passed();
    let (id, _) = ward.shown();
    assert_eq!(id, 3);

    // As the hint says: moved away, and the night again.
    let night = ward.nightly(SECOND);
    night.exited(1);
    let told = format!("{}{}", night.out(), night.err());
    assert!(told.contains("snapshot 3 does not need it"), "{told}");
    fs::remove_file(&commit).expect("moved away");
    ward.nightly(SECOND).passed();
    let (id, found) = ward.shown();
    assert_eq!(id, 4);
    same(&found, &second, "after the repair");
}

#[test]
fn a_half_copied_file_is_named_and_a_full_read_mends_it() {
    let ward = published();
    let (_, second) = ward.shown();
    let folder = ward.dir.path().join("lake/hub/visit");
    let (mut newest, mut path) = (None, PathBuf::new());
    for entry in fs::read_dir(folder).expect("files").map(|entry| entry.expect("an entry")) {
        let made = entry.metadata().expect("known").modified().expect("a time");
        if entry.path().is_file() && newest < Some(made) {
            (newest, path) = (Some(made), entry.path());
        }
    }
    let whole = fs::read(&path).expect("a file");
    fs::write(&path, &whole[..whole.len() / 3]).expect("cut");
    let told = sql(&ward, "select sum(amount_fen) from hub.visit");
    told.exited(1);
    let told = told.err();
    for part in ["table `visit`", "at version 1", "its file", "cut off", "snapshot rollback"] {
        assert!(told.contains(part), "no {part} in: {told}");
    }
    sql(&ward, "select count(*) from hub.staff").passed();
    ward.nightly_full(SECOND).passed();
    let (_, found) = ward.shown();
    same(&found, &second, "after a full read");
}
