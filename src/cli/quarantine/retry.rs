//! `clinichub quarantine retry`: refused rows under the contracts and configuration of now.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use hub_pipeline::extract::{Retried, RetryRequest, retry};

use super::super::nightly::summary;
use super::super::progress::Told;
use super::super::table::table;
use super::super::{ConfigArgs, print};
use super::{named, tables};
use crate::app::App;

/// Options of `quarantine retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Source tables such as `his.t_jz`; every one when absent.
    tables: Vec<String>,
    /// Counts what fits now, and lands nothing.
    #[arg(long)]
    dry_run: bool,
    /// Then builds and publishes under the newest published business date.
    #[arg(long, conflicts_with = "dry_run")]
    publish: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: RetryArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    let chosen = match args.tables.as_slice() {
        [] => tables(&app),
        names => names.iter().map(|name| named(&app, name)).collect::<Result<_, _>>()?,
    };
    if args.dry_run {
        tried(&app, &chosen, true).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let publish = args.publish;
    app.as_writer("quarantine retry", false, |app| async move {
        let recovered = tried(&app, &chosen, false).await?;
        match (recovered, publish) {
            (_, true) => published(&app).await,
            (0, false) => Ok(ExitCode::SUCCESS),
            (_, false) => {
                let next = "readers see them after the next nightly";
                print(&format!("{next}, or at once by `quarantine retry --publish`"));
                Ok(ExitCode::SUCCESS)
            }
        }
    })
    .await
}

/// Retries table after table; how many rows were recovered.
async fn tried(app: &App, chosen: &[(String, String)], dry_run: bool) -> anyhow::Result<u64> {
    let hint = "set `quarantine.key`; rows refused from then on can be retried";
    let sealer = app.config.quarantine.sealer();
    let sealer = sealer.with_context(|| format!("no key is configured\n  hint: {hint}"))?;
    let suppression = app.nightly().suppression().await?;
    let run_id = format!("retry-{}", app.clock.now().format("%Y%m%dT%H%M%SZ"));
    let (mut lines, mut recovered) = (Vec::new(), 0);
    for (source, name) in chosen {
        let request = RetryRequest {
            source,
            table: name,
            config: &app.config.sources[source],
            contracts: app.engine.contracts(),
            lake: &app.lake,
            zone: app.engine.config().zone,
            sealer: &sealer,
            run_id: &run_id,
            suppression: suppression.clone(),
            dry_run,
        };
        let told = retry(&request).await?;
        recovered += told.recovered;
        if told.rows > 0 {
            lines.push(line(source, name, &told));
        }
    }
    let verb = if dry_run { "would be recovered" } else { "recovered" };
    print(&table(&["table", "in quarantine", verb, "still refused", "not opened"], &lines));
    Ok(recovered)
}

fn line(source: &str, name: &str, told: &Retried) -> Vec<String> {
    let refused = told.refused.iter().map(|(reason, rows)| format!("{reason} {rows}"));
    vec![
        format!("{source}.{name}"),
        told.rows.to_string(),
        told.recovered.to_string(),
        refused.collect::<Vec<_>>().join(", "),
        (told.unsealed + told.shut).to_string(),
    ]
}

/// Builds and publishes what is landed.
async fn published(app: &App) -> anyhow::Result<ExitCode> {
    let told = Told::new();
    let run = app.nightly().republish("retry", Vec::new(), &told).await?;
    told.finish();
    print(&summary(&run));
    Ok(super::super::nightly::exit_code(&run))
}
