//! Segments and lapsed customers: whom to turn to, as lists.
//!
//! Owns the statements and their decoding. Counts and members are those the tables' policies show
//! the caller, so a count is always the length of the caller's own list.

use std::collections::HashMap;
use std::fmt::Write as _;

use datafusion::common::ScalarValue;
use hub_domain::page::{Page, PageRequest};
use hub_domain::patient::{LifecycleLine, Rfm};
use hub_domain::segment::{DormantEntry, DormantFilter, Segment, SegmentMember};
use hub_domain::{Error, Fen};

use super::Source;
use super::cursor::CursorList;
use super::decode::{DecodeError, Row, all, rows};
use super::metrics::compile::text_param;
use super::patient::to_page;

/// Every segment, in file order.
pub(crate) async fn segments(source: &dyn Source) -> Result<Vec<Segment>, Error> {
    let sql = "select segment_id, count(*) as members, \
               count(*) filter (where may_be_contacted) as contactable \
               from hub.segment_member group by segment_id";
    let batches = source.fetch(sql, Vec::new()).await?;
    let mut counts = HashMap::new();
    for row in rows(&batches) {
        let count = |name| Ok::<_, Error>(u64::try_from(row.int(name)?).unwrap_or_default());
        counts.insert(row.text("segment_id")?, (count("members")?, count("contactable")?));
    }
    let segments = source.definitions().segments.iter().map(|definition| {
        let (members, contactable) =
            counts.get(definition.id.as_str()).copied().unwrap_or_default();
        Segment { definition: definition.clone(), members, contactable }
    });
    Ok(segments.collect())
}

/// Members of a segment, by person id.
///
/// # Errors
/// `NotFound` for an unknown segment.
pub(crate) async fn members(
    source: &dyn Source,
    segment: &str,
    contactable: bool,
    page: &PageRequest,
) -> Result<Page<SegmentMember>, Error> {
    if !source.definitions().segments.iter().any(|known| known.id == segment) {
        return Err(Error::NotFound { what: "segment" });
    }
    let list = CursorList::stable(&["segment", segment, &contactable.to_string()]);
    let mut params = vec![text_param(segment)];
    let mut predicate = "member.segment_id = $1".to_owned();
    if contactable {
        predicate.push_str(" and member.may_be_contacted");
    }
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 1)?;
        params.push(text_param(key[0].as_deref().unwrap_or_default()));
        predicate.push_str(" and member.person_id > $2");
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select member.person_id, mask_name(person.display_name) as masked_name, \
         person.lifecycle, member.may_be_contacted from hub.segment_member as member \
         inner join hub.patient_360 as person on member.person_id = person.person_id \
         where {predicate} order by member.person_id limit {}",
        first + 1
    );
    let members = all(&source.fetch(&sql, params).await?, member)?;
    Ok(to_page(members, first, |member| list.encode(vec![Some(member.person_id.clone())])))
}

/// Customers who lapsed, those who paid most first.
pub(crate) async fn dormant(
    source: &dyn Source,
    filter: &DormantFilter,
    page: &PageRequest,
) -> Result<Page<DormantEntry>, Error> {
    let snapshot = source.snapshot().id;
    let list = CursorList::of_snapshot(&["dormant", &format!("{filter:?}")], snapshot);
    let mut params: Vec<ScalarValue> = Vec::new();
    let mut predicate = "true".to_owned();
    for (column, value) in [
        ("business_line", &filter.business_line),
        ("site_id", &filter.site_id),
        ("state", &filter.state),
    ] {
        if let Some(value) = value {
            params.push(text_param(value));
            let _ = write!(predicate, " and {column} = ${}", params.len());
        }
    }
    if filter.due {
        predicate.push_str(" and is_due");
    }
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 2)?;
        let cash = key[0].as_deref().and_then(|text| text.parse::<i64>().ok());
        params.push(ScalarValue::Int64(cash));
        params.push(text_param(key[1].as_deref().unwrap_or_default()));
        let (cash, id) = (params.len() - 1, params.len());
        let _ = write!(
            predicate,
            " and (cash_fen < ${cash} or (cash_fen = ${cash} and entry_id > ${id}))"
        );
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select entry_id, person_id, masked_name, business_line, site_id, state, since_on, \
         last_visit_on, cash_fen, contacted_on, next_booking_on, may_be_contacted, is_due \
         from hub.dormant_list where {predicate} \
         order by cash_fen desc, entry_id limit {}",
        first + 1
    );
    let entries = all(&source.fetch(&sql, params).await?, entry)?;
    Ok(to_page(entries, first, |entry| {
        list.encode(vec![Some(entry.cash.0.to_string()), Some(entry.id.clone())])
    }))
}

/// Where a person stands with each line the caller sees.
pub(crate) async fn lifecycle_lines(
    source: &dyn Source,
    person: &str,
) -> Result<Vec<LifecycleLine>, Error> {
    let sql = "select business_line, state, since_on, last_visit_on, next_booking_on, \
               is_in_treatment, is_interrupted from hub.lifecycle_state where person_id = $1 \
               order by business_line";
    all(&source.fetch(sql, vec![text_param(person)]).await?, line)
}

/// RFM scores.
pub(crate) async fn rfm(source: &dyn Source, person: &str) -> Result<Option<Rfm>, Error> {
    let sql = "select recency, frequency, monetary, rfm_group, last_paid_on \
               from hub.person_rfm where person_id = $1";
    let found = all(&source.fetch(sql, vec![text_param(person)]).await?, |row| {
        Ok(Rfm {
            recency: row.int("recency")?,
            frequency: row.int("frequency")?,
            monetary: row.int("monetary")?,
            group: row.owned("rfm_group")?,
            last_paid_on: row.day("last_paid_on")?,
        })
    })?;
    Ok(found.into_iter().next())
}

