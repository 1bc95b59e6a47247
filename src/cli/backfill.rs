//! `clinichub backfill`: days of the past, read again and published.

use std::process::ExitCode;

use chrono::NaiveDate;
use clap::Args;
use hub_pipeline::nightly::BackfillRequest;

use super::progress::Told;
use super::progress_expected::Expected;
use super::{ConfigArgs, Usage, nightly, print};
use crate::app::App;

/// Options of `backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// First business day to read again.
    #[arg(long)]
    from: NaiveDate,
    /// Last business day to read again, included.
    #[arg(long)]
    to: NaiveDate,
    /// Only these sources; may be given more than once.
    #[arg(long = "source")]
    sources: Vec<String>,
    /// Only these tables, as `source.table`; may be given more than once.
    #[arg(long = "table", value_name = "SOURCE.TABLE")]
    tables: Vec<String>,
    /// Parts the days of a table are read in; at most `limits.connections` of them at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=366))]
    chunks: u32,
    /// Publishes although a table lost more than 30 % of its rows.
    #[arg(long)]
    accept_loss: bool,
    /// Waits while another run holds the lease.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(args: BackfillArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    let wait = args.wait;
    let request = request(args, &app)?;
    let run = app.as_writer("backfill", wait, |app| async move {
        let told = Told::expecting(Expected::default());
        let run = app.nightly().backfill(&request, &told).await;
        told.finish();
        Ok(run?)
    });
    let run = run.await?;
    print(&nightly::summary(&run));
    Ok(nightly::exit_code(&run))
}

fn request(args: BackfillArgs, app: &App) -> Result<BackfillRequest, Usage> {
    let BackfillArgs { from, to, sources, tables, chunks, accept_loss, .. } = args;
    if from > to {
        let what = format!("`--from {from}` lies after `--to {to}`: there is no day to read");
        return Err(Usage(format!("{what}\n  hint: both days are included")));
    }
    let known = |id: &str| app.config.sources.contains_key(id);
    let listed: Vec<&str> = app.config.sources.keys().map(String::as_str).collect();
    let unknown = |id: &str| {
        let sources = listed.join("`, `");
        Usage(format!("no source `{id}`\n  hint: the sources are `{sources}`"))
    };
    if let Some(id) = sources.iter().find(|id| !known(id)) {
        return Err(unknown(id));
    }
    let mut named = Vec::with_capacity(tables.len());
    for name in tables {
        let Some((source, table)) = name.split_once('.') else {
            let what = format!("`--table {name}` names no source");
            return Err(Usage(format!("{what}\n  hint: write it as `source.table`")));
        };
        if !known(source) {
            return Err(unknown(source));
        }
        let tables = &app.config.sources[source].tables;
        let contract = app.engine.contracts().sources.get(source);
        let declared = contract.is_some_and(|contract| contract.tables.contains_key(table));
        let configured = tables.get(table);
        if configured.is_none() && !(tables.is_empty() && declared) {
            let hint = format!("source `{source}` lists its tables under `tables:`");
            return Err(Usage(format!("no table `{name}`\n  hint: {hint}")));
        }
        if !configured.is_some_and(|table| table.range.is_some() || table.cursor.is_some()) {
            return Err(Usage(format!(
                "table `{name}` has no column to compare days with\n  hint: name a timestamp or \
                 date column by `range: {{ column: … }}` of the table"
            )));
        }
        named.push((source.to_owned(), table.to_owned()));
    }
    Ok(BackfillRequest { from, to, sources, tables: named, chunks, accept_loss })
}
