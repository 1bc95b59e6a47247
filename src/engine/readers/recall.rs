//! Recall lists and the referral tree, page by page.
//!
//! Owns the statements and their decoding. Names are those of `hub.person`, whose policy shows the
//! caller only persons it may see.

use std::fmt::Write as _;

use datafusion::common::ScalarValue;
use hub_domain::page::{Page, PageRequest};
use hub_domain::recall::{Recall, RecallFilter};
use hub_domain::referral::{ReferralFilter, ReferredPerson};
use hub_domain::{Error, Fen};

use super::Source;
use super::cursor::CursorList;
use super::decode::{DecodeError, Row, all};
use super::metrics::compile::{date_param, text_param};
use super::patient::to_page;

/// Predicates joined by `and`, with their parameters.
struct Wanted {
    text: String,
    params: Vec<ScalarValue>,
}

impl Wanted {
    fn new() -> Self {
        Self { text: "true".to_owned(), params: Vec::new() }
    }

    fn and(&mut self, test: &str, value: ScalarValue) {
        self.params.push(value);
        let _ = write!(self.text, " and {test} ${}", self.params.len());
    }

    fn equal(&mut self, columns: &[(&str, &Option<String>)]) {
        for (column, value) in columns {
            if let Some(value) = value {
                self.and(&format!("{column} ="), text_param(value));
            }
        }
    }
}

/// Recalls by the day they fall due.
pub(crate) async fn recalls(
    source: &dyn Source,
    filter: &RecallFilter,
    page: &PageRequest,
) -> Result<Page<Recall>, Error> {
    let list = CursorList::of_snapshot(&["recalls", &format!("{filter:?}")], source.snapshot().id);
    let mut wanted = Wanted::new();
    wanted.equal(&[
        ("recall.status", &filter.status),
        ("recall.business_line", &filter.business_line),
        ("recall.site_id", &filter.site_id),
        ("recall.rule_id", &filter.rule_id),
    ]);
    for (test, day) in
        [("recall.biz_date >=", filter.due_from), ("recall.biz_date <=", filter.due_to)]
    {
        if let Some(day) = day {
            wanted.and(test, date_param(day));
        }
    }
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 2)?;
        wanted
            .params
            .extend(key.iter().map(|part| text_param(part.as_deref().unwrap_or_default())));
        let (day, id) = (wanted.params.len() - 1, wanted.params.len());
        let _ = write!(
            wanted.text,
            " and (recall.biz_date > cast(${day} as date) or (recall.biz_date = cast(${day} as \
             date) and recall.recall_id > ${id}))"
        );
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select recall.recall_id, recall.person_id, mask_name(person.display_name) as \
         masked_name, recall.rule_id, recall.kind, recall.category, recall.business_line, \
         recall.site_id, recall.biz_date, recall.status, recall.kept_on from hub.recall_due as \
         recall left join hub.person as person on recall.person_id = person.person_id where {} \
         order by recall.biz_date, recall.recall_id limit {}",
        wanted.text,
        first + 1
    );
    let found = all(&source.fetch(&sql, wanted.params).await?, recall)?;
    Ok(to_page(found, first, |recall| {
        list.encode(vec![Some(recall.due_on.to_string()), Some(recall.id.clone())])
    }))
}

/// Persons brought by customers, trees together, from the top down.
pub(crate) async fn referrals(
    source: &dyn Source,
    filter: &ReferralFilter,
    page: &PageRequest,
) -> Result<Page<ReferredPerson>, Error> {
    let list =
        CursorList::of_snapshot(&["referrals", &format!("{filter:?}")], source.snapshot().id);
    let mut wanted = Wanted::new();
    wanted.equal(&[
        ("tree.referrer_person_id", &filter.referrer_person_id),
        ("tree.root_person_id", &filter.root_person_id),
        ("tree.site_id", &filter.site_id),
    ]);
    if let Some(cursor) = &page.after {
        let key = list.decode(cursor, 3)?;
        wanted
            .params
            .extend(key.iter().map(|part| text_param(part.as_deref().unwrap_or_default())));
        let last = wanted.params.len();
        let (root, level, person) = (last - 2, last - 1, last);
        let _ = write!(
            wanted.text,
            " and (tree.root_person_id > ${root} or (tree.root_person_id = ${root} and \
             (tree.level > cast(${level} as bigint) or (tree.level = cast(${level} as bigint) and \
             tree.person_id > ${person}))))"
        );
    }
    let first = page.first.min(PageRequest::MAX);
    let sql = format!(
        "select tree.person_id, mask_name(person.display_name) as masked_name, \
         tree.referrer_person_id, tree.root_person_id, tree.level, tree.site_id, \
         tree.referred_at, tree.first_visit_on, tree.brought, tree.cash_fen from \
         hub.referral_tree as tree left join hub.person as person on tree.person_id = \
         person.person_id where {} order by tree.root_person_id, tree.level, tree.person_id \
         limit {}",
        wanted.text,
        first + 1
    );
    let found = all(&source.fetch(&sql, wanted.params).await?, referred)?;
    Ok(to_page(found, first, |one| {
        let level = one.level.to_string();
        list.encode(vec![
            Some(one.root_person_id.clone()),
            Some(level),
            Some(one.person_id.clone()),
        ])
    }))
}

