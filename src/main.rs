//! The `clinichub` command.

use std::process::ExitCode;

use clap::Parser;
use clinichub::cli::{Cli, run};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // One TLS provider for every client in the process; two are linked and neither is a default.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let filter = EnvFilter::try_new(cli.log.as_str()).unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Planning of deep statements needs room.
        .thread_stack_size(8 << 20)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(run(cli))
}
