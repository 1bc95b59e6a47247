//! Functions of the hub that SQL may call. Registered in every context, trusted or not.
//!
//! | function | gives |
//! |---|---|
//! | `local_date(ts)` | clinic-local day of an instant |
//! | `local_date(ts, site)` | the same as the site cuts its days |
//! | `day_start(date)`, `day_start(date, site)` | the instant at which that day begins |
//! | `month_of(date)` | `YYYY-MM` |
//! | `date_trunc(grain, date)` | first day of the period, a date |
//! | `to_fen(decimal yuan)` | integer fen |
//! | `pseudonym(text)` | keyed digest of a normalised identifier |
//! | `mask_name(text)`, `mask_identifier(text)` | what may be shown of it |
//! | `funnel_level(at, step, window_seconds, mode, entry)` | deepest funnel level of a unit |
//! | `funnel_attempts(…same…)` | levels of all its attempts, as a list |
//! | `funnel_chains(at, step, held, tag, enters, rule)` | attempts as lists of instants and texts |
//! | `funnel_steps(instants, steps)` | attempts counted step by step, with times |
//! | `journey(at, channel, age)` | touches of a path in the order of time, as one text |

mod formula;
mod funnel;
mod journey;
mod mask;
mod money;
mod packed;
mod period;
mod pseudonym;
mod time;
mod units;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

pub(crate) use formula::MetricFormula;
pub(crate) use journey::{AGE, NEXT};
pub use mask::{mask_identifier, mask_name};
pub use pseudonym::pseudonym;

use crate::EngineConfig;

/// Aggregates that keep every row of their group until its end.
pub(crate) const GATHERING: [&str; 4] =
    ["funnel_level", "funnel_attempts", "funnel_chains", "journey"];

/// Registers every function of the hub in `context`.
pub(crate) fn register(context: &SessionContext, config: &EngineConfig) {
    for function in scalars(config) {
        context.register_udf(function.as_ref().clone());
    }
    for function in funnel::Funnel::all() {
        context.register_udaf(AggregateUDF::new_from_impl(function));
    }
    context.register_udaf(AggregateUDF::new_from_impl(funnel::FunnelSteps::new()));
    context.register_udaf(AggregateUDF::new_from_impl(journey::Journey::new()));
}

fn scalars(config: &EngineConfig) -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::new_from_impl(time::LocalDate::new(config.zone, config.sites.clone()))),
        Arc::new(ScalarUDF::new_from_impl(time::DayStart::new(config.zone, config.sites.clone()))),
        Arc::new(ScalarUDF::new_from_impl(period::MonthOf::new())),
        Arc::new(ScalarUDF::new_from_impl(period::DateTrunc::new())),
        Arc::new(ScalarUDF::new_from_impl(money::ToFen::new())),
        Arc::new(ScalarUDF::new_from_impl(pseudonym::Pseudonym::new(&config.pseudonym_key))),
        masking_name(),
        masking_identifier(),
    ]
}

/// The function `mask_name`, for plans built without SQL.
pub(crate) fn masking_name() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(mask::Mask::name()))
}

/// The function `mask_identifier`, for plans built without SQL.
pub(crate) fn masking_identifier() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(mask::Mask::identifier()))
}
