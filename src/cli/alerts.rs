//! `clinichub alerts`: what fires, what would have fired, what was delivered.

use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::NaiveDate;
use clap::Subcommand;
use hub_domain::alert::{AlertFilter, Condition, Verdict};
use hub_domain::calendar::Grain;
use hub_domain::page::PageRequest;
use hub_domain::principal::Principal;
use hub_domain::snapshot::SnapshotPick;
use hub_engine::readers::alerts::observe;

use super::table::table;
use super::{ConfigArgs, print};

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Stored alerts, newest first.
    List(ConfigArgs),
    /// What a rule says of past months on the newest snapshot; stores and sends nothing.
    Replay {
        #[command(flatten)]
        config: ConfigArgs,
        /// Rule id.
        #[arg(long)]
        rule: String,
        /// First day; months that start in the range are judged.
        #[arg(long)]
        from: NaiveDate,
        /// Last day.
        #[arg(long)]
        to: NaiveDate,
    },
    /// Messages to hooks, newest first.
    Deliveries(ConfigArgs),
}

pub(super) async fn run(command: AlertsCommand) -> anyhow::Result<ExitCode> {
    match command {
        AlertsCommand::List(config) => list(&config).await?,
        AlertsCommand::Replay { config, rule, from, to } => {
            replay(&config, &rule, from, to).await?;
        }
        AlertsCommand::Deliveries(config) => deliveries(&config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(config: &ConfigArgs) -> anyhow::Result<()> {
    let app = config.open().await?;
    let page = PageRequest { first: PageRequest::MAX, after: None };
    let operator = Principal::group("operator");
    let found = app.state.alerts_page(&operator, &AlertFilter::default(), &page).await?;
    let rows: Vec<Vec<String>> = found
        .edges
        .into_iter()
        .map(|edge| {
            let alert = edge.node;
            let number = |value: rust_decimal::Decimal| value.round_dp(4).normalize().to_string();
            vec![
                alert.id,
                alert.rule,
                alert.subject,
                alert.period,
                format!("{:?}", alert.state).to_lowercase(),
                alert.value.map(number).unwrap_or_default(),
                number(alert.threshold),
                alert.acknowledged_by.unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["id", "rule", "subject", "period", "state", "value", "threshold", "acknowledged"];
    print(&table(&head, &rows));
    Ok(())
}

async fn replay(
    config: &ConfigArgs,
    rule: &str,
    from: NaiveDate,
    to: NaiveDate,
) -> anyhow::Result<()> {
    if from > to {
        bail!("`--from` is after `--to`");
    }
    let app = config.open().await?;
    let session = app.engine.open(&Principal::group("operator"), SnapshotPick::Latest).await?;
    let rules = &session.registry().alerts;
    let rule = rules.iter().find(|known| known.id == rule).with_context(|| {
        let known: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        format!("no rule `{rule}`\n  hint: the rules are `{}`", known.join("`, `"))
    })?;
    let mut months = Vec::new();
    if matches!(rule.condition, Condition::Metric { .. }) {
        let mut month = Grain::Month.start(from);
        while month <= to {
            if month >= from
                && Grain::Month.next(month)
                    <= session.published().business_date.succ_opt().unwrap_or(month)
            {
                months.push(month);
            }
            month = Grain::Month.next(month);
        }
    }
    let observations = observe(&*session, rule, &months).await?;
    let rows: Vec<Vec<String>> = observations
        .into_iter()
        .filter(|seen| seen.verdict == Verdict::Breach)
        .map(|seen| {
            let value = seen.value.map(|value| value.round_dp(4).normalize().to_string());
            let threshold = seen.threshold.normalize().to_string();
            vec![seen.period, seen.subject, value.unwrap_or_default(), threshold]
        })
        .collect();
    print(&table(&["period", "subject", "value", "threshold"], &rows));
    Ok(())
}

async fn deliveries(config: &ConfigArgs) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = config
        .open()
        .await?
        .state
        .deliveries()
        .await?
        .into_iter()
        .map(|delivery| {
            let next = delivery.next_attempt_at.map(|at| at.to_rfc3339()).unwrap_or_default();
            vec![
                delivery.id,
                delivery.hook,
                delivery.alert_id,
                delivery.status,
                delivery.attempts.to_string(),
                delivery.last_result.unwrap_or_default(),
                next,
            ]
        })
        .collect();
    let head = ["message", "hook", "alert", "status", "tries", "last result", "next try"];
    print(&table(&head, &rows));
    Ok(())
}
