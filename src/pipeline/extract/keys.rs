//! Keys as 128-bit hashes: small enough to hold every key of a table, wide enough that two keys
//! never share one (10^9 keys: odds below 10^-20).

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use hub_domain::contract::ColumnType;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

use super::cell::Value;

/// Hash of a key.
pub(super) type KeyHash = u128;

/// Hash of the values of a key, in the order of the key.
pub(super) fn hash_key<'a, 'b: 'a>(values: impl Iterator<Item = Option<&'a Value<'b>>>) -> KeyHash {
    let mut hash = Sha256::new();
    for value in values {
        match value {
            Some(value) => value.digest(&mut hash),
            None => hash.update([0]),
        }
    }
    let digest = hash.finalize();
    digest[..16].iter().fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

/// The value at `row` of a landed column; `Err` when the column has another type.
pub(super) fn landed_value(
    array: &dyn Array,
    column_type: ColumnType,
    row: usize,
) -> Result<Option<Value<'_>>, &'static str> {
    if array.is_null(row) {
        return Ok(None);
    }
    let value = match column_type {
        ColumnType::Text => {
            array.as_string_opt::<i32>().map(|a| Value::Text(Cow::Borrowed(a.value(row))))
        }
        ColumnType::Int64 => {
            array.as_primitive_opt::<Int64Type>().map(|a| Value::Int(a.value(row)))
        }
        ColumnType::Bool => array.as_boolean_opt().map(|a| Value::Bool(a.value(row))),
        ColumnType::Decimal(..) => {
            array.as_primitive_opt::<Decimal128Type>().map(|a| Value::Decimal(a.value(row)))
        }
        ColumnType::Date => {
            array.as_primitive_opt::<Date32Type>().map(|a| Value::Date(a.value(row)))
        }
        ColumnType::Timestamp => array
            .as_primitive_opt::<TimestampMicrosecondType>()
            .map(|a| Value::Timestamp(a.value(row))),
    };
    value.map(Some).ok_or("a landed column has another type than its contract")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        let hash = |parts: &[Option<&str>]| {
            let values: Vec<Option<Value<'_>>> = parts
                .iter()
                .map(|part| part.map(|text| Value::Text(Cow::Borrowed(text))))
                .collect();
            hash_key(values.iter().map(Option::as_ref))
        };
        assert_ne!(hash(&[Some("ab"), Some("c")]), hash(&[Some("a"), Some("bc")]));
        assert_ne!(hash(&[None, Some("a")]), hash(&[Some("a"), None]));
        assert_ne!(hash(&[Some("")]), hash(&[None]));
        assert_ne!(hash(&[Some("a")]), hash(&[Some("A")]));
        assert_ne!(hash(&[Some("a")]), hash(&[Some("a ")]));
        assert_eq!(hash(&[Some("a"), None]), hash(&[Some("a"), None]));
    }
}
