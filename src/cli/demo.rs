//! `clinichub demo`: a clinic group on one machine, from sources to a served board.

mod deployment;
mod invitation;
mod logins;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{Days, NaiveDate};
use clap::Args;
use hub_demo::DemoSpec;
use hub_domain::run::RunStatus;
use hub_pipeline::nightly::NightlyRequest;
use indicatif::{ProgressBar, ProgressStyle};

use super::nightly::{night, summary};
use super::serve::stopped;
use super::{clock, print};
use crate::app::App;
use crate::config::Config;

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder of the demo.
    #[arg(long, default_value = "clinichub-demo")]
    dir: PathBuf,
    /// People of the group's catchment; 20000 for a new demo.
    #[arg(long)]
    people: Option<u64>,
    /// Days of history; 400 for a new demo.
    #[arg(long)]
    days: Option<u32>,
    /// Seed, 1 for a new demo: the same seed, people, days and end make the same sources.
    #[arg(long)]
    seed: Option<u64>,
    /// Last business day; yesterday when absent.
    #[arg(long)]
    end: Option<NaiveDate>,
    /// Address and port to serve on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Ends once the last night is published.
    #[arg(long)]
    no_serve: bool,
    /// Also loads the HIS of the last night into `postgres://…` or `mysql://…`.
    #[arg(long, value_name = "URL")]
    into: Option<String>,
}

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make `{}`", args.dir.display()))?;
    let spec = spec(&args)?;
    let config = deployment::write(&args.dir, &spec, &args.listen)?;
    if !deployment::is_generated(&args.dir, &spec)? {
        generate(&args.dir, &spec)?;
    }
    let app = App::open(Config::load(&config)?, clock()).await?;
    if let Some(code) = nights(&app, &args.dir, &spec).await? {
        return Ok(code);
    }
    if let Some(url) = &args.into {
        let report = hub_demo::load_into(&args.dir, url).await?;
        print(&format!("loaded {} HIS rows into the server", report.rows));
        for (table, rows) in &report.skipped {
            print(&format!("  {table}: {rows} rows left out, the server cannot hold them"));
        }
    }
    let logins = logins::ensure(&app, &args.dir).await?;
    if args.no_serve {
        print(&invitation::offline(&config, &logins));
        return Ok(ExitCode::SUCCESS);
    }
    let tell = |at| print(&invitation::served(&config, at, &logins));
    app.serve(&args.listen, stopped()?, tell).await?;
    Ok(ExitCode::SUCCESS)
}

fn spec(args: &DemoArgs) -> anyhow::Result<DemoSpec> {
    let known = deployment::spec(&args.dir)?;
    // What is not said stays as the demo was made.
    let mut spec = match &known {
        Some(known) => known.spec(),
        None => {
            let zone = chrono_tz::Asia::Shanghai;
            DemoSpec::new(clock().now().with_timezone(&zone).date_naive() - Days::new(1))
        }
    };
    spec.end = args.end.unwrap_or(spec.end);
    spec.people = args.people.unwrap_or(spec.people);
    spec.days = args.days.unwrap_or(spec.days);
    spec.seed = args.seed.unwrap_or(spec.seed);
    if known.is_some_and(|known| known != deployment::Kept::of(&spec)) {
        bail!(
            "`{}` holds a demo of other people, days, seed or end\n  hint: give another `--dir`, \
             or remove the folder",
            args.dir.display()
        );
    }
    Ok(spec)
}

fn generate(dir: &Path, spec: &DemoSpec) -> anyhow::Result<()> {
    print(&format!(
        "making sources: {} people, {} days, seed {}",
        spec.people, spec.days, spec.seed
    ));
    let bar = ProgressBar::new(spec.people);
    bar.set_style(ProgressStyle::with_template("  {wide_bar} {pos}/{len} people, {eta} left")?);
    hub_demo::generate(dir, spec, &|done, _| bar.set_position(done))?;
    bar.finish_and_clear();
    deployment::mark_generated(dir, spec)
}

/// Runs the nights that are not published yet; the exit code of a night that did not publish.
async fn nights(app: &App, dir: &Path, spec: &DemoSpec) -> anyhow::Result<Option<ExitCode>> {
    let done = app.lake.latest().await?.map(|snapshot| snapshot.business_date);
    for number in 1..=spec.nights {
        let date = spec.end - Days::new(u64::from(spec.nights - number));
        if done.is_some_and(|done| done >= date) {
            continue;
        }
        if hub_demo::current_night(dir)? < number {
            hub_demo::advance(dir, number)?;
        }
        print(&format!("night {number} of {}: {date}", spec.nights));
        let request = NightlyRequest::of(date);
        let run = night(app, request, true).await?;
        print(&summary(&run));
        match run.status {
            RunStatus::Published => {}
            RunStatus::Refused => return Ok(Some(ExitCode::from(3))),
            _ => return Ok(Some(ExitCode::FAILURE)),
        }
    }
    Ok(None)
}
