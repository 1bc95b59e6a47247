//! `clinichub check --diff`: which published numbers a changed project would change.
//!
//! Runs as the operator of this machine, who sees the whole group, as `clinichub sql` does
//! without `--as`; that it was asked is kept in the access log.

use std::process::ExitCode;

use anyhow::Context;
use hub_domain::Principal;
use hub_domain::difference::{Change, Difference, NumberChange};
use hub_domain::metric::Unit;
use hub_domain::ports::{Access, AccessLog};
use hub_domain::project::ProjectFiles;
use hub_engine::Registry;
use hub_pipeline::difference::{Definitions, DifferenceRequest, difference};
use rust_decimal::Decimal;

use super::check::{DiffArgs, Shape};
use super::table::table;
use super::{clock, print};
use crate::app::{App, definitions};
use crate::config::Config;

pub(super) async fn run(
    config: Config,
    project: &ProjectFiles,
    args: &DiffArgs,
) -> anyhow::Result<ExitCode> {
    let app = App::open(config, clock()).await?;
    let snapshot = app.lake.latest().await?;
    let snapshot = snapshot
        .context("nothing is published yet\n  hint: `clinichub nightly` publishes a first night")?;
    let kept = app.lake.definitions(&snapshot.definition_hash).await?.with_context(|| {
        let id = snapshot.id;
        format!(
            "the definitions of snapshot {id} were not kept\n  hint: run a nightly with the \
             definitions as they were, then ask again"
        )
    })?;
    let principal = Principal::group("operator");
    let access = Access {
        operation: "check --diff".to_owned(),
        purpose: None,
        person_count: 0,
        query_hash: Some(project.definition_hash()),
    };
    app.state.record(&principal, access).await?;
    let annotations = app.state.annotations().await?;
    let (published, proposed) = (loaded(&kept, "published")?, loaded(project, "proposed")?);
    let told = Box::pin(difference(&DifferenceRequest {
        lake: &app.lake,
        snapshot: &snapshot,
        published: &published,
        proposed: &proposed,
        engine: app.engine.config(),
        annotations: &annotations,
        principal: &principal,
        most: args.limit,
    }))
    .await?;
    match args.format {
        Shape::Json => print(&serde_json::to_string_pretty(&told)?),
        Shape::Text => print(&text(&told, &published.registry)),
    }
    let fails = args.fail_on_change && !told.keeps_numbers();
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn loaded(project: &ProjectFiles, which: &str) -> anyhow::Result<Definitions> {
    let (contracts, registry) = definitions(project).map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        anyhow::anyhow!(
            "the {which} definitions do not load with this version of clinichub\n  hint: run a \
             nightly with this version first; {first}"
        )
    })?;
    Ok(Definitions { contracts, registry })
}

fn text(told: &Difference, published: &Registry) -> String {
    let mut parts = vec![format!("against snapshot {}", told.snapshot)];
    if told.files.is_empty() {
        parts.push("no definition differs".to_owned());
        return parts.join("\n");
    }
    let row = |cells: [String; 4]| cells.to_vec();
    let files = told.files.iter().map(|it| vec![it.path.clone(), it.change.word().to_owned()]);
    parts.push(table(&["file", "change"], &files.collect::<Vec<_>>()));
    let tables: Vec<Vec<String>> = told
        .tables
        .iter()
        .map(|it| {
            let rows = |rows: Option<u64>| rows.map_or_else(|| "-".to_owned(), |it| it.to_string());
            let after = it.unevaluated.as_deref().map_or_else(|| rows(it.proposed_rows), unknown);
            row([it.table.clone(), it.change.word().to_owned(), rows(it.published_rows), after])
        })
        .collect();
    if !tables.is_empty() {
        parts.push(table(&["table", "change", "rows published", "rows proposed"], &tables));
    }
    let metrics: Vec<Vec<String>> = told
        .metrics
        .iter()
        .map(|it| {
            let changed = match it.change {
                Change::New | Change::Removed => "-".to_owned(),
                _ => format!("{} of {}", it.changed, it.compared),
            };
            let changed = it.unevaluated.as_deref().map_or(changed, unknown);
            vec![it.metric.clone(), it.change.word().to_owned(), changed]
        })
        .collect();
    if !metrics.is_empty() {
        parts.push(table(&["metric", "change", "numbers that change"], &metrics));
    }
    let unit = |metric: &str| published.metric(metric).map(|it| it.unit);
    let numbers: Vec<Vec<String>> =
        told.numbers.iter().map(|it| number(it, unit(&it.metric))).collect();
    if !numbers.is_empty() {
        let head = ["metric", "site", "month", "published", "proposed", "change", ""];
        parts.push(table(&head, &numbers));
    }
    if told.numbers_left_out > 0 {
        parts.push(format!("and {} smaller changes", told.numbers_left_out));
    }
    let compared: usize = told.metrics.iter().map(|it| it.compared).sum();
    let changed: usize = told.metrics.iter().map(|it| it.changed).sum();
    parts.push(match told.range {
        Some(range) => format!(
            "{changed} of {compared} numbers would change, {} to {}, by site and month",
            range.from, range.to
        ),
        None => "no published number would change".to_owned(),
    });
    parts.join("\n\n")
}

/// The first line of why something is not known.
fn unknown(why: &str) -> String {
    format!("unknown: {}", why.lines().next().unwrap_or_default())
}

fn number(it: &NumberChange, unit: Option<Unit>) -> Vec<String> {
    let shown = |value: Option<Decimal>| match (value, unit) {
        (None, _) => "-".to_owned(),
        (Some(value), Some(Unit::Count | Unit::Fen)) => value.round_dp(2).normalize().to_string(),
        (Some(value), _) => value.round_dp(6).normalize().to_string(),
    };
    let sign = if it.change.is_sign_negative() { "" } else { "+" };
    let share = it.published.filter(|published| !published.is_zero()).and_then(|published| {
        let percent = it.change.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(published.abs())?;
        Some(format!("{sign}{} %", percent.round_dp(1).normalize()))
    });
    vec![
        it.metric.clone(),
        it.site.clone().unwrap_or_else(|| "-".to_owned()),
        it.month.format("%Y-%m").to_string(),
        shown(it.published),
        shown(it.proposed),
        format!("{sign}{}", shown(Some(it.change))),
        share.unwrap_or_default(),
    ]
}
