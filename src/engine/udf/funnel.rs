//! `funnel_level` and `funnel_attempts`: the counting rule of `hub_domain::analysis::funnel` as
//! aggregates over the events of one unit.
//!
//! Arguments: instant, step (0-based; negative for an event outside the funnel; NULL is skipped),
//! then three literals: window in seconds, mode (`ordered`, `strict_order`, `any_order`), entry
//! (`longest`, `first`, `each`). `funnel_level` gives the deepest level, `funnel_attempts` the
//! list of the levels of all attempts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::cast::{as_int64_array, as_timestamp_microsecond_array};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use hub_domain::analysis::funnel::{self, Entry, FOREIGN, Mode};

/// Steps a funnel may have; deeper ones are foreign.
const STEPS: u8 = 64;

/// Both aggregates.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Funnel {
    signature: Signature,
    attempts: bool,
}

impl Funnel {
    pub(super) fn level() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), attempts: false }
    }

    pub(super) fn attempts() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), attempts: true }
    }
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn list_of_numbers() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)))
}

impl AggregateUDFImpl for Funnel {
    fn name(&self) -> &str {
        if self.attempts { "funnel_attempts" } else { "funnel_level" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if arg_types.len() != 5 {
            return plan_err!("{} takes at, step, window_seconds, mode, entry", self.name());
        }
        Ok(vec![instant(), DataType::Int64, DataType::Int64, DataType::Utf8, DataType::Utf8])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(if self.attempts { list_of_numbers() } else { DataType::Int64 })
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let rule = Rule::read(args.exprs)?;
        Ok(Box::new(Events { rule, attempts: self.attempts, kept: funnel::Accumulator::default() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |part: &str| {
            Arc::new(Field::new(format!("{}[{part}]", args.name), list_of_numbers(), true))
        };
        Ok(vec![field("at"), field("step")])
    }
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    window_micros: i64,
    mode: Mode,
    entry: Entry,
}

impl Rule {
    fn read(arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Self> {
        let literal = |index: usize| {
            arguments.get(index).and_then(|expr| expr.downcast_ref::<Literal>()).map(Literal::value)
        };
        let Some(ScalarValue::Int64(Some(seconds))) = literal(2) else {
            return plan_err!("the funnel window must be a literal number of seconds");
        };
        let mode = match literal(3).and_then(ScalarValue::try_as_str).flatten() {
            Some("ordered") => Mode::Ordered,
            Some("strict_order") => Mode::StrictOrder,
            Some("any_order") => Mode::AnyOrder,
            _ => return plan_err!("the funnel mode is ordered, strict_order or any_order"),
        };
        let entry = match literal(4).and_then(ScalarValue::try_as_str).flatten() {
            Some("longest") => Entry::Longest,
            Some("first") => Entry::First,
            Some("each") => Entry::Each,
            _ => return plan_err!("the funnel entry is longest, first or each"),
        };
        Ok(Self { window_micros: seconds.saturating_mul(1_000_000), mode, entry })
    }
}

/// The events of one unit so far.
#[derive(Debug)]
struct Events {
    rule: Rule,
    attempts: bool,
    kept: funnel::Accumulator,
}

impl Accumulator for Events {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let instants = as_timestamp_microsecond_array(&values[0])?;
        let steps = as_int64_array(&values[1])?;
        for (at, step) in instants.iter().zip(steps.iter()) {
            if let (Some(at), Some(step)) = (at, step) {
                let step = u8::try_from(step).ok().filter(|step| *step < STEPS);
                self.kept.push(at, step.unwrap_or(FOREIGN));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Rule { window_micros, mode, entry } = self.rule;
        if self.attempts {
            let levels: Vec<ScalarValue> = self
                .kept
                .attempts(STEPS, window_micros, mode, entry)
                .into_iter()
                .map(|level| ScalarValue::Int64(Some(i64::from(level))))
                .collect();
            let list = ScalarValue::new_list_nullable(&levels, &DataType::Int64);
            return Ok(ScalarValue::List(list));
        }
        let level = self.kept.level(STEPS, window_micros, mode, entry);
        Ok(ScalarValue::Int64(Some(i64::from(level))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + std::mem::size_of_val(self.kept.events())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = |numbers: Vec<i64>| {
            let numbers: Vec<ScalarValue> =
                numbers.into_iter().map(|number| ScalarValue::Int64(Some(number))).collect();
            ScalarValue::List(ScalarValue::new_list_nullable(&numbers, &DataType::Int64))
        };
        let events = self.kept.events();
        Ok(vec![
            list(events.iter().map(|(at, _)| *at).collect()),
            list(events.iter().map(|(_, step)| i64::from(*step)).collect()),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (instants, steps) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        for row in 0..instants.len() {
            if instants.is_null(row) {
                continue;
            }
            let (at, step) = (instants.value(row), steps.value(row));
            let at = at.as_primitive::<Int64Type>().values();
            let step = step.as_primitive::<Int64Type>().values();
            for (at, step) in at.iter().zip(step) {
                self.kept.push(*at, u8::try_from(*step).unwrap_or(FOREIGN));
            }
        }
        Ok(())
    }
}
