//! Exact totals that do not depend on the order of rows.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Decimal128Type, Int64Type, i256};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::error::{Cause, Told};
use super::shape::{KeyShape, Shape};

/// Numbers of keys are squared after this modulus: a square then fits 63 bits everywhere.
pub(super) const PRIME: i128 = 2_147_483_647;
/// Hexadecimal digits of an MD5 that are summed: 60 bits.
pub(super) const DIGITS: usize = 15;

/// A sum of whole numbers, far wider than any source's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Total(pub(super) i256);

impl Total {
    pub(super) fn add(&mut self, value: i128) {
        self.0 = self.0.wrapping_add(i256::from_i128(value));
    }

    /// A decimal text such as `-12.50` in units of 10^-`scale`; none when it has more places.
    pub(super) fn parse(text: &str, scale: i8) -> Option<Self> {
        let scale = usize::from(scale.unsigned_abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let (kept, rest) = fraction.split_at(fraction.len().min(scale));
        if !rest.bytes().all(|digit| digit == b'0') {
            return None;
        }
        let digits = format!("{whole}{kept}{}", "0".repeat(scale - kept.len()));
        i256::from_string(&digits).map(Self)
    }

    /// The total with `scale` places.
    pub(super) fn print(self, scale: i8) -> String {
        let scale = usize::from(scale.unsigned_abs());
        let text = self.0.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

impl Serialize for Total {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.to_string())
    }
}

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        i256::from_string(&text).map(Self).ok_or_else(|| serde::de::Error::custom("no number"))
    }
}

/// Totals of some rows, in the order of a [`Shape`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(in super::super) struct Amounts {
    pub(super) rows: i64,
    pub(super) keys: [Total; 2],
    pub(super) sums: Vec<Total>,
}

/// What a source counted; what it cannot count exactly is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    pub(super) rows: i64,
    pub(super) keys: Option<[Total; 2]>,
    pub(super) sums: Vec<Option<Total>>,
}

impl Measured {
    /// Adds what was counted of another part; what one part could not count is not known.
    pub(in super::super) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        let sum = |mine: Total, other: Total| Total(mine.0.wrapping_add(other.0));
        self.keys = match (self.keys, other.keys) {
            (Some([a, b]), Some([c, d])) => Some([sum(a, c), sum(b, d)]),
            _ => None,
        };
        for (mine, other) in self.sums.iter_mut().zip(&other.sums) {
            *mine = mine.zip(*other).map(|(mine, other)| sum(mine, other));
        }
    }

    /// The count of rows alone.
    pub(in super::super) fn rows_only(self) -> Self {
        Self { rows: self.rows, ..Self::default() }
    }
}

impl From<Amounts> for Measured {
    fn from(amounts: Amounts) -> Self {
        let sums = amounts.sums.into_iter().map(Some).collect();
        Self { rows: amounts.rows, keys: Some(amounts.keys), sums }
    }
}

impl Amounts {
    /// Of no rows.
    pub(in super::super) fn of(shape: &Shape) -> Self {
        Self { sums: vec![Total::default(); shape.sums.len()], ..Self::default() }
    }

    pub(super) fn key_number(&mut self, key: i128) {
        let rest = key % PRIME;
        self.keys[0].add(key);
        self.keys[1].add(rest * rest);
    }

    pub(super) fn key_text(&mut self, key: &[u8]) {
        let hash = md5::Md5::digest(key);
        let head = hash[..8].iter().fold(0_u64, |head, byte| (head << 8) | u64::from(*byte));
        self.keys[0].add(i128::from(head >> (64 - 4 * DIGITS)));
    }

    pub(in super::super) fn add(&mut self, other: &Self) {
        self.join(other, i256::wrapping_add);
        self.rows += other.rows;
    }

    pub(in super::super) fn subtract(&mut self, other: &Self) {
        self.join(other, i256::wrapping_sub);
        self.rows -= other.rows;
    }

    /// Takes the rows of a batch away again.
    pub(in super::super) fn subtract_batch(
        &mut self,
        shape: &Shape,
        batch: &RecordBatch,
    ) -> Result<(), Cause> {
        let mut part = Self::of(shape);
        part.add_batch(shape, batch)?;
        self.subtract(&part);
        Ok(())
    }

    fn join(&mut self, other: &Self, with: impl Fn(i256, i256) -> i256) {
        let mine = self.keys.iter_mut().chain(&mut self.sums);
        for (mine, other) in mine.zip(other.keys.iter().chain(&other.sums)) {
            mine.0 = with(mine.0, other.0);
        }
    }

    /// Adds the rows of a batch that has at least the columns of `shape`.
    pub(in super::super) fn add_batch(
        &mut self,
        shape: &Shape,
        batch: &RecordBatch,
    ) -> Result<(), Cause> {
        let column = |name: &str| {
            let array = batch.column_by_name(name);
            array.ok_or_else(|| Cause::from(Told(format!("no column `{name}` to reconcile"))))
        };
        let wrong = || Cause::from(Told("a column to reconcile has another type".into()));
        self.rows += batch.num_rows() as i64;
        match &shape.key {
            KeyShape::None => {}
            KeyShape::Number(name) => {
                let keys = column(name)?.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
                keys.iter().flatten().for_each(|key| self.key_number(i128::from(key)));
            }
            KeyShape::Text(names) => {
                let parts: Result<Vec<_>, _> = names.iter().map(|name| column(name)).collect();
                let parts = parts?;
                let mut text = Vec::new();
                for row in 0..batch.num_rows() {
                    text.clear();
                    for (index, part) in parts.iter().enumerate() {
                        if index > 0 {
                            text.push(b'|');
                        }
                        if part.is_null(row) {
                            continue;
                        }
                        if let Some(texts) = part.as_string_opt::<i32>() {
                            text.extend_from_slice(texts.value(row).as_bytes());
                        } else {
                            let numbers = part.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
                            text.extend_from_slice(numbers.value(row).to_string().as_bytes());
                        }
                    }
                    self.key_text(&text);
                }
            }
        }
        for (sum, wanted) in self.sums.iter_mut().zip(&shape.sums) {
            let array = column(&wanted.name)?;
            if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
                let total: i128 = numbers.iter().flatten().map(i128::from).sum();
                sum.add(total);
            } else {
                let numbers = array.as_primitive_opt::<Decimal128Type>().ok_or_else(wrong)?;
                numbers.iter().flatten().for_each(|value| sum.add(value));
            }
        }
        Ok(())
    }
}

/// The totals of keys as a short text that tells no key.
pub(super) fn digest(keys: &[Total; 2]) -> String {
    let text = format!("{}/{}", keys[0].0, keys[1].0);
    hex::encode(&Sha256::digest(text)[..8])
}
