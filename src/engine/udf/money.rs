//! `to_fen`: yuan as a decimal to integer fen, without a float on the way.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_decimal128_array;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Fen of `value × 10^-scale` yuan; half a fen rounds away from zero. None on overflow.
fn fen(value: i128, scale: i8) -> Option<i64> {
    let exponent = i32::from(scale) - 2;
    let factor = 10_i128.checked_pow(exponent.unsigned_abs())?;
    let fen = if exponent <= 0 {
        value.checked_mul(factor)?
    } else {
        let (whole, rest) = (value / factor, value % factor);
        whole + if rest.abs() * 2 >= factor { rest.signum() } else { 0 }
    };
    i64::try_from(fen).ok()
}

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToFen {
    signature: Signature,
}

impl ToFen {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ToFen {
    fn name(&self) -> &'static str {
        "to_fen"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [DataType::Decimal128(precision, scale)] => {
                Ok(vec![DataType::Decimal128(*precision, *scale)])
            }
            [DataType::Null] => Ok(vec![DataType::Decimal128(38, 2)]),
            [whole] if whole.is_integer() => Ok(vec![DataType::Decimal128(20, 0)]),
            _ => datafusion::common::plan_err!("to_fen takes one decimal amount in yuan"),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let yuan = as_decimal128_array(&arrays[0])?;
        let scale = yuan.scale();
        let amounts: Int64Array =
            yuan.iter().map(|value| value.and_then(|value| fen(value, scale))).collect();
        Ok(ColumnarValue::Array(Arc::new(amounts) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_become_fen_exactly() {
        assert_eq!(fen(12_345, 2), Some(12_345));
        assert_eq!(fen(12, 0), Some(1_200));
        assert_eq!(fen(-1_005, 3), Some(-101));
        assert_eq!(fen(1_004, 3), Some(100));
        assert_eq!(fen(i128::from(i64::MAX), 0), None);
        assert_eq!(fen(i128::MAX, 0), None);
    }
}
