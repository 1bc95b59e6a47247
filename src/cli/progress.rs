//! How a nightly tells its progress: a bar per table being read on a terminal, one line per
//! finished table otherwise. Owns wording and drawing; what was read before comes from
//! [`Expected`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub_domain::run::{LoadStatus, StageTime, TableLoad};
use hub_pipeline::build::{BuildProgress, BuiltTable};
use hub_pipeline::extract;
use hub_pipeline::nightly::Progress;
use indicatif::{
    HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

use super::progress_expected::Expected;

/// Bar of a table of which is known how many rows to expect.
const KNOWN: &str = "  {prefix:24} {bar:20} {human_pos}/{human_len} rows  {rate}  {left}";
/// Bar of any other table: nothing is said about the remaining time.
const OPEN: &str = "  {prefix:24} {spinner} {human_pos} rows  {rate}";
const STAGE: &str = "{spinner} {prefix:9} {msg} {elapsed}";
/// How often bars move while nothing happens.
const TICK: Duration = Duration::from_millis(120);

/// Progress of one nightly on standard error.
pub(super) struct Told {
    bars: MultiProgress,
    stage: ProgressBar,
    tables: Mutex<BTreeMap<(String, String), ProgressBar>>,
    expected: Expected,
    terminal: bool,
}

impl Told {
    /// Tells of tables nothing is known of.
    pub(super) fn new() -> Self {
        Self::expecting(Expected::default())
    }

    /// Tells of tables that deliver about as many rows as `expected`.
    pub(super) fn expecting(expected: Expected) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let stage = bars.add(ProgressBar::no_length());
        stage.set_style(style(STAGE));
        if terminal {
            stage.enable_steady_tick(TICK);
        }
        Self { bars, stage, tables: Mutex::default(), expected, terminal }
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        for bar in self.open().values() {
            bar.finish_and_clear();
        }
        self.stage.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if !self.terminal || self.bars.println(text).is_err() {
            eprintln!("{text}");
        }
    }

    /// Bars of the tables being read; drawing survives a panic elsewhere.
    fn open(&self) -> MutexGuard<'_, BTreeMap<(String, String), ProgressBar>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = write!(text, "{:.0} rows/s", state.per_sec());
    };
    let left = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        // Before the first rows nothing is known of their rate.
        if state.pos() > 0 {
            let _ = write!(text, "{} left", HumanDuration(state.eta()));
        }
    };
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", rate).with_key("left", left)
}

fn key(source: &str, table: &str) -> (String, String) {
    (source.to_owned(), table.to_owned())
}

impl extract::Progress for Told {
    fn table_started(&self, source: &str, table: &str) {
        let expected = self.expected.rows(source, table);
        let bar = match expected {
            Some(rows) => ProgressBar::new(rows).with_style(style(KNOWN)),
            None => ProgressBar::no_length().with_style(style(OPEN)),
        };
        let bar = self.bars.add(bar.with_prefix(format!("{source}.{table}")));
        if self.terminal {
            bar.enable_steady_tick(TICK);
        }
        self.open().insert(key(source, table), bar);
    }

    fn rows(&self, source: &str, table: &str, rows: u64) {
        let open = self.open();
        let Some(bar) = open.get(&key(source, table)) else { return };
        if bar.length().is_some_and(|expected| rows > expected) {
            // More than expected: how many are left is no longer known.
            bar.unset_length();
            bar.set_style(style(OPEN));
        }
        bar.set_position(rows);
    }

    fn table_done(&self, load: &TableLoad, skipped: bool) {
        if let Some(bar) = self.open().remove(&key(&load.source, &load.table)) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        let quiet = load.rows_rejected() == 0
            && load.notices.is_empty()
            && load.status == LoadStatus::Loaded;
        // A terminal has shown the table already; what went wrong must stay on it.
        if !self.terminal || !(quiet || skipped) {
            self.line(&finished(load, skipped));
        }
    }
}

/// One finished table in one line.
fn finished(load: &TableLoad, skipped: bool) -> String {
    let mut text = format!("  {}.{}: {} rows", load.source, load.table, load.rows_read);
    let _ = write!(text, ", {} rejected", load.rows_rejected());
    if !load.rejected.is_empty() {
        let reasons: Vec<String> =
            load.rejected.iter().map(|(reason, rows)| format!("{reason} {rows}")).collect();
        let _ = write!(text, " ({})", reasons.join(", "));
    }
    if load.rows_deleted > 0 {
        let _ = write!(text, ", {} deleted", load.rows_deleted);
    }
    let _ = match skipped {
        true => write!(text, ", landed before"),
        false => write!(text, ", {:.2} s", load.duration_ms as f64 / 1e3),
    };
    text.push_str(match load.status {
        LoadStatus::Loaded => "",
        LoadStatus::Frozen => ", frozen",
        LoadStatus::Stopped => ", stopped",
    });
    for notice in &load.notices {
        let _ = write!(text, "\n    {notice}");
    }
    text
}

impl BuildProgress for Told {
    fn table_built(&self, table: &BuiltTable, done: usize, total: usize) {
        self.stage.set_message(format!("{} ({done}/{total})", table.table));
    }
}

impl Progress for Told {
    fn stage_started(&self, stage: &str) {
        self.stage.set_prefix(stage.to_owned());
        self.stage.set_message("");
    }

    fn stage_done(&self, stage: &StageTime) {
        self.line(&format!("  {:<8} {:>7.2} s", stage.stage, stage.duration_ms as f64 / 1e3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_table_is_one_line() {
        let mut load = TableLoad {
            source: "his".into(),
            table: "t_jz".into(),
            rows_read: 120,
            duration_ms: 1_250,
            ..TableLoad::default()
        };
        assert_eq!(finished(&load, false), "  his.t_jz: 120 rows, 0 rejected, 1.25 s");
        load.rejected = [("bad_value".to_owned(), 2), ("null_key".to_owned(), 1)].into();
        load.rows_deleted = 4;
        assert_eq!(
            finished(&load, true),
            "  his.t_jz: 120 rows, 3 rejected (bad_value 2, null_key 1), 4 deleted, landed before"
        );
    }

    #[test]
    fn templates_are_sound() {
        for template in [KNOWN, OPEN, STAGE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
