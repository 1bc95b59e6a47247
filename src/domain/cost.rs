//! Direct cost structure: what was spent, by class, department or month.

use rust_decimal::Decimal;

use crate::Fen;
use crate::snapshot::Freshness;

/// By what costs are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CostDimension {
    /// Labour, material, drug, …
    CostClass,
    /// Department (org code).
    Department,
    /// Site (org code).
    Site,
    /// Month `YYYY-MM`.
    Month,
}

/// One slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRow {
    /// Key of the slice.
    pub key: String,
    /// Label for people.
    pub label: String,
    /// Direct cost.
    pub amount: Fen,
    /// Share of the total, 0…1; none when the total is zero.
    pub share: Option<Decimal>,
}

/// Costs of a period (`YYYY-MM`, or `YYYY` for a whole year) under one org unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostStructure {
    /// Period as asked.
    pub period: String,
    /// Slices, largest first (months in order).
    pub rows: Vec<CostRow>,
    /// Sum of all slices.
    pub total: Fen,
    /// How fresh the data is.
    pub freshness: Freshness,
}
