//! What the engine counts of itself, for whoever collects it: statements by door and outcome,
//! how long they took, and how often an answer was kept already.
//!
//! Labels are doors, outcomes and error codes; never a statement, a user or a table.

use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, &'static str)>;

/// Upper bounds of durations in seconds: from a cached board to the longest statement.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// A user's statement.
    Sql,
    /// A reader: boards, lists, metrics.
    Reader,
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Reader => "reader",
        }
    }
}

/// The counts of one engine. Clones count together.
#[derive(Debug, Clone)]
pub struct Meters {
    statements: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    cache: Family<Labels, Counter>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            statements: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            cache: Family::default(),
        }
    }
}

impl Meters {
    /// Makes the counts part of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "statements",
            "Statements run by the engine, by door (sql, reader) and outcome (ok, an error code)",
            self.statements.clone(),
        );
        registry.register(
            "statement_duration_seconds",
            "Time from the start of planning to the last row of a statement",
            self.seconds.clone(),
        );
        registry.register(
            "cache_requests",
            "Answers of readers asked for, by whether they were kept already (hit, miss)",
            self.cache.clone(),
        );
    }

    /// A statement begins.
    pub(crate) fn begin(&self, door: Door) -> Running {
        Running { meters: self.clone(), door, started: Instant::now(), ended: false }
    }

    /// An answer was asked for.
    pub(crate) fn asked(&self, hit: bool) {
        let result = if hit { "hit" } else { "miss" };
        self.cache.get_or_create(&vec![("result", result)]).inc();
    }
}

/// A statement that runs; dropped without an end, its reader went away.
#[derive(Debug)]
pub(crate) struct Running {
    meters: Meters,
    door: Door,
    started: Instant,
    ended: bool,
}

impl Running {
    /// It ended with `outcome`: `ok`, or the code of its error. Later ends do not count.
    pub(crate) fn end(&mut self, outcome: &'static str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let door = ("door", self.door.name());
        self.meters.statements.get_or_create(&vec![door, ("outcome", outcome)]).inc();
        let seconds = self.started.elapsed().as_secs_f64();
        self.meters.seconds.get_or_create(&vec![door]).observe(seconds);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end("abandoned");
    }
}

/// How busy the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Users' statements that run.
    pub running: usize,
    /// Users' statements that wait for their turn.
    pub waiting: usize,
    /// Users' statements that may run at once.
    pub permits: usize,
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_statement_counts_once_however_it_ends() {
        let meters = Meters::default();
        let mut done = meters.begin(Door::Sql);
        done.end("ok");
        done.end("DEADLINE_EXCEEDED");
        drop(done);
        drop(meters.begin(Door::Sql));
        meters.asked(true);
        let mut registry = Registry::default();
        meters.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("encoded");
        for line in [
            "statements_total{door=\"sql\",outcome=\"ok\"} 1",
            "statements_total{door=\"sql\",outcome=\"abandoned\"} 1",
            "statement_duration_seconds_count{door=\"sql\"} 2",
            "cache_requests_total{result=\"hit\"} 1",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
        assert!(!text.contains("DEADLINE"), "{text}");
    }
}
