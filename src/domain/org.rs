//! The organisation tree.

use serde::{Deserialize, Serialize};

/// Level of a node, from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgLevel {
    /// The whole group.
    Group,
    /// A brand.
    Brand,
    /// A hospital, clinic or postpartum centre.
    Site,
    /// A department of a site.
    Department,
}

impl OrgLevel {
    /// Parses the stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "group" => Some(Self::Group),
            "brand" => Some(Self::Brand),
            "site" => Some(Self::Site),
            "department" => Some(Self::Department),
            _ => None,
        }
    }

    /// The stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Brand => "brand",
            Self::Site => "site",
            Self::Department => "department",
        }
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgUnit {
    /// Stable id (`org_unit.org_unit_id`); dimension filters use [`OrgUnit::code`].
    pub id: String,
    /// Level in the tree.
    pub level: OrgLevel,
    /// Id of the node above; none for the group.
    pub parent_id: Option<String>,
    /// Short code people know the node by.
    pub code: String,
    /// Name in Chinese.
    pub name: String,
    /// `hospital`, `clinic`, `postpartum_center`; sites only.
    pub site_type: Option<String>,
    /// `obgyn`, `pediatrics`, …
    pub business_line: Option<String>,
    /// City of a site.
    pub city: Option<String>,
}
