//! `journey(at, channel, age)`: the touches of a path in the order of time, as one text.
//!
//! Touches of one instant come in the order of their channels. Touches are divided by U+001F; a
//! touch with an age has it behind U+001E, counted from the youngest touch of the path: what weighs
//! touches against each other are differences, and paths that differ in nothing else are one.
//! NULL where no touch has a channel.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, StringBuilder};
use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::common::cast::{as_int64_array, as_string_array, as_timestamp_microsecond_array};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::packed::{Packed, Packer};
use super::units::{Gather, OverOne, OverUnits, Texts, Units, packed_field};

/// Between touches of a journey.
pub(crate) const NEXT: char = '\u{1f}';
/// Between a channel and its age in days, from the youngest touch.
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
        Ok(Box::new(OverOne(Paths::default())))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(OverUnits(Paths::default())))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![packed_field(args.name)])
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

impl Gather for Paths {
    fn blank(&self) -> Self {
        Self::default()
    }

    fn grow(&mut self, count: usize) {
        self.touches.grow(count);
    }

    fn emitted(&self, emit: EmitTo) -> usize {
        self.touches.emitted(emit)
    }

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

    fn told(&self, count: usize) -> Result<ArrayRef> {
        let (ranks, _) = self.channels.ranks();
        let mut sorted = self.touches.sorted(count);
        let (mut journeys, mut text) = (StringBuilder::new(), String::new());
        for touches in sorted.of_each() {
            touches.sort_unstable_by_key(|it| (it.at, ranks[it.channel as usize], it.age));
            let youngest = touches.iter().filter_map(|touch| touch.age).min().unwrap_or(0);
            text.clear();
            for touch in touches.iter() {
                if !text.is_empty() {
                    text.push(NEXT);
                }
                text.push_str(self.channels.text(touch.channel).unwrap_or_default());
                if let Some(age) = touch.age {
                    let _ = write!(text, "{AGE}{}", age - youngest);
                }
            }
            journeys.append_option((!touches.is_empty()).then_some(&text));
        }
        Ok(Arc::new(journeys.finish()))
    }

    fn forget(&mut self, count: usize) {
        self.touches.forget(count);
    }

    fn bytes(&self) -> usize {
        self.touches.size() + self.channels.size()
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
            assert_eq!(rows, ["c\u{1f}a\u{1e}1\u{1f}b\u{1e}0", "z\u{1e}0", "none"]);
            let sql = format!("select journey({instant}, channel, null) from {touches}");
            assert_eq!(told(&sql, 4).await, ["c\u{1f}z\u{1f}y\u{1f}a\u{1f}b"]);
        }
    }
}
