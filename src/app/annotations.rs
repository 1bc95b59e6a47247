//! The ports `IdentityDecisions` and `ManualTags`: what people say of records, kept in state until
//! the next night.

use async_trait::async_trait;
use hub_domain::Error;
use hub_domain::annotation::NewTag;
use hub_domain::identity::MatchDecision;
use hub_domain::ports::{IdentityDecisions, ManualTags};
use hub_domain::principal::Principal;
use hub_state::State;

/// Decisions about identity, which the next night applies.
pub(super) struct KeptDecisions(pub(super) State);

#[async_trait]
impl IdentityDecisions for KeptDecisions {
    async fn decide(
        &self,
        principal: &Principal,
        left: &str,
        right: &str,
        decision: MatchDecision,
    ) -> Result<(), Error> {
        if !principal.sees_group() {
            return Err(Error::Denied);
        }
        Ok(self.0.decide_identity(left, right, decision, &principal.user).await?)
    }
}

/// Tags by hand, which the next night shows.
pub(super) struct KeptTags(pub(super) State);

#[async_trait]
impl ManualTags for KeptTags {
    async fn give(
        &self,
        principal: &Principal,
        records: &[String],
        tag: &NewTag,
    ) -> Result<(), Error> {
        Ok(self.0.give_tag(records, tag, &principal.user).await?)
    }

    async fn end(
        &self,
        principal: &Principal,
        records: &[String],
        tag: &str,
    ) -> Result<bool, Error> {
        Ok(self.0.end_tag(records, tag, &principal.user).await?)
    }
}
