//! `clinichub serve`, and how a served hub stops.

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{ConfigArgs, print};

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address and port; overrides the configuration.
    #[arg(long)]
    listen: Option<String>,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    let listen = args.listen.unwrap_or_else(|| app.config.server.listen.clone());
    app.serve(&listen, stopped()?, |at| print(&format!("listening on http://{at}"))).await?;
    Ok(ExitCode::SUCCESS)
}

/// Cancelled by the first SIGTERM or SIGINT.
pub(super) fn stopped() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    Ok(stop)
}
