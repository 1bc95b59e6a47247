//! `clinichub check`: everything that can be known to be wrong before a night runs.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArgs, print};
use crate::app;
use crate::config::{Config, Invalid, load_project};

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let mut problems = Vec::new();
    match Config::load(&args.config.config) {
        Err(Invalid(found)) => problems.extend(found),
        Ok(config) => match load_project(config.project.as_ref(), &config.base) {
            Err(found) => problems.extend(found),
            Ok(project) => match app::check(&project).await {
                Err(found) => problems.extend(found),
                Ok(registry) => {
                    for (id, source) in &config.sources {
                        if let Some(caveat) = source.kind.caveat() {
                            let kind = source.kind.name();
                            print(&format!("note: source `{id}`: kind `{kind}` is {caveat}"));
                        }
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
            },
        },
    }
    problems.sort();
    for problem in &problems {
        print(&problem.to_string());
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
