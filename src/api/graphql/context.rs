//! What a resolver may reach: the caller, the ports, and the one read session of the request.

use std::sync::Arc;

use async_graphql::Context;
use hub_domain::Principal;
use hub_domain::ports::{Access, ReadSession};
use hub_domain::snapshot::SnapshotPick;
use tokio::sync::OnceCell;

use crate::graphql::error::GqlError;
use crate::state::ApiState;

/// One request: one principal, one snapshot, one session.
pub(crate) struct RequestScope {
    /// Who asks.
    pub(crate) principal: Principal,
    /// The ports.
    pub(crate) state: ApiState,
    /// SHA-256 of the document, as hex.
    query_hash: String,
    /// Opened by the first read, shared by all others.
    session: OnceCell<Arc<dyn ReadSession>>,
}

impl RequestScope {
    /// A scope whose session is not open yet.
    pub(crate) fn new(state: ApiState, principal: Principal, query_hash: String) -> Self {
        Self { principal, state, query_hash, session: OnceCell::new() }
    }

    /// The session of this request, on the snapshot that was newest at its first read.
    pub(crate) async fn session(&self) -> Result<&dyn ReadSession, GqlError> {
        Ok(self.shared_session().await?.as_ref())
    }

    /// As [`Self::session`], to be kept by what outlives the resolver.
    pub(crate) async fn shared_session(&self) -> Result<&Arc<dyn ReadSession>, GqlError> {
        let open = || self.state.warehouse.session(&self.principal, SnapshotPick::Latest);
        Ok(self.session.get_or_try_init(open).await?)
    }

    /// Records an access to personal data. The answer must not leave when this fails.
    pub(crate) async fn record(
        &self,
        operation: &str,
        purpose: Option<String>,
        persons: usize,
    ) -> Result<(), GqlError> {
        let access = Access {
            operation: operation.to_owned(),
            purpose,
            person_count: persons as u64,
            query_hash: Some(self.query_hash.clone()),
        };
        Ok(self.state.access.record(&self.principal, access).await?)
    }
}

/// Short ways from a resolver's context to its scope.
pub(crate) trait ContextExt {
    /// The scope of the request.
    fn scope(&self) -> &RequestScope;
}

impl ContextExt for Context<'_> {
    fn scope(&self) -> &RequestScope {
        self.data_unchecked::<Arc<RequestScope>>()
    }
}
