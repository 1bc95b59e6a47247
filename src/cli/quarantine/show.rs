//! `clinichub quarantine show`: where refused rows stand; with `--reveal`, what they hold.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use hub_domain::ports::{Access, AccessLog};
use hub_domain::principal::Principal;
use hub_pipeline::extract::{About, Quarantined, Sealer, quarantined};

use super::super::table::table;
use super::super::{ConfigArgs, print};
use super::named;

/// Options of `quarantine show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Source table such as `his.t_jz`.
    table: String,
    /// Only rows refused for this reason.
    #[arg(long)]
    reason: Option<String>,
    /// Rows shown at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Opens the sealed rows: patient data on this terminal. Needs `quarantine.key`.
    #[arg(long, requires = "purpose")]
    reveal: bool,
    /// Why the rows are opened; kept in the access log.
    #[arg(long)]
    purpose: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    let (source, name) = named(&app, &args.table)?;
    let mut rows = quarantined(&app.lake, &source, &name).await?;
    rows.retain(|row| args.reason.as_ref().is_none_or(|reason| *reason == row.reason));
    let (all, kept) = (rows.len(), rows.iter().filter(|row| !row.sealed.is_empty()).count());
    rows.truncate(args.limit);
    let sealer = app.config.quarantine.sealer();
    let revealed = match args.reveal {
        false => None,
        true => {
            let hint = "set `quarantine.key` to the key the rows were sealed with";
            let sealer = sealer.with_context(|| format!("no key is configured\n  hint: {hint}"))?;
            let access = Access {
                operation: "quarantine_reveal".to_owned(),
                purpose: args.purpose,
                person_count: rows.len() as u64,
                query_hash: None,
            };
            app.state.record(&Principal::group("operator"), access).await?;
            Some(sealer)
        }
    };
    match revealed {
        None => print(&places(&rows)),
        Some(sealer) => {
            let about = |row| opened(&sealer, &source, &name, row);
            print(&rows.iter().map(about).collect::<Vec<_>>().join("\n\n"));
        }
    }
    print(&format!("{} of {all} rows in quarantine; the cells of {kept} are kept", rows.len()));
    if kept < all && app.config.quarantine.key.is_none() {
        print("cells are kept, sealed, once `quarantine.key` is set");
    }
    Ok(ExitCode::SUCCESS)
}

fn places(rows: &[Quarantined]) -> String {
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let sealed = if row.sealed.is_empty() { "" } else { "sealed" };
            let parts = [&row.load_id, &row.reason, &row.column, &row.key];
            let plain = |text: &&String| text.chars().flat_map(printable).collect();
            let mut line: Vec<String> = parts.iter().map(plain).collect();
            line.push(sealed.to_owned());
            line
        })
        .collect();
    table(&["load", "reason", "column", "key or place", "cells"], &lines)
}

/// Keys come from the source: what could drive the terminal is escaped.
fn printable(letter: char) -> Vec<char> {
    if letter.is_control() { letter.escape_default().collect() } else { vec![letter] }
}

fn opened(sealer: &Sealer, source: &str, table: &str, row: &Quarantined) -> String {
    let place: String = row.key.chars().flat_map(printable).collect();
    let mut text = format!("{} {} {place}", row.reason, row.column);
    if row.sealed.is_empty() {
        return text + "\n  its cells were not kept";
    }
    let about = About { source, table, reason: &row.reason };
    match sealer.open(about, &row.sealed) {
        Ok(cells) => {
            for (name, cell) in &cells.0 {
                text.push_str(&format!("\n  {name} = {cell}"));
            }
        }
        Err(error) => text.push_str(&format!("\n  {error}")),
    }
    text
}
