//! Rows of many units while they arrive in any order: what aggregates over the events of a person,
//! a lead or a path keep.
//!
//! All units' rows lie in two parallel columns, so that a unit costs no allocation of its own:
//! there are millions of them. Must not know what rows mean.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use arrow::array::{BooleanArray, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;

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
    pub(super) rows: Vec<T>,
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

    /// A list of the rows of every unit, given as one column.
    pub(super) fn list(&self, item: DataType, column: ArrayRef) -> Result<ArrayRef> {
        let starts = std::iter::once(&0).chain(&self.ends);
        list(item, starts.zip(&self.ends).map(|(start, end)| end - start), column)
    }
}

/// Lists of these lengths over one column.
pub(super) fn list(
    item: DataType,
    lengths: impl IntoIterator<Item = usize>,
    values: ArrayRef,
) -> Result<ArrayRef> {
    let field = std::sync::Arc::new(Field::new_list_field(item, true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(std::sync::Arc::new(ListArray::try_new(field, offsets, values, None)?))
}

/// The items of lists and the unit of each, where row `n` of the lists belongs to `units[n]`.
pub(super) fn items<'a>(
    lists: &[&'a ListArray],
    units: &'a [usize],
) -> (Vec<ArrayRef>, impl Iterator<Item = Option<usize>> + 'a) {
    let offsets = lists[0].value_offsets();
    let of_row = |offset: i32| usize::try_from(offset).unwrap_or_default();
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let (first, length) = (of_row(first), of_row(last - first));
    let columns = lists.iter().map(|list| list.values().slice(first, length)).collect();
    let own = units.iter().zip(offsets.windows(2));
    let own = own.flat_map(move |(unit, bounds)| {
        std::iter::repeat_n(Some(*unit), of_row(bounds[1] - bounds[0]))
    });
    (columns, own)
}

/// The unit of every row that `filter` lets pass.
pub(super) fn passed<'a>(
    units: &'a [usize],
    filter: Option<&'a BooleanArray>,
) -> impl Iterator<Item = Option<usize>> + 'a {
    use arrow::array::Array;
    let wanted = move |row| filter.is_none_or(|it| it.is_valid(row) && it.value(row));
    units.iter().enumerate().map(move |(row, unit)| wanted(row).then_some(*unit))
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

    /// Number → place among all texts, so that what ties does not depend on who came first.
    pub(super) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_unstable_by_key(|index| &self.names[*index]);
        let mut ranks = vec![0; order.len() + 1];
        for (rank, index) in (1..).zip(order) {
            ranks[index + 1] = rank;
        }
        ranks
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
