//! The metric catalogue: one name is one formula.

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject};
use hub_domain::metric as domain;
use hub_domain::principal::Role;

use crate::graphql::context::ContextExt;
use crate::graphql::model::calendar::Grain;
use crate::graphql::scalars::{Date, Decimal};

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
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
}

/// What a period without data shows.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::metric::Gaps")]
pub(crate) enum Gaps {
    /// 0.
    Zero,
    /// Nothing.
    Null,
    /// The value of the newest period before, within the days asked.
    Last,
}

/// Along what values of disjoint rows may be added.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::metric::Additivity")]
pub(crate) enum Additivity {
    /// Along nothing: ratios, distinct counts, medians.
    None,
    /// Over dimensions, not over time: stocks and windows.
    OverDimensions,
    /// Along everything.
    Full,
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
    /// A formula over other metrics.
    Derived,
    /// A simple metric over a window of days.
    Cumulative,
    /// What stands at the end of a period.
    Stock,
    /// Share of entries an event follows within some days.
    Conversion,
    /// What follows entries within some days, per entry.
    Cohort,
}

/// A goal, and the day it holds from.
#[derive(SimpleObject, Clone)]
pub(crate) struct MetricTarget {
    /// First day; null: always.
    from: Option<Date>,
    /// The goal.
    value: Decimal,
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
    /// Along what values of disjoint rows may be added.
    additivity: Additivity,
    /// What a period without data shows; null: 0 for counts and sums, nothing otherwise.
    gaps: Option<Gaps>,
    /// Grain it is shown in unless told otherwise.
    default_grain: Option<Grain>,
    /// Goals, where they are not set by month and site.
    targets: Vec<MetricTarget>,
    /// Table a metric reads: of conversions and cohorts, the one entries come from.
    source: Option<String>,
    /// Formula a ratio divides, such as `a - b + c`.
    numerator: Option<String>,
    /// Formula a ratio divides by.
    denominator: Option<String>,
    /// Formula of a derived metric; the metric a window adds up.
    expression: Option<String>,
    #[graphql(skip)]
    check: Option<String>,
}

#[ComplexObject]
impl MetricDefinition {
    /// Dimensions the metric may be grouped and filtered by.
    async fn dimensions(&self, ctx: &Context<'_>) -> Vec<Dimension> {
        let dimensions = ctx.scope().state.warehouse.metric_dimensions(&self.id);
        dimensions.into_iter().map(Dimension::from).collect()
    }

    /// The independent statement the numbers are checked with; only for callers that see the
    /// whole group.
    async fn check_query(&self, ctx: &Context<'_>) -> Option<&str> {
        self.check.as_deref().filter(|_| ctx.scope().principal.role == Role::Group)
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
        let kind = MetricKind::from(&metric.formula);
        let source = metric.formula.sources().first().map(|source| (*source).to_owned());
        let (numerator, denominator, expression) = match metric.formula {
            domain::Formula::Ratio(it) => (Some(it.numerator), Some(it.denominator), None),
            domain::Formula::Derived(it) => (None, None, Some(it.expression)),
            domain::Formula::Cumulative(it) => (None, None, Some(it.metric)),
            _ => (None, None, None),
        };
        let target = |it: &domain::Target| MetricTarget {
            from: it.from.map(Date::from),
            value: it.value.into(),
        };
        Self {
            id: ID(metric.id),
            label: metric.label_zh,
            label_en: metric.label_en,
            description: metric.description,
            unit: metric.unit.into(),
            direction: metric.direction.into(),
            additive: metric.additive,
            owner: metric.owner,
            version: metric.version,
            kind,
            additivity: metric.additivity.into(),
            gaps: metric.gaps.map(Into::into),
            default_grain: metric.default_grain.map(Into::into),
            targets: metric.targets.iter().map(target).collect(),
            source,
            numerator,
            denominator,
            expression,
            check: metric.check,
        }
    }
}

impl From<&domain::Formula> for MetricKind {
    fn from(formula: &domain::Formula) -> Self {
        match formula {
            domain::Formula::Simple(_) => Self::Simple,
            domain::Formula::Ratio(_) => Self::Ratio,
            domain::Formula::Derived(_) => Self::Derived,
            domain::Formula::Cumulative(_) => Self::Cumulative,
            domain::Formula::Stock(_) => Self::Stock,
            domain::Formula::Conversion(_) => Self::Conversion,
            domain::Formula::Cohort(_) => Self::Cohort,
        }
    }
}
