//! The counting rule of `hub_domain::analysis::funnel` as aggregates over the events of one unit.
//!
//! `funnel_level` and `funnel_attempts` take an instant, a step (0-based; negative for an event
//! outside the funnel; NULL is skipped), then three literals: window in seconds, mode (`ordered`,
//! `strict_order`, `any_order`), entry (`longest`, `first`, `each`). They give the deepest level,
//! and the list of the levels of all attempts.
//!
//! `funnel_chains` takes an instant, a step (from the number of steps on: an excluded event), a
//! text chains hold constant, a text to be given back, whether an attempt may begin here, and the
//! rule as literal JSON. It gives a list of attempts, each with the instant and the text of the
//! event at which every level was reached first.

mod kept;
mod steps;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use hub_domain::analysis::funnel::{Entry, Mode, Rule};

use crate::udf::units::{OverOne, OverUnits, packed_field};
use kept::KeptUnits;
pub(super) use steps::FunnelSteps;

/// Steps a funnel given by arguments may have; deeper ones are foreign.
const STEPS: u8 = 64;

/// What an aggregate tells of the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Tells {
    /// The deepest level.
    Level,
    /// The level of each.
    Levels,
    /// Instants and texts of each.
    Chains,
}

/// The three aggregates.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Funnel {
    signature: Signature,
    tells: Tells,
}

impl Funnel {
    fn kept(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> Result<KeptUnits> {
        let rule = match self.tells {
            Tells::Chains => written(arguments)?,
            Tells::Level | Tells::Levels => given(arguments)?,
        };
        Ok(KeptUnits::new(rule, self.tells))
    }

    pub(super) fn all() -> [Self; 3] {
        let funnel =
            |tells| Self { signature: Signature::user_defined(Volatility::Immutable), tells };
        [Tells::Level, Tells::Levels, Tells::Chains].map(funnel)
    }
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// Fields of one attempt.
fn chain_fields() -> Fields {
    Fields::from(vec![
        Field::new("at", list_of(instant()), true),
        Field::new("tag", list_of(DataType::Utf8), true),
    ])
}

impl AggregateUDFImpl for Funnel {
    fn name(&self) -> &str {
        match self.tells {
            Tells::Level => "funnel_level",
            Tells::Levels => "funnel_attempts",
            Tells::Chains => "funnel_chains",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let (wanted, names) = match self.tells {
            Tells::Chains => (
                vec![
                    instant(),
                    DataType::Int64,
                    DataType::Utf8,
                    DataType::Utf8,
                    DataType::Boolean,
                    DataType::Utf8,
                ],
                "at, step, held, tag, enters, rule",
            ),
            Tells::Level | Tells::Levels => (
                vec![instant(), DataType::Int64, DataType::Int64, DataType::Utf8, DataType::Utf8],
                "at, step, window_seconds, mode, entry",
            ),
        };
        if arg_types.len() != wanted.len() {
            return plan_err!("{} takes {names}", self.name());
        }
        Ok(wanted)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.tells {
            Tells::Level => DataType::Int64,
            Tells::Levels => list_of(DataType::Int64),
            Tells::Chains => list_of(DataType::Struct(chain_fields())),
        })
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OverOne(self.kept(args.exprs)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(OverUnits(self.kept(args.exprs)?)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![packed_field(args.name)])
    }
}

fn literal(arguments: &[Arc<dyn PhysicalExpr>], index: usize) -> Option<&ScalarValue> {
    arguments.get(index).and_then(|expr| expr.downcast_ref::<Literal>()).map(Literal::value)
}

fn text(arguments: &[Arc<dyn PhysicalExpr>], index: usize) -> Option<&str> {
    literal(arguments, index).and_then(ScalarValue::try_as_str).flatten()
}

/// A rule given by window, mode and entry.
fn given(arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Rule> {
    let Some(ScalarValue::Int64(Some(seconds))) = literal(arguments, 2) else {
        return plan_err!("the funnel window must be a literal number of seconds");
    };
    let mode = match text(arguments, 3) {
        Some("ordered") => Mode::Ordered,
        Some("strict_order") => Mode::StrictOrder,
        Some("any_order") => Mode::AnyOrder,
        _ => return plan_err!("the funnel mode is ordered, strict_order or any_order"),
    };
    let entry = match text(arguments, 4) {
        Some("longest") => Entry::Longest,
        Some("first") => Entry::First,
        Some("each") => Entry::Each,
        _ => return plan_err!("the funnel entry is longest, first or each"),
    };
    Ok(Rule::new(STEPS, seconds.saturating_mul(1_000_000), mode, entry))
}

/// A rule written as JSON.
fn written(arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Rule> {
    match text(arguments, 5).map(serde_json::from_str::<Rule>) {
        Some(Ok(rule)) if is_sound(&rule) => Ok(rule),
        _ => plan_err!("the funnel rule must be a literal"),
    }
}

/// Whether every step a rule names is one of its steps: anybody may write one.
fn is_sound(rule: &Rule) -> bool {
    rule.exclusions.iter().all(|it| it.after <= it.before && it.before < rule.steps)
}
