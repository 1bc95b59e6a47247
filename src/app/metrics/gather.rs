//! Gauges of one scrape: how the deployment stands now.

use std::time::Duration;

use hub_domain::freshness::{FreshState, TableFreshness, end_of};
use hub_domain::page::PageRequest;
use hub_domain::run::{Run, RunStatus, TableLoad};
use hub_domain::snapshot::SnapshotPick;
use hub_domain::{Error, Principal};

use super::text::Gauges;
use super::{Labels, Metrics};

/// Longest time a scrape waits for the lake and the state database.
const PATIENCE: Duration = Duration::from_secs(8);

/// How much a scrape shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The process and the age of what it serves.
    Process,
    /// Names of sources, tables, sites and rules as well.
    Names,
}

impl Metrics {
    /// Everything `detail` shows; parts that cannot be read are left out and named.
    pub(super) async fn gather(&self, detail: Detail) -> Gauges {
        let mut gauges = Gauges::new();
        self.process(&mut gauges);
        let mut missing = Vec::new();
        let lake = tokio::time::timeout(PATIENCE, self.published(&mut gauges, detail)).await;
        match lake {
            Ok(Ok(()) | Err(Error::NoSnapshot)) => {}
            Ok(Err(_)) | Err(_) => missing.push("lake"),
        }
        if detail == Detail::Names {
            let state = tokio::time::timeout(PATIENCE, self.operations(&mut gauges)).await;
            if !matches!(state, Ok(Ok(()))) {
                missing.push("state");
            }
        }
        let missing: Vec<(Labels, f64)> =
            missing.into_iter().map(|part| (vec![("part", part.to_owned())], 1.0)).collect();
        gauges.many("scrape_incomplete", "Parts that could not be read for this scrape", missing);
        gauges
    }

    fn process(&self, gauges: &mut Gauges) {
        let load = self.app.engine.load();
        let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        gauges.one("statements_running", "Users' statements that run", signed(load.running));
        gauges.one("statements_waiting", "Users' statements that wait", signed(load.waiting));
        gauges.one(
            "statements_permitted",
            "Users' statements that may run at once",
            signed(load.permits),
        );
        if let Some(bytes) = resident_bytes() {
            gauges.one("process_resident_memory_bytes", "Memory of the process", bytes);
        }
    }

    /// What is published, and how old it is.
    async fn published(&self, gauges: &mut Gauges, detail: Detail) -> Result<(), Error> {
        let engine = &self.app.engine;
        let session = engine.open(&Principal::group("metrics"), SnapshotPick::Latest).await?;
        let snapshot = session.published();
        let number = i64::try_from(snapshot.id).unwrap_or(i64::MAX);
        gauges.one("snapshot_number", "Number of the snapshot served", number);
        gauges.one(
            "snapshot_published_timestamp_seconds",
            "When the snapshot was published",
            snapshot.published_at.timestamp(),
        );
        gauges.one(
            "snapshot_data_through_timestamp_seconds",
            "End of the business day of the snapshot",
            end_of(snapshot.business_date, session.zone()).timestamp(),
        );
        if detail == Detail::Names {
            let session: &dyn hub_domain::ports::ReadSession = session.as_ref();
            fresh(gauges, &session.table_freshness().await?);
        }
        Ok(())
    }

    /// Runs, alerts, messages and leases.
    async fn operations(&self, gauges: &mut Gauges) -> Result<(), hub_state::Error> {
        let state = &self.app.state;
        let page = state.runs_page(&PageRequest { first: 20, after: None }).await?;
        let runs: Vec<Run> = page.edges.into_iter().map(|edge| edge.node).collect();
        if let Some(run) = runs.iter().find(|run| run.status != RunStatus::Running) {
            last_run(gauges, run);
        }
        let by = |label: &'static str| {
            move |(name, count): (String, u64)| (vec![(label, name)], count as f64)
        };
        let firing = state.firing_by_rule().await?.into_iter().map(by("rule"));
        gauges.many("alerts_firing", "Alerts that fire now, by rule", firing);
        let mut messages = state.delivery_counts().await?;
        for status in ["pending", "delivered", "dead"] {
            // A rule on a series that is not there never fires.
            messages.entry(status.to_owned()).or_default();
        }
        let messages = messages.into_iter().map(by("status"));
        gauges.many(
            "outbox_messages",
            "Messages to hooks, by status (pending, delivered, dead)",
            messages,
        );
        let leases = state.lease_states().await?.into_iter();
        let leases = leases.map(|(name, held)| (vec![("lease", name)], f64::from(u8::from(held))));
        gauges.many("lease_held", "Whether a node holds the lease", leases);
        Ok(())
    }
}

fn fresh(gauges: &mut Gauges, tables: &[TableFreshness]) {
    let labels = |table: &TableFreshness| -> Labels {
        vec![
            ("layer", table.layer.name().to_owned()),
            ("source", table.source.clone()),
            ("table", table.table.clone()),
            ("site", table.site.clone().unwrap_or_default()),
        ]
    };
    let ages = tables.iter().filter_map(|t| Some((labels(t), t.age_seconds? as f64)));
    gauges.many(
        "freshness_age_seconds",
        "Time since the end of the newest business day, by layer, source, table and site",
        ages,
    );
    let judged = tables.iter().filter(|table| table.state != FreshState::Unknown);
    let stale = judged.map(|t| (labels(t), f64::from(u8::from(t.state == FreshState::Stale))));
    gauges.many("freshness_stale", "Whether data is older than expected", stale);
}

fn last_run(gauges: &mut Gauges, run: &Run) {
    let all = [RunStatus::Published, RunStatus::Refused, RunStatus::Failed, RunStatus::DryRun];
    let name = |status: RunStatus| {
        let value = serde_json::to_value(status).unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    };
    let status = all
        .map(|status| (vec![("status", name(status))], f64::from(u8::from(status == run.status))));
    gauges.many("last_run_status", "How the last run that ended did, 1 for its status", status);
    if let Some(end) = run.finished_at {
        gauges.one("last_run_finished_timestamp_seconds", "When it ended", end.timestamp());
        let seconds = (end - run.started_at).as_seconds_f64();
        gauges.many("last_run_duration_seconds", "How long it took", [(Vec::new(), seconds)]);
    }
    let stages = run
        .stages
        .iter()
        .map(|stage| (vec![("stage", stage.stage.clone())], stage.duration_ms as f64 / 1e3));
    gauges.many("last_run_stage_duration_seconds", "How long its stages took", stages);
    let table = |load: &TableLoad| -> Labels {
        vec![("source", load.source.clone()), ("table", load.table.clone())]
    };
    let rows = run.loads.iter().flat_map(|load| {
        let counts = [
            ("read", load.rows_read),
            ("loaded", load.rows_loaded),
            ("rejected", load.rows_rejected()),
            ("deleted", load.rows_deleted),
        ];
        counts.map(|(kind, count)| {
            let mut labels = table(load);
            labels.push(("kind", kind.to_owned()));
            (labels, count as f64)
        })
    });
    gauges.many("last_run_rows", "Rows of its source tables, by kind", rows);
    let bytes = run.loads.iter().map(|load| (table(load), load.bytes_written as f64));
    gauges.many("last_run_written_bytes", "Bytes it wrote per source table", bytes);
    let seconds = run.loads.iter().map(|load| (table(load), load.duration_ms as f64 / 1e3));
    gauges.many("last_run_load_duration_seconds", "How long its source tables took", seconds);
}

/// Resident memory, where the system tells it as Linux does.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}
