//! Attribution: paths of touches before conversions, gathered by SQL, credited by the models of
//! `hub_domain::analysis::attribution`.
//!
//! Owns the statement, and how paths travel in one text. Conversions without a touch in the
//! lookback are told as a row of their own: under every model all rows add up to the conversions,
//! participation aside.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use datafusion::common::ScalarValue;
use hub_domain::analysis::attribution::{Credit, Model, Path, attribute};
use hub_domain::attribution::{AttributionQuery, AttributionRow, ChannelCredit, Conversion};
use hub_domain::calendar::DateRange;
use hub_domain::{Error, Fen};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Source;
use super::decode::rows;
use super::metrics::compile::date_param;
use super::metrics::labels;
use super::retention::predicates;
use crate::udf::{AGE, NEXT};

/// Days before a conversion beyond which the mart holds no touch.
const MOST_DAYS: u32 = 365;

const DIMENSIONS: [(&str, &str); 4] = [
    ("site", "site_id"),
    ("brand", "brand_id"),
    ("city", "city"),
    ("business_line", "business_line"),
];

/// Answers a question about attribution.
///
/// # Errors
/// `BadInput` for an impossible range, lookback or dimension.
pub(crate) async fn answer(
    source: &dyn Source,
    query: &AttributionQuery,
) -> Result<Vec<AttributionRow>, Error> {
    DateRange::new(query.range.from, query.range.to)?;
    if query.lookback_days == 0 || query.lookback_days > MOST_DAYS {
        return Err(Error::bad_input_hint(
            format!("a lookback of `{}` days", query.lookback_days),
            format!("touches are kept for 1 to {MOST_DAYS} days before a conversion"),
        ));
    }
    let (sql, params) = statement(query, source.freshness().data_through)?;
    let names = ["channel".to_owned()];
    let (batches, labels) =
        futures::join!(source.fetch(&sql, params), labels::load(source, &names));
    let (batches, labels) = (batches?, labels?);
    let mut paths = Vec::new();
    let mut untouched = ChannelCredit { conversions: 0.into(), value: Fen(0), removal: None };
    for row in rows(&batches) {
        let (conversions, value) = (row.int("conversions")?, row.int("value_fen")?);
        match row.text_opt("journey")? {
            None => {
                untouched.conversions += Decimal::from(conversions);
                untouched.value = Fen(untouched.value.0 + value);
            }
            Some(journey) => {
                paths.push(path(journey, conversions, value, row.int("lost")?)?);
            }
        }
    }
    let credits = credited(&paths, query.model)?;
    let mut beside = query.beside.map(|model| credited(&paths, model)).transpose()?;
    let mut rows: Vec<AttributionRow> = credits
        .into_iter()
        .map(|(channel, credit)| AttributionRow {
            label: labels.get("channel", Some(&channel)),
            beside: beside.as_mut().and_then(|all| all.remove(&channel)),
            channel: Some(channel),
            credit,
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.credit.conversions));
    if !untouched.conversions.is_zero() {
        let beside = query.beside.map(|_| untouched.clone());
        let label = Some("无触点".to_owned());
        rows.push(AttributionRow { channel: None, label, credit: untouched, beside });
    }
    Ok(rows)
}

fn credited(paths: &[Path<&str>], model: Model) -> Result<BTreeMap<String, ChannelCredit>, Error> {
    let credits = attribute(paths, model).map_err(Error::internal)?;
    let shown = |credit: Credit| ChannelCredit {
        conversions: credit.conversions_rounded.normalize(),
        value: Fen(credit.value_rounded.to_i64().unwrap_or(i64::MAX)),
        removal: credit.removal.map(|share| share.round_dp(12).normalize()),
    };
    Ok(credits.into_iter().map(|(channel, credit)| (channel, shown(credit))).collect())
}

/// Journeys with how often they converted, what that brought, and how often they did not.
///
/// Who was touched and has not paid is lost only once the lookback has passed since the last
/// touch: until then the person may yet pay, and counts neither way.
fn statement(
    query: &AttributionQuery,
    data_through: NaiveDate,
) -> Result<(String, Vec<ScalarValue>), Error> {
    let decided = data_through - Days::new(u64::from(query.lookback_days));
    let mut params =
        vec![date_param(query.range.from), date_param(query.range.to), date_param(decided)];
    let outcome = match query.conversion {
        Conversion::FirstPaidVisit => "outcome in ('first_paid', 'lost')",
        Conversion::PaidVisit => "outcome in ('first_paid', 'paid', 'lost')",
    };
    let mut kept = vec![
        "ended_on between $1 and $2".to_owned(),
        outcome.to_owned(),
        "(outcome <> 'lost' or ended_on <= $3)".to_owned(),
    ];
    kept.extend(predicates(&query.filter, &DIMENSIONS, &mut params)?);
    let by_age = [Some(query.model), query.beside].contains(&Some(Model::TimeDecay));
    let age = if by_age { "days_before" } else { "cast(null as bigint)" };
    let sql = format!(
        "with path as (\n  select path_id, bool_and(outcome = 'lost') as is_lost, min(value_fen) \
         as value_fen,\n    journey(touched_at, channel_id, {age}) filter (where days_before <= \
         {}) as journey\n  from hub.touch_path\n  where {}\n  group by path_id\n)\nselect \
         journey,\n  count(*) filter (where not is_lost) as conversions,\n  \
         coalesce(sum(value_fen) filter (where not is_lost), 0) as value_fen,\n  count(*) \
         filter (where is_lost) as lost\nfrom path\ngroup by journey",
        query.lookback_days,
        kept.join("\n    and "),
    );
    Ok((sql, params))
}

fn path(journey: &str, conversions: i64, value: i64, lost: i64) -> Result<Path<&str>, Error> {
    let (mut channels, mut days) = (Vec::new(), Vec::new());
    for touch in journey.split(NEXT) {
        match touch.split_once(AGE) {
            Some((channel, age)) => {
                channels.push(channel);
                days.push(age.parse().map_err(Error::internal)?);
            }
            None => channels.push(touch),
        }
    }
    let [conversions, value, lost] = [conversions, value, lost].map(Decimal::from);
    Ok(Path { channels, days, conversions, value, lost })
}
