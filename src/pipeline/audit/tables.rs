//! Checks over whole tables: unique keys, references, queries, lost rows.

use std::collections::BTreeMap;

use datafusion::common::{Column, JoinType};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use hub_domain::contract::{ForeignKey, TableContract};
use hub_domain::snapshot::AuditResult;
use hub_lake::{Contracts, TableId};

use super::{AuditError, AuditRequest, blocking};

/// A loss of more than this share of a table's rows is taken for a fault.
const NOTABLE_LOSS_PERCENT: u64 = 30;

/// The check; rows before and now follow it where the loss is notable: `lost_rows:100->69`.
const LOST_ROWS: &str = "lost_rows";

/// Unique key, foreign keys, check queries.
pub(super) async fn checks(
    context: &SessionContext,
    contract: &TableContract,
    contracts: &Contracts,
) -> Result<Vec<AuditResult>, AuditError> {
    let table = &contract.table;
    let mut results = Vec::new();
    let name = format!("unique:{}", contract.key.join(","));
    let extra = extra_rows(context, contract).await;
    let extra = extra.map_err(|cause| AuditError::run(table, &name, cause))?;
    results.push(blocking(table, name, extra));
    for key in &contract.foreign_keys {
        let name = format!("foreign_key:{}->{}", key.columns.join(","), key.table);
        let Some(target) = contracts.table(&key.table) else { continue };
        let dangling = dangling_rows(context, table, key, target).await;
        let dangling = dangling.map_err(|cause| AuditError::run(table, &name, cause))?;
        results.push(blocking(table, name, dangling));
    }
    for check in &contract.checks {
        let Some(query) = &check.query else { continue };
        let name = format!("query:{}", check.name);
        let frame = context.sql(query).await;
        let frame = frame.map_err(|cause| AuditError::plan(table, &name, &cause))?;
        let failures = frame.count().await.map_err(|cause| AuditError::run(table, &name, cause))?;
        let failures = failures as u64;
        let blocking = check.blocking;
        results.push(AuditResult { table: table.clone(), check: name, failures, blocking });
    }
    Ok(results)
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

/// Rows beyond the first of each key.
async fn extra_rows(
    context: &SessionContext,
    contract: &TableContract,
) -> Result<u64, DataFusionError> {
    let frame = context.table(contract.table.as_str()).await?;
    let key: Vec<Expr> = contract.key.iter().map(|name| column(name)).collect();
    let rows = frame.clone().count().await?;
    let keys = frame.aggregate(key, vec![count(lit(1_i64)).alias("rows")])?.count().await?;
    Ok(rows.saturating_sub(keys) as u64)
}

/// Rows that refer to nothing; NULL refers to nothing on purpose.
async fn dangling_rows(
    context: &SessionContext,
    table: &str,
    key: &ForeignKey,
    target: &TableContract,
) -> Result<u64, DataFusionError> {
    let referred = key.references.as_ref().unwrap_or(&target.key);
    let renamed = |index: usize| format!("referred_{index}");
    let targets: Vec<Expr> =
        referred.iter().enumerate().map(|(i, name)| column(name).alias(renamed(i))).collect();
    let right: DataFrame = context.table(key.table.as_str()).await?.select(targets)?;
    let mut left = context.table(table).await?;
    for name in &key.columns {
        left = left.filter(column(name).is_not_null())?;
    }
    let own: Vec<Expr> = key.columns.iter().map(|name| column(name)).collect();
    let left = left.select(own)?;
    let names: Vec<String> = (0..referred.len()).map(renamed).collect();
    let right_names: Vec<&str> = names.iter().map(String::as_str).collect();
    let left_names: Vec<&str> = key.columns.iter().map(String::as_str).collect();
    let dangling = left.join(right, JoinType::LeftAnti, &left_names, &right_names, None)?;
    Ok(dangling.count().await? as u64)
}

/// Tables that lost a notable share of their rows, or all of them; a mere finding when the
/// operator accepts the loss.
pub(super) async fn lost_rows(request: &AuditRequest<'_>) -> Result<Vec<AuditResult>, AuditError> {
    let Some(published) = request.published else { return Ok(Vec::new()) };
    let now: BTreeMap<&str, u64> =
        request.built.tables.iter().map(|table| (table.table.as_str(), table.rows)).collect();
    let mut results = Vec::new();
    for (key, version) in &published.tables {
        let id = TableId::parse(key);
        let (TableId::Hub(table), Some(&rows)) = (&id, now.get(key.as_str())) else { continue };
        // Lists of today lose rows every day. Fewer dimensions make fewer rows; such a loss shows
        // in the table they are summed from.
        if request.contracts.table(table).is_some_and(|it| it.derived || it.may_shrink) {
            continue;
        }
        let before =
            request.lake.lake_table(&id, *version).await.map_err(|cause| AuditError::Lake {
                table: table.clone(),
                what: cause.to_string(),
                cause: Box::new(cause),
            })?;
        let before = before.row_count().unwrap_or_default();
        results.push(loss(table, before, rows, !request.accept_loss));
    }
    Ok(results)
}

fn loss(table: &str, before: u64, now: u64, blocking: bool) -> AuditResult {
    let lost = before.saturating_sub(now);
    let notable = lost * 100 > before * NOTABLE_LOSS_PERCENT;
    AuditResult {
        table: table.to_owned(),
        check: if notable { format!("{LOST_ROWS}:{before}->{now}") } else { LOST_ROWS.to_owned() },
        failures: if notable { lost } else { 0 },
        blocking,
    }
}

/// Rows before and now, when `check` is a notable loss.
pub(super) fn told_loss(check: &str) -> Option<(&str, &str)> {
    check.strip_prefix(LOST_ROWS)?.strip_prefix(':')?.split_once("->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notable_loss_blocks_unless_it_is_accepted() {
        let seen = |before, now, blocking| {
            let result = loss("visit", before, now, blocking);
            (result.failures, super::super::passes(&[result]))
        };
        assert_eq!(seen(100, 70, true), (0, true), "30 % is not notable");
        assert_eq!(seen(100, 69, true), (31, false));
        assert_eq!(seen(100, 0, true), (100, false));
        assert_eq!(seen(0, 0, true), (0, true));
        assert_eq!(seen(100, 300, true), (0, true));
        assert_eq!(seen(100, 69, false), (31, true));
        assert_eq!(told_loss(&loss("visit", 100, 69, true).check), Some(("100", "69")));
        assert_eq!(told_loss(&loss("visit", 100, 70, true).check), None);
    }
}
