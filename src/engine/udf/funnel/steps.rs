//! `funnel_steps(instants, steps)`: attempts counted step by step, with the time each step took.
//!
//! Takes the list of an attempt's instants, in order, and the number of steps as a literal. Gives
//! a list with a struct per step: `reached`, and `median` and `p90` of the seconds since the step
//! before, interpolated and rounded; NULL where nobody got to the step. Percentiles are taken of
//! all times, sorted: the engine's `percentile_cont` weighs neighbours in steps of a millionth.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::cast::{as_int64_array, as_list_array, as_timestamp_microsecond_array};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::{STEPS, instant, list_of, literal};
use crate::udf::units::{Units, items, list, passed};

/// What is told of a step.
fn told() -> Fields {
    let number = |name| Field::new(name, DataType::Int64, true);
    Fields::from(vec![number("reached"), number("median"), number("p90")])
}

fn columns() -> [&'static str; 2] {
    ["step", "took"]
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
        match usize::try_from(*steps) {
            Ok(steps) if steps <= usize::from(STEPS) => Ok(Times { steps, took: Units::new() }),
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
        Ok(Box::new(OfAll(Self::times(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Self::times(&args)?))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |part: &str| {
            let name = format!("{}[{part}]", args.name);
            Arc::new(Field::new(name, list_of(DataType::Int64), true))
        };
        Ok(columns().map(field).to_vec())
    }
}

/// Microseconds every attempt of a group took to a step, from 0.
#[derive(Debug)]
struct Times {
    steps: usize,
    took: Units<(usize, i64)>,
}

impl Times {
    fn add(
        &mut self,
        attempts: &ListArray,
        groups: impl Iterator<Item = Option<usize>>,
    ) -> Result<()> {
        let instants: &TimestampMicrosecondArray =
            as_timestamp_microsecond_array(attempts.values())?;
        let instants = instants.values();
        for (bounds, group) in attempts.value_offsets().windows(2).zip(groups) {
            let Some(group) = group else { continue };
            let place = |offset: i32| usize::try_from(offset).unwrap_or_default();
            let own = &instants[place(bounds[0])..place(bounds[1])];
            let mut before = own.first().copied().unwrap_or_default();
            for (step, at) in own.iter().enumerate().take(self.steps) {
                self.took.push(group, (step, at.saturating_sub(before)));
                before = *at;
            }
        }
        Ok(())
    }

    fn told(&self, count: usize) -> Result<ArrayRef> {
        let mut sorted = self.took.sorted(count);
        let mut columns: [Vec<Option<i64>>; 3] = Default::default();
        for times in sorted.of_each() {
            times.sort_unstable();
            let mut rest: &[(usize, i64)] = times;
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
        list(DataType::Struct(told()), std::iter::repeat_n(self.steps, count), Arc::new(steps))
    }

    fn lists(&self, count: usize) -> Result<Vec<ArrayRef>> {
        let sorted = self.took.sorted(count);
        let rows = || sorted.rows.iter();
        let step = rows().map(|(step, _)| i64::try_from(*step).unwrap_or(i64::MAX));
        let took = rows().map(|(_, took)| *took);
        let columns: [ArrayRef; 2] = [
            Arc::new(Int64Array::from_iter_values(step)),
            Arc::new(Int64Array::from_iter_values(took)),
        ];
        columns.into_iter().map(|column| sorted.list(DataType::Int64, column)).collect()
    }
}

/// Whole seconds below which `share` of sorted times lie; none without times.
fn percentile(sorted: &[(usize, i64)], share: f64) -> Option<i64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let (low, high) = (sorted[place.floor() as usize].1, sorted[place.ceil() as usize].1);
    let micros = low as f64 + (high as f64 - low as f64) * place.fract();
    Some((micros / 1e6).round() as i64)
}

impl GroupsAccumulator for Times {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.took.grow(total_num_groups);
        self.add(as_list_array(&values[0])?, passed(group_indices, opt_filter))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let count = self.took.emitted(emit_to);
        let told = self.told(count)?;
        self.took.forget(count);
        Ok(told)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let count = self.took.emitted(emit_to);
        let lists = self.lists(count)?;
        self.took.forget(count);
        Ok(lists)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.took.grow(total_num_groups);
        let lists: Vec<&ListArray> = values.iter().map(|state| state.as_list::<i32>()).collect();
        let (columns, groups) = items(&lists, group_indices);
        let (step, took) = (as_int64_array(&columns[0])?, as_int64_array(&columns[1])?);
        for ((step, took), group) in step.values().iter().zip(took.values()).zip(groups) {
            if let (Some(group), Ok(step)) = (group, usize::try_from(*step)) {
                self.took.push(group, (step, *took));
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let groups: Vec<usize> = (0..values[0].len()).collect();
        let mut own = Self { steps: self.steps, took: Units::new() };
        own.update_batch(values, &groups, opt_filter, groups.len())?;
        own.lists(groups.len())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.took.size()
    }
}

/// All attempts as one group, where the engine asks for none.
#[derive(Debug)]
struct OfAll(Times);

impl Accumulator for OfAll {
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

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::AggregateUDF;
    use datafusion::prelude::SessionContext;

    use super::*;

    #[test]
    fn percentiles_lie_between_the_sorted_times() {
        let times = |seconds: &[i64]| -> Vec<(usize, i64)> {
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
