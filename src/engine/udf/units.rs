//! Rows of many units while they arrive in any order: what aggregates over the events of a person,
//! a lead or a path keep.
//!
//! All units' rows lie in two parallel columns, so that a unit costs no allocation of its own:
//! there are millions of them. Must not know what rows mean.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::common::cast::as_binary_array;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// Rows by unit.
#[derive(Debug)]
pub(super) struct Units<T> {
    unit: Vec<usize>,
    rows: Vec<T>,
    /// Units seen, with rows or without.
    count: usize,
}

/// Rows in order of their units, and where each unit's end.
pub(super) struct Sorted<T> {
    rows: Vec<T>,
    ends: Vec<usize>,
}

impl<T: Copy> Units<T> {
    pub(super) fn new() -> Self {
        Self { unit: Vec::new(), rows: Vec::new(), count: 0 }
    }

    /// Says how many units there are by now.
    pub(super) fn grow(&mut self, count: usize) {
        self.count = count;
    }

    pub(super) fn push(&mut self, unit: usize, row: T) {
        self.unit.push(unit);
        self.rows.push(row);
    }

    /// Number of units `emit` speaks of.
    pub(super) fn emitted(&self, emit: EmitTo) -> usize {
        match emit {
            EmitTo::All => self.count,
            EmitTo::First(count) => count,
        }
    }

    /// The rows of the first `count` units, each unit's in the order they came.
    pub(super) fn sorted(&self, count: usize) -> Sorted<T> {
        let own = || self.unit.iter().zip(&self.rows).filter(|(unit, _)| **unit < count);
        let mut ends = vec![0; count];
        own().for_each(|(unit, _)| ends[*unit] += 1);
        let mut total = 0;
        for end in &mut ends {
            total += *end;
            *end = total - *end;
        }
        // Starts by now; every row placed moves its unit's one on, up to its end.
        let mut rows = match own().next() {
            Some((_, row)) => vec![*row; total],
            None => Vec::new(),
        };
        for (unit, row) in own() {
            rows[ends[*unit]] = *row;
            ends[*unit] += 1;
        }
        Sorted { rows, ends }
    }

    /// Forgets the first `count` units; those after them move up.
    pub(super) fn forget(&mut self, count: usize) {
        let kept = self.unit.iter().zip(&self.rows).filter(|(unit, _)| **unit >= count);
        (self.unit, self.rows) = kept.map(|(unit, row)| (unit - count, *row)).unzip();
        self.count -= count;
    }

    pub(super) fn size(&self) -> usize {
        self.unit.capacity() * size_of::<usize>() + self.rows.capacity() * size_of::<T>()
    }
}

impl<T> Sorted<T> {
    /// The rows of every unit, one after the other.
    pub(super) fn of_each(&mut self) -> impl Iterator<Item = &mut [T]> {
        let mut rest = self.rows.as_mut_slice();
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(end - from);
            (rest, from) = (others, *end);
            own
        })
    }
}

/// Lists of these lengths over one column.
pub(super) fn list(
    item: DataType,
    lengths: impl IntoIterator<Item = usize>,
    values: ArrayRef,
) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(item, true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, values, None)?))
}

/// What an aggregate over units does with their rows; [`OverUnits`] and [`OverOne`] are the rest.
pub(super) trait Gather: std::fmt::Debug + Send + Sync + Sized + 'static {
    /// The same with no rows.
    fn blank(&self) -> Self;

    /// Says how many units there are by now.
    fn grow(&mut self, count: usize);

    /// Number of units `emit` speaks of.
    fn emitted(&self, emit: EmitTo) -> usize;

    /// Takes the rows of parallel columns, each of its unit; none is to be left out.
    fn add(
        &mut self,
        columns: &[ArrayRef],
        units: impl Iterator<Item = Option<usize>>,
    ) -> Result<()>;

    /// The rows of the first `count` units, packed.
    fn packed(&self, count: usize) -> ArrayRef;

    /// Takes packed rows of `unit`.
    fn unpack(&mut self, unit: usize, bytes: &[u8]);

    /// What the rows of the first `count` units tell.
    fn told(&self, count: usize) -> Result<ArrayRef>;

    /// Forgets the first `count` units; those after them move up.
    fn forget(&mut self, count: usize);

    /// Bytes held.
    fn bytes(&self) -> usize;
}

