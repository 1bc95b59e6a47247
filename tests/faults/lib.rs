//! `FaultStore`: any object store, with one operation that goes wrong on demand.
//!
//! Every call is an operation with a number, counted from 1. A [`Fault`] names a number and what
//! happens there. It knows nothing of lakes: what must hold afterwards is the test's to say.

mod store;
mod upload;

use std::fmt::{Debug, Display, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::{Error, ObjectStore, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The operation fails and has not happened.
    Before,
    /// The operation happens, its acknowledgement is lost.
    After,
    /// The store answers 503 three times.
    Unavailable,
    /// No answer comes; the operation has not happened.
    Hang,
    /// The operation happens, but no answer comes.
    HangAfter,
    /// A listing ends early: its newest half is missing, without an error.
    TornList,
    /// A read delivers half of its bytes, without an error.
    ShortRead,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Before,
        Self::After,
        Self::Unavailable,
        Self::Hang,
        Self::HangAfter,
        Self::TornList,
        Self::ShortRead,
    ];
}

/// One operation that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Its number, from 1.
    pub at: u64,
    /// What happens there.
    pub kind: Kind,
    /// Whether the store is gone from then on, as for a client that is cut off.
    pub lasting: bool,
}

impl Fault {
    /// A fault among `operations`, chosen by `seed`.
    #[must_use]
    pub fn seeded(seed: u64, operations: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        Self {
            at: dice.random_range(1..=operations.max(1)),
            kind: Kind::ALL[dice.random_range(0..Kind::ALL.len())],
            lasting: dice.random_bool(0.5),
        }
    }
}

/// An object store that fails as told.
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Plan>,
}

/// The fault and what was counted; uploads share it with their store.
#[derive(Debug, Default)]
struct Plan {
    fault: Mutex<Option<Fault>>,
    count: AtomicU64,
    hits: AtomicU64,
    aborted: AtomicU64,
}

/// What an operation is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    Fails(&'static str),
    HappensAndFails(&'static str),
    Hangs,
    HappensAndHangs,
    Torn,
}

/// What an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Read,
    List,
    Write,
}

impl FaultStore {
    /// `inner`, without faults so far.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>) -> Arc<Self> {
        Arc::new(Self { inner, plan: Arc::default() })
    }

    /// Counts from 1 again and fails as `fault` says; none heals the store.
    pub fn arm(&self, fault: Option<Fault>) {
        *self.plan.fault.lock().expect("no holder panics") = fault;
        self.plan.count.store(0, Ordering::SeqCst);
        self.plan.hits.store(0, Ordering::SeqCst);
    }

    /// Operations since the last [`FaultStore::arm`].
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.plan.count.load(Ordering::SeqCst)
    }

    /// Operations that went wrong since then.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.plan.hits.load(Ordering::SeqCst)
    }

    /// Uploads that were aborted by their writer, ever.
    #[must_use]
    pub fn aborted_uploads(&self) -> u64 {
        self.plan.aborted.load(Ordering::SeqCst)
    }
}

impl Plan {
    fn fate(&self, sort: Sort) -> Fate {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        let Some(fault) = *self.fault.lock().expect("no holder panics") else { return Fate::Well };
        let fate = fate(fault, number, sort);
        if fate != Fate::Well {
            self.hits.fetch_add(1, Ordering::SeqCst);
        }
        fate
    }

    /// Runs `work` as its fate says.
    async fn meet<T>(&self, sort: Sort, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.fate(sort) {
            Fate::Well | Fate::Torn => work.await,
            Fate::Fails(why) => Err(failure(why)),
            Fate::HappensAndFails(why) => {
                work.await?;
                Err(failure(why))
            }
            Fate::Hangs => never().await,
            Fate::HappensAndHangs => {
                work.await?;
                never().await
            }
        }
    }
}

/// What becomes of operation `number`.
fn fate(fault: Fault, number: u64, sort: Sort) -> Fate {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match (number.cmp(&fault.at), fault.kind) {
        (Less, _) => Fate::Well,
        (Equal, Kind::Before) => Fate::Fails("connection reset before the request"),
        (Equal, Kind::After) => Fate::HappensAndFails("connection reset before the answer"),
        (Equal, Kind::Hang) => Fate::Hangs,
        (Equal, Kind::HangAfter) => Fate::HappensAndHangs,
        (Equal, Kind::TornList) if sort == Sort::List => Fate::Torn,
        (Equal, Kind::ShortRead) if sort == Sort::Read => Fate::Torn,
        (_, Kind::Unavailable) if number < fault.at + 3 => Fate::Fails("503 Slow Down"),
        (Greater, _) if fault.lasting => Fate::Fails("the network is gone"),
        _ => Fate::Well,
    }
}

fn failure(why: &'static str) -> Error {
    Error::Generic { store: "FaultStore", source: why.into() }
}

/// Longer than any client waits.
async fn never<T>() -> Result<T> {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    Err(failure("no answer"))
}

impl Debug for FaultStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "FaultStore({:?})", self.inner)
    }
}

impl Display for FaultStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "FaultStore({})", self.inner)
    }
}
