//! One run as text for people: what happened, per table, per stage.

use hub_domain::run::{Run, TableLoad};

use super::table::table;

/// The whole run.
pub(super) fn text(run: &Run) -> String {
    let mut parts = vec![head(run)];
    if !run.loads.is_empty() {
        parts.push(loads(run));
    }
    let notes: Vec<String> = run.loads.iter().flat_map(notes).collect();
    if !notes.is_empty() {
        parts.push(notes.join("\n"));
    }
    if !run.stages.is_empty() {
        let rows: Vec<Vec<String>> = run
            .stages
            .iter()
            .map(|stage| vec![stage.stage.clone(), seconds(stage.duration_ms)])
            .collect();
        parts.push(table(&["stage", "time"], &rows));
    }
    if let Some(error) = &run.error {
        parts.push(format!("error: {error}"));
    }
    parts.join("\n\n")
}

/// Where the run ended, as run records say it.
pub(super) fn status(run: &Run) -> String {
    word(run.status)
}

/// A state by the name run records give it.
fn word(state: impl serde::Serialize) -> String {
    let value = serde_json::to_value(state).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Wall time from start to end; nothing while it runs.
pub(super) fn took(run: &Run) -> String {
    let millis = run.finished_at.map(|end| (end - run.started_at).num_milliseconds());
    millis.and_then(|millis| u64::try_from(millis).ok()).map(seconds).unwrap_or_default()
}

fn head(run: &Run) -> String {
    let instant =
        |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let ended = match run.finished_at {
        Some(at) => format!("{} ({})", instant(at), took(run)),
        None => "-".to_owned(),
    };
    let snapshot = run.snapshot_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let lines = [
        ("run", run.id.clone()),
        ("kind", run.kind.clone()),
        ("date", run.business_date.to_string()),
        ("status", status(run)),
        ("snapshot", snapshot),
        ("started", instant(run.started_at)),
        ("ended", ended),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<9}{value}"));
    lines.join("\n")
}

fn loads(run: &Run) -> String {
    let rows: Vec<Vec<String>> = run.loads.iter().map(row).collect();
    let head = [
        "table",
        "mode",
        "status",
        "read",
        "written",
        "rejected",
        "deleted",
        "bytes",
        "watermark before",
        "watermark after",
        "source = lake",
        "time",
        "of which",
    ];
    table(&head, &rows)
}

fn row(load: &TableLoad) -> Vec<String> {
    let watermark = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let parts: Vec<String> = load
        .parts_ms
        .iter()
        .filter(|(_, millis)| **millis >= 10)
        .map(|(part, millis)| format!("{part} {}", seconds(*millis)))
        .collect();
    vec![
        format!("{}.{}", load.source, load.table),
        load.mode.clone(),
        word(load.status),
        load.rows_read.to_string(),
        load.rows_loaded.to_string(),
        load.rows_rejected().to_string(),
        load.rows_deleted.to_string(),
        bytes(load.bytes_written),
        watermark(&load.watermark_before),
        watermark(&load.watermark_after),
        reconciled(load),
        seconds(load.duration_ms),
        parts.join(", "),
    ]
}

/// `yes` with the number of amounts, or the amounts that differ.
fn reconciled(load: &TableLoad) -> String {
    let differing: Vec<&str> = load
        .reconciled
        .iter()
        .filter(|found| found.source != found.lake)
        .map(|found| found.amount.as_str())
        .collect();
    match (load.reconciled.len(), differing.as_slice()) {
        (0, _) => "-".to_owned(),
        (amounts, []) => format!("yes ({amounts})"),
        _ => format!("no: {}", differing.join(", ")),
    }
}

/// What does not fit into the line of a table: reasons and notices.
fn notes(load: &TableLoad) -> Vec<String> {
    let name = format!("{}.{}", load.source, load.table);
    let rejected = load.rejected.iter().map(|(reason, rows)| format!("rejected {reason}: {rows}"));
    let differing = load.reconciled.iter().filter(|found| found.source != found.lake);
    let differing = differing
        .map(|found| format!("{}: source {}, lake {}", found.amount, found.source, found.lake));
    let all = rejected.chain(differing).chain(load.notices.iter().cloned());
    all.map(|note| format!("{name}: {note}")).collect()
}

fn seconds(millis: u64) -> String {
    format!("{:.2} s", millis as f64 / 1e3)
}

/// Bytes in the unit that keeps them short.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1_024 {
        return format!("{count} B");
    }
    let (mut size, mut unit) = (count as f64 / 1_024.0, 0);
    while size >= 1_024.0 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, TimeDelta};
    use hub_domain::run::{Reconciled, RunStatus, StageTime};

    use super::*;

    fn run() -> Run {
        let amount = |amount: &str, source: &str, lake: &str| Reconciled {
            amount: amount.into(),
            source: source.into(),
            lake: lake.into(),
        };
        let load = TableLoad {
            source: "his".into(),
            table: "t_jz".into(),
            mode: "cursor".into(),
            notices: vec!["new column `bz` is left out".into()],
            rows_read: 10,
            rows_loaded: 8,
            rejected: [("bad_value".to_owned(), 2)].into(),
            rows_deleted: 1,
            watermark_before: Some("2026-03-30 00:00:00".into()),
            watermark_after: Some("2026-03-31 00:00:00".into()),
            bytes_written: 3_000_000,
            reconciled: vec![amount("rows", "10", "10"), amount("sum:fee", "5.00", "4.00")],
            duration_ms: 1_500,
            parts_ms: [("read".to_owned(), 1_200), ("write".to_owned(), 300)].into(),
            ..TableLoad::default()
        };
        Run {
            id: "run-7".into(),
            kind: "nightly".into(),
            business_date: NaiveDate::default(),
            interval: None,
            lease_token: None,
            started_at: DateTime::UNIX_EPOCH,
            finished_at: Some(DateTime::UNIX_EPOCH + TimeDelta::milliseconds(2_340)),
            status: RunStatus::DryRun,
            snapshot_id: None,
            loads: vec![load],
            stages: vec![StageTime { stage: "extract".into(), duration_ms: 1_600 }],
            error: Some("BUILD_FAILED: table `visit`".into()),
        }
    }

    #[test]
    fn everything_a_night_did_is_shown() {
        let text = text(&run());
        for part in [
            "status   dry_run",
            "ended    1970-01-01T00:00:02Z (2.34 s)",
            "his.t_jz  cursor  loaded  10    8        2         1        2.9 MiB",
            "2026-03-30 00:00:00  2026-03-31 00:00:00  no: sum:fee",
            "read 1.20 s, write 0.30 s",
            "his.t_jz: rejected bad_value: 2",
            "his.t_jz: sum:fee: source 5.00, lake 4.00",
            "his.t_jz: new column `bz` is left out",
            "extract  1.60 s",
            "error: BUILD_FAILED: table `visit`",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
    }

    #[test]
    fn bytes_keep_short() {
        let shown = [0, 1_023, 1_024, 1_536, 5 << 30].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]);
    }
}
