//! What was spent, by class, department or month, and who bears it after allocation.

use rust_decimal::Decimal;

use crate::Fen;
use crate::analysis::costing::Method;
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
    /// Cost after allocation by the published method; service departments bear none of it.
    /// None when a month of the period could not be allocated.
    pub full: Option<Fen>,
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
    /// Sum of all slices after allocation.
    pub full: Option<Fen>,
    /// How fresh the data is.
    pub freshness: Freshness,
}

/// What came of allocating one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRun {
    /// Month `YYYY-MM`.
    pub month: String,
    /// Digest of everything the run started from; none when no rules hold.
    pub id: Option<String>,
    /// Version of the rules.
    pub rule_version: Option<String>,
    /// Whether the month has full cost by this method.
    pub allocated: bool,
    /// Whether metrics show this method.
    pub published: bool,
    /// Department to blame for a refusal.
    pub centre: Option<String>,
    /// Why it was refused, and what to do.
    pub message: Option<String>,
}

/// One class of cost of one department.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllocatedClass {
    /// Class of cost.
    pub cost_class: String,
    /// Label for people.
    pub label: String,
    /// Own cost.
    pub direct: Fen,
    /// Taken from service departments.
    pub received: Fen,
}

/// One department before and after allocation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllocatedCentre {
    /// Org code.
    pub org_unit: String,
    /// Name.
    pub label: String,
    /// Class by the rules.
    pub class: String,
    /// Whether it keeps its cost or has passed it on.
    pub is_final: bool,
    /// By class of cost.
    pub classes: Vec<AllocatedClass>,
    /// Taken from departments of each level, lowest level first.
    pub levels: Vec<(u32, Fen)>,
}

impl AllocatedCentre {
    /// Own cost.
    #[must_use]
    pub fn direct(&self) -> Fen {
        self.classes.iter().map(|class| class.direct).sum()
    }

    /// Own cost and what was taken; a service department passes it on.
    #[must_use]
    pub fn full(&self) -> Fen {
        self.direct() + self.classes.iter().map(|class| class.received).sum()
    }
}

/// Departments of a period by one method; only those the principal sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostAllocation {
    /// Period as asked.
    pub period: String,
    /// How cost was passed on.
    pub method: Method,
    /// Every month of the period with cost, in order.
    pub runs: Vec<CostRun>,
    /// Departments in order of their codes, summed over the months that were allocated.
    pub centres: Vec<AllocatedCentre>,
    /// How fresh the data is.
    pub freshness: Freshness,
}
