//! Arrow cells to domain values: the one place where columns of answers are read by name.
//!
//! Owns which Arrow types stand for which domain types, and the shape of every row a reader
//! selects. Must not know SQL text, policy or who asks.

use arrow::array::{
    Array, AsArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch,
    UInt64Array,
};
use arrow::datatypes::{
    DataType, Int8Type, Int16Type, Int32Type, TimeUnit, TimestampMicrosecondType,
    TimestampNanosecondType, UInt8Type, UInt32Type,
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use hub_domain::board::Card;
use hub_domain::org::{OrgLevel, OrgUnit};
use hub_domain::patient::{
    Consent, Entitlement, FamilyMember, Identifier, Money, Patient, Plan, SurveyAnswer, Tag, Task,
    TimelineEvent,
};
use hub_domain::{Error, Fen};
use rust_decimal::Decimal;

/// Why a column could not be read. Always a defect of a query or a contract.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    /// The answer has no such column.
    #[error("answer has no column `{column}`")]
    Missing { column: String },
    /// The column has a type no domain value is read from.
    #[error("column `{column}` has type `{found}`, expected {expected}")]
    Type { column: String, found: DataType, expected: &'static str },
    /// NULL where the contract promises a value.
    #[error("column `{column}` is null")]
    Null { column: String },
    /// The value lies outside the domain type.
    #[error("value of column `{column}` is out of range")]
    Range { column: String },
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::internal(error)
    }
}

type Decoded<T> = Result<T, DecodeError>;

/// One row of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    batch: &'a RecordBatch,
    index: usize,
}

/// Every row of `batches`, in order.
pub(crate) fn rows(batches: &[RecordBatch]) -> impl Iterator<Item = Row<'_>> {
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |index| Row { batch, index }))
}

