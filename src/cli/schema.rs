//! `clinichub schema`: the generated contracts of the API and of the configuration.

use std::process::ExitCode;

use clap::Subcommand;

use super::print;
use crate::config::Config;

/// Which schema.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// The GraphQL SDL.
    Graphql,
    /// The JSON Schema of `clinichub.yaml`.
    Config,
}

pub(super) fn run(command: &SchemaCommand) -> anyhow::Result<ExitCode> {
    match command {
        SchemaCommand::Graphql => print(hub_api::sdl().trim_end()),
        SchemaCommand::Config => print(&serde_json::to_string_pretty(&Config::json_schema())?),
    }
    Ok(ExitCode::SUCCESS)
}
