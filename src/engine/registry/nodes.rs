//! From SQL files to nodes: one node per table, paired with its contract, in order.

use std::collections::BTreeMap;

use hub_domain::project::{Problem, ProjectFiles};
use hub_lake::Contracts;

use super::node::{self, COST_ALLOCATION, COST_RUN, Node, Part, Stage};
use super::order;

const STAGING: &str = "queries/staging";
const MARTS: &str = "queries/marts";

/// Every node of the project, in the order they run; `people` are made from other files than SQL.
pub(super) fn load(
    project: &ProjectFiles,
    contracts: &Contracts,
    people: Vec<Node>,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for node in Node::identity(contracts) {
        nodes.insert(node.target.clone(), node);
    }
    for table in [COST_RUN, COST_ALLOCATION] {
        if contracts.tables.contains_key(table) {
            let rules = project.under(super::COSTING, "yaml").map(|(path, text)| Part {
                path: path.to_owned(),
                source: None,
                sql: text.to_owned(),
            });
            nodes.insert(table.to_owned(), Node::costing(table, rules.collect()));
        }
    }
    for (stage, folder) in [(Stage::Staging, STAGING), (Stage::Mart, MARTS)] {
        for (path, text) in project.under(folder, "sql") {
            match read(path, text, stage, contracts) {
                Ok(found) => add(&mut nodes, found, problems),
                Err(problem) => problems.push(problem),
            }
        }
    }
    for node in people {
        add(&mut nodes, node, problems);
    }
    // Unread files would only repeat themselves as missing tables.
    if problems.is_empty() {
        for table in contracts.tables.keys().filter(|table| !nodes.contains_key(*table)) {
            problems.push(Problem {
                file: format!("schema/tables/{table}.yaml"),
                line: 0,
                what: format!("no query makes table `{table}`"),
                hint: Some(format!(
                    "add `{STAGING}/<source>/{table}.sql` or `{MARTS}/{table}.sql`"
                )),
            });
        }
    }
    let paths: BTreeMap<String, String> = nodes
        .values()
        .filter_map(|node| Some((node.target.clone(), node.parts.first()?.path.clone())))
        .collect();
    order::sort(nodes.into_values().collect()).unwrap_or_else(|cycle| {
        let file = cycle.iter().find_map(|table| paths.get(table)).cloned().unwrap_or_default();
        problems.push(Problem {
            file,
            line: 0,
            what: format!("tables read each other in a circle: `{}`", cycle.join("` → `")),
            hint: Some("break the circle; a table is made once, from finished tables".to_owned()),
        });
        Vec::new()
    })
}

/// File name without folder and extension.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn read(path: &str, text: &str, stage: Stage, contracts: &Contracts) -> Result<Node, Problem> {
    let target = stem(path).to_owned();
    let problem =
        |line, what, hint: Option<String>| Problem { file: path.to_owned(), line, what, hint };
    if !contracts.tables.contains_key(&target) {
        let hint = format!("add `schema/tables/{target}.yaml`");
        return Err(problem(0, format!("table `{target}` has no contract"), Some(hint)));
    }
    let (sql, statement) = node::parse_select(path, text)?;
    let references = node::references(&statement, contracts).map_err(|what| {
        let word = what.rsplit('.').next().unwrap_or_default().trim_end_matches('`').to_owned();
        problem(super::files::line_of(text, &word), what, None)
    })?;
    let source = path
        .strip_prefix(STAGING)
        .and_then(|rest| rest.trim_start_matches('/').split_once('/'))
        .map(|(source, _)| source.to_owned());
    let part = Part { path: path.to_owned(), source, sql };
    Ok(Node { target, stage, parts: vec![part], references })
}

fn add(nodes: &mut BTreeMap<String, Node>, found: Node, problems: &mut Vec<Problem>) {
    let Some(node) = nodes.get_mut(&found.target) else {
        nodes.insert(found.target.clone(), found);
        return;
    };
    let united = node.stage == Stage::Staging && found.stage == Stage::Staging;
    if united {
        node.parts.extend(found.parts);
        node.references.extend(found.references);
        return;
    }
    problems.push(Problem {
        file: found.parts.first().map(|part| part.path.clone()).unwrap_or_default(),
        line: 0,
        what: format!("table `{}` is made twice", found.target),
        hint: Some("only staging files of several sources may share a table".to_owned()),
    });
}
