//! Who asks, and what they may see. Every read carries a [`Principal`]; there is no default one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees the whole group.
    Group,
    /// Sees its own sites only.
    Site,
}

impl Role {
    /// Parses the name used on the command line and in stored keys.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "group" => Some(Self::Group),
            "site" => Some(Self::Site),
            _ => None,
        }
    }

    /// The stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Site => "site",
        }
    }
}

/// Which sites' rows are visible.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SiteScope {
    /// Every site of the group.
    All,
    /// Only these sites, by org code (`org_unit.code` of a site). Empty means nothing at all.
    Only(BTreeSet<String>),
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// Login name; appears in logs and access records.
    pub user: String,
    /// What the caller may do.
    pub role: Role,
    /// Which sites the caller sees.
    pub sites: SiteScope,
}

impl Principal {
    /// A caller that sees the whole group.
    pub fn group(user: impl Into<String>) -> Self {
        Self { user: user.into(), role: Role::Group, sites: SiteScope::All }
    }

    /// A caller that sees only `sites` (org codes).
    pub fn site(user: impl Into<String>, sites: impl IntoIterator<Item = String>) -> Self {
        Self {
            user: user.into(),
            role: Role::Site,
            sites: SiteScope::Only(sites.into_iter().collect()),
        }
    }

    /// A text that is equal exactly for principals that see the same rows; part of every cache key.
    #[must_use]
    pub fn policy_key(&self) -> String {
        match &self.sites {
            SiteScope::All => format!("{}:*", self.role.name()),
            SiteScope::Only(sites) => {
                let list: Vec<&str> = sites.iter().map(String::as_str).collect();
                format!("{}:{}", self.role.name(), list.join("\u{1f}"))
            }
        }
    }

    /// Whether every row of the group is visible.
    #[must_use]
    pub fn sees_group(&self) -> bool {
        self.role == Role::Group && self.sites == SiteScope::All
    }

    /// Whether rows of the site with org code `site` are visible.
    #[must_use]
    pub fn sees_site(&self, site: &str) -> bool {
        match &self.sites {
            SiteScope::All => true,
            SiteScope::Only(sites) => sites.contains(site),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_role_without_sites_sees_nothing() {
        let nobody = Principal::site("x", []);
        assert!(!nobody.sees_site("SH01"));
        assert_ne!(nobody.policy_key(), Principal::group("x").policy_key());
    }

    #[test]
    fn policy_key_ignores_the_user_but_not_the_sites() {
        let a = Principal::site("a", ["S1".into(), "S2".into()]);
        let b = Principal::site("b", ["S2".into(), "S1".into()]);
        assert_eq!(a.policy_key(), b.policy_key());
        assert_ne!(a.policy_key(), Principal::site("a", ["S1".into()]).policy_key());
    }
}
