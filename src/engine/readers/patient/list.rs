//! Lists of persons: filtered pages, and who a phone number may be.
//!
//! A phone is not a person: a mother's number serves her children, so a number finds every
//! visible person it belongs to in any relation.

use chrono::NaiveDate;
use datafusion::common::ScalarValue;
use hub_domain::Error;
use hub_domain::page::{Edge, Page, PageRequest};
use hub_domain::patient::{Patient, PatientFilter, PatientOrder};

use super::people;
use crate::readers::Source;
use crate::readers::cursor::CursorList;
use crate::readers::decode::rows;
use crate::readers::metrics::compile::{date_param, text_param};

/// Most persons one phone number may stand for before the answer is cut.
const MAX_CALLERS: usize = 50;

/// A page of persons.
pub(crate) async fn patients(
    source: &dyn Source,
    filter: &PatientFilter,
    order: PatientOrder,
    page: &PageRequest,
) -> Result<Page<Patient>, Error> {
    let list = CursorList::stable(&["patients", &format!("{filter:?}{order:?}")]);
    let first = page.first.min(PageRequest::MAX);
    let after = page.after.as_deref().map(|cursor| list.decode(cursor, 2)).transpose()?;
    let (sql, params) = statement(filter, order, after, first + 1)?;
    let batches = source.fetch(&sql, params).await?;
    let mut keys: Vec<(String, Option<NaiveDate>)> = Vec::new();
    for row in rows(&batches) {
        let last = match order {
            PatientOrder::Id => None,
            PatientOrder::LastVisit => row.day_opt("last_on")?,
        };
        keys.push((row.text("person_id")?.to_owned(), last));
    }
    let has_next_page = keys.len() > first;
    keys.truncate(first);
    let ids: Vec<String> = keys.iter().map(|(id, _)| id.clone()).collect();
    let people = people(source, &ids).await?;
    let edges = people.into_iter().zip(keys).map(|(node, (id, last))| {
        let key = vec![Some(id), last.map(|day| day.to_string())];
        Edge { cursor: list.encode(key), node }
    });
    Ok(Page { edges: edges.collect(), has_next_page, total_count: None })
}

/// The statement that finds the ids of one page, in order.
fn statement(
    filter: &PatientFilter,
    order: PatientOrder,
    after: Option<Vec<Option<String>>>,
    limit: usize,
) -> Result<(String, Vec<ScalarValue>), Error> {
    let mut params: Vec<ScalarValue> = Vec::new();
    let mut predicates: Vec<String> = Vec::new();
    let mut equal = |value: &Option<String>, predicate: &dyn Fn(usize) -> String| {
        if let Some(value) = value {
            params.push(text_param(value));
            predicates.push(predicate(params.len()));
        }
    };
    equal(&filter.name, &|n| format!("strpos(p.display_name, ${n}) > 0"));
    equal(&filter.lifecycle, &|n| format!("p.lifecycle = ${n}"));
    equal(&filter.channel_id, &|n| format!("p.first_channel_id = ${n}"));
    equal(&filter.site_id, &|n| {
        format!("p.person_id in (select person_id from hub.person_site where site_id = ${n})")
    });
    equal(&filter.tag, &|n| {
        format!(
            "p.person_id in (select person_id from hub.patient_tag where tag = ${n} and is_current)"
        )
    });
    let mut after = after.map(|key| key.into_iter());
    let after_id = after.as_mut().and_then(Iterator::next).flatten();
    let after_day = after.as_mut().and_then(Iterator::next).flatten();
    if let Some(id) = &after_id {
        params.push(text_param(id));
        let id = params.len();
        let day = after_day.map(|day| day.parse::<NaiveDate>()).transpose();
        let day = day.map_err(|_| Error::bad_input("cursor holds no day"))?;
        predicates.push(match (order, day) {
            (PatientOrder::Id, _) => format!("p.person_id > ${id}"),
            (PatientOrder::LastVisit, None) => {
                format!("v.last_on is null and p.person_id > ${id}")
            }
            (PatientOrder::LastVisit, Some(day)) => {
                params.push(date_param(day));
                let day = params.len();
                format!(
                    "(v.last_on < ${day} or v.last_on is null \
                     or (v.last_on = ${day} and p.person_id > ${id}))"
                )
            }
        });
    }
    let filter = match predicates.as_slice() {
        [] => String::new(),
        all => format!(" where {}", all.join(" and ")),
    };
    let sql = match order {
        PatientOrder::Id => format!(
            "select p.person_id from hub.patient_360 p{filter} order by p.person_id limit {limit}"
        ),
        PatientOrder::LastVisit => format!(
            "select p.person_id, v.last_on from hub.patient_360 p left join \
             (select person_id, max(last_visit_on) as last_on from hub.patient_visit_summary \
             group by person_id) v on v.person_id = p.person_id{filter} \
             order by v.last_on desc nulls last, p.person_id limit {limit}"
        ),
    };
    Ok((sql, params))
}

/// Every visible person the phone number belongs to, the owners themselves first.
///
/// # Errors
/// `BadInput` when the text is no phone number.
pub(crate) async fn caller_lookup(source: &dyn Source, phone: &str) -> Result<Vec<Patient>, Error> {
    let digits = normal_phone(phone)?;
    let Some(hash) = source.pseudonym(&digits) else { return Ok(Vec::new()) };
    let sql = format!(
        "select person_id, min(case relation when 'self' then 0 else 1 end) as rank \
         from hub.person_phone where phone_hash = $1 group by person_id \
         order by rank, person_id limit {MAX_CALLERS}"
    );
    let batches = source.fetch(&sql, vec![text_param(&hash)]).await?;
    let mut ids = Vec::new();
    for row in rows(&batches) {
        ids.push(row.text("person_id")?.to_owned());
    }
    people(source, &ids).await
}

/// Digits of a phone number without spaces, dashes, brackets and the country code of China.
fn normal_phone(phone: &str) -> Result<String, Error> {
    let digits: String = phone
        .chars()
        .filter_map(|letter| match letter {
            '０'..='９' => char::from_u32(letter as u32 - '０' as u32 + '0' as u32),
            letter => Some(letter).filter(char::is_ascii_digit),
        })
        .collect();
    let local = ["0086", "86"]
        .iter()
        .find_map(|code| digits.strip_prefix(code).filter(|rest| rest.len() == 11))
        .unwrap_or(&digits);
    if !(3..=20).contains(&local.len()) {
        // The number itself stays out of messages and logs.
        return Err(Error::bad_input_hint(
            "`phone` is no phone number",
            "pass digits, with or without `+86`, spaces and dashes",
        ));
    }
    Ok(local.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_digits_without_the_country_code() {
        for text in
            ["13800001234", "+86 138-0000-1234", "008613800001234", "（138）００００１２３４"]
        {
            assert_eq!(normal_phone(text).expect(text), "13800001234");
        }
        assert_eq!(normal_phone("021-6200 0000").expect("a landline"), "02162000000");
        for text in ["", "abc", "12", "123456789012345678901"] {
            assert!(matches!(normal_phone(text), Err(Error::BadInput { .. })), "{text}");
        }
    }
}
