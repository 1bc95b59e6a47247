//! The committed schema is the one in the code.

use crate::client::{GROUP, data};
use crate::world::World;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/api.graphql");

#[test]
fn the_committed_schema_is_current() {
    let sdl = hub_api::sdl();
    assert_eq!(sdl, hub_api::sdl(), "equal on every call");
    if std::env::var_os("CLINICHUB_BLESS").is_some() {
        std::fs::write(COMMITTED, &sdl).expect("schema/api.graphql can be written");
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == sdl,
        "schema/api.graphql is stale\n  hint: CLINICHUB_BLESS=1 cargo test -p hub-api"
    );
}

/// The lines other people's clients are written against.
#[test]
fn names_and_nullability_hold() {
    let sdl = hub_api::sdl();
    for line in [
        "viewer: Viewer!",
        "snapshot(asOf: DateTime, id: ID): Snapshot!",
        "orgUnits(level: OrgLevel, parentId: ID): [OrgUnit!]!",
        "patient(id: ID!): Patient",
        "patients(filter: PatientFilter, orderBy: PatientOrder, first: Int, after: String): \
         PatientConnection!",
        "callerLookup(phone: String!, purpose: String!): [Patient!]!",
        "metricCatalog(search: String): [MetricDefinition!]!",
        "metrics(input: MetricsInput!): MetricsResult!",
        "funnel(id: ID!, range: DateRange!, breakdown: String, filter: [DimensionFilter!], \
         breakdownAt: String): FunnelResult!",
        "crossLine(range: DateRange!, windowDays: Int!): [CrossLineRow!]!",
        "costStructure(period: String!, orgUnitId: ID, by: CostDimension!): CostStructure!",
        "costAllocation(period: String!, method: AllocationMethod!): CostAllocation!",
        "boards: [BoardSummary!]!",
        "board(id: ID!, filter: [DimensionFilter!], range: DateRange): Board!",
        "alerts(filter: AlertFilter, first: Int, after: String): AlertConnection!",
        "alertRules: [AlertRule!]!",
        "runs(first: Int, after: String): RunConnection!",
        "acknowledgeAlert(id: ID!, note: String): AlertPayload!",
        "alertEvents(filter: AlertFilter): AlertEvent!",
        "cards(first: Int, after: String): CardConnection!",
        "in: [String!]",
        "notIn: [String!]",
        "sparkline: [Decimal]",
        "metrics: [ID!]!",
        "having: [MetricFilter!]",
        "metric: MetricDefinition!",
        "scalar Fen",
        "scalar Decimal",
        "scalar Date",
        "scalar DateTime",
    ] {
        let written = sdl.lines().any(|found| found.trim() == line);
        assert!(written, "`{line}` is not in the schema");
    }
}

#[tokio::test]
async fn the_standard_introspection_query_passes_for_the_group() {
    let answer = data(&World::new(), GROUP, include_str!("introspection.graphql")).await;
    let types = answer["__schema"]["types"].as_array().expect("types");
    assert!(types.iter().any(|found| found["name"] == "Patient"));
}
