//! `date_trunc` of dates, and `month_of`: days to the periods they lie in.
//!
//! The engine's own `date_trunc` makes an instant of a date and works the period out for every
//! row, which was half the time of a metric by month. Here a period is worked out once for as long
//! as the days that follow lie in it, and a date stays a date, as in DuckDB.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Date32Builder, StringBuilder};
use arrow::datatypes::{DataType, FieldRef};
use chrono::{Datelike, Days, NaiveDate};
use datafusion::common::cast::as_date32_array;
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::functions::datetime::date_trunc;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use hub_domain::calendar::Grain;

use super::time::{EPOCH, day_number};

/// The period found last, as day numbers.
struct Periods {
    grain: Grain,
    last: Range<i32>,
}

impl Periods {
    fn new(grain: Grain) -> Self {
        Self { grain, last: 0..0 }
    }

    /// First day of the period `day` lies in, and whether it is another one than before; none
    /// outside the calendar.
    fn start(&mut self, day: i32) -> Option<(i32, bool)> {
        let is_new = !self.last.contains(&day);
        if is_new {
            let date = NaiveDate::from_num_days_from_ce_opt(day.checked_add(EPOCH)?)?;
            // No period is so long: `start` and `next` stay inside the calendar.
            date.checked_add_days(Days::new(400))?;
            date.checked_sub_days(Days::new(400))?;
            let start = self.grain.start(date);
            self.last = day_number(start)..day_number(self.grain.next(start));
        }
        Some((self.last.start, is_new))
    }
}

fn grain(name: &str) -> Option<Grain> {
    Some(match name.to_ascii_lowercase().as_str() {
        "day" => Grain::Day,
        "week" => Grain::Week,
        "month" => Grain::Month,
        "quarter" => Grain::Quarter,
        "year" => Grain::Year,
        _ => return None,
    })
}

/// `date_trunc(grain, date) -> date`; of anything else as the engine has it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DateTrunc {
    signature: Signature,
    instants: Arc<ScalarUDF>,
}

impl DateTrunc {
    pub(super) fn new() -> Self {
        let instants = date_trunc();
        // Last: what is no date is read as an instant before it is read as a date.
        let known = vec![
            instants.signature().type_signature.clone(),
            TypeSignature::Exact(vec![DataType::Utf8, DataType::Date32]),
        ];
        Self { signature: Signature::one_of(known, Volatility::Immutable), instants }
    }
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &'static str {
        "date_trunc"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [_, DataType::Date32] => Ok(DataType::Date32),
            _ => self.instants.return_type(arg_types),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        match args.arg_fields {
            [_, day] if *day.data_type() == DataType::Date32 => Ok(Arc::clone(day)),
            _ => self.instants.return_field_from_args(args),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.args.get(1).is_none_or(|day| day.data_type() != DataType::Date32) {
            return self.instants.invoke_with_args(args);
        }
        let ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))) = &args.args[0] else {
            return exec_err!("date_trunc takes its grain as a text such as 'month'");
        };
        let Some(grain) = grain(name) else {
            return exec_err!("date_trunc of a date takes day, week, month, quarter or year");
        };
        let mut periods = Periods::new(grain);
        let mut start = |day: i32| periods.start(day).map(|(start, _)| start);
        Ok(match &args.args[1] {
            ColumnarValue::Scalar(ScalarValue::Date32(day)) => {
                ColumnarValue::Scalar(ScalarValue::Date32(day.and_then(start)))
            }
            days => {
                let days = days.to_array(args.number_rows)?;
                let days = as_date32_array(&days)?;
                let mut starts = Date32Builder::with_capacity(days.len());
                days.iter().for_each(|day| starts.append_option(day.and_then(&mut start)));
                let starts: Date32Array = starts.finish();
                ColumnarValue::Array(Arc::new(starts) as ArrayRef)
            }
        })
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        self.instants.output_ordering(input)
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
        let days = as_date32_array(&arrays[0])?;
        let (mut periods, mut text) = (Periods::new(Grain::Month), String::new());
        let mut months = StringBuilder::with_capacity(days.len(), days.len() * "2026-01".len());
        for day in days {
            let start = day.and_then(|day| periods.start(day));
            if let Some((start, true)) = start {
                text = named(start).unwrap_or_default();
            }
            months.append_option(start.map(|_| text.as_str()));
        }
        Ok(ColumnarValue::Array(Arc::new(months.finish()) as ArrayRef))
    }
}

/// `YYYY-MM` of the month that starts on `start`.
fn named(start: i32) -> Option<String> {
    let date = NaiveDate::from_num_days_from_ce_opt(start.checked_add(EPOCH)?)?;
    Some(format!("{:04}-{:02}", date.year(), date.month()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;

    use super::*;

    async fn shown(sql: &str) -> String {
        let context = SessionContext::new();
        context.register_udf(ScalarUDF::new_from_impl(DateTrunc::new()));
        context.register_udf(ScalarUDF::new_from_impl(MonthOf::new()));
        let rows = context.sql(sql).await.expect("a plan").collect().await.expect("rows");
        pretty_format_batches(&rows).expect("text").to_string()
    }

    #[tokio::test]
    async fn dates_stay_dates_and_instants_are_the_engines() {
        let table = shown(
            "select date_trunc('month', d) as month, date_trunc('WEEK', d) as week,
               date_trunc('quarter', date '2026-12-31') as quarter, month_of(d) as name,
               date_trunc('month', timestamp '2026-03-05 10:00:00') as instant,
               arrow_typeof(date_trunc('month', '2026-03-05')) as text
             from (values (date '2026-03-05'), (date '2026-03-31'), (null),
               (date '2026-02-28'), (date '2026-04-01')) as day(d)",
        )
        .await;
        let cell = |line: &str| line.split('|').map(str::trim).collect::<Vec<_>>().join(" ");
        let rows: Vec<String> = table.lines().skip(3).take(5).map(cell).collect();
        let rest = "2026-10-01";
        let instant = "2026-03-01T00:00:00 Timestamp(ns)";
        assert_eq!(
            rows.iter().map(|row| row.trim()).collect::<Vec<_>>(),
            [
                format!("2026-03-01 2026-03-02 {rest} 2026-03 {instant}"),
                format!("2026-03-01 2026-03-30 {rest} 2026-03 {instant}"),
                format!("{rest}  {instant}"),
                format!("2026-02-01 2026-02-23 {rest} 2026-02 {instant}"),
                format!("2026-04-01 2026-03-30 {rest} 2026-04 {instant}"),
            ]
        );
    }

    #[tokio::test]
    async fn a_grain_that_cuts_no_dates_is_refused() {
        let context = SessionContext::new();
        context.register_udf(ScalarUDF::new_from_impl(DateTrunc::new()));
        let frame = context.sql("select date_trunc('fortnight', date '2026-03-05')").await;
        let failed = match frame {
            Ok(frame) => frame.collect().await.expect_err("no such grain"),
            Err(error) => error,
        };
        assert!(failed.to_string().contains("day, week, month"), "{failed}");
    }

    proptest! {
        #[test]
        fn every_day_lies_in_its_period(days in proptest::collection::vec(-60_000..60_000_i32, 1..50)) {
            for grain in [Grain::Day, Grain::Week, Grain::Month, Grain::Quarter, Grain::Year] {
                let mut periods = Periods::new(grain);
                for day in &days {
                    let date = NaiveDate::from_num_days_from_ce_opt(day + EPOCH).expect("a date");
                    let start = periods.start(*day).map(|(start, _)| start);
                    prop_assert_eq!(start, Some(day_number(grain.start(date))));
                }
            }
        }
    }
}
