//! `journey(at, channel, age)`: the touches of a path in the order of time, as one text.
//!
//! Touches of one instant come in the order of their channels. Touches are divided by U+001F; a
//! touch with an age has it behind U+001E. NULL where no touch has a channel.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, BooleanArray, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::common::cast::{
    as_binary_array, as_int64_array, as_string_array, as_timestamp_microsecond_array,
};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::packed::{Packed, Packer};
use super::units::{Texts, Units, passed};

/// Between touches of a journey.
pub(crate) const NEXT: char = '\u{1f}';
/// Between a channel and its age in days.
pub(crate) const AGE: char = '\u{1e}';

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Journey {
    signature: Signature,
}

impl Journey {
    pub(super) fn new() -> Self {
        let types = vec![instant(), DataType::Utf8, DataType::Int64];
        Self { signature: Signature::exact(types, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Journey {
    fn name(&self) -> &str {
        "journey"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Path(Paths::default())))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Paths::default()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format!("{}[touches]", args.name);
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }
}

/// A touch: in the order of time, then of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Touch {
    at: i64,
    channel: u32,
    age: Option<i64>,
}

/// The touches of many paths.
#[derive(Debug)]
struct Paths {
    touches: Units<Touch>,
    channels: Texts,
}

impl Default for Paths {
    fn default() -> Self {
        Self { touches: Units::new(), channels: Texts::default() }
    }
}

impl Paths {
    fn add(
        &mut self,
        values: &[ArrayRef],
        units: impl Iterator<Item = Option<usize>>,
    ) -> Result<()> {
        let at = as_timestamp_microsecond_array(&values[0])?;
        let (channel, age) = (as_string_array(&values[1])?, as_int64_array(&values[2])?);
        for (row, unit) in units.enumerate() {
            let Some(unit) = unit.filter(|_| at.is_valid(row) && channel.is_valid(row)) else {
                continue;
            };
            let number = self.channels.number(Some(channel.value(row)));
            let age = age.is_valid(row).then(|| age.value(row));
            self.touches.push(unit, Touch { at: at.value(row), channel: number, age });
        }
        Ok(())
    }

    fn told(&self, count: usize) -> StringArray {
        let ranks = self.channels.ranks();
        let mut sorted = self.touches.sorted(count);
        let (mut journeys, mut text) = (StringBuilder::new(), String::new());
        for touches in sorted.of_each() {
            touches.sort_unstable_by_key(|it| (it.at, ranks[it.channel as usize], it.age));
            text.clear();
            for touch in touches.iter() {
                if !text.is_empty() {
                    text.push(NEXT);
                }
                text.push_str(self.channels.text(touch.channel).unwrap_or_default());
                if let Some(age) = touch.age {
                    let _ = write!(text, "{AGE}{age}");
                }
            }
            journeys.append_option((!touches.is_empty()).then_some(&text));
        }
        journeys.finish()
    }

    /// The touches of the first `count` paths, packed.
    fn packed(&self, count: usize) -> ArrayRef {
        let mut sorted = self.touches.sorted(count);
        let (mut paths, mut packer) = (BinaryBuilder::new(), Packer::default());
        for touches in sorted.of_each() {
            packer.clear();
            for touch in touches.iter() {
                packer.flags(u8::from(touch.age.is_some()));
                packer.number(touch.at);
                packer.number(touch.age.unwrap_or_default());
                packer.text(self.channels.text(touch.channel).unwrap_or_default());
            }
            paths.append_value(packer.bytes());
        }
        Arc::new(paths.finish())
    }

    /// Adds the packed touches of `path`.
    fn unpack(&mut self, path: usize, bytes: &[u8]) {
        let mut packed = Packed(bytes);
        while let Some(flags) = packed.flags()
            && let (Some(at), Some(age), Some(channel)) =
                (packed.number(), packed.number(), packed.text())
        {
            let channel = self.channels.number(Some(channel));
            self.touches.push(path, Touch { at, channel, age: (flags != 0).then_some(age) });
        }
    }
}

impl GroupsAccumulator for Paths {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.touches.grow(total_num_groups);
        self.add(values, passed(group_indices, opt_filter))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let count = self.touches.emitted(emit_to);
        let told = self.told(count);
        self.touches.forget(count);
        Ok(Arc::new(told))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let count = self.touches.emitted(emit_to);
        let packed = self.packed(count);
        self.touches.forget(count);
        Ok(vec![packed])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.touches.grow(total_num_groups);
        for (path, bytes) in group_indices.iter().zip(as_binary_array(&values[0])?) {
            self.unpack(*path, bytes.unwrap_or_default());
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let units: Vec<usize> = (0..values[0].len()).collect();
        let mut own = Self::default();
        own.update_batch(values, &units, opt_filter, units.len())?;
        Ok(vec![own.packed(units.len())])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.touches.size() + self.channels.size()
    }
}

/// The touches of one path, where the engine asks for no groups.
#[derive(Debug)]
struct Path(Paths);

impl Accumulator for Path {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.told(1), 0)
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

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::AggregateUDF;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    async fn told(sql: &str, partitions: usize) -> Vec<String> {
        let config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(2);
        let context = SessionContext::new_with_config(config);
        context.register_udaf(AggregateUDF::new_from_impl(Journey::new()));
        let batches = context.sql(sql).await.expect("a plan").collect().await.expect("rows");
        let rows = batches.iter().flat_map(|batch| {
            let texts = as_string_array(batch.column(0)).expect("texts");
            texts.iter().map(|text| text.unwrap_or("none").to_owned()).collect::<Vec<_>>()
        });
        rows.collect()
    }

    #[tokio::test]
    async fn touches_come_in_the_order_of_time_then_of_channels() {
        let touches = "(values ('p', 3, 'b', 1), ('q', 1, 'z', 9), ('p', 3, 'a', 2), \
                       ('p', 1, 'c', null), ('r', 1, null, 4), ('q', 2, 'y', 40)) \
                       as touch(path, at, channel, age)";
        let instant = "arrow_cast(at, 'Timestamp(Microsecond, Some(\"UTC\"))')";
        for partitions in [1, 4] {
            let rows = told(
                &format!(
                    "select journey({instant}, channel, age) filter (where age is null or age < \
                     30) from {touches} group by path order by path"
                ),
                partitions,
            )
            .await;
            assert_eq!(rows, ["c\u{1f}a\u{1e}2\u{1f}b\u{1e}1", "z\u{1e}9", "none"]);
            let sql = format!("select journey({instant}, channel, null) from {touches}");
            assert_eq!(told(&sql, 4).await, ["c\u{1f}z\u{1f}y\u{1f}a\u{1f}b"]);
        }
    }
}
