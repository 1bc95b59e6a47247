//! The events of many units while they arrive in any order, possibly in parts.
//!
//! Attempts need the events in time order, so they are kept. State is every unit's events packed
//! into bytes, which parallel aggregates exchange and merge.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanArray, Int64Array, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::cast::{
    as_binary_array, as_boolean_array, as_int64_array, as_string_array,
    as_timestamp_microsecond_array,
};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use hub_domain::analysis::funnel::{Attempt, Event, FOREIGN, Rule, attempts};

use super::{Tells, chain_fields, instant};
use crate::udf::packed::{Packed, Packer};
use crate::udf::units::{Texts, Units, list, passed};

/// Flags of a packed event.
const ENTERS: u8 = 1;
const HOLDS: u8 = 2;
const TAGGED: u8 = 4;

/// The events of many units.
#[derive(Debug)]
pub(super) struct KeptUnits {
    rule: Rule,
    tells: Tells,
    events: Units<Event>,
    texts: Texts,
}

impl KeptUnits {
    pub(super) fn new(rule: Rule, tells: Tells) -> Self {
        Self { rule, tells, events: Units::new(), texts: Texts::default() }
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
            self.events.push(unit, event);
        }
        Ok(())
    }

    /// What the attempts of the first `count` units tell.
    fn told(&self, count: usize) -> Result<ArrayRef> {
        let ranks = self.texts.ranks();
        let mut sorted = self.events.sorted(count);
        for event in &mut sorted.rows {
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
                list(DataType::Int64, all.iter().map(Vec::len), Arc::new(levels))
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
        let own = || attempts().map(Vec::len);
        let at = TimestampMicrosecondArray::from_iter_values(events().map(|event| event.at));
        let tags: StringArray = events().map(|event| self.texts.text(event.tag)).collect();
        let columns = vec![
            list(instant(), own(), Arc::new(at.with_timezone("UTC")))?,
            list(DataType::Utf8, own(), Arc::new(tags))?,
        ];
        let chains = StructArray::try_new(chain_fields(), columns, None)?;
        list(DataType::Struct(chain_fields()), units.iter().map(Vec::len), Arc::new(chains))
    }

    /// The events of the first `count` units, packed.
    fn packed(&self, count: usize) -> ArrayRef {
        let mut sorted = self.events.sorted(count);
        let (mut units, mut packer) = (BinaryBuilder::new(), Packer::default());
        for events in sorted.of_each() {
            packer.clear();
            for event in events.iter() {
                let (held, tag) = (self.texts.text(event.key), self.texts.text(event.tag));
                let flags =
                    [(event.enters, ENTERS), (held.is_some(), HOLDS), (tag.is_some(), TAGGED)];
                packer.flags(flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum());
                packer.flags(event.step);
                packer.number(event.at);
                held.into_iter().chain(tag).for_each(|text| packer.text(text));
            }
            units.append_value(packer.bytes());
        }
        Arc::new(units.finish())
    }

    /// Adds the packed events of `unit`.
    fn unpack(&mut self, unit: usize, bytes: &[u8]) {
        let mut packed = Packed(bytes);
        while let Some(flags) = packed.flags()
            && let Some(step) = packed.flags()
            && let Some(at) = packed.number()
        {
            let mut text = |flag| {
                let text = if flags & flag == 0 { None } else { packed.text() };
                self.texts.number(text)
            };
            let (key, tag) = (text(HOLDS), text(TAGGED));
            let enters = flags & ENTERS != 0;
            self.events.push(unit, Event { key, tag, enters, ..Event::new(at, step) });
        }
    }
}

fn text(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

impl GroupsAccumulator for KeptUnits {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.events.grow(total_num_groups);
        self.add(values, passed(group_indices, opt_filter))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let count = self.events.emitted(emit_to);
        let told = self.told(count)?;
        self.events.forget(count);
        Ok(told)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let count = self.events.emitted(emit_to);
        let packed = self.packed(count);
        self.events.forget(count);
        Ok(vec![packed])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.events.grow(total_num_groups);
        for (unit, bytes) in group_indices.iter().zip(as_binary_array(&values[0])?) {
            self.unpack(*unit, bytes.unwrap_or_default());
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let units: Vec<usize> = (0..values[0].len()).collect();
        let mut own = Self::new(self.rule.clone(), self.tells);
        own.update_batch(values, &units, opt_filter, units.len())?;
        Ok(vec![own.packed(units.len())])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.events.size() + self.texts.size()
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
        Ok(vec![ScalarValue::try_from_array(&self.0.packed(1), 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }
}
