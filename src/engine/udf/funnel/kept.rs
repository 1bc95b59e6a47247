//! The events of many units while they arrive in any order, possibly in parts.
//!
//! Attempts need the events in time order, so they are kept: all units' in two parallel columns,
//! told apart by the number of their unit. State is lists, one per unit, which parallel aggregates
//! exchange and merge. A unit costs no allocation of its own: there are millions of them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::common::cast::{
    as_boolean_array, as_int64_array, as_string_array, as_timestamp_microsecond_array,
};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use hub_domain::analysis::funnel::{Attempt, Event, FOREIGN, Rule, attempts};

use super::{Tells, chain_fields, instant};

/// What an accumulator hands on, list by list.
pub(super) fn state(tells: Tells) -> Vec<(&'static str, DataType)> {
    let mut state = vec![("at", instant()), ("step", DataType::Int64)];
    if tells == Tells::Chains {
        state.extend([
            ("held", DataType::Utf8),
            ("tag", DataType::Utf8),
            ("enters", DataType::Boolean),
        ]);
    }
    state
}

/// Texts by number; 0 is none.
#[derive(Debug, Default)]
struct Texts {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Texts {
    fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.names.push(text.to_owned());
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn text(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.names.get(index).map(String::as_str)
    }

    /// Number → place among all texts, so that what ties does not depend on who came first.
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_unstable_by_key(|index| &self.names[*index]);
        let mut ranks = vec![0; order.len() + 1];
        for (rank, index) in (1..).zip(order) {
            ranks[index + 1] = rank;
        }
        ranks
    }
}

/// The events so far, by unit.
#[derive(Debug)]
pub(super) struct KeptUnits {
    rule: Rule,
    tells: Tells,
    units: Vec<usize>,
    events: Vec<Event>,
    texts: Texts,
    /// Units seen, with events or without.
    count: usize,
}

/// Events in order of their units, and where each unit's end.
struct Sorted {
    events: Vec<Event>,
    ends: Vec<usize>,
}

impl Sorted {
    fn of_each(&mut self) -> impl Iterator<Item = &mut [Event]> {
        let mut rest = self.events.as_mut_slice();
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(end - from);
            (rest, from) = (others, *end);
            own
        })
    }

    fn offsets(&self) -> OffsetBuffer<i32> {
        let starts = std::iter::once(&0).chain(&self.ends);
        OffsetBuffer::from_lengths(starts.zip(&self.ends).map(|(start, end)| end - start))
    }
}

impl KeptUnits {
    pub(super) fn new(rule: Rule, tells: Tells) -> Self {
        let (units, events, texts) = (Vec::new(), Vec::new(), Texts::default());
        Self { rule, tells, units, events, texts, count: 0 }
    }

    /// Adds the events of parallel columns, whose rows belong to `units`.
    fn add(
        &mut self,
        columns: &[ArrayRef],
        units: impl Iterator<Item = Option<usize>>,
    ) -> Result<()> {
        let (at, step) =
            (as_timestamp_microsecond_array(&columns[0])?, as_int64_array(&columns[1])?);
        let more = match self.tells {
            Tells::Chains => Some((
                as_string_array(&columns[2])?,
                as_string_array(&columns[3])?,
                as_boolean_array(&columns[4])?,
            )),
            Tells::Level | Tells::Levels => None,
        };
        for (row, unit) in units.enumerate() {
            let Some(unit) = unit.filter(|_| at.is_valid(row) && step.is_valid(row)) else {
                continue;
            };
            let step = u8::try_from(step.value(row)).unwrap_or(FOREIGN);
            let mut event = Event::new(at.value(row), step);
            if let Some((held, tag, enters)) = more {
                event.key = self.texts.number(text(held, row));
                event.tag = self.texts.number(text(tag, row));
                event.enters = enters.is_valid(row) && enters.value(row);
            }
            self.units.push(unit);
            self.events.push(event);
        }
        Ok(())
    }

    /// The events of the first `count` units.
    fn sorted(&self, count: usize) -> Sorted {
        let mut ends = vec![0; count];
        let own = || self.units.iter().zip(&self.events).filter(|(unit, _)| **unit < count);
        own().for_each(|(unit, _)| ends[*unit] += 1);
        let mut total = 0;
        for end in &mut ends {
            total += *end;
            *end = total - *end;
        }
        // Starts by now; every event placed moves its unit's one on, up to its end.
        let mut events = vec![Event::new(0, FOREIGN); total];
        for (unit, event) in own() {
            events[ends[*unit]] = *event;
            ends[*unit] += 1;
        }
        Sorted { events, ends }
    }

    /// Number of units `emit` speaks of.
    fn emitted(&self, emit: EmitTo) -> usize {
        match emit {
            EmitTo::All => self.count,
            EmitTo::First(count) => count,
        }
    }

    /// Forgets the first `count` units; those after them move up.
    fn forget(&mut self, count: usize) {
        let kept = self.units.iter().zip(&self.events).filter(|(unit, _)| **unit >= count);
        (self.units, self.events) = kept.map(|(unit, event)| (unit - count, *event)).unzip();
        self.count -= count;
    }

