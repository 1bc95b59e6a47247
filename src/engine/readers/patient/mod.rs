//! Patient 360: the pieces of one person, each one statement over a table sorted or indexed by
//! person.
//!
//! Owns those statements. What a caller may see of a person is decided by the tables' policy: a
//! person that is not visible has no row anywhere, so every piece is empty and nobody can tell it
//! from a person that does not exist.

mod list;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use hub_domain::Error;
use hub_domain::page::{Edge, Page, PageRequest};
use hub_domain::patient::{
    Consent, Entitlement, FamilyMember, Identifier, Money, Patient, Plan, SurveyAnswer, Tag, Task,
    TimelineEvent,
};

use super::Source;
use super::cursor::CursorList;
use super::decode::{self, Visits, all};
use super::metrics::compile::text_param;

pub(crate) use list::{caller_lookup, patients};

const PERSON_COLUMNS: &str = "person_id, display_name, sex, birth_date, is_minor_u14, district, \
                              first_channel_id, first_channel, lifecycle";

const VISITS: &str = "select person_id, min(first_visit_on) as first_visit_on, \
                      max(last_visit_on) as last_visit_on, sum(visit_count) as visit_count \
                      from hub.patient_visit_summary";

/// One person.
pub(crate) async fn patient(source: &dyn Source, id: &str) -> Result<Option<Patient>, Error> {
    let person = format!("select {PERSON_COLUMNS} from hub.patient_360 where person_id = $1");
    let visits = format!("{VISITS} where person_id = $1 group by person_id");
    let (people, visits) = futures::join!(
        source.fetch(&person, vec![text_param(id)]),
        source.fetch(&visits, vec![text_param(id)]),
    );
    let mut people = all(&people?, decode::patient)?;
    with_visits(&mut people, all(&visits?, decode::visits)?);
    Ok(people.into_iter().next())
}

/// Persons by id, in the order of `ids`; those not visible are left out.
async fn people(source: &dyn Source, ids: &[String]) -> Result<Vec<Patient>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let params: Vec<ScalarValue> = ids.iter().map(|id| text_param(id)).collect();
    let names: Vec<String> = (1..=ids.len()).map(|index| format!("${index}")).collect();
    let names = names.join(", ");
    let person =
        format!("select {PERSON_COLUMNS} from hub.patient_360 where person_id in ({names})");
    let visits = format!("{VISITS} where person_id in ({names}) group by person_id");
    let (people, visits) =
        futures::join!(source.fetch(&person, params.clone()), source.fetch(&visits, params));
    let mut people = all(&people?, decode::patient)?;
    with_visits(&mut people, all(&visits?, decode::visits)?);
    let rank: HashMap<&str, usize> =
        ids.iter().enumerate().map(|(index, id)| (id.as_str(), index)).collect();
    people.sort_by_key(|person| rank.get(person.id.as_str()).copied());
    Ok(people)
}

fn with_visits(people: &mut [Patient], visits: Vec<Visits>) {
    let mut visits: HashMap<String, Visits> =
        visits.into_iter().map(|visits| (visits.person.clone(), visits)).collect();
    for person in people {
        if let Some(visits) = visits.remove(&person.id) {
            person.first_visit_on = visits.first_on;
            person.last_visit_on = visits.last_on;
            person.visit_count = visits.count;
        }
    }
}

