//! The query root, by noun.

mod analysis;
mod behaviour;
mod board;
mod identity;
mod operation;
mod person;
mod recall;
mod segment;

use async_graphql::MergedObject;

/// Everything that reads. One request reads one snapshot under the caller's policy.
#[derive(MergedObject, Default)]
pub(crate) struct Query(
    operation::OperationQuery,
    person::PersonQuery,
    analysis::AnalysisQuery,
    behaviour::BehaviourQuery,
    board::BoardQuery,
    segment::SegmentQuery,
    recall::RecallQuery,
    identity::IdentityQuery,
);
