//! `clinichub check`: everything that can be known to be wrong before a night runs, and with
//! `--diff` which published numbers accepting it would change.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{ConfigArgs, check_diff, print};
use crate::app;
use crate::config::{Config, Invalid, load_project};

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Also shows which published numbers the project's files would change, and by how much.
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    shown: DiffArgs,
}

/// How a difference is shown.
#[derive(Debug, Clone, Args)]
pub(super) struct DiffArgs {
    /// Shape of the difference.
    #[arg(long, value_enum, default_value_t = Shape::Text, requires = "diff")]
    pub(super) format: Shape,
    /// Most numbers shown one by one, largest changes first; the others are counted.
    #[arg(long, default_value_t = 50, requires = "diff")]
    pub(super) limit: usize,
    /// Exit with 1 when a published number would change.
    #[arg(long, requires = "diff")]
    pub(super) fail_on_change: bool,
}

/// Shapes of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

pub(super) async fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let mut problems = Vec::new();
    match Config::load(&args.config.config) {
        Err(Invalid(found)) => problems.extend(found),
        Ok(config) => match load_project(config.project.as_ref(), &config.base) {
            Err(found) => problems.extend(found),
            Ok(project) => match app::check(&project).await {
                Err(found) => problems.extend(found),
                Ok(registry) if !args.diff => told(&config, &registry),
                Ok(_) => return Box::pin(check_diff::run(config, &project, &args.shown)).await,
            },
        },
    }
    problems.sort();
    for problem in &problems {
        print(&problem.to_string());
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a sound project holds, and what is worth knowing about it.
fn told(config: &Config, registry: &hub_engine::Registry) {
    for (id, source) in &config.sources {
        if let Some(caveat) = source.kind.caveat() {
            let kind = source.kind.name();
            print(&format!("note: source `{id}`: kind `{kind}` is {caveat}"));
        }
    }
    for unchecked in registry.unchecked() {
        print(&format!("note: {unchecked}"));
    }
    print(&format!(
        "ok: {} tables from SQL, {} metrics, {} funnels, {} boards, {} alert rules",
        registry.nodes.len(),
        registry.metrics.len(),
        registry.funnels.len(),
        registry.boards.len(),
        registry.alerts.len()
    ));
}
