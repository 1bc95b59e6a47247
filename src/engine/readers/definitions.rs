//! Metrics, funnels, boards and rules as the readers use them.

use hub_domain::alert::AlertRule;
use hub_domain::board::BoardDefinition;
use hub_domain::funnel::FunnelDefinition;
use hub_domain::segment::SegmentDefinition;

use super::catalogue::{Catalogue, CatalogueProblem};
use crate::Registry;

/// All definitions of one project.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// Metrics and dimensions.
    pub catalogue: Catalogue,
    /// Funnels by id.
    pub funnels: Vec<FunnelDefinition>,
    /// Boards, in file order.
    pub boards: Vec<BoardDefinition>,
    /// Alert rules, in file order.
    pub rules: Vec<AlertRule>,
    /// Segments, in file order.
    pub segments: Vec<SegmentDefinition>,
}

impl Definitions {
    /// Those of a registry.
    ///
    /// # Errors
    /// Metrics whose formulas do not resolve or whose units do not follow.
    pub fn new(registry: &Registry) -> Result<Self, Vec<CatalogueProblem>> {
        Ok(Self {
            catalogue: Catalogue::new(
                &registry.metrics,
                registry.dimensions.clone(),
                registry.fiscal_start,
            )?,
            funnels: registry.funnels.values().cloned().collect(),
            boards: registry.boards.clone(),
            rules: registry.alerts.clone(),
            segments: registry.segments.clone(),
        })
    }
}
