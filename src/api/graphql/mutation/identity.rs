//! Deciding whether two records are one person.

use async_graphql::{Context, ID, Object};
use hub_domain::Error;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::identity::{
    IdentityDecisionStatus, IdentityMatchPayload, MatchDecision, records,
};

#[derive(Default)]
pub(crate) struct IdentityMutation;

#[Object]
impl IdentityMutation {
    /// Says whether a pair of `identityMatches` or `identityMerges` is one person. The last word
    /// counts, and the next night applies it: persons become one, or come apart with the ids they
    /// had.
    #[graphql(complexity = "50 + child_complexity")]
    async fn decide_identity_match(
        &self,
        ctx: &Context<'_>,
        id: ID,
        decision: MatchDecision,
    ) -> Result<IdentityMatchPayload> {
        let scope = ctx.scope();
        let unknown = || IdentityMatchPayload {
            status: IdentityDecisionStatus::NotFound,
            message: Some("no such pair".to_owned()),
        };
        let Some((left, right)) = records(&id) else { return Ok(unknown()) };
        match scope.session().await?.are_records(left, right).await {
            Ok(true) => {}
            // Not permitted answers as not there: whether a record exists is itself data.
            Ok(false) | Err(Error::Denied) => return Ok(unknown()),
            Err(outage) => return Err(outage.into()),
        }
        let decisions = &scope.state.decisions;
        decisions.decide(&scope.principal, left, right, decision.into()).await?;
        scope.record("decideIdentityMatch", None, 2).await?;
        Ok(IdentityMatchPayload { status: IdentityDecisionStatus::Decided, message: None })
    }
}
