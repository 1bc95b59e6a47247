//! Reads of persons. Each is recorded before its answer leaves; what cannot be recorded is not
//! answered.

use async_graphql::{Context, ID, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::error::{GqlError, Result};
use crate::graphql::model::patient::{Patient, PatientFilter, PatientOrder};
use crate::graphql::page::{self, Paged};

/// Longest purpose that is kept, in bytes.
const MAX_PURPOSE: usize = 200;

/// Longest spelling of a phone number, in bytes.
const MAX_PHONE: usize = 32;

#[derive(Default)]
pub(crate) struct PersonQuery;

#[Object]
impl PersonQuery {
    /// One person; null when there is none, or none the caller sees.
    #[graphql(complexity = "50 + child_complexity")]
    async fn patient(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Patient>> {
        let scope = ctx.scope();
        let patient = scope.session().await?.patient(&id).await?;
        scope.record("patient", None, usize::from(patient.is_some())).await?;
        Ok(patient.map(Patient::from))
    }

    /// Persons the caller sees.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn patients(
        &self,
        ctx: &Context<'_>,
        filter: Option<PatientFilter>,
        order_by: Option<PatientOrder>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<Patient>> {
        let request = page::request(first, after)?;
        let filter = filter.unwrap_or_default().into();
        let order = order_by.map(Into::into).unwrap_or_default();
        let scope = ctx.scope();
        let patients = scope.session().await?.patients(&filter, order, &request).await?;
        scope.record("patients", None, patients.edges.len()).await?;
        Ok(page::connection(patients, request.after.as_deref(), Patient::from))
    }

    /// Every visible person a phone number belongs to, in any relation. `purpose` is kept.
    #[graphql(complexity = "50 + 2 * child_complexity")]
    async fn caller_lookup(
        &self,
        ctx: &Context<'_>,
        phone: String,
        purpose: String,
    ) -> Result<Vec<Patient>> {
        let phone = phone.trim();
        if phone.is_empty() || phone.len() > MAX_PHONE {
            return Err(GqlError::bad_input(
                "not a phone number",
                "pass the number as it was dialled",
            ));
        }
        let purpose = purpose.trim();
        if purpose.is_empty() || purpose.len() > MAX_PURPOSE {
            return Err(GqlError::bad_input(
                "a lookup needs a purpose",
                format!("say in up to {MAX_PURPOSE} bytes why the caller is looked up"),
            ));
        }
        let scope = ctx.scope();
        let patients = scope.session().await?.caller_lookup(phone).await?;
        scope.record("callerLookup", Some(purpose.to_owned()), patients.len()).await?;
        Ok(patients.into_iter().map(Patient::from).collect())
    }
}