/// Decodes every row, stopping at the first defect.
pub(crate) fn all<T>(
    batches: &[RecordBatch],
    decode: impl Fn(Row<'_>) -> Decoded<T>,
) -> Result<Vec<T>, Error> {
    rows(batches).map(|row| decode(row).map_err(Error::from)).collect()
}

impl<'a> Row<'a> {
    fn column(self, name: &str) -> Decoded<&'a dyn Array> {
        match self.batch.column_by_name(name) {
            Some(column) => Ok(column.as_ref()),
            None => Err(DecodeError::Missing { column: name.to_owned() }),
        }
    }

    fn wrong<T>(name: &str, column: &dyn Array, expected: &'static str) -> Decoded<T> {
        let found = column.data_type().clone();
        Err(DecodeError::Type { column: name.to_owned(), found, expected })
    }

    /// A day that must be there.
    pub(crate) fn day(self, name: &str) -> Decoded<NaiveDate> {
        Self::there(name, self.day_opt(name)?)
    }

    /// Text.
    pub(crate) fn text_opt(self, name: &str) -> Decoded<Option<&'a str>> {
        let column = self.column(name)?;
        if column.is_null(self.index) {
            return Ok(None);
        }
        match column.data_type() {
            DataType::Utf8 => Ok(Some(column.as_string::<i32>().value(self.index))),
            DataType::LargeUtf8 => Ok(Some(column.as_string::<i64>().value(self.index))),
            DataType::Utf8View => Ok(Some(column.as_string_view().value(self.index))),
            DataType::Null => Ok(None),
            _ => Self::wrong(name, column, "text"),
        }
    }

    /// Text that must be there.
    pub(crate) fn text(self, name: &str) -> Decoded<&'a str> {
        Self::there(name, self.text_opt(name)?)
    }

    pub(crate) fn owned(self, name: &str) -> Decoded<String> {
        self.text(name).map(str::to_owned)
    }

    pub(crate) fn owned_opt(self, name: &str) -> Decoded<Option<String>> {
        Ok(self.text_opt(name)?.map(str::to_owned))
    }

    fn there<T>(name: &str, value: Option<T>) -> Decoded<T> {
        value.ok_or_else(|| DecodeError::Null { column: name.to_owned() })
    }

    /// Whole number.
    pub(crate) fn int_opt(self, name: &str) -> Decoded<Option<i64>> {
        let column = self.column(name)?;
        if column.is_null(self.index) {
            return Ok(None);
        }
        let any = column.as_any();
        if let Some(values) = any.downcast_ref::<Int64Array>() {
            return Ok(Some(values.value(self.index)));
        }
        let value = match column.data_type() {
            DataType::UInt64 => {
                let values = any.downcast_ref::<UInt64Array>();
                let value = values.and_then(|values| i64::try_from(values.value(self.index)).ok());
                return match value {
                    Some(value) => Ok(Some(value)),
                    None => Err(DecodeError::Range { column: name.to_owned() }),
                };
            }
            DataType::Int8 => column.as_primitive::<Int8Type>().value(self.index).into(),
            DataType::Int16 => column.as_primitive::<Int16Type>().value(self.index).into(),
            DataType::Int32 => column.as_primitive::<Int32Type>().value(self.index).into(),
            DataType::UInt8 => column.as_primitive::<UInt8Type>().value(self.index).into(),
            DataType::UInt32 => column.as_primitive::<UInt32Type>().value(self.index).into(),
            DataType::Null => return Ok(None),
            _ => return Self::wrong(name, column, "a whole number"),
        };
        Ok(Some(value))
    }

    /// Whole number, 0 when NULL (sums over nothing).
    pub(crate) fn int(self, name: &str) -> Decoded<i64> {
        Ok(self.int_opt(name)?.unwrap_or(0))
    }

    fn count(self, name: &str) -> Decoded<u64> {
        u64::try_from(self.int(name)?).map_err(|_| DecodeError::Range { column: name.to_owned() })
    }

    fn fen(self, name: &str) -> Decoded<Fen> {
        self.int(name).map(Fen)
    }

    /// Exact number: a whole number or a decimal, never a float.
    pub(crate) fn number_opt(self, name: &str) -> Decoded<Option<Decimal>> {
        let column = self.column(name)?;
        if column.is_null(self.index) {
            return Ok(None);
        }
        let DataType::Decimal128(_, scale) = column.data_type() else {
            return Ok(self.int_opt(name)?.map(Decimal::from));
        };
        let out_of_range = || DecodeError::Range { column: name.to_owned() };
        let values = column.as_any().downcast_ref::<Decimal128Array>().ok_or_else(out_of_range)?;
        let scale = u32::try_from(*scale).map_err(|_| out_of_range())?;
        let number = Decimal::try_from_i128_with_scale(values.value(self.index), scale);
        number.map(|number| Some(number.normalize())).map_err(|_| out_of_range())
    }

    /// Clinic-local day.
    pub(crate) fn day_opt(self, name: &str) -> Decoded<Option<NaiveDate>> {
        let column = self.column(name)?;
        if column.is_null(self.index) {
            return Ok(None);
        }
        let Some(values) = column.as_any().downcast_ref::<Date32Array>() else {
            return Self::wrong(name, column, "a date");
        };
        let days = values.value(self.index);
        let offset = Days::new(u64::from(days.unsigned_abs()));
        let epoch = NaiveDate::default();
        let day = match days {
            0.. => epoch.checked_add_days(offset),
            _ => epoch.checked_sub_days(offset),
        };
        match day {
            Some(day) => Ok(Some(day)),
            None => Err(DecodeError::Range { column: name.to_owned() }),
        }
    }

    /// UTC instant.
    pub(crate) fn instant_opt(self, name: &str) -> Decoded<Option<DateTime<Utc>>> {
        let column = self.column(name)?;
        if column.is_null(self.index) {
            return Ok(None);
        }
        let instant = match column.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let values = column.as_primitive::<TimestampMicrosecondType>();
                DateTime::from_timestamp_micros(values.value(self.index))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                let values = column.as_primitive::<TimestampNanosecondType>();
                Some(DateTime::from_timestamp_nanos(values.value(self.index)))
            }
            _ => return Self::wrong(name, column, "an instant"),
        };
        match instant {
            Some(instant) => Ok(Some(instant)),
            None => Err(DecodeError::Range { column: name.to_owned() }),
        }
    }

    /// UTC instant that must be there.
    pub(crate) fn instant(self, name: &str) -> Decoded<DateTime<Utc>> {
        Self::there(name, self.instant_opt(name)?)
    }

    /// True or false; NULL is false.
    pub(crate) fn flag(self, name: &str) -> Decoded<bool> {
        let column = self.column(name)?;
        match column.as_any().downcast_ref::<BooleanArray>() {
            Some(values) => Ok(!values.is_null(self.index) && values.value(self.index)),
            None => Self::wrong(name, column, "true or false"),
        }
    }
}