/// Runs one statement whose only parameter is the person.
async fn piece<T>(
    source: &dyn Source,
    sql: &str,
    person: &str,
    decode: impl Fn(decode::Row<'_>) -> Result<T, decode::DecodeError>,
) -> Result<Vec<T>, Error> {
    all(&source.fetch(sql, vec![text_param(person)]).await?, decode)
}

/// Masked identifiers.
pub(crate) async fn identifiers(
    source: &dyn Source,
    person: &str,
) -> Result<Vec<Identifier>, Error> {
    let sql = "select distinct kind, masked, source_system, relation from hub.person_identifier \
               where person_id = $1 order by kind, source_system, masked, relation";
    piece(source, sql, person, decode::identifier).await
}

/// Source records; every record has an identifier.
pub(crate) async fn records(source: &dyn Source, person: &str) -> Result<Vec<String>, Error> {
    let sql = "select distinct record_id from hub.person_identifier where person_id = $1 \
               order by record_id";
    piece(source, sql, person, |row| row.owned("record_id")).await
}

/// Family edges.
pub(crate) async fn family(source: &dyn Source, person: &str) -> Result<Vec<FamilyMember>, Error> {
    let sql = "select relative_id as other_id, masked_name, relation from hub.person_family \
               where person_id = $1 order by relation, relative_id";
    piece(source, sql, person, decode::family_member).await
}

/// Tags, current first.
pub(crate) async fn tags(source: &dyn Source, person: &str) -> Result<Vec<Tag>, Error> {
    let sql = "select tag, value, source, from_at as valid_from, to_at as valid_to \
               from hub.patient_tag where person_id = $1 \
               order by is_current desc, from_at desc, tag_id";
    piece(source, sql, person, decode::tag).await
}

/// Timeline, newest first.
pub(crate) async fn timeline(
    source: &dyn Source,
    person: &str,
    page: &PageRequest,
) -> Result<Page<TimelineEvent>, Error> {
    let list = CursorList::stable(&["timeline", person]);
    let mut params = vec![text_param(person)];
    let mut after = "";
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 2)?;
        let at = key[0].as_deref().and_then(|text| text.parse::<i64>().ok());
        params.push(ScalarValue::TimestampMicrosecond(at, Some("UTC".into())));
        params.push(text_param(key[1].as_deref().unwrap_or_default()));
        after = " and (at < $2 or (at = $2 and event_id > $3))";
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select event_id, at, kind, summary, site_id, amount_fen from hub.patient_timeline \
         where person_id = $1{after} order by at desc, event_id limit {}",
        first + 1
    );
    let events = all(&source.fetch(&sql, params).await?, decode::timeline_event)?;
    Ok(to_page(events, first, |event| {
        list.encode(vec![Some(event.at.timestamp_micros().to_string()), Some(event.id.clone())])
    }))
}

/// The first `first` of `first + 1` rows as a page.
pub(super) fn to_page<T>(mut rows: Vec<T>, first: usize, cursor: impl Fn(&T) -> String) -> Page<T> {
    let has_next_page = rows.len() > first;
    rows.truncate(first);
    let edges = rows.into_iter().map(|node| Edge { cursor: cursor(&node), node }).collect();
    Page { edges, has_next_page, total_count: None }
}

/// Money by basis over the sites the caller sees.
pub(crate) async fn money(source: &dyn Source, person: &str) -> Result<Money, Error> {
    let sql = "select sum(billed_fen) as billed_fen, sum(cash_fen) as cash_fen, \
               sum(earned_fen) as earned_fen, sum(refund_fen) as refund_fen, \
               sum(deferred_fen) as deferred_fen, sum(arrears_fen) as arrears_fen \
               from hub.patient_money where person_id = $1";
    Ok(piece(source, sql, person, decode::money).await?.pop().unwrap_or_default())
}

/// Treatment plans, newest first.
pub(crate) async fn plans(source: &dyn Source, person: &str) -> Result<Vec<Plan>, Error> {
    let sql = "select plan_id, status, presented_at, total_fen, item_count as items, items_done, \
               site_id from hub.patient_plan where person_id = $1 \
               order by presented_at desc, plan_id";
    piece(source, sql, person, decode::plan).await
}

/// Package items with uses left, first to expire first.
pub(crate) async fn entitlements(
    source: &dyn Source,
    person: &str,
) -> Result<Vec<Entitlement>, Error> {
    let sql = "select entitlement_id, item, times_total, times_used, times_left, left_value_fen, \
               expires_on, site_id from hub.patient_entitlement \
               where person_id = $1 and times_left > 0 \
               order by expires_on nulls last, entitlement_id";
    piece(source, sql, person, decode::entitlement).await
}

/// Follow-up tasks, open first.
pub(crate) async fn tasks(source: &dyn Source, person: &str) -> Result<Vec<Task>, Error> {
    let sql = "select task_id, category, owner_role, due_at, done_at, status \
               from hub.followup_task where person_id = $1 \
               order by case status when 'open' then 0 else 1 end, due_at, task_id";
    piece(source, sql, person, decode::task).await
}

/// Survey answers, newest first.
pub(crate) async fn surveys(source: &dyn Source, person: &str) -> Result<Vec<SurveyAnswer>, Error> {
    let sql = "select kind, question, score, at from hub.survey_response \
               where person_id = $1 order by at desc, response_id";
    piece(source, sql, person, decode::survey_answer).await
}

/// Consents, newest first.
pub(crate) async fn consents(source: &dyn Source, person: &str) -> Result<Vec<Consent>, Error> {
    let sql = "select scope, status, given_by, at, revoked_at from hub.consent \
               where person_id = $1 order by at desc, consent_id";
    piece(source, sql, person, decode::consent).await
}
