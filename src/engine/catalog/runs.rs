//! `ops.runs` and `ops.loads`: past runs as rows. Where runs are kept is the owner's business.

use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use datafusion::error::Result;
use hub_domain::page::PageRequest;
use hub_domain::ports::Runs;
use hub_domain::run::{Run, TableLoad};
use hub_domain::{Error, Principal};

use super::ops::{number, text};

/// Where past runs come from; nowhere until told. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct PastRuns(Arc<OnceLock<Arc<dyn Runs>>>);

impl std::fmt::Debug for PastRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PastRuns").field(&self.0.get().is_some()).finish()
    }
}

impl PastRuns {
    pub(crate) fn set(&self, runs: Arc<dyn Runs>) {
        // Told twice: the first one stays.
        let _ = self.0.set(runs);
    }

    /// The newest runs, as many as one page holds: years of nights.
    pub(super) async fn all(&self, principal: &Principal) -> Result<Vec<Run>, Error> {
        let Some(source) = self.0.get() else { return Ok(Vec::new()) };
        let request = PageRequest { first: PageRequest::MAX, after: None };
        let page = source.runs(principal, &request).await?;
        Ok(page.edges.into_iter().map(|edge| edge.node).collect())
    }
}

/// One row per run.
pub(super) fn runs(runs: &[Run]) -> Result<RecordBatch> {
    let sum = |of: fn(&TableLoad) -> u64| {
        number(runs.iter().map(|run| run.loads.iter().map(of).sum()).collect())
    };
    let millis = runs.iter().map(|run| {
        let end = run.finished_at?;
        Some((end - run.started_at).num_milliseconds())
    });
    Ok(RecordBatch::try_from_iter(vec![
        ("run_id", text(runs.iter().map(|run| run.id.clone()).collect())),
        ("kind", text(runs.iter().map(|run| run.kind.clone()).collect())),
        ("business_date", days(runs.iter().map(|run| run.business_date))),
        ("started_at", instants(runs.iter().map(|run| Some(run.started_at)))),
        ("finished_at", instants(runs.iter().map(|run| run.finished_at))),
        ("status", text(runs.iter().map(|run| word(run.status)).collect())),
        ("snapshot_id", maybe_number(runs.iter().map(|run| run.snapshot_id))),
        ("tables", number(runs.iter().map(|run| run.loads.len() as u64).collect())),
        ("rows_read", sum(|load| load.rows_read)),
        ("rows_loaded", sum(|load| load.rows_loaded)),
        ("rows_rejected", sum(TableLoad::rows_rejected)),
        ("rows_deleted", sum(|load| load.rows_deleted)),
        ("bytes_written", sum(|load| load.bytes_written)),
        ("duration_ms", Arc::new(Int64Array::from_iter(millis)) as ArrayRef),
        ("error", maybe_text(runs.iter().map(|run| run.error.clone()))),
    ])?)
}

/// One row per run and source table.
pub(super) fn loads(runs: &[Run]) -> Result<RecordBatch> {
    let pairs: Vec<(&Run, &TableLoad)> =
        runs.iter().flat_map(|run| run.loads.iter().map(move |load| (run, load))).collect();
    let words = |of: fn(&TableLoad) -> String| text(pairs.iter().map(|(_, l)| of(l)).collect());
    let counts = |of: fn(&TableLoad) -> u64| number(pairs.iter().map(|(_, l)| of(l)).collect());
    Ok(RecordBatch::try_from_iter(vec![
        ("run_id", text(pairs.iter().map(|(run, _)| run.id.clone()).collect())),
        ("business_date", days(pairs.iter().map(|(run, _)| run.business_date))),
        ("source", words(|load| load.source.clone())),
        ("table_name", words(|load| load.table.clone())),
        ("mode", words(|load| load.mode.clone())),
        ("status", words(|load| word(load.status))),
        ("rows_read", counts(|load| load.rows_read)),
        ("rows_loaded", counts(|load| load.rows_loaded)),
        ("rows_rejected", counts(TableLoad::rows_rejected)),
        ("rows_deleted", counts(|load| load.rows_deleted)),
        ("bytes_written", counts(|load| load.bytes_written)),
        ("version", maybe_number(pairs.iter().map(|(_, load)| load.version))),
        ("watermark_before", maybe_text(pairs.iter().map(|(_, l)| l.watermark_before.clone()))),
        ("watermark_after", maybe_text(pairs.iter().map(|(_, l)| l.watermark_after.clone()))),
        ("amounts_compared", counts(|load| load.reconciled.len() as u64)),
        ("amounts_differing", counts(differing)),
        ("notices", words(|load| load.notices.join("\n"))),
        ("duration_ms", counts(|load| load.duration_ms)),
    ])?)
}

/// Amounts that source and lake count differently.
fn differing(load: &TableLoad) -> u64 {
    load.reconciled.iter().filter(|found| found.source != found.lake).count() as u64
}

/// A state by the name run records give it.
fn word(state: impl serde::Serialize) -> String {
    let value = serde_json::to_value(state).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn days(days: impl Iterator<Item = NaiveDate>) -> ArrayRef {
    let days = days.map(|day| day.num_days_from_ce() - 719_163);
    Arc::new(Date32Array::from_iter_values(days))
}

fn instants(instants: impl Iterator<Item = Option<DateTime<Utc>>>) -> ArrayRef {
    let micros = instants.map(|at| at.map(|at| at.timestamp_micros()));
    Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC"))
}

fn maybe_text(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

/// Numbers of the lake are far below 2^63.
fn maybe_number(values: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    let signed = values.map(|value| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)));
    Arc::new(Int64Array::from_iter(signed))
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;
    use hub_domain::run::{Reconciled, RunStatus};

    use super::*;

    #[test]
    fn runs_and_loads_are_rows() {
        let amount = |lake: &str| Reconciled {
            amount: "rows".into(),
            source: "3".into(),
            lake: lake.into(),
        };
        let load = |table: &str, rows_read| TableLoad {
            source: "his".into(),
            table: table.into(),
            rows_read,
            rejected: [("bad_value".to_owned(), 1)].into(),
            reconciled: vec![amount("3"), amount("2")],
            ..TableLoad::default()
        };
        let run = Run {
            id: "r1".into(),
            kind: "nightly".into(),
            business_date: "2026-03-31".parse().expect("a day"),
            interval: None,
            lease_token: None,
            started_at: DateTime::UNIX_EPOCH,
            finished_at: None,
            status: RunStatus::DryRun,
            snapshot_id: None,
            loads: vec![load("a", 3), load("b", 4)],
            stages: Vec::new(),
            error: None,
        };
        let all = [run];
        let shown = runs(&all).expect("rows").project(&[0, 2, 5, 6, 7, 8, 10]).expect("columns");
        let text = pretty_format_batches(&[shown]).expect("text").to_string();
        assert!(
            text.contains("| r1     | 2026-03-31    | dry_run |             | 2      | 7 "),
            "{text}"
        );
        let shown = loads(&all).expect("rows").project(&[3, 5, 8, 14, 15]).expect("columns");
        let text = pretty_format_batches(&[shown]).expect("text").to_string();
        assert!(text.contains("| b          | loaded | 1             | 2"), "{text}");
        assert_eq!(runs(&[]).expect("none").num_rows(), 0);
    }
}
