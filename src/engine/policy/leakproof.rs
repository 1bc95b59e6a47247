//! Which predicates may run on rows the user must not see: those that cannot fail and whose only
//! effect is to skip rows.

use arrow::datatypes::Schema;
use datafusion::logical_expr::{Expr, Operator};

/// Whether `expr` is built only from comparisons of a plain column with literals of exactly its
/// type, NULL tests, and AND, OR, NOT of such. `open` says which columns are not masked.
pub(super) fn is_leakproof(expr: &Expr, schema: &Schema, open: &dyn Fn(&str) -> bool) -> bool {
    let recurse = |inner: &Expr| is_leakproof(inner, schema, open);
    match expr {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::And | Operator::Or => recurse(&binary.left) && recurse(&binary.right),
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq => {
                compares(&binary.left, &binary.right, schema, open)
                    || compares(&binary.right, &binary.left, schema, open)
            }
            _ => false,
        },
        Expr::Not(inner) => recurse(inner),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
            matches!(inner.as_ref(), Expr::Column(column) if open(&column.name))
        }
        Expr::InList(list) => list.list.iter().all(|item| compares(&list.expr, item, schema, open)),
        Expr::Between(between) => {
            compares(&between.expr, &between.low, schema, open)
                && compares(&between.expr, &between.high, schema, open)
        }
        _ => false,
    }
}

fn compares(left: &Expr, right: &Expr, schema: &Schema, open: &dyn Fn(&str) -> bool) -> bool {
    let Expr::Column(column) = left else { return false };
    let given = match right {
        Expr::Literal(value, _) => Some(value.data_type()),
        // A parameter of a kept plan: its value is in its place before anything is scanned.
        Expr::Placeholder(parameter) => parameter.field.as_ref().map(|f| f.data_type().clone()),
        _ => None,
    };
    let declared = schema.field_with_name(&column.name).map(|field| field.data_type());
    open(&column.name) && declared.is_ok_and(|declared| Some(declared) == given.as_ref())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};
    use datafusion::logical_expr::{cast, col, lit, try_cast};

    use super::*;

    #[test]
    fn only_forms_that_cannot_fail_pass() {
        let schema = Schema::new(vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("amount", DataType::Int64, true),
            Field::new("phone", DataType::Utf8, true),
        ]);
        let open = |name: &str| name != "phone";
        let safe = |expr: Expr| is_leakproof(&expr, &schema, &open);
        assert!(safe(col("amount").gt(lit(5_i64))));
        assert!(safe(col("name").in_list(vec![lit("a"), lit("b")], true)));
        assert!(safe(col("name").is_null().or(col("amount").between(lit(1_i64), lit(2_i64)))));
        assert!(!safe(col("phone").eq(lit("138"))));
        assert!(!safe(col("amount").gt(lit(5_i32))));
        assert!(!safe(lit(10_i64) / col("amount")));
        assert!(!safe((lit(10_i64) / col("amount")).gt(lit(0_i64))));
        assert!(!safe(cast(col("name"), DataType::Int64).gt(lit(5_i64))));
        assert!(!safe(try_cast(col("name"), DataType::Int64).is_null()));
        assert!(!safe(col("name").like(lit("138%"))));
    }
}
