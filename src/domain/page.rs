//! Keyset pages. A cursor is opaque outside; inside it is the sort key of the last row.

/// Which slice of an ordered list is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// How many rows at most; callers clamp it to [`PageRequest::MAX`].
    pub first: usize,
    /// Opaque position after which the page starts; none for the first page.
    pub after: Option<String>,
}

impl PageRequest {
    /// Largest page.
    pub const MAX: usize = 1_000;
}

/// One row of a page with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge<T> {
    /// Position of this row, to be passed back as `after`.
    pub cursor: String,
    /// The row.
    pub node: T,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Rows in order.
    pub edges: Vec<Edge<T>>,
    /// Whether rows follow the last edge.
    pub has_next_page: bool,
    /// Rows in the whole list under the same filter and policy, when it was counted.
    pub total_count: Option<u64>,
}
