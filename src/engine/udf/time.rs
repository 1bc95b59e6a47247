//! `local_date` and `day_start`: instants to clinic-local days, and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use datafusion::common::cast::{as_date32_array, as_string_array, as_timestamp_microsecond_array};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use hub_domain::site_day::{SiteDay, SiteDays};

/// Days from the common era to 1970-01-01, as chrono counts them.
pub(super) const EPOCH: i32 = 719_163;

pub(super) fn day_number(day: NaiveDate) -> i32 {
    day.num_days_from_ce() - EPOCH
}

/// `local_date(timestamp) -> date` in the deployment's zone, `local_date(timestamp, site) -> date`
/// as the site cuts its days.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct LocalDate {
    signature: Signature,
    zone: Tz,
    sites: SiteDays,
}

impl LocalDate {
    pub(super) fn new(zone: Tz, sites: SiteDays) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), zone, sites }
    }

    fn day(&self, micros: i64, site: Option<&str>) -> Option<i32> {
        let instant = DateTime::from_timestamp_micros(micros)?;
        let day = match site.and_then(|site| self.sites.get(site)) {
            Some(own) => own.day_of(instant),
            None => instant.with_timezone(&self.zone).date_naive(),
        };
        Some(day_number(day))
    }
}

/// `day_start(date) -> timestamp` in the deployment's zone, `day_start(date, site) -> timestamp` as
/// the site cuts its days: the first instant whose `local_date` is the day.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DayStart {
    signature: Signature,
    midnight: SiteDay,
    sites: SiteDays,
}

impl DayStart {
    pub(super) fn new(zone: Tz, sites: SiteDays) -> Self {
        let signature = Signature::one_of(
            vec![
                TypeSignature::Exact(vec![DataType::Date32]),
                TypeSignature::Exact(vec![DataType::Date32, DataType::Utf8]),
            ],
            Volatility::Immutable,
        );
        Self { signature, midnight: SiteDay { zone, starts: NaiveTime::MIN }, sites }
    }

    fn start(&self, day: i32, site: Option<&str>) -> Option<i64> {
        let date = NaiveDate::from_num_days_from_ce_opt(day.checked_add(EPOCH)?)?;
        let own = site.and_then(|site| self.sites.get(site)).unwrap_or(&self.midnight);
        Some(own.start_of(date)?.timestamp_micros())
    }
}

impl ScalarUDFImpl for DayStart {
    fn name(&self) -> &'static str {
        "day_start"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let days = as_date32_array(&arrays[0])?.iter();
        let starts: TimestampMicrosecondArray = match arrays.get(1) {
            Some(sites) if !self.sites.is_empty() => days
                .zip(as_string_array(sites)?)
                .map(|(day, site)| day.and_then(|day| self.start(day, site)))
                .collect(),
            _ => days.map(|day| day.and_then(|day| self.start(day, None))).collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(starts.with_timezone("UTC")) as ArrayRef))
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
        // Zone-less timestamps count as UTC, as everything in the lake is.
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        match arg_types {
            [DataType::Timestamp(_, _) | DataType::Null] => Ok(vec![instant]),
            [
                DataType::Timestamp(_, _) | DataType::Null,
                DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null,
            ] => Ok(vec![instant, DataType::Utf8]),
            _ => datafusion::common::plan_err!("local_date takes a timestamp and perhaps a site"),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let instants = as_timestamp_microsecond_array(&arrays[0])?.iter();
        let days: Date32Array = match arrays.get(1) {
            Some(sites) if !self.sites.is_empty() => instants
                .zip(as_string_array(sites)?)
                .map(|(micros, site)| micros.and_then(|micros| self.day(micros, site)))
                .collect(),
            _ => instants.map(|micros| micros.and_then(|micros| self.day(micros, None))).collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(days) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_local_midnight() {
        let cut = LocalDate::new(chrono_tz::Asia::Shanghai, SiteDays::default());
        let micros =
            |text: &str| DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_micros();
        let day = |text: &str| day_number(text.parse().expect("a day"));
        assert_eq!(cut.day(micros("2026-03-01T15:59:59Z"), None), Some(day("2026-03-01")));
        assert_eq!(cut.day(micros("2026-03-01T16:00:00Z"), None), Some(day("2026-03-02")));
        let opens = DayStart::new(chrono_tz::Asia::Shanghai, SiteDays::default());
        let start = opens.start(day("2026-03-02"), Some("SH01"));
        assert_eq!(start, Some(micros("2026-03-01T16:00:00Z")));
    }
}
