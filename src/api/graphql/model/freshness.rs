//! How old tables are.

use async_graphql::{Enum, SimpleObject};
use hub_domain::freshness as domain;

use crate::graphql::scalars::{Date, DateTime};

/// Where a table stands in the hub.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::freshness::Layer")]
pub(crate) enum Layer {
    /// As landed from a source.
    Raw,
    /// Canonical table or mart.
    Hub,
}

/// Whether data is as new as it should be.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::freshness::FreshState")]
pub(crate) enum FreshState {
    /// As new as expected.
    Fresh,
    /// Older than expected.
    Stale,
    /// Nothing is expected, or nothing is there to judge by.
    Unknown,
}

/// How old one table is, at one site where it has sites.
#[derive(SimpleObject)]
pub(crate) struct TableFreshness {
    /// Raw or canonical; raw tables are shown to callers that see the whole group.
    layer: Layer,
    /// Source; of a canonical table those it is made from, joined by `,`.
    source: String,
    /// Table.
    table: String,
    /// Org code of the site; null for tables without sites.
    site: Option<String>,
    /// Newest business day: of a raw table the last night that landed it, of a canonical table its
    /// newest row up to the snapshot's day. A backfill of older days does not move it.
    data_through: Option<Date>,
    /// When a night last landed the table, or the oldest of the tables it is made from.
    last_load_at: Option<DateTime>,
    /// How old `dataThrough` may be, in seconds from its end; null when nothing is expected.
    expect_seconds: Option<u64>,
    /// Seconds since the end of `dataThrough`; 0 while that day goes on.
    age_seconds: Option<u64>,
    /// The verdict, as of now.
    state: FreshState,
}

impl From<domain::TableFreshness> for TableFreshness {
    fn from(found: domain::TableFreshness) -> Self {
        Self {
            layer: found.layer.into(),
            source: found.source,
            table: found.table,
            site: found.site,
            data_through: found.data_through.map(Date::from),
            last_load_at: found.last_load_at.map(DateTime::from),
            expect_seconds: found.expect_seconds,
            age_seconds: found.age_seconds,
            state: found.state.into(),
        }
    }
}