    /// What the attempts of the first `count` units tell.
    fn told(&self, count: usize) -> Result<ArrayRef> {
        let ranks = self.texts.ranks();
        let mut sorted = self.sorted(count);
        for event in &mut sorted.events {
            event.key = ranks[event.key as usize];
        }
        let of_units = sorted.of_each().map(|events| attempts(events, &self.rule));
        let level = |attempt: &Attempt| i64::try_from(attempt.len()).unwrap_or(i64::MAX);
        match self.tells {
            Tells::Level => {
                let deepest = of_units.map(|all| all.iter().map(level).max().unwrap_or(0));
                Ok(Arc::new(Int64Array::from_iter_values(deepest)))
            }
            Tells::Levels => {
                let all: Vec<Vec<Attempt>> = of_units.collect();
                let levels = Int64Array::from_iter_values(all.iter().flatten().map(level));
                list(DataType::Int64, lengths(&all), Arc::new(levels))
            }
            Tells::Chains => {
                let all: Vec<Vec<Attempt>> = of_units.collect();
                self.chains(&all)
            }
        }
    }

    /// Attempts as lists of structs, a list per unit.
    fn chains(&self, units: &[Vec<Attempt>]) -> Result<ArrayRef> {
        let attempts = || units.iter().flatten();
        let events = || attempts().flatten();
        let own = || OffsetBuffer::from_lengths(attempts().map(Vec::len));
        let at = TimestampMicrosecondArray::from_iter_values(events().map(|event| event.at));
        let tags: StringArray = events().map(|event| self.texts.text(event.tag)).collect();
        let columns = vec![
            list(instant(), own(), Arc::new(at.with_timezone("UTC")))?,
            list(DataType::Utf8, own(), Arc::new(tags))?,
        ];
        let chains = StructArray::try_new(chain_fields(), columns, None)?;
        list(DataType::Struct(chain_fields()), lengths(units), Arc::new(chains))
    }

    fn lists(&self, count: usize) -> Result<Vec<ArrayRef>> {
        let sorted = self.sorted(count);
        let events = &sorted.events;
        let at = TimestampMicrosecondArray::from_iter_values(events.iter().map(|it| it.at));
        let step = Int64Array::from_iter_values(events.iter().map(|it| i64::from(it.step)));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(at.with_timezone("UTC")), Arc::new(step)];
        if self.tells == Tells::Chains {
            let held: StringArray = events.iter().map(|it| self.texts.text(it.key)).collect();
            let tag: StringArray = events.iter().map(|it| self.texts.text(it.tag)).collect();
            let enters: BooleanArray = events.iter().map(|it| Some(it.enters)).collect();
            columns.extend([Arc::new(held) as ArrayRef, Arc::new(tag), Arc::new(enters)]);
        }
        let items = state(self.tells).into_iter().zip(columns);
        items.map(|((_, item), column)| list(item, sorted.offsets(), column)).collect()
    }
}

fn text(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

fn lengths<T>(lists: &[Vec<T>]) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths(lists.iter().map(Vec::len))
}

fn list(item: DataType, offsets: OffsetBuffer<i32>, values: ArrayRef) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(item, true));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, None)?))
}

impl GroupsAccumulator for KeptUnits {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.count = total_num_groups;
        let wanted =
            |row: usize| opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let units = group_indices.iter().enumerate();
        self.add(values, units.map(|(row, unit)| wanted(row).then_some(*unit)))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let count = self.emitted(emit_to);
        let told = self.told(count)?;
        self.forget(count);
        Ok(told)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let count = self.emitted(emit_to);
        let lists = self.lists(count)?;
        self.forget(count);
        Ok(lists)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.count = total_num_groups;
        let lists: Vec<&ListArray> = values.iter().map(|state| state.as_list::<i32>()).collect();
        let offsets = lists[0].value_offsets();
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        let of_row = |offset: i32| usize::try_from(offset).unwrap_or_default();
        let columns: Vec<ArrayRef> = lists
            .iter()
            .map(|list| list.values().slice(of_row(first), of_row(last - first)))
            .collect();
        let units = group_indices.iter().zip(offsets.windows(2));
        let units = units.flat_map(|(unit, bounds)| {
            std::iter::repeat_n(Some(*unit), of_row(bounds[1] - bounds[0]))
        });
        self.add(&columns, units)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let units: Vec<usize> = (0..values[0].len()).collect();
        let mut own = Self::new(self.rule.clone(), self.tells);
        own.update_batch(values, &units, opt_filter, units.len())?;
        own.lists(units.len())
    }

    fn size(&self) -> usize {
        let texts: usize = self.texts.names.iter().map(|name| 2 * name.capacity() + 64).sum();
        size_of_val(self)
            + self.units.capacity() * size_of::<usize>()
            + self.events.capacity() * size_of::<Event>()
            + texts
    }
}

/// The events of one unit, where the engine asks for no groups.
#[derive(Debug)]
pub(super) struct KeptUnit(pub(super) KeptUnits);

impl Accumulator for KeptUnit {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.told(1)?, 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let lists = self.0.lists(1)?;
        lists.iter().map(|list| ScalarValue::try_from_array(list, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }
}
