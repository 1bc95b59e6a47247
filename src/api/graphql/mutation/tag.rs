//! Tags by hand.

use async_graphql::{Context, ID, Object};

use crate::graphql::context::{ContextExt, RequestScope};
use crate::graphql::error::Result;
use crate::graphql::model::tag::{PatientTagPayload, PatientTagStatus, TagInput, name};

#[derive(Default)]
pub(crate) struct TagMutation;

#[Object]
impl TagMutation {
    /// Gives a patient the caller sees a tag, from now on; the next night shows it in `tags`, in
    /// filters and in segments. One of the same name given by hand before ends.
    #[graphql(complexity = "50 + child_complexity")]
    async fn tag_patient(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: TagInput,
    ) -> Result<PatientTagPayload> {
        let tag = match input.checked() {
            Ok(tag) => tag,
            Err(why) => return Ok(rejected(why)),
        };
        let scope = ctx.scope();
        let records = records(scope, &id).await?;
        if records.is_empty() {
            return Ok(not_found("no such patient"));
        }
        scope.record("tagPatient", None, 1).await?;
        scope.state.tags.give(&scope.principal, &records, &tag).await?;
        Ok(PatientTagPayload { status: PatientTagStatus::Tagged, message: None })
    }

    /// Takes back a tag that was given by hand. Tags of sources and rules end where they come from.
    #[graphql(complexity = "50 + child_complexity")]
    async fn untag_patient(
        &self,
        ctx: &Context<'_>,
        id: ID,
        tag: String,
    ) -> Result<PatientTagPayload> {
        let tag = match name(&tag) {
            Ok(tag) => tag,
            Err(why) => return Ok(rejected(why)),
        };
        let scope = ctx.scope();
        let records = records(scope, &id).await?;
        if records.is_empty() {
            return Ok(not_found("no such patient"));
        }
        scope.record("untagPatient", None, 1).await?;
        if scope.state.tags.end(&scope.principal, &records, &tag).await? {
            return Ok(PatientTagPayload { status: PatientTagStatus::Ended, message: None });
        }
        Ok(not_found("the patient has no such tag given by hand"))
    }
}

/// Source records of a patient the caller sees; none of one that is not there or not seen.
async fn records(scope: &RequestScope, id: &str) -> Result<Vec<String>> {
    let session = scope.session().await?;
    match session.patient(id).await? {
        Some(_) => Ok(session.patient_records(id).await?),
        None => Ok(Vec::new()),
    }
}

fn not_found(message: &str) -> PatientTagPayload {
    PatientTagPayload { status: PatientTagStatus::NotFound, message: Some(message.to_owned()) }
}

fn rejected(message: String) -> PatientTagPayload {
    PatientTagPayload { status: PatientTagStatus::Rejected, message: Some(message) }
}
