//! The metric catalogue: one name is one formula.

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject};
use hub_domain::metric as domain;

use crate::graphql::context::ContextExt;

/// What a value is counted in.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::metric::Unit")]
pub(crate) enum Unit {
    /// Things.
    Count,
    /// Integer fen.
    Fen,
    /// Plain quotient; boards show it as a percentage.
    Ratio,
    /// Per thousand: the quotient is already multiplied by 1000.
    Permille,
    /// −100…100: the quotient is already multiplied by 100.
    Score,
}

/// Which way is better.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::metric::Direction")]
pub(crate) enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Neither.
    Neutral,
}

/// Shape of a formula.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricKind {
    /// One aggregate over one table.
    Simple,
    /// Numerator over denominator.
    Ratio,
    /// Sum and difference of simple metrics.
    Derived,
}

/// What a metric says, and how it is computed.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct MetricDefinition {
    /// Stable id.
    id: ID,
    /// Name in Chinese.
    label: String,
    /// Name in English.
    label_en: String,
    /// What it says, and what it leaves out.
    description: String,
    /// Unit of the value.
    unit: Unit,
    /// Which way is better.
    direction: Direction,
    /// Whether values of disjoint rows may be added.
    additive: bool,
    /// Who answers for the definition.
    owner: String,
    /// Definition version, raised with every change of meaning.
    version: u32,
    /// Shape of the formula.
    kind: MetricKind,
    /// Table a simple metric reads.
    source: Option<String>,
    /// Metric ids a ratio divides, as `a - b + c`.
    numerator: Option<String>,
    /// Metric ids a ratio divides by.
    denominator: Option<String>,
    /// Metric ids a derived metric adds.
    expression: Option<String>,
}

#[ComplexObject]
impl MetricDefinition {
    /// Dimensions the metric may be grouped and filtered by.
    async fn dimensions(&self, ctx: &Context<'_>) -> Vec<Dimension> {
        let dimensions = ctx.scope().state.warehouse.metric_dimensions(&self.id);
        dimensions.into_iter().map(Dimension::from).collect()
    }
}

/// Something metrics are grouped and filtered by.
#[derive(SimpleObject)]
pub(crate) struct Dimension {
    /// Id used in `groupBy` and filters.
    id: ID,
    /// Name in Chinese.
    label: String,
    /// Name in English.
    label_en: String,
}

impl From<domain::Dimension> for Dimension {
    fn from(dimension: domain::Dimension) -> Self {
        Self { id: ID(dimension.id), label: dimension.label_zh, label_en: dimension.label_en }
    }
}

impl From<domain::MetricDefinition> for MetricDefinition {
    fn from(metric: domain::MetricDefinition) -> Self {
        let mut definition = Self {
            id: ID(metric.id),
            label: metric.label_zh,
            label_en: metric.label_en,
            description: metric.description,
            unit: metric.unit.into(),
            direction: metric.direction.into(),
            additive: metric.additive,
            owner: metric.owner,
            version: metric.version,
            kind: MetricKind::Simple,
            source: None,
            numerator: None,
            denominator: None,
            expression: None,
        };
        match metric.formula {
            domain::Formula::Simple { source, .. } => definition.source = Some(source),
            domain::Formula::Ratio { numerator, denominator, .. } => {
                definition.kind = MetricKind::Ratio;
                definition.numerator = Some(numerator);
                definition.denominator = Some(denominator);
            }
            domain::Formula::Derived { expression } => {
                definition.kind = MetricKind::Derived;
                definition.expression = Some(expression);
            }
        }
        definition
    }
}
