//! `local_date` and `month_of`: instants to clinic-local days, days to months.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, StringArray};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Tz;
use datafusion::common::cast::{as_date32_array, as_timestamp_microsecond_array};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Days from the common era to 1970-01-01, as chrono counts them.
const EPOCH: i32 = 719_163;

fn day_number(day: NaiveDate) -> i32 {
    day.num_days_from_ce() - EPOCH
}

/// `local_date(timestamp) -> date` in the deployment's zone.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct LocalDate {
    signature: Signature,
    zone: Tz,
}

impl LocalDate {
    pub(super) fn new(zone: Tz) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), zone }
    }

    fn day(&self, micros: i64) -> Option<i32> {
        let instant = DateTime::from_timestamp_micros(micros)?;
        Some(day_number(instant.with_timezone(&self.zone).date_naive()))
    }
}

impl ScalarUDFImpl for LocalDate {
    fn name(&self) -> &'static str {
        "local_date"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            // Zone-less timestamps count as UTC, as everything in the lake is.
            [DataType::Timestamp(_, _) | DataType::Null] => {
                Ok(vec![DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))])
            }
            _ => datafusion::common::plan_err!("local_date takes one timestamp"),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let days: Date32Array = as_timestamp_microsecond_array(&arrays[0])?
            .iter()
            .map(|micros| micros.and_then(|micros| self.day(micros)))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(days) as ArrayRef))
    }
}

/// `month_of(date) -> 'YYYY-MM'`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct MonthOf {
    signature: Signature,
}

impl MonthOf {
    pub(super) fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Date32], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for MonthOf {
    fn name(&self) -> &'static str {
        "month_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let months: StringArray = as_date32_array(&arrays[0])?
            .iter()
            .map(|days| {
                let day = NaiveDate::from_num_days_from_ce_opt(days?.checked_add(EPOCH)?)?;
                Some(format!("{:04}-{:02}", day.year(), day.month()))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(months) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_local_midnight() {
        let cut = LocalDate::new(chrono_tz::Asia::Shanghai);
        let micros =
            |text: &str| DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_micros();
        let day = |text: &str| day_number(text.parse().expect("a day"));
        assert_eq!(cut.day(micros("2026-03-01T15:59:59Z")), Some(day("2026-03-01")));
        assert_eq!(cut.day(micros("2026-03-01T16:00:00Z")), Some(day("2026-03-02")));
    }
}
