//! Boards: tiles, charts, lanes.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject};
use hub_domain::board as domain;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::calendar::DateSpan;
use crate::graphql::model::metric::MetricDefinition;
use crate::graphql::model::metrics::MetricsRow;
use crate::graphql::model::snapshot::Freshness;
use crate::graphql::page::{self, Paged};
use crate::graphql::scalars::{Date, DateTime, Decimal};

/// A board one may open.
#[derive(SimpleObject)]
pub(crate) struct BoardSummary {
    /// Stable id.
    id: ID,
    /// Title in Chinese.
    title: String,
    /// Title in English.
    title_en: String,
}

impl From<domain::BoardDefinition> for BoardSummary {
    fn from(board: domain::BoardDefinition) -> Self {
        Self { id: ID(board.id), title: board.title_zh, title_en: board.title_en }
    }
}

/// A board with its numbers, all of one snapshot.
#[derive(SimpleObject)]
pub(crate) struct Board {
    /// Stable id.
    id: ID,
    /// Title in Chinese.
    title: String,
    /// The board's day: the last complete business day.
    day: Date,
    /// Tiles in order.
    tiles: Vec<Tile>,
    /// Charts in order.
    charts: Vec<Chart>,
    /// Lanes in order.
    lanes: Vec<Lane>,
    /// How fresh the data is.
    freshness: Freshness,
}

impl Board {
    /// The answer to `query`.
    pub(crate) fn new(board: domain::Board, query: domain::BoardQuery) -> Self {
        let query = Arc::new(query);
        let lanes = board.lanes.into_iter();
        Self {
            id: ID(board.id),
            title: board.title,
            day: board.day.into(),
            tiles: board.tiles.into_iter().map(Tile::from).collect(),
            charts: board.charts.into_iter().map(Chart::from).collect(),
            lanes: lanes.map(|lane| Lane::new(lane, Arc::clone(&query))).collect(),
            freshness: board.freshness.into(),
        }
    }
}

/// Traffic light of a tile.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::board::Status")]
pub(crate) enum Status {
    /// Target met, or moving the right way.
    Good,
    /// Within 10 % of the target, or unchanged.
    Warning,
    /// Target missed, or moving the wrong way.
    Bad,
    /// Nothing to compare with.
    Unknown,
}

/// One number of a board.
#[derive(SimpleObject)]
pub(crate) struct Tile {
    /// What is shown.
    metric: MetricDefinition,
    /// Days covered.
    range: DateSpan,
    /// The value.
    value: Option<Decimal>,
    /// Value of the range before.
    compare: Option<Decimal>,
    /// Target of the covered months and visible sites.
    target: Option<Decimal>,
    /// `value ÷ target`.
    attainment: Option<Decimal>,
    /// Traffic light.
    status: Status,
    /// Values of the last periods, oldest first.
    sparkline: Option<Vec<Option<Decimal>>>,
}

impl From<domain::Tile> for Tile {
    fn from(tile: domain::Tile) -> Self {
        let sparkline = tile.sparkline.into_iter();
        Self {
            metric: tile.metric.into(),
            range: tile.range.into(),
            value: tile.value.map(Decimal::from),
            compare: tile.compare.map(Decimal::from),
            target: tile.target.map(Decimal::from),
            attainment: tile.attainment.map(Decimal::from),
            status: tile.status.into(),
            sparkline: Some(sparkline.map(|value| value.map(Decimal::from)).collect()),
        }
    }
}

/// Metrics over periods or dimension values.
#[derive(SimpleObject)]
pub(crate) struct Chart {
    /// Id inside the board.
    id: ID,
    /// Title in Chinese.
    title: String,
    /// Rows as of a metrics query.
    rows: Vec<MetricsRow>,
}

impl From<domain::Chart> for Chart {
    fn from(chart: domain::Chart) -> Self {
        Self {
            id: ID(chart.id),
            title: chart.title,
            rows: chart.rows.into_iter().map(MetricsRow::from).collect(),
        }
    }
}

/// A lane of cards.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Lane {
    /// Id inside the board.
    id: ID,
    /// Title in Chinese.
    title: String,
    /// Role that works it.
    owner_role: Option<String>,
    /// Cards under the board's filter and the caller's policy, loaded or not.
    count: u64,
    #[graphql(skip)]
    board: Arc<domain::BoardQuery>,
}

impl Lane {
    fn new(lane: domain::Lane, board: Arc<domain::BoardQuery>) -> Self {
        Self {
            id: ID(lane.id),
            title: lane.title,
            owner_role: lane.owner_role,
            count: lane.count,
            board,
        }
    }
}

#[ComplexObject]
impl Lane {
    /// Cards in planned order.
    #[graphql(complexity = "50 + page::weight(first)? * child_complexity")]
    async fn cards(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Paged<Card>> {
        let request = page::request(first, after)?;
        let session = ctx.scope().session().await?;
        let cards = session.lane_cards(&self.board, &self.id, &request).await?;
        Ok(page::connection(cards, request.after.as_deref(), Card::from))
    }
}

/// One card. Names are masked; the person's own page shows them, and keeps who looked.
#[derive(SimpleObject)]
pub(crate) struct Card {
    /// Opaque id.
    id: ID,
    /// Masked title.
    title: String,
    /// Second line: what is due.
    subtitle: Option<String>,
    /// Planned or last instant.
    at: Option<DateTime>,
    /// Site (org code).
    site_id: Option<ID>,
    /// Person behind the card.
    person_id: Option<ID>,
}

impl From<domain::Card> for Card {
    fn from(card: domain::Card) -> Self {
        Self {
            id: ID(card.id),
            title: card.title,
            subtitle: card.subtitle,
            at: card.at.map(DateTime::from),
            site_id: card.site_id.map(ID),
            person_id: card.person_id.map(ID),
        }
    }
}
