//! Boards: tiles, charts and lanes of one definition, read together from one snapshot.
//!
//! Owns the board's day (the last complete business day), what ranges of tiles mean, and that
//! tiles of one range and filter are one metrics query. Must not know how metrics are computed.

mod lanes;
#[cfg(test)]
mod tests;
mod tiles;

use chrono::{Days, NaiveDate};
use hub_domain::Error;
use hub_domain::board::{Board, BoardDefinition, BoardQuery, Chart, ChartDefinition, TileRange};
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::{DimensionFilter, MetricsQuery};
use hub_domain::page::PageRequest;

use super::Source;
use super::metrics::{self, Visible};

pub(crate) use lanes::cards;

/// Days a board of one day looks at.
#[derive(Debug, Clone, Copy)]
struct Calendar {
    day: NaiveDate,
    asked: Option<DateRange>,
}

impl Calendar {
    fn range(self, range: TileRange) -> DateRange {
        let day = self.day;
        let month_to_date = DateRange { from: Grain::Month.start(day), to: day };
        match range {
            TileRange::Day => DateRange { from: day, to: day },
            TileRange::MonthToDate => month_to_date,
            TileRange::LastMonth => DateRange::month_of(closed_month(day)),
            TileRange::Last30Days => DateRange { from: day - Days::new(29), to: day },
            TileRange::Last365Days => DateRange { from: day - Days::new(364), to: day },
            TileRange::Board => self.asked.unwrap_or(month_to_date),
        }
    }
}

/// A day of the last month that is over at the end of `day`.
pub(crate) fn closed_month(day: NaiveDate) -> NaiveDate {
    let tomorrow = day + Days::new(1);
    Grain::Month.start(tomorrow) - Days::new(1)
}

/// The definition of board `id`.
fn find<'a>(boards: &'a [BoardDefinition], id: &str) -> Result<&'a BoardDefinition, Error> {
    boards.iter().find(|board| board.id == id).ok_or(Error::NotFound { what: "board" })
}

/// One board with its numbers.
///
/// # Errors
/// `NotFound` for an unknown board; `BadInput` when a filter's dimension is not one every tile,
/// chart and lane has: a number that ignores the filter is never shown.
pub(crate) async fn board(source: &dyn Source, query: &BoardQuery) -> Result<Board, Error> {
    let definition = find(&source.definitions().boards, &query.id)?;
    if let Some(range) = query.range {
        DateRange::new(range.from, range.to)?;
    }
    let days = Calendar { day: source.snapshot().business_date, asked: query.range };
    let charts = definition.charts.iter().map(|it| chart(source, it, days, &query.filter));
    let (tiles, charts, lanes) = futures::join!(
        tiles::tiles(source, &definition.tiles, days, &query.filter),
        futures::future::try_join_all(charts),
        lanes::counts(source, definition, days.day, &query.filter),
    );
    let tiles = tiles?;
    let mut freshness = source.freshness();
    freshness.provisional = tiles.iter().any(|tile| tile.range.to > freshness.data_through);
    Ok(Board {
        id: definition.id.clone(),
        title: definition.title_zh.clone(),
        day: days.day,
        tiles,
        charts: charts?,
        lanes: lanes?,
        freshness,
    })
}

async fn chart(
    source: &dyn Source,
    definition: &ChartDefinition,
    days: Calendar,
    filter: &[DimensionFilter],
) -> Result<Chart, Error> {
    let query = MetricsQuery {
        metrics: definition.metrics.clone(),
        group_by: definition.group_by.clone(),
        grain: definition.grain,
        range: days.range(definition.range),
        filter: filter.to_vec(),
        having: Vec::new(),
        compare: None,
        order_by: Vec::new(),
        approximate: false,
        page: PageRequest { first: PageRequest::MAX, after: None },
    };
    let answer = metrics::answer(source, &query, Visible::All).await?;
    Ok(Chart { id: definition.id.clone(), title: definition.title_zh.clone(), rows: answer.rows })
}