fn member(row: Row<'_>) -> Result<SegmentMember, DecodeError> {
    Ok(SegmentMember {
        person_id: row.owned("person_id")?,
        masked_name: row.owned_opt("masked_name")?.unwrap_or_default(),
        lifecycle: row.owned("lifecycle")?,
        may_be_contacted: row.flag("may_be_contacted")?,
    })
}

fn entry(row: Row<'_>) -> Result<DormantEntry, DecodeError> {
    Ok(DormantEntry {
        id: row.owned("entry_id")?,
        person_id: row.owned("person_id")?,
        masked_name: row.owned_opt("masked_name")?.unwrap_or_default(),
        business_line: row.owned("business_line")?,
        site_id: row.owned_opt("site_id")?,
        state: row.owned("state")?,
        since: row.day("since_on")?,
        last_visit_on: row.day("last_visit_on")?,
        cash: Fen(row.int("cash_fen")?),
        contacted_on: row.day_opt("contacted_on")?,
        next_booking_on: row.day_opt("next_booking_on")?,
        may_be_contacted: row.flag("may_be_contacted")?,
        is_due: row.flag("is_due")?,
    })
}

fn line(row: Row<'_>) -> Result<LifecycleLine, DecodeError> {
    Ok(LifecycleLine {
        business_line: row.owned("business_line")?,
        state: row.owned("state")?,
        since: row.day("since_on")?,
        last_visit_on: row.day_opt("last_visit_on")?,
        next_booking_on: row.day_opt("next_booking_on")?,
        is_in_treatment: row.flag("is_in_treatment")?,
        is_interrupted: row.flag("is_interrupted")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::testing::{Fixture, day};

    fn page(after: Option<String>) -> PageRequest {
        PageRequest { first: 1, after }
    }

    #[tokio::test]
    async fn pages_of_the_lapsed_join_to_the_whole_best_first() {
        let fixture = Fixture::new("2026-03-31");
        let columns = "entry_id, person_id, business_line, state, since_on, last_visit_on, \
                       cash_fen, is_due, site_id";
        let values = "('a', 'p1', 'dental', 'dormant', '2026-01-01', '2025-01-01', 5, true, 'A'), \
                      ('b', 'p2', 'dental', 'churned', '2026-01-02', '2025-01-01', 9, false, 'A'), \
                      ('c', 'p3', 'obgyn', 'dormant', '2026-01-03', '2025-01-01', 5, true, 'B')";
        fixture.fill("dormant_list", columns, values).await;
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let got = dormant(&fixture, &DormantFilter::default(), &page(after)).await;
            let got = got.expect("a page");
            seen.extend(got.edges.iter().map(|edge| edge.node.id.clone()));
            after = got.edges.last().map(|edge| edge.cursor.clone());
            if !got.has_next_page {
                break;
            }
        }
        assert_eq!(seen, ["b", "a", "c"]);
        let filter = DormantFilter {
            business_line: Some("dental".into()),
            due: true,
            ..DormantFilter::default()
        };
        let due = dormant(&fixture, &filter, &page(None)).await.expect("a page");
        assert_eq!(due.edges[0].node.since, day("2026-01-01"));
        assert!(!due.has_next_page);
    }

    #[tokio::test]
    async fn a_segment_counts_its_list() {
        let fixture = Fixture::new("2026-03-31");
        let id = fixture.definitions().segments[0].id.clone();
        let values = format!(
            "('1', '{id}', 'p1', true), ('2', '{id}', 'p2', false), ('3', 'other', 'p3', true)"
        );
        let columns = "member_id, segment_id, person_id, may_be_contacted";
        fixture.fill("segment_member", columns, &values).await;
        let people = "('p1', '王小明', 'dormant'), ('p2', '李雷', 'dormant')";
        fixture.fill("patient_360", "person_id, display_name, lifecycle", people).await;
        let found = segments(&fixture).await.expect("segments");
        assert_eq!((found[0].members, found[0].contactable), (2, 1));
        let all = members(&fixture, &id, false, &PageRequest { first: 9, after: None }).await;
        let all = all.expect("members");
        assert_eq!(all.edges.len(), 2);
        assert_ne!(all.edges[0].node.masked_name, "王小明");
        let open = members(&fixture, &id, true, &page(None)).await.expect("members");
        assert_eq!(open.edges[0].node.person_id, "p1");
        assert!(!open.has_next_page);
        assert!(members(&fixture, "nothing", true, &page(None)).await.is_err());
    }

    #[tokio::test]
    async fn a_person_has_lines_and_scores() {
        let fixture = Fixture::new("2026-03-31");
        let columns = "person_id, business_line, state, since_on, is_interrupted";
        fixture
            .fill("lifecycle_state", columns, "('p', 'dental', 'first', '2026-01-01', true)")
            .await;
        let lines = lifecycle_lines(&fixture, "p").await.expect("lines");
        assert_eq!((lines.len(), lines[0].is_interrupted), (1, true));
        assert_eq!(rfm(&fixture, "p").await.expect("no scores"), None);
        let columns = "person_id, recency, frequency, monetary, rfm_group, last_paid_on";
        let values = "('p', 5, 4, 3, 'general_value', '2026-03-01')";
        fixture.fill("person_rfm", columns, values).await;
        let scores = rfm(&fixture, "p").await.expect("scores").expect("p paid");
        assert_eq!((scores.recency, scores.frequency, scores.monetary), (5, 4, 3));
    }
}
