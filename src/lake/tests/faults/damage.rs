//! Logs and files that were cut off, garbled or lost: named, and everything else still reads.

use std::fs;
use std::path::PathBuf;

use object_store::path::Path;

use super::*;

/// A lake in a folder with a night published, and `commits` of table `visit`.
async fn published(commits: i64) -> Folder {
    let home = lake();
    for version in 0..commits {
        let id = format!("v{version}");
        let rows = [(id.as_str(), "2024-05", version)];
        put(&home.lake, "visit", WriteMode::Append, version, &rows).await.expect("written");
    }
    put(&home.lake, "spent", WriteMode::Append, 0, &[("s", "2024-05", 1)]).await.expect("written");
    for (id, version) in [(1, 1), (2, commits.unsigned_abs() - 1)] {
        let tables = [("visit".to_owned(), version), ("spent".to_owned(), 0)];
        let night = Snapshot { id, ..snapshot(tables.into()) };
        home.lake.publish(&night).await.expect("published");
    }
    home
}

fn commit(home: &Folder, version: u64) -> PathBuf {
    home.folder.path().join(format!("lake/hub/visit/_delta_log/{version:020}.json"))
}

/// Reading the newest night fails by name; the night before and other tables read.
async fn told(home: &Folder, damage: &str, at: u64) -> String {
    let lake = reopen(&home.folder);
    let newest = lake.latest().await.expect("readable").expect("published").tables["visit"];
    let error = lake.provider(&visit(), newest).await.expect_err("damaged");
    assert!(matches!(error, LakeError::Damaged { .. }), "{error:?}");
    let text = error.to_string();
    let wanted = format!("table `visit` cannot be read at version {newest}: its commit");
    assert!(text.starts_with(&wanted) && text.contains(damage), "{text}");
    assert!(text.contains(&format!("{at:020}.json`")) && text.contains("hint: "), "{text}");
    let spent = session(&lake, &TableId::hub("spent"), 0).await;
    assert_eq!(answer(&spent, "select * from t").await.len(), 1, "other tables read");
    let known = lake.table(&visit()).known_txn("night:visit").await;
    assert!(matches!(known, Err(LakeError::Damaged { .. })), "a writer is told: {known:?}");
    text
}

/// What is done to a commit.
type Damage<'a> = &'a dyn Fn(PathBuf);

#[tokio::test]
async fn a_damaged_commit_is_named_with_the_way_back() {
    let cut = |path: PathBuf| {
        let text = fs::read(&path).expect("a commit");
        fs::write(path, &text[..text.len() / 2]).expect("cut");
    };
    let lose = |path: PathBuf| fs::remove_file(path).expect("removed");
    let garble = |path: PathBuf| fs::write(path, "{\"add\":{\u{0}}\n").expect("garbled");
    let empty = |path: PathBuf| fs::write(path, "").expect("emptied");
    let cases: [(&str, u64, Damage<'_>); 5] = [
        ("is cut off or garbled", 4, &cut),
        ("is cut off or garbled", 4, &garble),
        ("is cut off or garbled", 4, &empty),
        ("is cut off or garbled", 3, &cut),
        ("is missing", 3, &lose),
    ];
    for (damage, at, hurt) in cases {
        let home = published(5).await;
        hurt(commit(&home, at));
        let text = told(&home, damage, at).await;
        assert!(text.contains("`clinichub snapshot rollback 1`"), "{text}");
        assert_eq!(rows(&reopen(&home.folder), 1).await.len(), 2, "the night before reads");
    }
}

#[tokio::test]
async fn a_commit_no_snapshot_names_may_be_moved_away() {
    let home = published(5).await;
    put(&home.lake, "visit", WriteMode::Append, 5, &[("x", "2024-05", 1)]).await.expect("written");
    fs::write(commit(&home, 5), "{").expect("garbled");
    let lake = reopen(&home.folder);
    assert_eq!(rows(&lake, 4).await.len(), 5, "the published night reads");
    let again = put(&lake, "visit", WriteMode::Append, 5, &[("x", "2024-05", 1)]).await;
    let text = again.expect_err("damaged").to_string();
    assert!(text.contains("snapshot 2 does not need it") && text.contains("move"), "{text}");
    fs::remove_file(commit(&home, 5)).expect("moved away");
    put(&lake, "visit", WriteMode::Append, 5, &[("x", "2024-05", 1)]).await.expect("written");
    assert_eq!(rows(&lake, 5).await.len(), 6);
}

/// A commit that lost its last lines, or is empty, reads as a whole one to others.
#[tokio::test]
async fn a_commit_cut_at_a_line_is_not_taken_for_a_whole_one() {
    for newest in [4, 3] {
        let home = published(5).await;
        let text = fs::read_to_string(commit(&home, 4)).expect("a commit");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() >= 3, "{text}");
        match newest {
            4 => fs::write(commit(&home, 4), format!("{}\n", lines[0])).expect("cut"),
            _ => fs::write(commit(&home, 3), "").expect("emptied"),
        }
        told(&home, "is cut off or garbled", newest).await;
    }
}

