//! `clinichub upkeep`: compaction, expiry and removal of files nobody reads, by hand.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use hub_lake::upkeep::{GRACE, Parts, TableUpkeep, UpkeepReport, UpkeepRequest};

use super::table::table;
use super::{ConfigArgs, Usage, print};
use crate::app::App;

/// Options of `upkeep`.
#[derive(Debug, Args)]
pub struct UpkeepArgs {
    /// Only this; all three when absent.
    part: Option<Part>,
    /// Tells what would be done and does nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What upkeep consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Small files become large ones.
    Compact,
    /// Snapshots older than `lake.retention` expire, and files only they named leave.
    Vacuum,
    /// Files that no commit names leave.
    Orphans,
}

pub(super) async fn run(args: UpkeepArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    let kept = app.config.lake.retention;
    if args.part == Some(Part::Vacuum) && kept.is_none() {
        let what = "`lake.retention` is not set: no snapshot expires\n  hint: set it, such as \
                    `retention: { snapshots: 30d, keep_last: 7 }`";
        return Err(Usage(what.to_owned()).into());
    }
    let only = |part| args.part.is_none_or(|asked| asked == part);
    let parts = Parts {
        compact: only(Part::Compact),
        vacuum: only(Part::Vacuum),
        orphans: only(Part::Orphans),
    };
    let request = UpkeepRequest {
        parts,
        retention: kept.map(|kept| kept.retention()),
        grace: kept.map_or(GRACE, |kept| kept.grace()),
        contracts: app.engine.contracts(),
        dry_run: args.dry_run,
    };
    let request = &request;
    let report = match args.dry_run {
        true => upkeep(&app, request).await?,
        false => {
            let writing = |app: App| async move { upkeep(&app, request).await };
            app.as_writer("upkeep", false, writing).await?
        }
    };
    print(&told(&report, args.dry_run));
    let failed = report.tables.iter().filter_map(|table| table.failed.as_ref());
    let failures = failed.inspect(|error| eprintln!("error: {error}")).count();
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn upkeep(app: &App, request: &UpkeepRequest<'_>) -> anyhow::Result<UpkeepReport> {
    Ok(app.lake.upkeep(request).await?)
}

/// One line per table that changed, and a last one for all.
fn told(report: &UpkeepReport, dry_run: bool) -> String {
    let rows: Vec<Vec<String>> =
        report.tables.iter().filter(|table| changed(table)).map(row).collect();
    let head =
        ["table", "read before", "after", "on disk before", "after", "waiting", "bytes freed"];
    let mut text = if rows.is_empty() { String::new() } else { table(&head, &rows) + "\n" };
    let expired: Vec<String> = report.expired.iter().map(u64::to_string).collect();
    let expired = if expired.is_empty() { "none".to_owned() } else { expired.join(", ") };
    text.push_str(&format!(
        "{}{} tables, expired snapshots: {expired}, leftovers of uploads: {}, bytes freed: {}",
        if dry_run { "dry run, nothing changed: " } else { "" },
        report.tables.len(),
        report.leftovers,
        report.bytes_freed(),
    ));
    text
}

fn changed(table: &TableUpkeep) -> bool {
    let swept = table.swept.is_some_and(|s| s.files_before != s.files_after || s.waiting > 0);
    swept || table.compacted.is_some() || table.failed.is_some()
}

fn row(table: &TableUpkeep) -> Vec<String> {
    let cell = |count: Option<usize>| count.map_or_else(|| "-".to_owned(), |c| c.to_string());
    vec![
        table.table.clone(),
        cell(table.compacted.map(|done| done.files_before)),
        cell(table.compacted.map(|done| done.files_after)),
        cell(table.swept.map(|done| done.files_before)),
        cell(table.swept.map(|done| done.files_after)),
        cell(table.swept.map(|done| done.waiting)),
        table.swept.map_or_else(|| "-".to_owned(), |done| done.bytes_freed.to_string()),
    ]
}
