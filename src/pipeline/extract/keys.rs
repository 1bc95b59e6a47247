//! Keys as 128-bit hashes: small enough to hold every key of a table, wide enough that two keys
//! never share one (10^9 keys: odds below 10^-20). SipHash, because it is several times as fast
//! as a digest on the few bytes of a key and spreads evenly; hashes are never stored.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use hub_domain::contract::ColumnType;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::borrow::{Borrow, Cow};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::cell::Value;

/// Hash of a key.
pub(super) type KeyHash = u128;

/// Hash of the values of a key, in the order of the key.
pub(super) fn hash_key<'a>(
    values: impl Iterator<Item = Option<impl Borrow<Value<'a>>>>,
) -> KeyHash {
    let mut hash = SipHasher13::new();
    for value in values {
        match value {
            Some(value) => feed(&mut hash, value.borrow()),
            None => hash.write_u8(0),
        }
    }
    hash.finish128().as_u128()
}

/// Kind and length are part of it, so that the parts of a key do not run together.
fn feed(hash: &mut SipHasher13, value: &Value<'_>) {
    match value {
        Value::Text(text) => {
            hash.write_u8(1);
            hash.write_usize(text.len());
            hash.write(text.as_bytes());
        }
        Value::Int(value) => {
            hash.write_u8(2);
            hash.write_i64(*value);
        }
        Value::Bool(value) => {
            hash.write_u8(3);
            hash.write_u8(u8::from(*value));
        }
        Value::Decimal(value) => {
            hash.write_u8(4);
            hash.write_i128(*value);
        }
        Value::Date(value) => {
            hash.write_u8(5);
            hash.write_i32(*value);
        }
        Value::Timestamp(value) => {
            hash.write_u8(6);
            hash.write_i64(*value);
        }
    }
}

/// Parts of a [`KeySet`]. A set that grows doubles; in parts, only one of them at a time.
const PARTS: usize = 64;

type Part = HashSet<KeyHash, BuildHasherDefault<Uniform>>;

/// A set of keys: 19 to 39 bytes each, according to how full its tables are.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    parts: Vec<Part>,
}

impl KeySet {
    /// Adds a key; false when it was there.
    pub(super) fn insert(&mut self, key: KeyHash) -> bool {
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, Part::default);
        }
        self.parts[part_of(key)].insert(key)
    }

    pub(super) fn contains(&self, key: &KeyHash) -> bool {
        self.parts.get(part_of(*key)).is_some_and(|part| part.contains(key))
    }

    /// Takes a key out; false when it was not there.
    pub(super) fn remove(&mut self, key: &KeyHash) -> bool {
        self.parts.get_mut(part_of(*key)).is_some_and(|part| part.remove(key))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &KeyHash> {
        self.parts.iter().flatten()
    }

    /// Adds all keys of `other`, whose tables are freed one by one.
    pub(super) fn absorb(&mut self, other: Self) {
        if self.parts.is_empty() {
            *self = other;
            return;
        }
        for (own, other) in self.parts.iter_mut().zip(other.parts) {
            own.extend(other);
        }
    }
}

impl FromIterator<KeyHash> for KeySet {
    fn from_iter<I: IntoIterator<Item = KeyHash>>(keys: I) -> Self {
        let mut set = Self::default();
        for key in keys {
            set.insert(key);
        }
        set
    }
}

/// By the highest bits; the tables inside go by the lowest.
fn part_of(key: KeyHash) -> usize {
    (key >> 122) as usize % PARTS
}

/// A key's hash is uniform as it is.
#[derive(Debug, Default, Clone, Copy)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
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

    #[test]
    fn a_set_holds_what_was_put_in() {
        let key = |number: i64| hash_key([Some(Value::Int(number))].into_iter());
        let mut set: KeySet = (0..5_000).map(key).collect();
        assert!(!set.insert(key(7)) && set.insert(key(5_000)) && set.remove(&key(0)));
        assert!(!set.contains(&key(0)) && !set.remove(&key(0)) && !KeySet::default().contains(&1));
        let mut all = KeySet::default();
        all.absorb(set);
        all.absorb((4_000..6_000).map(key).collect());
        assert_eq!(all.iter().count(), 5_999);
        assert!((1..6_000).all(|number| all.contains(&key(number))));
    }
}
