//! The organisation tree.

use async_graphql::{Enum, ID, SimpleObject};
use hub_domain::org as domain;

/// Level of a node, from the top.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::org::OrgLevel")]
pub(crate) enum OrgLevel {
    /// The whole group.
    Group,
    /// A brand.
    Brand,
    /// A hospital, clinic or postpartum centre.
    Site,
    /// A department of a site.
    Department,
}

/// One node of the organisation.
#[derive(SimpleObject)]
pub(crate) struct OrgUnit {
    /// Stable id.
    id: ID,
    /// Level in the tree.
    level: OrgLevel,
    /// The node above; null for the group.
    parent_id: Option<ID>,
    /// Short code; dimension filters and scopes use it.
    code: String,
    /// Name in Chinese.
    name: String,
    /// `hospital`, `clinic`, `postpartum_center`; sites only.
    site_type: Option<String>,
    /// `obgyn`, `pediatrics`, …
    business_line: Option<String>,
    /// City of a site.
    city: Option<String>,
}

impl From<domain::OrgUnit> for OrgUnit {
    fn from(unit: domain::OrgUnit) -> Self {
        Self {
            id: ID(unit.id),
            level: unit.level.into(),
            parent_id: unit.parent_id.map(ID),
            code: unit.code,
            name: unit.name,
            site_type: unit.site_type,
            business_line: unit.business_line,
            city: unit.city,
        }
    }
}
