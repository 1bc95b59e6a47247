//! Seeds that are printed and can be given again, and how long a test may take.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Instant;

/// A count for every run of the suite, and one for when there is time: `CLINICHUB_LONG=1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Long(pub(crate) u64, pub(crate) u64);

impl Long {
    pub(crate) fn now(self) -> u64 {
        if is_long() { self.1 } else { self.0 }
    }
}

/// Whether there is time.
pub(crate) fn is_long() -> bool {
    std::env::var("CLINICHUB_LONG").is_ok_and(|value| value == "1")
}

/// A xorshift stream; `CLINICHUB_SEED` repeats one.
#[derive(Debug)]
pub(crate) struct Chance {
    what: &'static str,
    seed: u64,
    state: u64,
    started: Instant,
}

impl Chance {
    /// A stream for `what`, which is a test's name for people.
    pub(crate) fn new(what: &'static str) -> Self {
        let seed = std::env::var("CLINICHUB_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 0x9E37_79B9 + 1);
        eprintln!("CLINICHUB_SEED={seed}");
        Self { what, seed, state: seed, started: Instant::now() }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// A number from 0 to less than 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() % 10_000) as f64 / 10_000.0
    }

    /// Tells how the test ended; `tests/run` collects such lines in the file that
    /// `CLINICHUB_SUMMARY` names.
    pub(crate) fn told(&self, result: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        let line = format!("{}: {result} (seed {}, {seconds:.0} s)", self.what, self.seed);
        eprintln!("{line}");
        let Ok(path) = std::env::var("CLINICHUB_SUMMARY") else { return };
        let file = OpenOptions::new().append(true).create(true).open(path);
        writeln!(file.expect("the summary"), "{line}").expect("written");
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)
    }
}
