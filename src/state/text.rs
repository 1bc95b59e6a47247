//! How instants are written: RFC 3339 in UTC with microseconds, so that text order is time order.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::Error;

pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(crate) fn parse_instant(table: &'static str, text: &str) -> Result<DateTime<Utc>, Error> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|source| Error::Inconsistent { table, source: source.into() })
}

/// Splits a page cursor of the form `instant|id`; none starts before everything.
pub(crate) fn keyset(after: Option<&str>) -> Result<(String, String), Error> {
    let Some(cursor) = after else { return Ok(("~".to_owned(), String::new())) };
    let (at, id) = cursor.split_once('|').ok_or(Error::Cursor)?;
    DateTime::parse_from_rfc3339(at).map_err(|_| Error::Cursor)?;
    Ok((at.to_owned(), id.to_owned()))
}

pub(crate) fn parse_body<T: serde::de::DeserializeOwned>(
    table: &'static str,
    body: &str,
) -> Result<T, Error> {
    serde_json::from_str(body)
        .map_err(|source| Error::Inconsistent { table, source: source.into() })
}