fn recall(row: Row<'_>) -> Result<Recall, DecodeError> {
    Ok(Recall {
        id: row.owned("recall_id")?,
        person_id: row.owned("person_id")?,
        masked_name: row.owned_opt("masked_name")?.unwrap_or_default(),
        rule_id: row.owned("rule_id")?,
        kind: row.owned("kind")?,
        category: row.owned("category")?,
        business_line: row.owned_opt("business_line")?,
        site_id: row.owned_opt("site_id")?,
        due_on: row.day("biz_date")?,
        status: row.owned("status")?,
        kept_on: row.day_opt("kept_on")?,
    })
}

fn referred(row: Row<'_>) -> Result<ReferredPerson, DecodeError> {
    Ok(ReferredPerson {
        person_id: row.owned("person_id")?,
        masked_name: row.owned_opt("masked_name")?.unwrap_or_default(),
        referrer_person_id: row.owned("referrer_person_id")?,
        root_person_id: row.owned("root_person_id")?,
        level: row.int("level")?,
        site_id: row.owned_opt("site_id")?,
        referred_at: row.instant("referred_at")?,
        first_visit_on: row.day_opt("first_visit_on")?,
        brought: row.int("brought")?,
        cash: Fen(row.int("cash_fen")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::testing::{Fixture, day};

    async fn pages<T>(
        mut page: impl AsyncFnMut(PageRequest) -> Page<T>,
        id: impl Fn(&T) -> String,
    ) -> Vec<String> {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let got = page(PageRequest { first: 1, after }).await;
            seen.extend(got.edges.iter().map(|edge| id(&edge.node)));
            after = got.edges.last().map(|edge| edge.cursor.clone());
            if !got.has_next_page {
                return seen;
            }
        }
    }

    #[tokio::test]
    async fn recalls_come_by_day_and_filters_hold_through_pages() {
        let fixture = Fixture::new("2026-03-31");
        let columns = "recall_id, person_id, rule_id, kind, category, site_id, biz_date, status";
        let values = "('r1', 'p1', 'clean', 'interval', 'cleaning', 'A', '2026-04-02', 'due'), \
                      ('r2', 'p2', 'clean', 'interval', 'cleaning', 'A', '2026-03-02', 'overdue'), \
                      ('r3', 'p2', 'jab', 'age', 'vaccine', 'B', '2026-04-02', 'due'), \
                      ('r0', 'p3', 'jab', 'age', 'vaccine', 'B', '2026-04-05', 'due')";
        fixture.fill("recall_due", columns, values).await;
        fixture.fill("person", "person_id, display_name", "('p1', '王小明')").await;
        let all = async |filter: RecallFilter| {
            let page = async |page| recalls(&fixture, &filter, &page).await.expect("a page");
            pages(page, |recall: &Recall| recall.id.clone()).await
        };
        assert_eq!(all(RecallFilter::default()).await, ["r2", "r1", "r3", "r0"]);
        let due = RecallFilter {
            status: Some("due".into()),
            due_to: Some(day("2026-04-02")),
            ..RecallFilter::default()
        };
        assert_eq!(all(due).await, ["r1", "r3"]);
        let page = PageRequest { first: 2, after: None };
        let found = recalls(&fixture, &RecallFilter::default(), &page).await.expect("a page");
        assert_eq!(found.edges[1].node.masked_name, "王**");
    }

    #[tokio::test]
    async fn trees_come_from_the_top_down() {
        let fixture = Fixture::new("2026-03-31");
        let columns = "person_id, referrer_person_id, root_person_id, level, referral_id, \
                       referred_at, brought, cash_fen";
        let values = "('b', 'a', 'a', 1, 'x1', '2026-01-01T01:00:00', 2, 5), \
                      ('d', 'b', 'a', 2, 'x2', '2026-01-02T01:00:00', 0, 7), \
                      ('c', 'b', 'a', 2, 'x3', '2026-01-03T01:00:00', 0, 9), \
                      ('z', 'y', 'y', 1, 'x4', '2026-01-01T01:00:00', 0, 0)";
        fixture.fill("referral_tree", columns, values).await;
        fixture.fill("person", "person_id, display_name", "('b', '李雷')").await;
        let all = async |filter: ReferralFilter| {
            let page = async |page| referrals(&fixture, &filter, &page).await.expect("a page");
            pages(page, |one: &ReferredPerson| one.person_id.clone()).await
        };
        assert_eq!(all(ReferralFilter::default()).await, ["b", "c", "d", "z"]);
        let own =
            ReferralFilter { referrer_person_id: Some("b".into()), ..ReferralFilter::default() };
        assert_eq!(all(own).await, ["c", "d"]);
    }
}
