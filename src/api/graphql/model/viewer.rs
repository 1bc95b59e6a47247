//! Who is asking.

use async_graphql::{Enum, SimpleObject};
use hub_domain::Principal;
use hub_domain::principal::SiteScope;

/// What a caller may do.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::principal::Role")]
pub(crate) enum Role {
    /// Sees the whole group.
    Group,
    /// Sees its own sites only.
    Site,
}

/// The caller of this request.
#[derive(SimpleObject)]
pub(crate) struct Viewer {
    /// Login name.
    user: String,
    /// What the caller may do.
    role: Role,
    /// Org codes of the visible sites; null when the whole group is visible.
    sites: Option<Vec<String>>,
}

impl From<&Principal> for Viewer {
    fn from(principal: &Principal) -> Self {
        let sites = match &principal.sites {
            SiteScope::All => None,
            SiteScope::Only(sites) => Some(sites.iter().cloned().collect()),
        };
        Self { user: principal.user.clone(), role: principal.role.into(), sites }
    }
}
