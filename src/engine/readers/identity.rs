//! Identity as people work with it: pairs to decide about, and merges that can be undone.
//!
//! Owns the statements and their decoding; only for principals that see the whole group.

use hub_domain::Error;
use hub_domain::identity::{Merge, PendingMatch};
use hub_domain::page::{Edge, Page, PageRequest};

use super::Source;
use super::cursor::CursorList;
use super::decode::{DecodeError, Row, all, rows};
use super::metrics::compile::text_param;
use super::patient::to_page;

fn permitted(source: &dyn Source) -> Result<(), Error> {
    if source.principal().sees_group() { Ok(()) } else { Err(Error::Denied) }
}

/// Pairs that wait for a decision, by their records.
pub(crate) async fn matches(
    source: &dyn Source,
    page: &PageRequest,
) -> Result<Page<PendingMatch>, Error> {
    permitted(source)?;
    let list = CursorList::stable(&["identity_match"]);
    let (mut params, mut after) = (Vec::new(), "");
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 2)?;
        params.extend(key.iter().map(|part| text_param(part.as_deref().unwrap_or_default())));
        after = " where left_record_id > $1 or (left_record_id = $1 and right_record_id > $2)";
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select left_id, left_record_id, left_name, right_id, right_record_id, right_name, rule \
         from hub.identity_match{after} order by left_record_id, right_record_id limit {}",
        first + 1
    );
    let found = all(&source.fetch(&sql, params).await?, pending)?;
    Ok(to_page(found, first, |pair| {
        list.encode(vec![Some(pair.left.1.clone()), Some(pair.right.1.clone())])
    }))
}

/// Merges, newest first.
pub(crate) async fn merges(source: &dyn Source, page: &PageRequest) -> Result<Page<Merge>, Error> {
    permitted(source)?;
    let list = CursorList::stable(&["identity_merge_log"]);
    let (mut params, mut after) = (Vec::new(), "");
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 2)?;
        params.extend(key.iter().map(|part| text_param(part.as_deref().unwrap_or_default())));
        after = " where merged_on < cast($1 as date) \
                 or (merged_on = cast($1 as date) and merge_id > $2)";
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select merge_id, winner_person_id, loser_person_id, winner_record_id, loser_record_id, \
         merged_on, is_decided, reversed_on from hub.identity_merge_log{after} \
         order by merged_on desc, merge_id limit {}",
        first + 1
    );
    let found =
        all(&source.fetch(&sql, params).await?, |row| Ok((row.owned("merge_id")?, merge(row)?)))?;
    let page = to_page(found, first, |(id, merge)| {
        list.encode(vec![Some(merge.merged_on.to_string()), Some(id.clone())])
    });
    let edges = page.edges.into_iter().map(|edge| Edge { cursor: edge.cursor, node: edge.node.1 });
    Ok(Page {
        edges: edges.collect(),
        has_next_page: page.has_next_page,
        total_count: page.total_count,
    })
}

/// Whether both are source records.
pub(crate) async fn are_records(
    source: &dyn Source,
    left: &str,
    right: &str,
) -> Result<bool, Error> {
    permitted(source)?;
    let sql = "select count(distinct record_id) as records from hub.person_link \
               where record_id in ($1, $2)";
    let batches = source.fetch(sql, vec![text_param(left), text_param(right)]).await?;
    let found = rows(&batches).next().map(|row| row.int("records")).transpose()?;
    Ok(found == Some(2))
}

fn pending(row: Row<'_>) -> Result<PendingMatch, DecodeError> {
    let side = |id: &str, record: &str, name: &str| {
        let name = row.owned_opt(name)?.unwrap_or_default();
        Ok((row.owned(id)?, row.owned(record)?, name))
    };
    Ok(PendingMatch {
        left: side("left_id", "left_record_id", "left_name")?,
        right: side("right_id", "right_record_id", "right_name")?,
        rule: row.owned("rule")?,
    })
}

fn merge(row: Row<'_>) -> Result<Merge, DecodeError> {
    Ok(Merge {
        winner: row.owned("winner_person_id")?,
        loser: row.owned("loser_person_id")?,
        winner_record: row.owned("winner_record_id")?,
        loser_record: row.owned("loser_record_id")?,
        merged_on: row.day("merged_on")?,
        is_decided: row.flag("is_decided")?,
        reversed_on: row.day_opt("reversed_on")?,
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
    async fn pairs_and_merges_are_paged() {
        let fixture = Fixture::new("2026-03-31");
        let columns = "left_id, right_id, left_record_id, right_record_id, rule";
        let values =
            "('p1', 'p2', 'his:1', 'his:2', 'phone'), ('p1', 'p3', 'his:1', 'crm:3', 'phone')";
        fixture.fill("identity_match", columns, values).await;
        let first = matches(&fixture, &page(None)).await.expect("a page");
        assert_eq!(first.edges[0].node.right.1, "crm:3");
        let next = matches(&fixture, &page(Some(first.edges[0].cursor.clone()))).await;
        let next = next.expect("a page");
        assert_eq!((next.edges[0].node.right.1.as_str(), next.has_next_page), ("his:2", false));
        let columns = "merge_id, winner_person_id, loser_person_id, merged_on, is_decided";
        let values =
            "('a', 'p1', 'p9', '2026-01-01', false), ('b', 'p1', 'p8', '2026-02-01', true)";
        fixture.fill("identity_merge_log", columns, values).await;
        let first = merges(&fixture, &page(None)).await.expect("a page");
        assert_eq!(first.edges[0].node.merged_on, day("2026-02-01"));
        let next = merges(&fixture, &page(Some(first.edges[0].cursor.clone()))).await;
        assert_eq!(next.expect("a page").edges[0].node.loser, "p9");
        fixture.fill("person_link", "record_id, person_id", "('his:1', 'p1')").await;
        assert!(!are_records(&fixture, "his:1", "his:2").await.expect("an answer"));
    }
}
