//! Lanes: the appointments (leads, tasks) of the board's day in columns.
//!
//! Owns that a card lies in the first lane whose filter holds, that counts do not depend on the
//! cards loaded, and keyset pages of cards in planned order.

use std::fmt::Write as _;

use chrono::{NaiveDate, TimeDelta};
use datafusion::common::ScalarValue;
use hub_domain::Error;
use hub_domain::board::{BoardDefinition, BoardQuery, Card, Lane, LaneSource};
use hub_domain::metric::DimensionFilter;
use hub_domain::page::{Page, PageRequest};

use super::find;
use crate::readers::Source;
use crate::readers::cursor::CursorList;
use crate::readers::decode::{all, card, rows};
use crate::readers::metrics::compile::{date_param, dimension_predicates, text_param};
use crate::readers::patient::to_page;

/// Number of the lane a row lies in; NULL when in none.
fn lane_case(lanes: &LaneSource) -> String {
    let mut text = "case".to_owned();
    for (index, lane) in lanes.lanes.iter().enumerate() {
        let _ = write!(text, " when {} then {index}", lane.filter);
    }
    text + " end"
}

/// Rows of the board's day that keep the filter.
fn day_predicate(
    lanes: &LaneSource,
    day: NaiveDate,
    filter: &[DimensionFilter],
    params: &mut Vec<ScalarValue>,
) -> Result<String, Error> {
    params.push(date_param(day + TimeDelta::days(lanes.day_offset)));
    let mut text = format!("{} = ${}", lanes.day, params.len());
    for filter in filter {
        let Some(expression) = lanes.dimensions.get(&filter.dimension) else {
            let valid: Vec<&str> = lanes.dimensions.keys().map(String::as_str).collect();
            return Err(Error::bad_input_hint(
                format!("lanes cannot be filtered by `{}`", filter.dimension),
                format!("valid dimensions of the lanes: {}", valid.join(", ")),
            ));
        };
        for predicate in dimension_predicates(filter, expression, params) {
            let _ = write!(text, " and {predicate}");
        }
    }
    Ok(text)
}

/// Every lane with its count.
pub(super) async fn counts(
    source: &dyn Source,
    board: &BoardDefinition,
    day: NaiveDate,
    filter: &[DimensionFilter],
) -> Result<Vec<Lane>, Error> {
    let Some(lanes) = &board.lanes else { return Ok(Vec::new()) };
    let mut params = Vec::new();
    let rows_of_day = day_predicate(lanes, day, filter, &mut params)?;
    let case = lane_case(lanes);
    let sql = format!(
        "select {case} as lane, count(*) as cards from hub.{} where {rows_of_day} group by {case}",
        lanes.source
    );
    let mut counts = vec![0; lanes.lanes.len()];
    for row in rows(&source.fetch(&sql, params).await?) {
        let lane = row.int_opt("lane")?.and_then(|lane| usize::try_from(lane).ok());
        if let Some(count) = lane.and_then(|lane| counts.get_mut(lane)) {
            *count = u64::try_from(row.int("cards")?).unwrap_or_default();
        }
    }
    Ok(lanes
        .lanes
        .iter()
        .zip(counts)
        .map(|(lane, count)| Lane {
            id: lane.id.clone(),
            title: lane.title_zh.clone(),
            owner_role: lane.owner_role.clone(),
            count,
        })
        .collect())
}

/// Cards of one lane, in planned order.
///
/// # Errors
/// `NotFound` for an unknown board or lane.
pub(crate) async fn cards(
    source: &dyn Source,
    query: &BoardQuery,
    lane: &str,
    page: &PageRequest,
) -> Result<Page<Card>, Error> {
    let board = find(&source.definitions().boards, &query.id)?;
    let lanes = board.lanes.as_ref().ok_or(Error::NotFound { what: "lane" })?;
    let index = lanes.lanes.iter().position(|it| it.id == lane);
    let index = index.ok_or(Error::NotFound { what: "lane" })?;
    let day = source.snapshot().business_date;
    let list = CursorList::stable(&[
        "lane",
        &query.id,
        lane,
        &day.to_string(),
        &format!("{:?}", query.filter),
    ]);
    let mut params = Vec::new();
    let mut predicate = day_predicate(lanes, day, &query.filter, &mut params)?;
    let _ = write!(predicate, " and {} = {index}", lane_case(lanes));
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 2)?;
        let at = key[0].as_deref().and_then(|text| text.parse::<i64>().ok());
        params.push(text_param(key[1].as_deref().unwrap_or_default()));
        let id = params.len();
        match at {
            None => {
                let _ = write!(predicate, " and planned_at is null and card_id > ${id}");
            }
            at => {
                params.push(ScalarValue::TimestampMicrosecond(at, Some("UTC".into())));
                let at = params.len();
                let _ = write!(
                    predicate,
                    " and (planned_at > ${at} or planned_at is null \
                     or (planned_at = ${at} and card_id > ${id}))"
                );
            }
        }
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select card_id, masked_name, subtitle, planned_at, site_id, person_id \
         from hub.{} where {predicate} order by planned_at nulls last, card_id limit {}",
        lanes.source,
        first + 1
    );
    let cards = all(&source.fetch(&sql, params).await?, card)?;
    Ok(to_page(cards, first, |card| {
        let at = card.at.map(|at| at.timestamp_micros().to_string());
        list.encode(vec![at, Some(card.id.clone())])
    }))
}
