//! The events of many units while they arrive in any order, possibly in parts.
//!
//! Attempts need the events in time order, so they are kept. State is every unit's events packed
//! into bytes, which parallel aggregates exchange and merge.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, Int64Array, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use datafusion::common::cast::{
    as_boolean_array, as_int64_array, as_string_array, as_timestamp_microsecond_array,
};
use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;
use hub_domain::analysis::funnel::{Chains, Event, FOREIGN, Rule, Search};

use super::{Tells, chain_fields, instant};
use crate::udf::packed::{Packed, Packer};
use crate::udf::units::{Gather, Texts, Units, list};

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
}

impl Gather for KeptUnits {
    fn blank(&self) -> Self {
        Self::new(self.rule.clone(), self.tells)
    }

    fn grow(&mut self, count: usize) {
        self.events.grow(count);
    }

    fn emitted(&self, emit: EmitTo) -> usize {
        self.events.emitted(emit)
    }

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

    fn told(&self, count: usize) -> Result<ArrayRef> {
        let (ranks, texts) = self.texts.ranks();
        let mut sorted = self.events.sorted(count);
        for event in sorted.of_each().flatten() {
            event.key = ranks[event.key as usize];
            event.tag = ranks[event.tag as usize];
        }
        let mut search = Search::new(&self.rule);
        let mut found = Chains::default();
        let level = |chain: &[Event]| i64::try_from(chain.len()).unwrap_or(i64::MAX);
        if self.tells == Tells::Level {
            let deepest = sorted.of_each().map(|events| {
                found.clear();
                search.of_unit(events, &mut found);
                found.iter().map(level).max().unwrap_or(0)
            });
            return Ok(Arc::new(Int64Array::from_iter_values(deepest)));
        }
        let own = sorted.of_each().map(|events| {
            let before = found.len();
            search.of_unit(events, &mut found);
            found.len() - before
        });
        let own: Vec<usize> = own.collect();
        if self.tells == Tells::Levels {
            let levels = Int64Array::from_iter_values(found.iter().map(level));
            return list(DataType::Int64, own, Arc::new(levels));
        }
        list(DataType::Struct(chain_fields()), own, chains(&found, &texts)?)
    }

    fn forget(&mut self, count: usize) {
        self.events.forget(count);
    }

    fn bytes(&self) -> usize {
        self.events.size() + self.texts.size()
    }
}

fn text(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

/// Attempts as structs of lists.
fn chains(found: &Chains, texts: &[Option<&str>]) -> Result<ArrayRef> {
    let own = || found.iter().map(<[Event]>::len);
    let at = found.events().iter().map(|event| event.at);
    let at = TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC");
    let tags: StringArray = found.events().iter().map(|event| texts[event.tag as usize]).collect();
    let columns =
        vec![list(instant(), own(), Arc::new(at))?, list(DataType::Utf8, own(), Arc::new(tags))?];
    Ok(Arc::new(StructArray::try_new(chain_fields(), columns, None)?))
}