/// One org unit.
pub(crate) fn org_unit(row: Row<'_>) -> Decoded<OrgUnit> {
    let level = OrgLevel::parse(row.text("level")?)
        .ok_or_else(|| DecodeError::Range { column: "level".to_owned() })?;
    Ok(OrgUnit {
        id: row.owned("org_unit_id")?,
        level,
        parent_id: row.owned_opt("parent_id")?,
        code: row.owned("code")?,
        name: row.owned("name")?,
        site_type: row.owned_opt("site_type")?,
        business_line: row.owned_opt("business_line")?,
        city: row.owned_opt("city")?,
    })
}

/// One person; visits are filled in by [`visits`].
pub(crate) fn patient(row: Row<'_>) -> Decoded<Patient> {
    Ok(Patient {
        id: row.owned("person_id")?,
        display_name: row.owned_opt("display_name")?.unwrap_or_default(),
        sex: row.owned_opt("sex")?,
        birth_date: row.day_opt("birth_date")?,
        is_minor_u14: row.flag("is_minor_u14")?,
        district: row.owned_opt("district")?,
        first_channel_id: row.owned_opt("first_channel_id")?,
        first_channel: row.owned_opt("first_channel")?,
        lifecycle: row.owned("lifecycle")?,
        first_visit_on: None,
        last_visit_on: None,
        visit_count: 0,
    })
}

/// Visits of one person over the sites the caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visits {
    pub(crate) person: String,
    pub(crate) first_on: Option<NaiveDate>,
    pub(crate) last_on: Option<NaiveDate>,
    pub(crate) count: u64,
}

/// See [`Visits`].
pub(crate) fn visits(row: Row<'_>) -> Decoded<Visits> {
    Ok(Visits {
        person: row.owned("person_id")?,
        first_on: row.day_opt("first_visit_on")?,
        last_on: row.day_opt("last_visit_on")?,
        count: row.count("visit_count")?,
    })
}

/// One identifier.
pub(crate) fn identifier(row: Row<'_>) -> Decoded<Identifier> {
    Ok(Identifier {
        kind: row.owned("kind")?,
        masked: row.owned_opt("masked")?.unwrap_or_default(),
        system: row.owned("source_system")?,
        relation: row.owned_opt("relation")?,
    })
}

/// One family edge.
pub(crate) fn family_member(row: Row<'_>) -> Decoded<FamilyMember> {
    Ok(FamilyMember {
        person_id: row.owned("other_id")?,
        masked_name: row.owned_opt("masked_name")?.unwrap_or_default(),
        relation: row.owned("relation")?,
    })
}

/// One tag.
pub(crate) fn tag(row: Row<'_>) -> Decoded<Tag> {
    Ok(Tag {
        tag: row.owned("tag")?,
        value: row.owned_opt("value")?,
        source: row.owned("source")?,
        from: row.instant("valid_from")?,
        to: row.instant_opt("valid_to")?,
    })
}

/// One timeline entry.
pub(crate) fn timeline_event(row: Row<'_>) -> Decoded<TimelineEvent> {
    Ok(TimelineEvent {
        id: row.owned("event_id")?,
        at: row.instant("at")?,
        kind: row.owned("kind")?,
        summary: row.owned_opt("summary")?.unwrap_or_default(),
        site_id: row.owned_opt("site_id")?,
        amount: row.int_opt("amount_fen")?.map(Fen),
    })
}

/// Money by basis.
pub(crate) fn money(row: Row<'_>) -> Decoded<Money> {
    Ok(Money {
        billed: row.fen("billed_fen")?,
        cash: row.fen("cash_fen")?,
        earned: row.fen("earned_fen")?,
        refund: row.fen("refund_fen")?,
        deferred: row.fen("deferred_fen")?,
        arrears: row.fen("arrears_fen")?,
    })
}

/// One treatment plan.
pub(crate) fn plan(row: Row<'_>) -> Decoded<Plan> {
    Ok(Plan {
        id: row.owned("plan_id")?,
        status: row.owned("status")?,
        presented_at: row.instant("presented_at")?,
        total: row.fen("total_fen")?,
        items: row.count("items")?,
        items_done: row.count("items_done")?,
        site_id: row.owned_opt("site_id")?,
    })
}

/// One package item.
pub(crate) fn entitlement(row: Row<'_>) -> Decoded<Entitlement> {
    Ok(Entitlement {
        id: row.owned("entitlement_id")?,
        item: row.owned_opt("item")?.unwrap_or_default(),
        times_total: row.int("times_total")?,
        times_used: row.int("times_used")?,
        times_left: row.int("times_left")?,
        left_value: row.fen("left_value_fen")?,
        expires_on: row.day_opt("expires_on")?,
        site_id: row.owned_opt("site_id")?,
    })
}

