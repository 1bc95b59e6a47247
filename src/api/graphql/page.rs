//! Relay pages over the domain's keyset pages, and what a page costs.

use async_graphql::connection::{Connection, Edge};
use async_graphql::{OutputType, ServerError, ServerResult, SimpleObject};
use hub_domain::page::{Page, PageRequest};

use crate::graphql::error::{GqlError, Result};

/// Rows of a page when `first` is not given.
const DEFAULT_FIRST: i32 = 50;

/// Longest cursor that can be one of ours.
const MAX_CURSOR: usize = 4_096;

/// What a negative `first` is told, before anything is read.
pub(crate) const NEGATIVE_PAGE: &str = "`first` must not be negative";

/// Fields of every connection besides Relay's own.
#[derive(SimpleObject)]
pub(crate) struct Counted {
    /// Rows of the whole list under the same filter and policy, where it was counted.
    total_count: Option<u64>,
}

/// A Relay connection with string cursors and `totalCount`.
pub(crate) type Paged<T> = Connection<String, T, Counted>;

/// The domain's page request. `first` above the largest page is cut to it.
pub(crate) fn request(first: Option<i32>, after: Option<String>) -> Result<PageRequest> {
    let Ok(first) = usize::try_from(first.unwrap_or(DEFAULT_FIRST)) else {
        return Err(GqlError::bad_input(NEGATIVE_PAGE, "leave `first` out for the default page"));
    };
    if after.as_ref().is_some_and(|cursor| cursor.len() > MAX_CURSOR) {
        return Err(GqlError::bad_input("bad cursor", "pass `endCursor` of the page before"));
    }
    Ok(PageRequest { first: first.min(PageRequest::MAX), after })
}

/// How often a page multiplies the cost of what lies under its rows: once per ten rows, since
/// rows of one read come together.
pub(crate) fn weight(first: Option<i32>) -> ServerResult<usize> {
    let Ok(first) = usize::try_from(first.unwrap_or(DEFAULT_FIRST)) else {
        return Err(ServerError::new(NEGATIVE_PAGE, None));
    };
    Ok(first.min(PageRequest::MAX).div_ceil(10))
}

/// A page as a connection.
pub(crate) fn connection<D, T: OutputType>(
    page: Page<D>,
    after: Option<&str>,
    into: impl Fn(D) -> T,
) -> Paged<T> {
    let counted = Counted { total_count: page.total_count };
    let mut connection =
        Connection::with_additional_fields(after.is_some(), page.has_next_page, counted);
    connection.edges =
        page.edges.into_iter().map(|edge| Edge::new(edge.cursor, into(edge.node))).collect();
    connection
}
