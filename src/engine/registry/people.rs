//! Rules about people that are files: tag rules and segments, each a part of one table's query.
//!
//! Owns the SQL these files stand for. A rule is planned like any other query: an unknown column
//! is a problem of its file.

use hub_domain::project::Problem;
use hub_domain::segment::{SegmentDefinition, SegmentKind, TagRule};
use hub_lake::Contracts;

use super::files::Located;
use super::node::{self, Node, Part, Stage};

/// Table of the times tag rules hold.
const TAG_SPAN: &str = "tag_span";
/// Table of the members of segments.
const SEGMENT_MEMBER: &str = "segment_member";

/// The nodes of both tables; none of a table the project has no rules for.
pub(super) fn nodes(
    tags: &[Located<TagRule>],
    segments: &[Located<SegmentDefinition>],
    contracts: &Contracts,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let spans = tags.iter().filter_map(|rule| match tag_sql(&rule.value) {
        Ok(sql) => Some((sql, rule.place.problem(&[], String::new(), None))),
        Err((what, hint)) => {
            problems.push(rule.place.problem(&[], what, Some(hint.to_owned())));
            None
        }
    });
    let spans: Vec<(String, Problem)> = spans.collect();
    let members = segments.iter().filter_map(|segment| match segment_sql(&segment.value) {
        Ok(sql) => Some((sql, segment.place.problem(&[], String::new(), None))),
        Err((what, hint)) => {
            problems.push(segment.place.problem(&[], what, Some(hint.to_owned())));
            None
        }
    });
    let members: Vec<(String, Problem)> = members.collect();
    [(TAG_SPAN, spans), (SEGMENT_MEMBER, members)]
        .into_iter()
        .filter(|(_, rules)| !rules.is_empty())
        .map(|(target, rules)| node(target, rules, contracts, problems))
        .collect()
}

fn node(
    target: &str,
    rules: Vec<(String, Problem)>,
    contracts: &Contracts,
    problems: &mut Vec<Problem>,
) -> Node {
    let mut node = Node {
        target: target.to_owned(),
        stage: Stage::Mart,
        parts: Vec::new(),
        references: std::collections::BTreeSet::new(),
    };
    if !contracts.tables.contains_key(target) {
        let hint = Some(format!("add `schema/tables/{target}.yaml`"));
        let what = format!("table `{target}` has no contract");
        problems.extend(rules.into_iter().next().map(|(_, at)| Problem { what, hint, ..at }));
        return node;
    }
    for (sql, at) in rules {
        let read = node::parse_select(&at.file, &sql).and_then(|(sql, statement)| {
            let references = node::references(&statement, contracts)
                .map_err(|what| Problem { what, ..at.clone() })?;
            Ok((sql, references))
        });
        match read {
            Ok((sql, references)) => {
                node.parts.push(Part { path: at.file, source: None, sql });
                node.references.extend(references);
            }
            // Positions inside generated SQL mean nothing to the reader of the file.
            Err(problem) => problems.push(Problem { line: at.line, ..problem }),
        }
    }
    node
}

type Fault = (String, &'static str);

fn tag_sql(rule: &TagRule) -> Result<String, Fault> {
    let TagRule { tag, source, person, from, .. } = rule;
    let to = match (&rule.to, rule.valid_days) {
        (Some(_), Some(_)) => {
            let what = format!("tag `{tag}` has both `to` and `valid_days`");
            return Err((what, "say when it ends once"));
        }
        (_, Some(0)) => {
            return Err((format!("tag `{tag}` holds for no day"), "`valid_days` is at least 1"));
        }
        (Some(to), None) => format!("coalesce(({to}), date '9999-12-31')"),
        (None, Some(days)) => format!("({from}) + {}", days - 1),
        (None, None) => "date '9999-12-31'".to_owned(),
    };
    let value = rule.value.as_deref().unwrap_or("null");
    let condition = rule.condition.as_deref().unwrap_or("true");
    let tag = literal(tag);
    Ok(format!(
        "select {tag} || ':' || person_id || ':' || coalesce(value, '') || ':' \
         || cast(from_on as text) as span_id, person_id, {tag} as tag, value, from_on, \
         max(to_on) as to_on from (select ({person}) as person_id, cast(({value}) as text) as value, \
         ({from}) as from_on, {to} as to_on from hub.{source} where {condition}) \
         where person_id is not null and from_on is not null and to_on >= from_on \
         group by person_id, value, from_on"
    ))
}

fn segment_sql(segment: &SegmentDefinition) -> Result<String, Fault> {
    let id = literal(&segment.id);
    let has_axes =
        segment.condition.is_some() || segment.axes().iter().any(|axis| !axis.1.is_empty());
    let chosen = match (segment.kind, &segment.sql, segment.persons.is_empty(), has_axes) {
        (SegmentKind::Dynamic, None, true, true) => {
            let axes = segment.axes().into_iter().filter(|(_, values)| !values.is_empty());
            let axes = axes.map(|(column, values)| format!("{column} in ({})", literals(values)));
            let condition = segment.condition.iter().map(|condition| format!("({condition})"));
            axes.chain(condition).collect::<Vec<_>>().join(" and ")
        }
        (SegmentKind::Static, None, false, false) => {
            format!("person_id in ({})", literals(&segment.persons))
        }
        (SegmentKind::Sql, Some(sql), true, false) => {
            format!("person_id in (select person_id from ({sql}) where person_id is not null)")
        }
        _ => {
            let what =
                format!("segment `{}` does not say as its kind asks who is in it", segment.id);
            let hint = "a dynamic segment has axes or `where`, a static one `persons`, a sql one \
                        `sql`; none has two of them";
            return Err((what, hint));
        }
    };
    Ok(format!(
        "select {id} || ':' || person_id as member_id, {id} as segment_id, person_id, \
         may_be_contacted from hub.segment_profile where {chosen}"
    ))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literals(texts: &[String]) -> String {
    texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: &str) -> SegmentDefinition {
        let head = "{ id: s, label_zh: 分, label_en: s, description: d, ";
        serde_saphyr::from_str(&format!("{head}{text} }}")).expect("a segment")
    }

    #[test]
    fn a_segment_says_once_who_is_in_it() {
        let sql = segment_sql(&segment("kind: dynamic, lifecycle: [a, b], where: x or y"));
        assert!(sql.expect("sql").ends_with("where lifecycle in ('a', 'b') and (x or y)"));
        let sql = segment_sql(&segment("kind: static, persons: [\"p'1\"]"));
        assert!(sql.expect("sql").ends_with("person_id in ('p''1')"));
        for wrong in ["kind: dynamic", "kind: sql, where: x", "kind: static, sql: select 1"] {
            assert!(segment_sql(&segment(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tag_ends_once() {
        let head = "{ tag: t, label_en: t, description: d, source: visit, from: biz_date, ";
        let rule = |text: &str| -> TagRule {
            serde_saphyr::from_str(&format!("{head}{text} }}")).expect("a rule")
        };
        let sql = tag_sql(&rule("valid_days: 30")).expect("sql");
        assert!(sql.contains("(biz_date) + 29 as to_on"), "{sql}");
        assert!(tag_sql(&rule("valid_days: 30, to: x")).is_err());
        assert!(tag_sql(&rule("valid_days: 0")).is_err());
    }
}
