//! Allocated cost.

use async_graphql::{Enum, ID, SimpleObject};
use hub_domain::analysis::costing::Method;
use hub_domain::cost as domain;

use crate::graphql::model::snapshot::Freshness;
use crate::graphql::scalars::Fen;

/// How service departments pass their cost on.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Method")]
pub(crate) enum AllocationMethod {
    /// To clinical departments only.
    Direct,
    /// One after another; those that are closed get nothing more.
    StepDown,
    /// To each other at once.
    Reciprocal,
    /// 三级分摊: administration, then support, then technical departments.
    ThreeLevel,
}

/// What came of allocating one month.
#[derive(SimpleObject)]
pub(crate) struct CostRun {
    /// Month `YYYY-MM`.
    month: String,
    /// Digest of rules, centres, costs and drivers; null when no rules hold in the month.
    id: Option<ID>,
    /// Version of the rules.
    rule_version: Option<String>,
    /// Whether the month has full cost by this method.
    allocated: bool,
    /// Whether metrics show this method.
    published: bool,
    /// Department to blame for a refusal (org code).
    centre: Option<ID>,
    /// Why the month was refused, and what to do.
    message: Option<String>,
}

/// One class of cost of a department.
#[derive(SimpleObject)]
pub(crate) struct AllocatedClass {
    /// Class of cost.
    cost_class: String,
    /// Label for people.
    label: String,
    /// Own cost.
    direct: Fen,
    /// Taken from service departments.
    received: Fen,
    /// Both.
    full: Fen,
}

/// What a department took from departments of one level.
#[derive(SimpleObject)]
pub(crate) struct AllocatedLevel {
    /// Level of the rules, from 1.
    level: u32,
    /// Amount.
    amount: Fen,
}

/// One department before and after allocation.
#[derive(SimpleObject)]
pub(crate) struct AllocatedCentre {
    /// Org code.
    org_unit_id: ID,
    /// Name.
    label: String,
    /// Class by the rules.
    class: String,
    /// Whether it keeps its cost; the others have passed `full` on.
    is_final: bool,
    /// Own cost.
    direct: Fen,
    /// Taken from departments of each level.
    levels: Vec<AllocatedLevel>,
    /// Own cost and what was taken.
    full: Fen,
    /// The same by class of cost.
    classes: Vec<AllocatedClass>,
}

/// Departments of a period before and after allocation, summed over its allocated months.
#[derive(SimpleObject)]
pub(crate) struct CostAllocation {
    /// Period as asked: `YYYY-MM` or `YYYY`.
    period: String,
    /// How cost was passed on.
    method: AllocationMethod,
    /// Every month of the period that has cost.
    runs: Vec<CostRun>,
    /// Departments the caller sees.
    centres: Vec<AllocatedCentre>,
    /// Own cost of these departments.
    direct: Fen,
    /// Full cost of those that keep it.
    full: Fen,
    /// How fresh the data is.
    freshness: Freshness,
}

impl From<domain::CostAllocation> for CostAllocation {
    fn from(found: domain::CostAllocation) -> Self {
        let kept = found.centres.iter().filter(|centre| centre.is_final);
        Self {
            period: found.period,
            method: found.method.into(),
            direct: found
                .centres
                .iter()
                .map(domain::AllocatedCentre::direct)
                .sum::<hub_domain::Fen>()
                .into(),
            full: kept.map(domain::AllocatedCentre::full).sum::<hub_domain::Fen>().into(),
            runs: found.runs.into_iter().map(CostRun::from).collect(),
            centres: found.centres.into_iter().map(AllocatedCentre::from).collect(),
            freshness: found.freshness.into(),
        }
    }
}

impl From<domain::CostRun> for CostRun {
    fn from(run: domain::CostRun) -> Self {
        Self {
            month: run.month,
            id: run.id.map(ID),
            rule_version: run.rule_version,
            allocated: run.allocated,
            published: run.published,
            centre: run.centre.map(ID),
            message: run.message,
        }
    }
}

impl From<domain::AllocatedCentre> for AllocatedCentre {
    fn from(centre: domain::AllocatedCentre) -> Self {
        let (direct, full) = (centre.direct(), centre.full());
        let level = |(level, amount): (u32, hub_domain::Fen)| AllocatedLevel {
            level,
            amount: amount.into(),
        };
        Self {
            org_unit_id: ID(centre.org_unit),
            label: centre.label,
            class: centre.class,
            is_final: centre.is_final,
            direct: direct.into(),
            levels: centre.levels.into_iter().map(level).collect(),
            full: full.into(),
            classes: centre.classes.into_iter().map(AllocatedClass::from).collect(),
        }
    }
}

impl From<domain::AllocatedClass> for AllocatedClass {
    fn from(class: domain::AllocatedClass) -> Self {
        Self {
            cost_class: class.cost_class,
            label: class.label,
            direct: class.direct.into(),
            received: class.received.into(),
            full: (class.direct + class.received).into(),
        }
    }
}
