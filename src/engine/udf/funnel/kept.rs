//! The events of one unit while they arrive in any order, possibly in parts.
//!
//! Attempts need the events in time order, so the accumulator keeps them; its state is plain
//! lists, which parallel aggregates exchange and merge.

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
use datafusion::logical_expr::Accumulator;
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
}

/// The events of one unit so far.
#[derive(Debug)]
pub(super) struct Kept {
    rule: Rule,
    tells: Tells,
    events: Vec<Event>,
    texts: Texts,
}

impl Kept {
    pub(super) fn new(rule: Rule, tells: Tells) -> Self {
        Self { rule, tells, events: Vec::new(), texts: Texts::default() }
    }

    /// Adds the events of parallel columns; `more` are those of chains.
    fn add(&mut self, at: &ArrayRef, step: &ArrayRef, more: Option<[&ArrayRef; 3]>) -> Result<()> {
        let (at, step) = (as_timestamp_microsecond_array(at)?, as_int64_array(step)?);
        let more = match more {
            Some([held, tag, enters]) => {
                Some((as_string_array(held)?, as_string_array(tag)?, as_boolean_array(enters)?))
            }
            None => None,
        };
        for row in 0..at.len() {
            if at.is_null(row) || step.is_null(row) {
                continue;
            }
            let step = u8::try_from(step.value(row)).unwrap_or(FOREIGN);
            let mut event = Event::new(at.value(row), step);
            if let Some((held, tag, enters)) = more {
                event.key = self.texts.number(text(held, row));
                event.tag = self.texts.number(text(tag, row));
                event.enters = enters.is_valid(row) && enters.value(row);
            }
            self.events.push(event);
        }
        Ok(())
    }

    /// Attempts as a list of structs.
    fn chains(&self, attempts: &[Attempt]) -> Result<ScalarValue> {
        let events = || attempts.iter().flatten();
        let lengths = || OffsetBuffer::from_lengths(attempts.iter().map(Vec::len));
        let nested = |item: DataType, values: ArrayRef| -> Result<ArrayRef> {
            let field = Arc::new(Field::new_list_field(item, true));
            Ok(Arc::new(ListArray::try_new(field, lengths(), values, None)?))
        };
        let at = TimestampMicrosecondArray::from_iter_values(events().map(|event| event.at));
        let tags: StringArray = events().map(|event| self.texts.text(event.tag)).collect();
        let columns = vec![
            nested(instant(), Arc::new(at.with_timezone("UTC")))?,
            nested(DataType::Utf8, Arc::new(tags))?,
        ];
        let chains = StructArray::try_new(chain_fields(), columns, None)?;
        let field = Arc::new(Field::new_list_field(DataType::Struct(chain_fields()), true));
        let whole = OffsetBuffer::from_lengths([attempts.len()]);
        let list = ListArray::try_new(field, whole, Arc::new(chains), None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }
}

fn text(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

fn one_list(item: DataType, values: ArrayRef) -> Result<ScalarValue> {
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let field = Arc::new(Field::new_list_field(item, true));
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(field, offsets, values, None)?)))
}

impl Accumulator for Kept {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let more = (self.tells == Tells::Chains).then(|| [&values[2], &values[3], &values[4]]);
        self.add(&values[0], &values[1], more)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let attempts = attempts(&mut self.events, &self.rule);
        let level = |attempt: &Attempt| i64::try_from(attempt.len()).unwrap_or(i64::MAX);
        match self.tells {
            Tells::Level => {
                Ok(ScalarValue::Int64(Some(attempts.iter().map(level).max().unwrap_or(0))))
            }
            Tells::Levels => {
                let levels = Int64Array::from_iter_values(attempts.iter().map(level));
                one_list(DataType::Int64, Arc::new(levels))
            }
            Tells::Chains => self.chains(&attempts),
        }
    }

    fn size(&self) -> usize {
        let texts: usize = self.texts.names.iter().map(|name| 2 * name.capacity() + 64).sum();
        size_of_val(self) + self.events.capacity() * size_of::<Event>() + texts
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let events = &self.events;
        let at = TimestampMicrosecondArray::from_iter_values(events.iter().map(|it| it.at));
        let step = Int64Array::from_iter_values(events.iter().map(|it| i64::from(it.step)));
        let mut lists = vec![
            one_list(instant(), Arc::new(at.with_timezone("UTC")))?,
            one_list(DataType::Int64, Arc::new(step))?,
        ];
        if self.tells == Tells::Chains {
            let held: StringArray = events.iter().map(|it| self.texts.text(it.key)).collect();
            let tag: StringArray = events.iter().map(|it| self.texts.text(it.tag)).collect();
            let enters: BooleanArray = events.iter().map(|it| Some(it.enters)).collect();
            lists.push(one_list(DataType::Utf8, Arc::new(held))?);
            lists.push(one_list(DataType::Utf8, Arc::new(tag))?);
            lists.push(one_list(DataType::Boolean, Arc::new(enters))?);
        }
        Ok(lists)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: Vec<&ListArray> = states.iter().map(|state| state.as_list::<i32>()).collect();
        for row in 0..lists[0].len() {
            if lists[0].is_null(row) {
                continue;
            }
            let parts: Vec<ArrayRef> = lists.iter().map(|list| list.value(row)).collect();
            let more = (self.tells == Tells::Chains).then(|| [&parts[2], &parts[3], &parts[4]]);
            self.add(&parts[0], &parts[1], more)?;
        }
        Ok(())
    }
}
