//! `clinichub nightly`: one night, told as it goes.

use std::process::ExitCode;

use chrono::NaiveDate;
use clap::Args;
use hub_domain::run::{LoadStatus, Run, RunStatus};
use hub_pipeline::nightly::NightlyRequest;

use super::progress::Told;
use super::progress_expected::Expected;
use super::{ConfigArgs, Usage, print};
use crate::app::App;

/// Options of `nightly`.
#[derive(Debug, Args)]
pub struct NightlyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Business day whose end the sources hold; yesterday in the deployment's zone when absent.
    #[arg(long)]
    date: Option<NaiveDate>,
    /// Only these sources; may be given more than once.
    #[arg(long = "source")]
    sources: Vec<String>,
    /// Reads every table whole.
    #[arg(long)]
    full: bool,
    /// Everything but publication and what follows it.
    #[arg(long)]
    dry_run: bool,
    /// Publishes although a table lost more than 30 % of its rows.
    #[arg(long)]
    accept_loss: bool,
    /// Waits while another run holds the lease.
    #[arg(long)]
    wait: bool,
    /// Publishes although too many rows of this source table, or rows with a fault in their key,
    /// are in quarantine; may be given more than once.
    #[arg(long, value_name = "SOURCE.TABLE")]
    accept_quarantine: Vec<String>,
}

pub(super) async fn run(args: NightlyArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    if let Some(unknown) = args.sources.iter().find(|id| !app.config.sources.contains_key(*id)) {
        let known: Vec<&str> = app.config.sources.keys().map(String::as_str).collect();
        let known = known.join("`, `");
        let what = format!("no source `{unknown}`\n  hint: the sources are `{known}`");
        return Err(Usage(what).into());
    }
    for table in &args.accept_quarantine {
        let source = table.split_once('.').map(|(source, _)| source);
        if !source.is_some_and(|source| app.config.sources.contains_key(source)) {
            let what = format!("no source table `{table}`\n  hint: write `source.table`");
            return Err(Usage(what).into());
        }
    }
    let date = args.date.unwrap_or_else(|| yesterday(&app));
    let NightlyArgs { sources, full, dry_run, accept_loss, accept_quarantine, wait, .. } = args;
    let request = NightlyRequest {
        sources,
        full,
        dry_run,
        accept_loss,
        accept_quarantine,
        ..NightlyRequest::of(date)
    };
    let run = night(&app, request, wait).await?;
    print(&summary(&run));
    Ok(exit_code(&run))
}

/// How the process ends after `run`.
pub(super) fn exit_code(run: &Run) -> ExitCode {
    match run.status {
        RunStatus::Published | RunStatus::DryRun => ExitCode::SUCCESS,
        RunStatus::Refused => ExitCode::from(3),
        RunStatus::Failed | RunStatus::Running => ExitCode::FAILURE,
    }
}

/// Runs one night as the only writer, with progress on standard error.
///
/// # Errors
/// Another run holds the lease.
pub(super) async fn night(app: &App, request: NightlyRequest, wait: bool) -> anyhow::Result<Run> {
    app.as_writer("nightly", wait, |app| async move {
        let told = Told::expecting(Expected::next_night(&app, request.full).await);
        let run = app.nightly().run(&request, &told).await;
        told.finish();
        Ok(run)
    })
    .await
}

/// The last complete business day.
pub(super) fn yesterday(app: &App) -> NaiveDate {
    let zone = app.engine.config().zone;
    let today = app.clock.now().with_timezone(&zone).date_naive();
    today.pred_opt().unwrap_or(today)
}

/// One night in a few lines.
pub(super) fn summary(run: &Run) -> String {
    let sum = |count: fn(&hub_domain::run::TableLoad) -> u64| run.loads.iter().map(count).sum();
    let (read, loaded): (u64, u64) = (sum(|load| load.rows_read), sum(|load| load.rows_loaded));
    let (rejected, deleted): (u64, u64) =
        (sum(hub_domain::run::TableLoad::rows_rejected), sum(|load| load.rows_deleted));
    let ended = match (run.status, run.snapshot_id) {
        (RunStatus::Published, Some(id)) => format!("published snapshot {id}"),
        (RunStatus::Refused, _) => {
            "refused by the audit; the previous snapshot is still served".to_owned()
        }
        (RunStatus::DryRun, _) => "dry run passed; nothing published".to_owned(),
        _ => "failed; the previous snapshot is still served".to_owned(),
    };
    let took = run.stages.iter().map(|stage| stage.duration_ms).sum::<u64>() as f64 / 1e3;
    let mut text = format!(
        "{} {ended} in {took:.1} s: {read} rows read = {loaded} loaded + {rejected} quarantined, \
         {deleted} deleted (run {})",
        run.business_date, run.id
    );
    for load in run.loads.iter().filter(|load| load.status == LoadStatus::Frozen) {
        let (source, table, why) = (&load.source, &load.table, load.notices.join("; "));
        text.push_str(&format!(
            "\nwarning: {source}.{table} is frozen, its last landed rows are shown: {why}"
        ));
    }
    if let Some(error) = &run.error {
        text.push_str(&format!("\nerror: {error}"));
    }
    text
}
