//! Cost structure and allocated cost.

use async_graphql::{Enum, SimpleObject};
use hub_domain::cost as domain;

use crate::graphql::model::snapshot::Freshness;
use crate::graphql::scalars::{Decimal, Fen};

/// By what costs are split.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::cost::CostDimension")]
pub(crate) enum CostDimension {
    /// Labour, material, drug, …
    CostClass,
    /// Department.
    Department,
    /// Site.
    Site,
    /// Month.
    Month,
}

/// One slice of the costs.
#[derive(SimpleObject)]
pub(crate) struct CostRow {
    /// Key of the slice: cost class, org code or `YYYY-MM`.
    key: String,
    /// Label for people.
    label: String,
    /// Direct cost.
    amount: Fen,
    /// Share of the total, 0…1; null when the total is zero.
    share: Option<Decimal>,
    /// Cost after allocation by the published method, borne by clinical departments; null when a
    /// month of the period could not be allocated.
    full: Option<Fen>,
}

/// Costs of a period under one org unit.
#[derive(SimpleObject)]
pub(crate) struct CostStructure {
    /// Period as asked: `YYYY-MM` or `YYYY`.
    period: String,
    /// Slices, largest first; months in order.
    rows: Vec<CostRow>,
    /// Sum of all slices.
    total: Fen,
    /// Sum of all slices after allocation; null when a month could not be allocated.
    full: Option<Fen>,
    /// How fresh the data is.
    freshness: Freshness,
}

impl From<domain::CostStructure> for CostStructure {
    fn from(costs: domain::CostStructure) -> Self {
        Self {
            period: costs.period,
            rows: costs.rows.into_iter().map(CostRow::from).collect(),
            total: costs.total.into(),
            full: costs.full.map(Fen::from),
            freshness: costs.freshness.into(),
        }
    }
}

impl From<domain::CostRow> for CostRow {
    fn from(row: domain::CostRow) -> Self {
        Self {
            key: row.key,
            label: row.label,
            amount: row.amount.into(),
            share: row.share.map(Decimal::from),
            full: row.full.map(Fen::from),
        }
    }
}