/// One follow-up task.
pub(crate) fn task(row: Row<'_>) -> Decoded<Task> {
    Ok(Task {
        id: row.owned("task_id")?,
        category: row.owned("category")?,
        owner_role: row.owned_opt("owner_role")?,
        due_at: row.instant("due_at")?,
        done_at: row.instant_opt("done_at")?,
        status: row.owned("status")?,
    })
}

/// One survey answer.
pub(crate) fn survey_answer(row: Row<'_>) -> Decoded<SurveyAnswer> {
    Ok(SurveyAnswer {
        kind: row.owned("kind")?,
        question: row.owned_opt("question")?.unwrap_or_default(),
        score: row.int("score")?,
        at: row.instant("at")?,
    })
}

/// One consent.
pub(crate) fn consent(row: Row<'_>) -> Decoded<Consent> {
    Ok(Consent {
        scope: row.owned("scope")?,
        status: row.owned("status")?,
        given_by: row.owned("given_by")?,
        at: row.instant("at")?,
        revoked_at: row.instant_opt("revoked_at")?,
    })
}

/// One board card.
pub(crate) fn card(row: Row<'_>) -> Decoded<Card> {
    Ok(Card {
        id: row.owned("card_id")?,
        title: row.owned_opt("masked_name")?.unwrap_or_default(),
        subtitle: row.owned_opt("subtitle")?,
        at: row.instant_opt("planned_at")?,
        site_id: row.owned_opt("site_id")?,
        person_id: row.owned_opt("person_id")?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Float64Array, LargeStringArray, StringArray, StringViewArray,
        TimestampMicrosecondArray,
    };

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        )
        .expect("a batch")
    }

    #[test]
    fn every_text_layout_reads_alike() {
        let batch = batch(vec![
            ("a", Arc::new(StringArray::from(vec![Some("x"), None]))),
            ("b", Arc::new(LargeStringArray::from(vec![Some("x"), None]))),
            ("c", Arc::new(StringViewArray::from(vec![Some("x"), None]))),
        ]);
        let batches = [batch];
        let seen: Vec<Row<'_>> = rows(&batches).collect();
        for name in ["a", "b", "c"] {
            assert_eq!(seen[0].text(name).expect("text"), "x");
            assert_eq!(seen[1].text_opt(name).expect("null"), None);
            assert!(matches!(seen[1].text(name), Err(DecodeError::Null { .. })));
        }
    }

    #[test]
    fn numbers_are_exact_and_floats_are_refused() {
        let decimals = Decimal128Array::from(vec![Some(12_345_i128), None])
            .with_precision_and_scale(38, 4)
            .expect("fits");
        let batch = batch(vec![
            ("sum", Arc::new(decimals)),
            ("count", Arc::new(UInt64Array::from(vec![7, u64::MAX]))),
            ("float", Arc::new(Float64Array::from(vec![0.1, 0.2]))),
        ]);
        let batches = [batch];
        let seen: Vec<Row<'_>> = rows(&batches).collect();
        assert_eq!(seen[0].number_opt("sum").expect("sum"), Some(Decimal::new(12_345, 4)));
        assert_eq!(seen[1].number_opt("sum").expect("null"), None);
        assert_eq!(seen[0].int("count").expect("count"), 7);
        assert!(matches!(seen[1].int("count"), Err(DecodeError::Range { .. })));
        assert!(matches!(seen[0].number_opt("float"), Err(DecodeError::Type { .. })));
        assert!(matches!(seen[0].int("nothing"), Err(DecodeError::Missing { .. })));
    }

    #[test]
    fn days_and_instants_before_1970_count_too() {
        let micros = TimestampMicrosecondArray::from(vec![-1_000_000_i64]).with_timezone("UTC");
        let batch =
            batch(vec![("day", Arc::new(Date32Array::from(vec![-1]))), ("at", Arc::new(micros))]);
        let batches = [batch];
        let row = rows(&batches).next().expect("a row");
        assert_eq!(
            row.day_opt("day").expect("a day").map(|d| d.to_string()).as_deref(),
            Some("1969-12-31")
        );
        assert_eq!(row.instant("at").expect("an instant").timestamp(), -1);
    }
}