#[tokio::test]
async fn damaged_checkpoints_are_read_around() {
    let bench = Bench::new();
    for version in 0..=100 {
        let (lake, id) = (bench.lake(), format!("v{version}"));
        let rows = [(id.as_str(), "2024-05", version)];
        put(&lake, "visit", WriteMode::Append, version, &rows).await.expect("written");
    }
    let log = |name: &str| Path::from(format!("lake/hub/visit/_delta_log/{name}"));
    let (checkpoint, hint) =
        (log(&format!("{:020}.checkpoint.parquet", 99)), log("_last_checkpoint"));
    let read = async |path: &Path| {
        bench.store.get(path).await.expect("there").bytes().await.expect("read")
    };
    let (whole, told) = (read(&checkpoint).await, read(&hint).await);
    let hurt = async |path: &Path, content: Option<bytes::Bytes>| match content {
        Some(content) => drop(bench.store.put(path, content.into()).await.expect("written")),
        None => bench.store.delete(path).await.expect("removed"),
    };
    let half = whole.slice(..whole.len() / 2);
    for (what, content) in [("gone", None), ("cut off", Some(half)), ("empty", Some("".into()))] {
        hurt(&checkpoint, content).await;
        let lake = bench.lake();
        assert_eq!(rows(&lake, 100).await.len(), 101, "{what}");
        assert_eq!(lake.table(&visit()).known_txn("night:visit").await.expect("read"), Some(100));
        let again = put(&lake, "visit", WriteMode::Append, 100, &[("x", "2024-05", 1)]).await;
        assert!(again.expect("a replay").skipped, "{what}");
    }
    hurt(&checkpoint, Some(whole)).await;
    for content in ["", "{\"version\":", "{\"version\":4711,\"size\":1}"] {
        hurt(&hint, Some(content.into())).await;
        assert_eq!(rows(&bench.lake(), 100).await.len(), 101, "hint `{content}`");
    }
    hurt(&hint, Some(told)).await;
    let next = put(&bench.lake(), "visit", WriteMode::Append, 101, &[("x", "2024-05", 1)]).await;
    assert_eq!(next.expect("written").version, 101);
}

#[tokio::test]
async fn damaged_files_are_named() {
    for (damage, hurt) in [("is missing", 0), ("is cut off or garbled", 1)] {
        let home = published(3).await;
        let folder = home.folder.path().join("lake/hub/visit/month=2024-05");
        let file = fs::read_dir(folder).expect("files").next().expect("a file").expect("one");
        match hurt {
            0 => fs::remove_file(file.path()).expect("removed"),
            _ => {
                let whole = fs::read(file.path()).expect("a file");
                fs::write(file.path(), &whole[..whole.len() / 2]).expect("cut");
            }
        }
        let lake = reopen(&home.folder);
        let context = session(&lake, &visit(), 2).await;
        let frame = context.sql("select * from t").await.expect("planned");
        let error = frame.collect().await.expect_err("damaged");
        let told = error.find_root().to_string();
        assert!(told.contains("table `visit` cannot be read at version 2: its file"), "{told}");
        assert!(told.contains(damage) && told.contains("hint: "), "{told}");
        let spent = session(&lake, &TableId::hub("spent"), 0).await;
        assert_eq!(answer(&spent, "select * from t").await.len(), 1, "other tables read");
    }
}
