//! `clinichub erase`: a person leaves the lake, and the command proves it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use hub_domain::ports::{Access, AccessLog};
use hub_domain::principal::Principal;
use hub_pipeline::erase::{EraseReport, EraseRequest};

use super::progress::Told;
use super::table::table;
use super::{ConfigArgs, print};
use crate::app::App;

/// Options of `erase`.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// Person id of the newest snapshot; all source records of the person go.
    #[arg(long, required_unless_present = "records")]
    person: Option<String>,
    /// Source record, such as `his:12`; may be given more than once.
    #[arg(long = "record")]
    records: Vec<String>,
    /// Why, for the access log; name nobody in it.
    #[arg(long)]
    reason: String,
    /// Lets every older snapshot expire and removes its files now, whatever `lake.retention` says.
    #[arg(long = "now")]
    at_once: bool,
    /// Only counts the rows.
    #[arg(long)]
    dry_run: bool,
    /// Waits while another run holds the lease.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: EraseArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    let records: BTreeSet<String> = args.records.into_iter().collect();
    let access = Access {
        operation: if args.dry_run { "eraseDryRun" } else { "erase" }.to_owned(),
        purpose: Some(args.reason),
        person_count: 1,
        query_hash: None,
    };
    app.state.record(&Principal::group("operator"), access).await?;
    let request =
        EraseRequest { person: args.person, records, at_once: args.at_once, dry_run: args.dry_run };
    let report = match args.dry_run {
        true => erase(&app, &request).await?,
        false => {
            let request = &request;
            let work = |app: App| async move { erase(&app, request).await };
            app.as_writer("erase", args.wait, work).await?
        }
    };
    print(&summary(&report));
    match report.proof {
        Some(proof) if proof.found > 0 => {
            bail!("{} rows are still there\n  hint: run the command again", proof.found)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn erase(app: &App, request: &EraseRequest) -> anyhow::Result<EraseReport> {
    let told = Told::new();
    let done = app.nightly().erase(request, &told).await;
    told.finish();
    Ok(done?)
}

/// What was removed and what was read to prove it; no key and no id.
fn summary(report: &EraseReport) -> String {
    let rows: Vec<Vec<String>> = report
        .tables
        .iter()
        .map(|(name, removed)| {
            let version = removed.version.map_or_else(|| "-".to_owned(), |v| v.to_string());
            vec![name.clone(), removed.rows.to_string(), removed.files.to_string(), version]
        })
        .collect();
    let mut text = table(&["table", "rows", "files", "version without"], &rows);
    let sum: u64 = report.tables.iter().map(|(_, removed)| removed.rows).sum();
    text.push_str(&format!("\n{sum} landed rows of {} source records", report.records));
    let Some(proof) = report.proof else { return text + "; dry run, nothing changed" };
    if let Some(snapshot) = report.snapshot {
        text.push_str(&format!(" removed; snapshot {snapshot} is published without them"));
    }
    text.push_str(&format!(
        "\nproof: {} rows in {} table versions read, {} of them of the person; {} in older \
         versions, {} files on disk that no kept version names",
        proof.rows, proof.versions, proof.found, proof.older, proof.waiting
    ));
    if proof.older > 0 || proof.waiting > 0 {
        text.push_str("\nolder snapshots leave with `lake.retention`, or now with `--now`");
    } else {
        let (expired, redacted) = (report.expired.len(), report.redacted);
        text.push_str(&format!(
            "\n{expired} older snapshots expired, bounds of lost files taken out of {redacted} commits"
        ));
    }
    text
}
