//! Checks that judge single rows: all of one table in one scan.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::common::Column;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, lit, when};
use datafusion::prelude::{DataFrame, SessionContext};
use hub_domain::contract::TableContract;
use hub_domain::snapshot::AuditResult;

use super::AuditError;

/// A check and the condition under which a row keeps it.
struct RowCheck {
    name: String,
    blocking: bool,
    keeps: Expr,
}

/// Not null, accepted values, row expressions.
pub(super) async fn checks(
    context: &SessionContext,
    contract: &TableContract,
) -> Result<Vec<AuditResult>, AuditError> {
    let table = &contract.table;
    let frame = context.table(table.as_str()).await;
    let frame = frame.map_err(|cause| AuditError::plan(table, "columns", &cause))?;
    let checks = declared(context, &frame, contract)?;
    if checks.is_empty() {
        return Ok(Vec::new());
    }
    let failures = count_failures(frame, table, &checks).await?;
    let result = |(check, failures): (RowCheck, u64)| AuditResult {
        table: table.clone(),
        check: check.name,
        failures,
        blocking: check.blocking,
    };
    Ok(checks.into_iter().zip(failures).map(result).collect())
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn declared(
    context: &SessionContext,
    frame: &DataFrame,
    contract: &TableContract,
) -> Result<Vec<RowCheck>, AuditError> {
    let mut checks = Vec::new();
    for described in &contract.columns {
        let name = &described.name;
        if !described.nullable {
            let keeps = column(name).is_not_null();
            checks.push(RowCheck { name: format!("not_null:{name}"), blocking: true, keeps });
        }
        if let Some(values) = &described.values {
            let accepted = values.iter().map(|value| lit(value.as_str())).collect();
            let keeps = column(name).is_null().or(column(name).in_list(accepted, false));
            checks.push(RowCheck { name: format!("values:{name}"), blocking: true, keeps });
        }
    }
    for check in &contract.checks {
        let Some(text) = &check.expression else { continue };
        let name = format!("rule:{}", check.name);
        let keeps = context.parse_sql_expr(text, frame.schema());
        let keeps = keeps.map_err(|cause| AuditError::plan(&contract.table, &name, &cause))?;
        checks.push(RowCheck { name, blocking: check.blocking, keeps });
    }
    Ok(checks)
}

/// Rows for which each check is not true, by one aggregation.
async fn count_failures(
    frame: DataFrame,
    table: &str,
    checks: &[RowCheck],
) -> Result<Vec<u64>, AuditError> {
    let all = || checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>().join(", ");
    let plan = |cause| AuditError::plan(table, &all(), &cause);
    let mut sums = Vec::with_capacity(checks.len());
    for (index, check) in checks.iter().enumerate() {
        let broken = when(check.keeps.clone().is_true(), lit(0_i64)).otherwise(lit(1_i64));
        sums.push(sum(broken.map_err(plan)?).alias(format!("check_{index}")));
    }
    let counted = frame.aggregate(Vec::new(), sums).map_err(plan)?;
    let batches = counted.collect().await;
    let batches = batches.map_err(|cause| AuditError::run(table, &all(), cause))?;
    let row = batches.iter().find(|batch| batch.num_rows() > 0);
    // The sum over no rows is NULL: nothing is broken.
    let failures = |index: usize| {
        let value = row.map(|batch| batch.column(index).as_primitive::<Int64Type>());
        value.and_then(|sums| sums.iter().next().flatten()).unwrap_or_default()
    };
    Ok((0..checks.len()).map(|index| u64::try_from(failures(index)).unwrap_or_default()).collect())
}
