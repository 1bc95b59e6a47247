//! The allowance in a time of our own; the switch while rows stream.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};
use futures::TryStreamExt;

use super::*;

/// Time that passes only by sleeping.
#[derive(Default)]
struct OwnTime(Mutex<Duration>);

#[async_trait]
impl Timer for OwnTime {
    fn now(&self) -> Duration {
        *self.0.lock().expect("no panic")
    }

    async fn sleep(&self, time: Duration) {
        *self.0.lock().expect("no panic") += time;
    }
}

/// Goes off at its n-th look.
struct OffAt(u64, AtomicU64);

#[async_trait]
impl StopSwitch for OffAt {
    async fn stopped(&self, _: &str) -> Result<Option<String>, Cause> {
        let look = self.1.fetch_add(1, Ordering::Relaxed) + 1;
        Ok((look >= self.0).then(|| "quiet night".to_owned()))
    }
}

fn brake(rows_per_second: Option<u64>, off_at: u64) -> (Brake, Arc<OwnTime>) {
    let limits = SourceLimits { rows_per_second, ..SourceLimits::default() };
    let timer = Arc::new(OwnTime::default());
    let mut brake = Brake::new("his", &limits, Arc::new(OffAt(off_at, AtomicU64::new(0))));
    brake.timer = timer.clone();
    (brake, timer)
}

fn batches(count: usize, rows: i64) -> BatchStream<'static> {
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
    let column = Arc::new(Int64Array::from_iter_values(0..rows));
    let batch = RecordBatch::try_new(schema, vec![column]).expect("a batch");
    futures::stream::iter(vec![batch; count]).map(Ok).boxed()
}

#[tokio::test]
async fn rows_pass_at_the_allowed_rate() {
    let (limited, timer) = brake(Some(1_000), u64::MAX);
    let held: Vec<_> = limited.hold(batches(10, 500)).try_collect().await.expect("rows");
    assert_eq!(held.len(), 10);
    assert_eq!(timer.now(), Duration::from_secs(5));
    // Clones share the allowance: two readers are not twice as fast.
    let both = futures::future::try_join(
        limited.hold(batches(5, 500)).try_collect::<Vec<_>>(),
        limited.clone().hold(batches(5, 500)).try_collect::<Vec<_>>(),
    );
    both.await.expect("rows");
    assert!(timer.now() >= Duration::from_secs(10), "{:?}", timer.now());
    let (unlimited, timer) = brake(None, u64::MAX);
    let held: Vec<_> = unlimited.hold(batches(10, 500)).try_collect().await.expect("rows");
    assert_eq!((held.len(), timer.now()), (10, Duration::ZERO));
}

#[test]
fn idle_time_is_not_saved_up() {
    let at = Duration::from_secs;
    assert_eq!(after(at(0), at(0), 3_000, 1_000), at(3));
    assert_eq!(after(at(3), at(2), 1_000, 1_000), at(4));
    assert_eq!(after(at(3), at(60), 1_000, 1_000), at(61));
    assert_eq!(after(at(0), at(0), u64::MAX, 1), Duration::from_nanos(u64::MAX));
}

#[tokio::test]
async fn a_switch_ends_the_rows_within_a_second_of_reading() {
    let (limited, timer) = brake(Some(1_000), 3);
    let mut seen = 0;
    let mut held = limited.hold(batches(100, 5_000));
    let error = loop {
        match held.next().await.expect("it ends by an error") {
            Ok(_) => seen += 1,
            Err(error) => break error,
        }
    };
    // Batches take five seconds each; the third look is in the middle of one.
    assert_eq!((seen, timer.now()), (0, Duration::from_secs(3)));
    assert!(matches!(&error, ExtractError::Stopped { reason, .. } if reason == "quiet night"));
    // A source that delivers nothing is left as well.
    let (limited, timer) = brake(None, 3);
    let silent: BatchStream<'_> = futures::stream::pending().boxed();
    let ended = limited.hold(silent).try_collect::<Vec<_>>().await;
    assert!(matches!(ended, Err(ExtractError::Stopped { .. })));
    assert_eq!(timer.now(), Duration::from_secs(3));
}

#[tokio::test]
async fn a_switch_that_cannot_be_read_is_not_off() {
    struct Broken;
    #[async_trait]
    impl StopSwitch for Broken {
        async fn stopped(&self, _: &str) -> Result<Option<String>, Cause> {
            Err("no database".into())
        }
    }
    let brake = Brake::new("his", &SourceLimits::default(), Arc::new(Broken));
    assert!(brake.look().await.is_ok());
}
