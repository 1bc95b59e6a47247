//! Operations boards (看板): tiles, charts and lanes, defined in `queries/boards/*.yaml`.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::calendar::{DateRange, Grain};
use crate::metric::{DimensionFilter, MetricDefinition, MetricsRow};
use crate::snapshot::Freshness;

/// Range a tile covers, relative to the board's day (the last complete business day).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TileRange {
    /// The board's day.
    Day,
    /// First of the month to the board's day.
    MonthToDate,
    /// The last closed month.
    LastMonth,
    /// The last 30 days.
    Last30Days,
    /// The last 365 days.
    Last365Days,
    /// The board's own range argument, month to date without one.
    Board,
}

/// A tile's definition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileDefinition {
    /// Metric id.
    pub metric: String,
    /// Days covered.
    #[serde(default = "board_range")]
    pub range: TileRange,
    /// Only these values, by dimension id.
    #[serde(default)]
    pub filter: std::collections::BTreeMap<String, Vec<String>>,
    /// Periods of the sparkline.
    #[serde(default = "sparkline_periods")]
    pub sparkline: u32,
    /// Grain of the sparkline.
    #[serde(default = "sparkline_grain")]
    pub sparkline_grain: Grain,
}

fn board_range() -> TileRange {
    TileRange::Board
}
fn sparkline_periods() -> u32 {
    14
}
fn sparkline_grain() -> Grain {
    Grain::Day
}

/// A chart's definition: one metric over periods or dimension values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartDefinition {
    /// Id inside the board.
    pub id: String,
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Metric ids.
    pub metrics: Vec<String>,
    /// Dimension ids.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// Periods; none for one bar per dimension value.
    #[serde(default)]
    pub grain: Option<Grain>,
    /// Days covered.
    #[serde(default = "board_range")]
    pub range: TileRange,
}

/// A lane's definition: which appointments of the day lie in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneDefinition {
    /// Id inside the board.
    pub id: String,
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Role that works the lane.
    #[serde(default)]
    pub owner_role: Option<String>,
    /// SQL predicate over the lane source.
    pub filter: String,
}

/// Cards of all lanes come from one table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneSource {
    /// Table of schema `hub`.
    pub source: String,
    /// Its date column that must equal the board's day plus `day_offset`.
    pub day: String,
    /// Days added to the board's day: 0 = the last complete day, 1 = today's plan.
    #[serde(default)]
    pub day_offset: i64,
    /// Dimension id → SQL expression over the source, for the board's filters.
    #[serde(default)]
    pub dimensions: std::collections::BTreeMap<String, String>,
    /// Lanes in order; a card lies in the first whose filter holds.
    pub lanes: Vec<LaneDefinition>,
}

/// One file of `queries/boards`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardDefinition {
    /// Stable id.
    pub id: String,
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Tiles in order.
    pub tiles: Vec<TileDefinition>,
    /// Charts in order.
    #[serde(default)]
    pub charts: Vec<ChartDefinition>,
    /// Kanban lanes.
    #[serde(default)]
    pub lanes: Option<LaneSource>,
}

/// Traffic light of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Target met, or moving the right way.
    Good,
    /// Within 10 % of the target, or unchanged.
    Warning,
    /// Target missed, or moving the wrong way.
    Bad,
    /// Nothing to compare with.
    Unknown,
}

/// A tile with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// What is shown.
    pub metric: MetricDefinition,
    /// Days covered.
    pub range: DateRange,
    /// The value.
    pub value: Option<Decimal>,
    /// Value of [`DateRange::previous`].
    pub compare: Option<Decimal>,
    /// Sum (or, for ratios, mean) of targets of the covered months and permitted sites.
    pub target: Option<Decimal>,
    /// `value ÷ target`.
    pub attainment: Option<Decimal>,
    /// Traffic light.
    pub status: Status,
    /// Values of the last periods, oldest first; empty periods of counts are 0.
    pub sparkline: Vec<Option<Decimal>>,
}

/// A chart with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Id inside the board.
    pub id: String,
    /// Title in Chinese.
    pub title: String,
    /// Rows as of a metrics query.
    pub rows: Vec<MetricsRow>,
}

/// One card of a lane. Names are masked; revealing is another, audited, request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Opaque id of the row.
    pub id: String,
    /// Masked title such as `王**`.
    pub title: String,
    /// Second line: what is due.
    pub subtitle: Option<String>,
    /// Planned or last instant.
    pub at: Option<DateTime<Utc>>,
    /// Site (org code).
    pub site_id: Option<String>,
    /// Person behind the card.
    pub person_id: Option<String>,
}

/// A lane with its count; cards are paged apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Id inside the board.
    pub id: String,
    /// Title in Chinese.
    pub title: String,
    /// Role that works it.
    pub owner_role: Option<String>,
    /// Cards under the board's filter and the caller's policy, loaded or not.
    pub count: u64,
}

/// What a board is asked with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct BoardQuery {
    /// Board id.
    pub id: String,
    /// All must hold.
    pub filter: Vec<DimensionFilter>,
    /// Range of tiles with [`TileRange::Board`].
    pub range: Option<DateRange>,
}

/// A board with its numbers, all of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// Stable id.
    pub id: String,
    /// Title in Chinese.
    pub title: String,
    /// The board's day.
    pub day: NaiveDate,
    /// Tiles in order.
    pub tiles: Vec<Tile>,
    /// Charts in order.
    pub charts: Vec<Chart>,
    /// Lanes in order.
    pub lanes: Vec<Lane>,
    /// How fresh the data is.
    pub freshness: Freshness,
}
