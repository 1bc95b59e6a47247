//! Funnels, retention and the like of the world in memory.

use hub_domain::analysis::profit_driver::Method;
use hub_domain::attribution::{AttributionQuery, AttributionRow, ChannelCredit};
use hub_domain::calendar::DateRange;
use hub_domain::cross_line::CrossLineRow;
use hub_domain::funnel::{
    BreakdownAt, FunnelDefinition, FunnelEntry, FunnelMode, FunnelQuery, FunnelResult,
    FunnelSeries, FunnelStep, FunnelUnit, StepCount, Window, WindowAnchor,
};
use hub_domain::profit::{ProfitDrivers, ProfitFactor, ProfitQuery};
use hub_domain::retention::{
    Bracket, RetentionCell, RetentionQuery, RetentionResult, RetentionRow,
};
use hub_domain::snapshot::Freshness;
use hub_domain::{Error, Fen};
use rust_decimal::Decimal;

use super::day;

pub(super) fn funnel(query: &FunnelQuery, freshness: Freshness) -> Result<FunnelResult, Error> {
    if query.id != "F1" {
        return Err(Error::NotFound { what: "funnel" });
    }
    let definition = definition();
    let steps = |counts: [u64; 3], seconds: Option<i64>| -> Vec<StepCount> {
        let pairs = definition.steps.iter().zip(counts);
        pairs
            .map(|(step, reached)| StepCount {
                step: step.clone(),
                reached,
                median_seconds: seconds,
                p90_seconds: seconds,
            })
            .collect()
    };
    let of = |value: Option<&str>, all: [u64; 3], mature: [u64; 3], open: [u64; 3]| FunnelSeries {
        value: value.map(str::to_owned),
        label: value.map(|_| "大众点评".into()),
        steps: steps(all, Some(60)),
        mature: steps(mature, None),
        open: steps(open, None),
    };
    let series = of(Some("C01"), [0; 3], [0; 3], [0; 3]);
    Ok(FunnelResult {
        total: of(None, [3, 2, 1], [2, 1, 1], [1, 1, 0]),
        series: query.breakdown.as_ref().map(|_| vec![series]).unwrap_or_default(),
        definition,
        mature_through: day("2026-03-01"),
        freshness,
    })
}

fn definition() -> FunnelDefinition {
    let names = [("lead", "线索"), ("visit", "到院"), ("deal", "成交")];
    let step = |(event, label): (&str, &str)| FunnelStep {
        name: None,
        event: event.into(),
        filter: None,
        window: None,
        label_zh: label.into(),
        label_en: event.into(),
    };
    FunnelDefinition {
        id: "F1".into(),
        label_zh: "线索漏斗".into(),
        label_en: "Leads".into(),
        description: String::new(),
        source: "lead_event_step".into(),
        unit: FunnelUnit::Lead,
        unit_column: "lead_id".into(),
        at: "at".into(),
        event: "step".into(),
        cohort: None,
        window: Window { seconds: 2_592_000 },
        window_anchor: WindowAnchor::FirstStep,
        mode: FunnelMode::Ordered,
        entry: FunnelEntry::Longest,
        strictly_later: false,
        hold_constant: Vec::new(),
        exclude: Vec::new(),
        breakdown_at: BreakdownAt::FirstStep,
        dimensions: std::collections::BTreeMap::new(),
        steps: names.map(step).into(),
    }
}

pub(super) fn retention(query: &RetentionQuery, freshness: Freshness) -> RetentionResult {
    let cell = |span: &Bracket| RetentionCell {
        span: *span,
        returned: 6_633,
        cohort: 9_644,
        rate: Some(Decimal::new(688, 3)),
        is_mature: true,
    };
    let spans = match query.brackets.as_slice() {
        [] => vec![Bracket { from: 3, to: 3 }],
        brackets => brackets.to_vec(),
    };
    let row =
        |cohort| RetentionRow { cohort, size: 9_644, cells: spans.iter().map(cell).collect() };
    RetentionResult { rows: vec![row(Some(query.range.from))], total: row(None), freshness }
}

pub(super) fn attribution(query: &AttributionQuery) -> Vec<AttributionRow> {
    let credit = || ChannelCredit {
        conversions: Decimal::new(4, 1),
        value: Fen(400),
        removal: Some(Decimal::ONE),
    };
    vec![AttributionRow {
        channel: Some("C01".into()),
        label: Some("大众点评".into()),
        credit: credit(),
        beside: query.beside.map(|_| credit()),
    }]
}

pub(super) fn cross_line() -> Vec<CrossLineRow> {
    vec![CrossLineRow {
        from_line: "obgyn".into(),
        from_label: Some("妇产".into()),
        to_line: "postpartum".into(),
        to_label: None,
        cohort: 4,
        persons: 1,
        rate: Some(Decimal::new(25, 2)),
        median_days: Some(42),
        revenue: Fen(880_000),
        mature_cohort: 2,
        mature_persons: 1,
        mature_rate: Some(Decimal::new(5, 1)),
    }]
}

pub(super) fn profit_drivers(query: &ProfitQuery, freshness: Freshness) -> ProfitDrivers {
    let factor = ProfitFactor {
        id: "traffic".into(),
        label_zh: "客流量".into(),
        label_en: "Persons who came".into(),
        base: Some(100.into()),
        now: Some(120.into()),
        contribution: Fen(24_000),
    };
    let base = DateRange { from: day("2026-02-01"), to: day("2026-02-28") };
    ProfitDrivers {
        base_range: query.base.unwrap_or(base),
        factors: vec![factor],
        base: Fen(120_000),
        now: Fen(144_000),
        change: Fen(24_000),
        method: Method::Sequential,
        freshness,
    }
}
