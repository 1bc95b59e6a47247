//! Costs of the world in memory.

use hub_domain::Fen;
use hub_domain::analysis::costing::Method;
use hub_domain::cost::{
    AllocatedCentre, AllocatedClass, CostAllocation, CostRow, CostRun, CostStructure,
};
use hub_domain::snapshot::Freshness;

pub(super) fn structure(period: &str, freshness: Freshness) -> CostStructure {
    CostStructure {
        period: period.into(),
        rows: vec![CostRow {
            key: "labour".into(),
            label: "人力".into(),
            amount: Fen(9_007_199_254_740_993),
            share: Some(1.into()),
            full: Some(Fen(9_007_199_254_740_993)),
        }],
        total: Fen(9_007_199_254_740_993),
        full: Some(Fen(9_007_199_254_740_993)),
        freshness,
    }
}

pub(super) fn allocation(period: &str, method: Method, freshness: Freshness) -> CostAllocation {
    let run = |month: &str, message: Option<&str>| CostRun {
        month: month.into(),
        id: Some("8f".into()),
        rule_version: Some("2020".into()),
        allocated: message.is_none(),
        published: true,
        centre: message.map(|_| "XD".into()),
        message: message.map(str::to_owned),
    };
    let labour = AllocatedClass {
        cost_class: "labour".into(),
        label: "人力".into(),
        direct: Fen(100),
        received: Fen(23),
    };
    CostAllocation {
        period: period.into(),
        method,
        runs: vec![run("2026-02", Some("driver totals zero")), run("2026-03", None)],
        centres: vec![AllocatedCentre {
            org_unit: "CK".into(),
            label: "产科".into(),
            class: "clinical".into(),
            is_final: true,
            classes: vec![labour],
            levels: vec![(1, Fen(20)), (2, Fen(3))],
        }],
        freshness,
    }
}
