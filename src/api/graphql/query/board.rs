//! Boards.

use async_graphql::{Context, ID, Object};
use hub_domain::board as domain;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::board::{Board, BoardSummary};
use crate::graphql::model::calendar::DateRange;
use crate::graphql::model::metrics::{self, DimensionFilter};

#[derive(Default)]
pub(crate) struct BoardQuery;

#[Object]
impl BoardQuery {
    /// Every board.
    async fn boards(&self, ctx: &Context<'_>) -> Vec<BoardSummary> {
        ctx.scope().state.warehouse.boards().into_iter().map(BoardSummary::from).collect()
    }

    /// One board with its numbers. `range` is for tiles without a range of their own.
    #[graphql(complexity = "100 + child_complexity")]
    async fn board(
        &self,
        ctx: &Context<'_>,
        id: ID,
        filter: Option<Vec<DimensionFilter>>,
        range: Option<DateRange>,
    ) -> Result<Board> {
        let range = range.map(|range| range.checked()).transpose()?;
        let query = domain::BoardQuery { id: id.0, filter: metrics::filters(filter), range };
        let board = ctx.scope().session().await?.board(&query).await?;
        Ok(Board::new(board, query))
    }
}
