//! `funnel_steps(instants, steps)`: attempts counted step by step, with the time each step took.
//!
//! Takes the list of an attempt's instants, in order, and the number of steps as a literal. Gives
//! a list with a struct per step: `reached`, and `median` and `p90` of the seconds since the step
//! before, interpolated and rounded; NULL where nobody got to the step. Percentiles are taken of
//! all times, sorted: the engine's `percentile_cont` weighs neighbours in steps of a millionth.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, Int64Array, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::cast::{as_list_array, as_timestamp_microsecond_array};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::{STEPS, instant, list_of, literal};
use crate::udf::packed::{Packed, Packer};
use crate::udf::units::{Gather, OverOne, OverUnits, Units, list, packed_field};

/// What is told of a step.
fn told() -> Fields {
    let number = |name| Field::new(name, DataType::Int64, true);
    Fields::from(vec![number("reached"), number("median"), number("p90")])
}

/// The aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::udf) struct FunnelSteps {
    signature: Signature,
}

impl FunnelSteps {
    pub(in crate::udf) fn new() -> Self {
        let types = vec![list_of(instant()), DataType::Int64];
        Self { signature: Signature::exact(types, Volatility::Immutable) }
    }

    fn times(args: &AccumulatorArgs<'_>) -> Result<Times> {
        let Some(ScalarValue::Int64(Some(steps))) = literal(args.exprs, 1) else {
            return plan_err!("the number of steps must be a literal");
        };
        // Anybody may write one, and a step costs memory in every group.
        match u8::try_from(*steps) {
            Ok(steps) if steps <= STEPS => Ok(Times { steps, took: Units::new() }),
            _ => plan_err!("a funnel has at most {STEPS} steps"),
        }
    }
}

impl AggregateUDFImpl for FunnelSteps {
    fn name(&self) -> &str {
        "funnel_steps"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(list_of(DataType::Struct(told())))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OverOne(Self::times(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(OverUnits(Self::times(&args)?)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![packed_field(args.name)])
    }
}

/// Microseconds every attempt of a group took to a step, from 0.
#[derive(Debug)]
struct Times {
    steps: u8,
    took: Units<(u8, i64)>,
}

impl Gather for Times {
    fn blank(&self) -> Self {
        Self { steps: self.steps, took: Units::new() }
    }

    fn grow(&mut self, count: usize) {
        self.took.grow(count);
    }

    fn emitted(&self, emit: EmitTo) -> usize {
        self.took.emitted(emit)
    }

    fn add(
        &mut self,
        columns: &[ArrayRef],
        groups: impl Iterator<Item = Option<usize>>,
    ) -> Result<()> {
        let attempts = as_list_array(&columns[0])?;
        let instants = as_timestamp_microsecond_array(attempts.values())?.values();
        for (bounds, group) in attempts.value_offsets().windows(2).zip(groups) {
            let Some(group) = group else { continue };
            let place = |offset: i32| usize::try_from(offset).unwrap_or_default();
            let own = &instants[place(bounds[0])..place(bounds[1])];
            let mut before = own.first().copied().unwrap_or_default();
            for (step, at) in (0..self.steps).zip(own) {
                self.took.push(group, (step, at.saturating_sub(before)));
                before = *at;
            }
        }
        Ok(())
    }

    fn packed(&self, count: usize) -> ArrayRef {
        let mut sorted = self.took.sorted(count);
        let (mut groups, mut packer) = (BinaryBuilder::new(), Packer::default());
        for times in sorted.of_each() {
            packer.clear();
            for (step, took) in times.iter() {
                packer.flags(*step);
                packer.number(*took);
            }
            groups.append_value(packer.bytes());
        }
        Arc::new(groups.finish())
    }

    fn unpack(&mut self, group: usize, bytes: &[u8]) {
        let mut packed = Packed(bytes);
        while let (Some(step), Some(took)) = (packed.flags(), packed.number()) {
            self.took.push(group, (step, took));
        }
    }

    fn told(&self, count: usize) -> Result<ArrayRef> {
        let mut sorted = self.took.sorted(count);
        let mut columns: [Vec<Option<i64>>; 3] = Default::default();
        for times in sorted.of_each() {
            times.sort_unstable();
            let mut rest: &[(u8, i64)] = times;
            for step in 0..self.steps {
                let own;
                (own, rest) = rest.split_at(rest.partition_point(|(of, _)| *of == step));
                columns[0].push(i64::try_from(own.len()).ok());
                columns[1].push(percentile(own, 0.5));
                columns[2].push(percentile(own, 0.9));
            }
        }
        let columns = columns.map(|column| Arc::new(Int64Array::from(column)) as ArrayRef).to_vec();
        let steps = StructArray::try_new(told(), columns, None)?;
        list(
            DataType::Struct(told()),
            std::iter::repeat_n(usize::from(self.steps), count),
            Arc::new(steps),
        )
    }

    fn forget(&mut self, count: usize) {
        self.took.forget(count);
    }

    fn bytes(&self) -> usize {
        self.took.size()
    }
}

/// Whole seconds below which `share` of sorted times lie; none without times.
fn percentile(sorted: &[(u8, i64)], share: f64) -> Option<i64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let (low, high) = (sorted[place.floor() as usize].1, sorted[place.ceil() as usize].1);
    let micros = low as f64 + (high as f64 - low as f64) * place.fract();
    Some((micros / 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::AggregateUDF;
    use datafusion::prelude::SessionContext;

    use super::*;

    #[test]
    fn percentiles_lie_between_the_sorted_times() {
        let times = |seconds: &[i64]| -> Vec<(u8, i64)> {
            seconds.iter().map(|second| (0, second * 1_000_000)).collect()
        };
        assert_eq!(percentile(&times(&[]), 0.5), None);
        assert_eq!(percentile(&times(&[7]), 0.9), Some(7));
        assert_eq!(percentile(&times(&[0, 10]), 0.5), Some(5));
        assert_eq!(
            percentile(&times(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), 0.9),
            Some(90)
        );
        assert_eq!(percentile(&times(&[0, 100]), 0.9), Some(90));
    }

    #[tokio::test]
    async fn a_number_of_steps_that_no_funnel_has_is_refused() {
        let context = SessionContext::new();
        context.register_udaf(AggregateUDF::new_from_impl(FunnelSteps::new()));
        let instants = "arrow_cast(make_array(), 'List(Timestamp(Microsecond, Some(\"UTC\")))')";
        for steps in ["1000000000000", "-1", "x"] {
            let sql = format!("select funnel_steps({instants}, {steps}) from (values (1)) as t(x)");
            let failed = match context.sql(&sql).await {
                Ok(frame) => frame.collect().await.err(),
                Err(error) => Some(error),
            };
            let failed = failed.expect("refused").to_string();
            assert!(failed.contains("steps"), "{failed}");
        }
    }
}
