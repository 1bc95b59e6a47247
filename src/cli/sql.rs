//! `clinichub sql`: one statement under a user's policy, or a prompt.

mod formulas;

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use arrow::util::pretty::pretty_format_batches_with_schema;
use clap::{Args, ValueEnum};
use hub_domain::ports::{Access, AccessLog};
use hub_domain::principal::Principal;
use hub_domain::snapshot::SnapshotPick;
use hub_engine::{LimitedStream, Session, SqlError};
use sha2::{Digest, Sha256};

use super::{ConfigArgs, prompt};
use crate::app::App;
use formulas::disarmed;

/// Options of `sql`.
#[derive(Debug, Args)]
pub struct SqlArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Login name of an API key whose policy holds; the operator of this machine, who sees the
    /// whole group, when absent.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// Shape of the answer.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The statement; `-` reads it from standard input; a prompt when absent.
    statement: Option<String>,
}

/// Shapes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A frame for people.
    Table,
    /// Comma-separated, with a header; texts that a spreadsheet would run are marked by `'`.
    Csv,
    /// An array of objects.
    Json,
    /// Arrow IPC stream.
    Arrow,
    /// Parquet file.
    Parquet,
}

pub(super) async fn run(args: SqlArgs) -> anyhow::Result<ExitCode> {
    let app = args.config.open().await?;
    let principal = principal(&app, args.user.as_deref()).await?;
    let session = app.engine.open(&principal, SnapshotPick::Latest).await?;
    match args.statement.as_deref() {
        None if std::io::stdin().is_terminal() => {
            prompt::run(&app.state, &session, args.format).await?;
        }
        None | Some("-") => {
            let mut statement = String::new();
            std::io::stdin().read_to_string(&mut statement)?;
            answer(&app.state, &session, &statement, args.format).await?;
        }
        Some(statement) => answer(&app.state, &session, statement, args.format).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn principal(app: &App, user: Option<&str>) -> anyhow::Result<Principal> {
    let Some(user) = user else { return Ok(Principal::group("operator")) };
    let keys = app.state.list_keys().await?;
    let live = keys.into_iter().rfind(|key| key.principal.user == user && key.revoked_at.is_none());
    live.map(|key| key.principal).with_context(|| {
        format!("no live key of user `{user}`\n  hint: `clinichub keys create --user {user} …`")
    })
}

/// Answers one statement on standard output; it is kept in the access log first.
pub(super) async fn answer(
    log: &dyn AccessLog,
    session: &Session,
    statement: &str,
    format: Format,
) -> anyhow::Result<()> {
    let access = Access {
        operation: "sql".to_owned(),
        purpose: None,
        person_count: 0,
        query_hash: Some(hex::encode(Sha256::digest(statement))),
    };
    log.record(session.principal(), access).await?;
    match session.user_sql(statement).await {
        Ok(stream) => write(stream, format).await.map_err(hinted),
        Err(error) => Err(hinted(error.into())),
    }
}

/// The error with its hint, whenever the statement failed.
fn hinted(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<SqlError>().and_then(SqlError::hint) {
        Some(hint) => anyhow::anyhow!("{error}\n  hint: {hint}"),
        None => error,
    }
}

/// Writes an answer to standard output.
pub(super) async fn write(mut stream: LimitedStream, format: Format) -> anyhow::Result<()> {
    let schema = stream.schema();
    let mut out = std::io::stdout().lock();
    match format {
        Format::Table => {
            let batches = stream.collect().await?;
            writeln!(out, "{}", pretty_format_batches_with_schema(schema, &batches)?)?;
        }
        Format::Csv => {
            let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(out);
            writer.write(&arrow::array::RecordBatch::new_empty(schema))?;
            while let Some(batch) = stream.next_batch().await {
                writer.write(&disarmed(&batch?)?)?;
            }
        }
        Format::Json => {
            let mut writer = arrow::json::ArrayWriter::new(&mut out);
            while let Some(batch) = stream.next_batch().await {
                writer.write(&batch?)?;
            }
            writer.finish()?;
            writeln!(out)?;
        }
        Format::Arrow => {
            let mut writer = arrow::ipc::writer::StreamWriter::try_new(out, &schema)?;
            while let Some(batch) = stream.next_batch().await {
                writer.write(&batch?)?;
            }
            writer.finish()?;
        }
        Format::Parquet => {
            drop(out);
            let mut writer = parquet::arrow::ArrowWriter::try_new(std::io::stdout(), schema, None)?;
            while let Some(batch) = stream.next_batch().await {
                writer.write(&batch?)?;
            }
            writer.close()?;
        }
    }
    Ok(())
}
