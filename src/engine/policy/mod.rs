//! Who sees which rows and columns of which table. Enforced below everything a user can write.
//!
//! A table's contract names a row policy; [`View::of`] turns a principal into what it means for
//! that table, [`SecuredTable`] enforces it. A filter merged with a user's own predicate would
//! leak hidden values through errors and timing, so the policy runs first and a
//! [`barrier::SecurityBarrierExec`] keeps everything else above it. Principals that see the whole
//! group read the plain table.
//!
//! Columns: doors that take users' SQL also mask direct identifiers (class P2) for everybody but
//! the group: names and identifiers through the masks of [`crate::udf`], other types become NULL.
//! Must not know SQL text.

mod barrier;
mod leakproof;
mod persons;
mod table;

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use hub_domain::Principal;
use hub_domain::contract::{PiiClass, RowPolicy, TableContract};
use hub_domain::principal::SiteScope;

pub(crate) use persons::{PersonSite, Persons};
pub(crate) use table::SecuredTable;

/// Whether rows and columns of every table are open to `principal`.
pub(crate) fn sees_group(principal: &Principal) -> bool {
    principal.sees_group()
}

/// What a principal sees of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// Nothing; the table does not exist for the principal.
    Hidden,
    /// Every row.
    All,
    /// Rows whose site column is one of these.
    Sites {
        /// Site column.
        column: String,
        /// Org codes; none for every site, which still leaves out rows without one.
        sites: Option<BTreeSet<String>>,
    },
    /// Rows all of whose person columns name a person linked to a permitted site.
    Persons {
        /// Person columns.
        columns: Vec<String>,
    },
}

impl View {
    /// What `principal` sees of the table with `contract`.
    pub(crate) fn of(principal: &Principal, contract: &TableContract) -> Self {
        if sees_group(principal) {
            return Self::All;
        }
        match (&contract.policy, &principal.sites) {
            (RowPolicy::Group, _) => Self::Hidden,
            (RowPolicy::Public, _) => Self::All,
            (RowPolicy::Site(column), SiteScope::All) => {
                Self::Sites { column: column.clone(), sites: None }
            }
            (RowPolicy::Site(column), SiteScope::Only(sites)) => {
                Self::Sites { column: column.clone(), sites: Some(sites.clone()) }
            }
            (RowPolicy::Person(_) | RowPolicy::Persons(_), SiteScope::All) => Self::All,
            (policy @ (RowPolicy::Person(_) | RowPolicy::Persons(_)), SiteScope::Only(_)) => {
                Self::Persons { columns: policy.columns().to_vec() }
            }
        }
    }

    /// The columns the policy reads.
    pub(crate) fn columns(&self) -> &[String] {
        match self {
            Self::Sites { column, .. } => std::slice::from_ref(column),
            Self::Persons { columns } => columns,
            Self::Hidden | Self::All => &[],
        }
    }
}

/// How a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    /// As it is.
    Open,
    /// Through `mask_name`.
    Name,
    /// Through `mask_identifier`.
    Identifier,
    /// NULL.
    Null,
}

impl Mask {
    /// How a door shows column `name` of the table with `contract` to others than the group.
    pub(crate) fn of(contract: &TableContract, name: &str, data_type: &DataType) -> Self {
        match contract.column(name) {
            Some(column) if column.pii == PiiClass::P2 => match data_type {
                DataType::Utf8 if name == "name" || name.ends_with("_name") => Self::Name,
                DataType::Utf8 => Self::Identifier,
                _ => Self::Null,
            },
            _ => Self::Open,
        }
    }
}
