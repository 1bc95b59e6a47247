//! How old tables are, as one principal sees them. What the snapshot says may come from the
//! cache; the verdict is made anew, because time goes on while a snapshot stays.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use hub_domain::Error;
use hub_domain::freshness::{Expectation, FreshState, Layer, TableFreshness, age_seconds};

use super::Source;
use super::decode::{DecodeError, Row, all};

const SQL: &str = "select layer, source, table_name, site, data_through, last_load_at, \
                   expect_seconds from ops.freshness order by layer desc, table_name, source, site";

/// Every table the principal sees, landed ones first.
pub(crate) async fn tables(
    source: &dyn Source,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<Vec<TableFreshness>, Error> {
    let mut found = all(&source.fetch(SQL, Vec::new()).await?, table_freshness)?;
    for table in &mut found {
        let expect = table.expect_seconds.map(|seconds| Expectation { seconds });
        table.age_seconds = table.data_through.map(|day| age_seconds(day, now, zone));
        table.state = FreshState::of(table.data_through, expect, now, zone);
    }
    Ok(found)
}

/// One row, without its verdict.
fn table_freshness(row: Row<'_>) -> Result<TableFreshness, DecodeError> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let raw = row.text("layer")? == Layer::Raw.name();
    let expect = row.int_opt("expect_seconds")?;
    Ok(TableFreshness {
        layer: if raw { Layer::Raw } else { Layer::Hub },
        source: row.text("source")?.to_owned(),
        table: row.text("table_name")?.to_owned(),
        site: owned(row.text_opt("site")?),
        data_through: row.day_opt("data_through")?,
        last_load_at: row.instant_opt("last_load_at")?,
        expect_seconds: expect.and_then(|seconds| u64::try_from(seconds).ok()),
        age_seconds: None,
        state: FreshState::Unknown,
    })
}
