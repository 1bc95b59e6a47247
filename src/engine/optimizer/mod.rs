//! Physical optimizer rules: what the engine's own rules do not see in the hub's plans.
//!
//! Owns their order. A rule changes how rows are made, never which.

mod cooperate;
mod few_rows;
mod gathered;
mod newest;

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

pub(crate) use newest::NewestVersions;

/// The engine's rule that decides sides of joins by size. What hangs on sides and on aggregates
/// (distribution, order) is decided after it.
const SIDES: &str = "join_selection";

/// The rules of every context, in order.
pub(crate) fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let sides = rules.iter().position(|rule| rule.name() == SIDES).map_or(0, |sides| sides + 1);
    rules.insert(sides, Arc::new(few_rows::FewRowsHeld));
    rules.insert(sides, Arc::new(gathered::GatheredOnce));
    rules.push(Arc::new(cooperate::CooperativeJoins));
    rules
}
