//! How a nightly tells its progress: bars on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use hub_domain::run::{LoadStatus, StageTime, TableLoad};
use hub_pipeline::build::{BuildProgress, BuiltTable};
use hub_pipeline::extract;
use hub_pipeline::nightly::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Progress of one nightly on standard error.
pub(super) struct Told {
    bar: ProgressBar,
    terminal: bool,
}

impl Told {
    pub(super) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::no_length() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{spinner} {prefix:9} {msg} {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, terminal }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}

impl extract::Progress for Told {
    fn table_started(&self, source: &str, table: &str) {
        self.bar.set_message(format!("{source}.{table}"));
    }

    fn rows(&self, source: &str, table: &str, rows: u64) {
        self.bar.set_message(format!("{source}.{table} {rows} rows"));
    }

    fn table_done(&self, load: &TableLoad, skipped: bool) {
        let (source, table) = (&load.source, &load.table);
        if load.status == LoadStatus::Stopped {
            self.line(&format!("  {source}.{table}: {}", load.notices.join("; ")));
        }
        if load.rows_rejected() > 0 && !skipped {
            let reasons: Vec<String> =
                load.rejected.iter().map(|(reason, rows)| format!("{reason} {rows}")).collect();
            self.line(&format!("  {source}.{table}: quarantined {}", reasons.join(", ")));
        }
    }
}

impl BuildProgress for Told {
    fn table_built(&self, table: &BuiltTable, done: usize, total: usize) {
        self.bar.set_message(format!("{} ({done}/{total})", table.table));
    }
}

impl Progress for Told {
    fn stage_started(&self, stage: &str) {
        self.bar.set_prefix(stage.to_owned());
        self.bar.set_message("");
    }

    fn stage_done(&self, stage: &StageTime) {
        self.line(&format!("  {:<8} {:>7.2} s", stage.stage, stage.duration_ms as f64 / 1e3));
    }
}
