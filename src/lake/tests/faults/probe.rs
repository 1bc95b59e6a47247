//! The probe: stores that keep writers apart, and two ways not to.

use object_store::{GetOptions, PutMode};

use super::http::{Manners, S3};
use super::*;

#[tokio::test]
async fn a_store_in_memory_passes_and_is_asked_once() {
    let bench = Bench::new();
    let lake = bench.lake();
    lake.probe().await.expect("it keeps writers apart");
    let asked = bench.store.operations();
    assert!(asked > 40, "{asked}");
    lake.probe().await.expect("still");
    assert_eq!(bench.store.operations(), asked, "the answer is remembered");
    let left = bench.store.list(None).try_collect::<Vec<_>>().await.expect("listed");
    assert!(left.is_empty(), "{left:?}");
}

/// A lake over a real HTTP server that speaks enough of S3.
async fn refused(manners: Manners) -> String {
    let server = S3::start(manners).await;
    let error = server.lake().probe().await.expect_err("refused");
    assert!(matches!(error, LakeError::NotExclusive { .. }), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_server_passes() {
    let server = S3::start(Manners::Honest).await;
    server.lake().probe().await.expect("it keeps writers apart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ignores_the_condition_is_refused() {
    let told = refused(Manners::Overwrites).await;
    assert!(told.contains("one after the other: the second was accepted"), "{told}");
    assert!(told.contains("hint: ") && told.contains("`single_writer: true`"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_looks_and_then_writes_is_refused() {
    let told = refused(Manners::LooksThenWrites).await;
    assert!(told.contains("at the same moment: "), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_knows_no_condition_is_refused() {
    let told = refused(Manners::Knows501).await;
    assert!(told.contains("answers 501"), "{told}");
}

/// Where one writer is promised, a server without conditions is good enough, and what exists is
/// still not overwritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_writer_needs_no_condition() {
    for manners in [Manners::Overwrites, Manners::Knows501] {
        let server = S3::start(manners).await;
        let lake = server.single_writer_lake();
        lake.probe().await.expect("not asked");
        put(&lake, "visit", WriteMode::Append, 0, &[("v1", "2024-05", 1)]).await.expect("written");
        let again = put(&lake, "visit", WriteMode::Append, 0, &[("v1", "2024-05", 1)]).await;
        assert!(again.expect("a replay").skipped);
        let path = lake.table(&visit()).commit_path(0);
        let store = &lake.place().store;
        let taken = store.put_opts(&path, "other".into(), PutMode::Create.into()).await;
        assert!(matches!(taken, Err(object_store::Error::AlreadyExists { .. })), "{taken:?}");
        let held = store.get_opts(&path, GetOptions::default()).await.expect("there");
        assert!(held.bytes().await.expect("read").starts_with(b"{"));
    }
}

/// The server commits, the client hears nothing in time: one commit, one snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unanswered_put_over_http_is_one_commit() {
    let server = S3::start(Manners::LosesAnswers).await;
    let lake = server.lake();
    for version in 0..3 {
        let rows = [("v1", "2024-05", version)];
        let done = put(&lake, "visit", WriteMode::Append, version, &rows).await.expect("written");
        assert_eq!((done.version, done.skipped), (version.unsigned_abs(), false));
    }
    assert!(server.lost() >= 3, "{} answers were lost", server.lost());
    assert_eq!(lake.table(&visit()).version().await.expect("read"), Some(2));
    lake.publish(&snapshot([("visit".to_owned(), 2)].into())).await.expect("published");
    assert_eq!(lake.snapshot_ids().await.expect("listed"), [1]);
}

/// Any store: `CLINICHUB_TEST_STORE_URL`, with its options in the environment as a deployment has
/// them. Probes it, and where it passes writes a night, reads it, writes it again.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_given_by_its_address() {
    let Ok(url) = std::env::var("CLINICHUB_TEST_STORE_URL") else {
        return eprintln!("left out: CLINICHUB_TEST_STORE_URL is not set");
    };
    let ours = |name: &str| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|own| name.starts_with(own));
    let options: BTreeMap<String, String> = std::env::vars()
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let lake = Lake::open(&url, &options).expect("a lake");
    if let Err(error) = lake.probe().await {
        assert!(matches!(error, LakeError::NotExclusive { .. }), "{error:?}");
        return eprintln!("{url}: refused: {error}");
    }
    let rows = [("v1", "2024-05", 1), ("v2", "2024-06", 2)];
    for skipped in [false, true] {
        let done = put(&lake, "visit", WriteMode::Append, 0, &rows).await.expect("written");
        assert_eq!((done.version, done.skipped), (0, skipped));
    }
    lake.publish(&snapshot([("visit".to_owned(), 0)].into())).await.expect("published");
    let other = Lake::open(&url, &options).expect("a lake");
    assert_eq!(other.latest().await.expect("readable").map(|night| night.id), Some(1));
    let context = session(&other, &visit(), 0).await;
    assert_eq!(answer(&context, "select * from t").await.len(), 2);
    eprintln!("{url}: passes the probe; written, published, read");
}
