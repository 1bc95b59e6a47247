//! Audit: do the new tables keep what their contracts promise, before anybody may read them?
//!
//! Runs in the build's own context, on exactly the versions that would be published. A check
//! counts the rows that break it; texts never hold a value.

mod error;
mod frozen;
mod loads;
mod rows;
mod tables;

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use hub_domain::contract::TableContract;
use hub_domain::run::TableLoad;
use hub_domain::snapshot::{AuditResult, Snapshot};
use hub_lake::{Contracts, Lake};

pub use error::AuditError;
pub use loads::Gate;

use crate::build::Built;

/// Tables checked at once: most checks wait for planning, not for rows.
const TABLES_AT_ONCE: usize = 4;

/// What an audit compares.
pub struct AuditRequest<'a> {
    /// What tables promise.
    pub contracts: &'a Contracts,
    /// Tables about to be published.
    pub built: &'a Built,
    /// Loads of this night.
    pub loads: &'a [TableLoad],
    /// What readers see now.
    pub published: Option<&'a Snapshot>,
    /// Where the published tables are.
    pub lake: &'a Lake,
    /// Whether lost rows are meant to be gone.
    pub accept_loss: bool,
    /// Which refused rows may be.
    pub gate: Gate<'a>,
}

/// Runs every check; results are in table order and always in the same order.
///
/// # Errors
/// A check that cannot be run: publishing without it would be publishing unaudited.
pub async fn audit(request: &AuditRequest<'_>) -> Result<Vec<AuditResult>, AuditError> {
    let mut results = loads::checks(request).await?;
    results.extend(frozen::tables(request.loads));
    let mut checking: Vec<BoxFuture<'_, Result<Vec<AuditResult>, AuditError>>> = Vec::new();
    for table in &request.built.tables {
        if let Some(contract) = request.contracts.table(&table.table) {
            checking.push(Box::pin(table_checks(request, contract)));
        }
    }
    let mut checked = futures::stream::iter(checking).buffer_unordered(TABLES_AT_ONCE);
    while let Some(found) = checked.try_next().await? {
        results.extend(found);
    }
    results.extend(tables::lost_rows(request).await?);
    results.sort_by(|a, b| (&a.table, &a.check).cmp(&(&b.table, &b.check)));
    Ok(results)
}

async fn table_checks(
    request: &AuditRequest<'_>,
    contract: &TableContract,
) -> Result<Vec<AuditResult>, AuditError> {
    let context = &request.built.context;
    let mut results = rows::checks(context, contract).await?;
    results.extend(tables::checks(context, contract, request.contracts).await?);
    Ok(results)
}

/// Whether `results` allow publication.
#[must_use]
pub fn passes(results: &[AuditResult]) -> bool {
    results.iter().all(|result| result.failures == 0 || !result.blocking)
}

/// Checks that stop publication, as one line for operators, with a hint for each kind that can be
/// accepted.
#[must_use]
pub fn refusal(results: &[AuditResult]) -> String {
    let broken = results.iter().filter(|result| result.failures > 0 && result.blocking);
    let (mut lines, mut hints) = (Vec::new(), BTreeSet::new());
    for AuditResult { table, check, failures, .. } in broken {
        if let Some((before, now)) = tables::told_loss(check) {
            lines.push(format!("`{table}` lost_rows ({before} rows before, {now} now)"));
            hints.insert(
                "where the rows are meant to be gone, run the nightly with `--accept-loss`"
                    .to_owned(),
            );
            continue;
        }
        if let Some((amount, source, lake)) = loads::told_difference(check) {
            let numbers = format!("{source} at the source, {lake} in the lake");
            lines.push(format!("`{table}` reconcile:{amount} ({numbers})"));
            hints.insert(
                "the next night reads such a table whole; `clinichub nightly --full` does so now"
                    .to_owned(),
            );
            continue;
        }
        lines.push(format!("`{table}` {check} ({failures} rows)"));
        if [loads::SHARE, loads::KEY].contains(&check.as_str()) {
            let name = table.strip_prefix("raw/").unwrap_or(table);
            hints.insert(format!(
                "look at them by `clinichub quarantine show {name}`; where they may be left out, \
                 run the nightly with `--accept-quarantine {name}`"
            ));
        }
    }
    let hints: String = hints.iter().map(|hint| format!("\n  hint: {hint}")).collect();
    format!("the audit refused to publish: {}{hints}", lines.join(", "))
}

/// A blocking check of `table`.
fn blocking(table: &str, check: String, failures: u64) -> AuditResult {
    AuditResult { table: table.to_owned(), check, failures, blocking: true }
}
