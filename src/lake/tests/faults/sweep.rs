//! The sweep: every operation, every fault, once and for good.

use hub_faults::{Fault, Kind};

use super::*;

/// Seeds of a run of the suite, and of a long one.
const SEEDS: (u64, u64) = (40, 300);

/// What a night without faults leaves.
struct Truth {
    seen: BTreeMap<String, Vec<String>>,
    commits: BTreeMap<String, u32>,
    operations: u64,
}

async fn truth() -> Truth {
    let bench = Bench::new();
    bench.night().await.expect("a night without faults");
    let operations = bench.store.operations();
    let seen = bench.seen().await.expect("published");
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 6, "{seen:?}");
    let commits = bench.commits().await;
    assert_eq!(commits.len(), 5, "{commits:?}");
    Truth { seen, commits, operations }
}

/// One night with `fault`, what readers see after it, and the same night again.
async fn survives(truth: &Truth, fault: Fault, what: &str) -> bool {
    let bench = Bench::new();
    bench.store.arm(Some(fault));
    let first = bench.night().await;
    let hit = bench.store.hits() > 0;
    bench.store.arm(None);
    match bench.seen().await {
        Some(seen) => assert_eq!(seen, truth.seen, "{what}: part of a night is visible"),
        None => assert!(first.is_err(), "{what}: the night said it was published"),
    }
    if !fault.lasting {
        let told = format!("{what}: one fault ended the night");
        let healed = matches!(fault.kind, Kind::TornList) || first.is_ok();
        assert!(healed, "{told}: {first:?}");
    }
    bench.night().await.unwrap_or_else(|error| panic!("{what}: the rerun failed: {error:?}"));
    assert_eq!(bench.seen().await.as_ref(), Some(&truth.seen), "{what}: after the rerun");
    let commits = bench.commits().await;
    assert_eq!(commits, truth.commits, "{what}: not exactly one commit each");
    let snapshots = bench.lake().snapshot_ids().await.expect("listed");
    assert_eq!(snapshots, [1], "{what}: not exactly one snapshot");
    hit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_survives_any_fault_at_any_operation() {
    let truth = truth().await;
    let mut hits = 0_u64;
    let step = if long() { 1 } else { 3 };
    let first = u64::from(std::process::id()) % step as u64 + 1;
    // Hangs cost real time: there the seeds choose.
    let quick = Kind::ALL
        .into_iter()
        .filter(|kind| long() || !matches!(kind, Kind::Hang | Kind::HangAfter));
    for kind in quick {
        for lasting in [false, true] {
            for at in (first..=truth.operations).step_by(step) {
                let fault = Fault { at, kind, lasting };
                hits += u64::from(survives(&truth, fault, &format!("{fault:?}")).await);
            }
        }
    }
    assert!(hits > truth.operations * 6 / step as u64, "{hits} of {}", truth.operations);
    super::told(&format!(
        "faults of a store under writes and a publication: {hits} over {} operations: 0 lost, 0 \
         doubled, 0 partly visible",
        truth.operations
    ));
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_survives_seeded_faults() {
    let truth = truth().await;
    let told = std::env::var("CLINICHUB_FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = told.unwrap_or_else(|| u64::from(std::process::id()) * 1_000);
    let count = match (told, long()) {
        (Some(_), _) => 1,
        (None, true) => SEEDS.1,
        (None, false) => SEEDS.0,
    };
    for seed in first..first + count {
        let fault = Fault::seeded(seed, truth.operations);
        survives(&truth, fault, &format!("CLINICHUB_FAULT_SEED={seed} {fault:?}")).await;
    }
}

/// Files of more than one part: the end that is not acknowledged, the part that fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_end_once_or_are_aborted() {
    use rand::{Rng, SeedableRng};
    let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let texts: Vec<String> = (0..220_000)
        .map(|_| (0..12).map(|_| format!("{:08x}", dice.random::<u32>())).collect())
        .collect();
    let rows: Vec<(&str, &str, i64)> = texts.iter().map(|t| (t.as_str(), "2024-05", 1)).collect();
    let bench = Bench::new();
    put(&bench.lake(), "visit", WriteMode::Append, 0, &rows).await.expect("written");
    let operations = bench.store.operations();
    // Begin, parts, end, and the questions around them.
    for kind in [Kind::Before, Kind::After] {
        for at in 1..=operations {
            let bench = Bench::new();
            bench.store.arm(Some(Fault { at, kind, lasting: false }));
            let first = put(&bench.lake(), "visit", WriteMode::Append, 0, &rows).await;
            bench.store.arm(None);
            if first.is_err() {
                for _ in 0..200 {
                    if bench.store.aborted_uploads() > 0 {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                assert!(bench.store.aborted_uploads() > 0, "{kind:?} at {at}: {first:?}");
                put(&bench.lake(), "visit", WriteMode::Append, 0, &rows).await.expect("again");
            }
            let table = bench.lake().lake_table(&visit(), 0).await.expect("readable");
            assert_eq!(table.row_count(), Some(rows.len() as u64), "{kind:?} at {at}");
            assert_eq!(bench.commits().await.len(), 1);
        }
    }
}
