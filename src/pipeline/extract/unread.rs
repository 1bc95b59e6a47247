//! Loads of tables that a run did not read: what operators see in place of counts.

use hub_domain::run::{LoadStatus, TableLoad};
use hub_lake::TableId;

use super::config::TableConfig;
use super::error::ExtractError;
use super::landed::Landed;
use super::{ExtractRequest, LoadKind, read_landed};

fn load(request: &ExtractRequest<'_>, table: &str, mode: &str, notice: String) -> TableLoad {
    TableLoad {
        source: request.source.to_owned(),
        table: table.to_owned(),
        mode: mode.to_owned(),
        notices: vec![notice],
        ..TableLoad::default()
    }
}

/// A table of a stopped source.
pub(super) fn stopped(request: &ExtractRequest<'_>, table: &str, reason: &str) -> TableLoad {
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let notice = format!("not read, the source is stopped{why}");
    TableLoad { status: LoadStatus::Stopped, ..load(request, table, "none", notice) }
}

/// A table a backfill of everything cannot read.
pub(super) fn without_days(request: &ExtractRequest<'_>, table: &str) -> TableLoad {
    let notice = "left out: no timestamp or date column to compare days with";
    load(request, table, "backfill", notice.to_owned())
}

/// A table that stays as it was landed last, because its columns drifted.
///
/// # Errors
/// The drift itself when the table was never landed: there is nothing to go on with.
pub(super) async fn frozen(
    request: &ExtractRequest<'_>,
    table: &str,
    config: &TableConfig,
    drift: ExtractError,
) -> Result<TableLoad, ExtractError> {
    let ExtractError::Drift { what, .. } = &drift else { return Err(drift) };
    let id = TableId::raw(request.source, table);
    let failed = |cause| read_landed(request, table, cause);
    let Some(prior) = Landed::open(request.lake, id).await.map_err(failed)? else {
        return Err(drift);
    };
    tracing::warn!(source = request.source, table, what, "the table is frozen");
    let watermark = prior.last_load().await.map_err(failed)?.and_then(|load| load.watermark_after);
    let mode = match (&request.kind, &config.cursor) {
        (LoadKind::Backfill(_), _) => "backfill",
        (LoadKind::Nightly, Some(_)) => "cursor",
        _ => "full",
    };
    Ok(TableLoad {
        status: LoadStatus::Frozen,
        watermark_before: watermark.clone(),
        watermark_after: watermark,
        ..load(request, table, mode, what.clone())
    })
}
