//! From an envelope to something async-graphql may run: guarded, scoped, with its kind known.

use std::sync::Arc;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::http::StatusCode;
use hub_domain::Principal;
use hub_domain::principal::Role;
use sha2::{Digest, Sha256};

use super::App;
use super::answer::Refusal;
use super::envelope::Envelope;
use super::guard;
use crate::graphql::context::RequestScope;

/// One operation of one principal, ready to run.
pub(super) struct Operation {
    pub(super) kind: OperationType,
    pub(super) request: Request,
}

/// Guards a document and gives it its scope.
///
/// # Errors
/// What [`guard::check`] refuses, and variables past their limits.
pub(super) fn prepare(
    app: &App,
    principal: Principal,
    mut envelope: Envelope,
) -> Result<Operation, Refusal> {
    let limits = &app.state.limits;
    envelope.check(limits)?;
    // Only callers that see the whole group may ask what there is to ask: developers sign in so.
    let may_introspect = principal.role == Role::Group;
    let checked = guard::check(&envelope.query, envelope.wanted(), may_introspect, limits)?;
    // async-graphql would run the operation and fail its fields one by one.
    if let Some(missing) = checked.required.iter().find(|name| !envelope.has_value(name)) {
        return Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "BAD_USER_INPUT",
            format!("variable `${missing}` needs a value"),
        ));
    }
    let hash = hex::encode(Sha256::digest(envelope.query.as_bytes()));
    let scope = Arc::new(RequestScope::new(app.state.clone(), principal, hash));
    let variables = envelope.variables();
    let wanted = envelope.wanted().map(str::to_owned);
    let mut request = Request::new(envelope.query).variables(variables).data(scope);
    request.operation_name = wanted;
    request.set_parsed_query(checked.document);
    if !may_introspect {
        request = request.disable_introspection();
    }
    Ok(Operation { kind: checked.kind, request })
}