/// The field in which parallel aggregates exchange packed rows.
pub(super) fn packed_field(name: &str) -> FieldRef {
    Arc::new(Field::new(format!("{name}[rows]"), DataType::Binary, true))
}

/// An aggregate over many units.
#[derive(Debug)]
pub(super) struct OverUnits<T>(pub(super) T);

impl<T: Gather> GroupsAccumulator for OverUnits<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.grow(total_num_groups);
        let passes = |row| opt_filter.is_none_or(|it| it.is_valid(row) && it.value(row));
        let units = group_indices.iter().enumerate();
        self.0.add(values, units.map(|(row, unit)| passes(row).then_some(*unit)))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let count = self.0.emitted(emit_to);
        let told = self.0.told(count)?;
        self.0.forget(count);
        Ok(told)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let count = self.0.emitted(emit_to);
        let packed = self.0.packed(count);
        self.0.forget(count);
        Ok(vec![packed])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.grow(total_num_groups);
        for (unit, bytes) in group_indices.iter().zip(as_binary_array(&values[0])?) {
            self.0.unpack(*unit, bytes.unwrap_or_default());
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let units: Vec<usize> = (0..values[0].len()).collect();
        let mut own = Self(self.0.blank());
        own.update_batch(values, &units, opt_filter, units.len())?;
        Ok(vec![own.0.packed(units.len())])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.bytes()
    }
}

/// The same over one unit, where the engine asks for no groups.
#[derive(Debug)]
pub(super) struct OverOne<T>(pub(super) T);

impl<T: Gather> Accumulator for OverOne<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.add(values, std::iter::repeat_n(Some(0), values[0].len()))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.told(1)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::try_from_array(&self.0.packed(1), 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        for bytes in as_binary_array(&states[0])?.iter().flatten() {
            self.0.unpack(0, bytes);
        }
        Ok(())
    }
}

/// Texts by number; 0 is none.
#[derive(Debug, Default)]
pub(super) struct Texts {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Texts {
    pub(super) fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.names.push(text.to_owned());
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        number
    }

    pub(super) fn text(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.names.get(index).map(String::as_str)
    }

    /// Number → place among all texts, and the texts by place: what ties must not depend on who
    /// came first. None keeps its place before all.
    pub(super) fn ranks(&self) -> (Vec<u32>, Vec<Option<&str>>) {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_unstable_by_key(|index| &self.names[*index]);
        let (mut ranks, mut texts) = (vec![0; order.len() + 1], vec![None]);
        for (rank, index) in (1..).zip(order) {
            ranks[index + 1] = rank;
            texts.push(Some(self.names[index].as_str()));
        }
        (ranks, texts)
    }

    pub(super) fn size(&self) -> usize {
        self.names.iter().map(|name| 2 * name.capacity() + 64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_keep_their_rows_when_those_before_them_are_told() {
        let mut units = Units::new();
        for (unit, row) in [(2, 'a'), (0, 'b'), (2, 'c'), (1, 'd')] {
            units.push(unit, row);
        }
        units.grow(4);
        let told = |units: &Units<char>, count| {
            let mut sorted = units.sorted(count);
            sorted.of_each().map(|rows| rows.iter().collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(told(&units, 4), ["b", "d", "ac", ""]);
        assert_eq!(told(&units, units.emitted(EmitTo::First(2))), ["b", "d"]);
        units.forget(2);
        assert_eq!(told(&units, units.emitted(EmitTo::All)), ["ac", ""]);
    }
}
