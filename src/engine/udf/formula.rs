//! A metric's formula over aggregated columns, computed by the very rule the readers follow.
//!
//! Not registered: only plans of `metrics.<id>` hold it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Array};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_decimal128_array;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use hub_domain::metric::{Expression, QUOTIENT_DECIMALS, rounded};
use rust_decimal::Decimal;

/// Decimals of arguments and result.
const SCALE: i8 = 12;
const KIND: DataType = DataType::Decimal128(38, SCALE);

/// `metric_formula(a0, a1, …) -> decimal(38, 12)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct MetricFormula {
    expression: Expression<usize>,
    signature: Signature,
}

impl MetricFormula {
    /// `expression` over the arguments by position.
    pub(crate) fn new(expression: Expression<usize>) -> Self {
        Self { expression, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for MetricFormula {
    fn name(&self) -> &'static str {
        "metric_formula"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![KIND; arg_types.len()])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(KIND)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns =
            arrays.iter().map(|array| as_decimal128_array(array)).collect::<Result<Vec<_>>>()?;
        let rows = columns.first().map_or(args.number_rows, |column| column.len());
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let find = |index: &usize| {
                let column = columns.get(*index)?;
                (!column.is_null(row)).then(|| decimal(column.value(row)))?
            };
            let value = self.expression.evaluate(&find);
            let value = value.map_err(|error| exec_datafusion_err!("{error}"))?;
            values.push(value.and_then(stored));
        }
        let values = Decimal128Array::from(values).with_precision_and_scale(38, SCALE)?;
        Ok(ColumnarValue::Array(Arc::new(values) as ArrayRef))
    }
}

/// A stored value without trailing zeros: so it fits 28 digits whenever it can.
fn decimal(mut stored: i128) -> Option<Decimal> {
    let mut scale = QUOTIENT_DECIMALS;
    while scale > 0 && stored % 10 == 0 {
        stored /= 10;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(stored, scale).ok()
}

fn stored(value: Decimal) -> Option<i128> {
    let value = rounded(value);
    let missing = QUOTIENT_DECIMALS.checked_sub(value.scale())?;
    value.mantissa().checked_mul(10_i128.checked_pow(missing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_storage() {
        for text in ["0", "-1.5", "123456789012345", "0.333333333333", "-0.000000000001"] {
            let value: Decimal = text.parse().expect("a number");
            assert_eq!(stored(value).and_then(decimal), Some(value), "{text}");
        }
    }
}
