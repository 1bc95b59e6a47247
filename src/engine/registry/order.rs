//! The order in which nodes run: what is read comes before what reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, Reference};

/// Nodes in topological order; among those that could run, by name.
///
/// # Errors
/// The tables of one cycle, the first repeated at the end.
pub(super) fn sort(nodes: Vec<Node>) -> Result<Vec<Node>, Vec<String>> {
    let made: BTreeSet<String> = nodes.iter().map(|node| node.target.clone()).collect();
    let mut waiting: BTreeMap<String, (Node, BTreeSet<String>)> = nodes
        .into_iter()
        .map(|node| {
            let needs = needs(&node, &made);
            (node.target.clone(), (node, needs))
        })
        .collect();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().find(|(_, (_, needs))| needs.is_empty());
        let Some(target) = ready.map(|(target, _)| target.clone()) else {
            return Err(cycle(&waiting));
        };
        if let Some((node, _)) = waiting.remove(&target) {
            ordered.push(node);
        }
        for (_, needs) in waiting.values_mut() {
            needs.remove(&target);
        }
    }
    Ok(ordered)
}

fn needs(node: &Node, made: &BTreeSet<String>) -> BTreeSet<String> {
    let hub = node.references.iter().filter_map(|reference| match reference {
        Reference::Hub(table) if made.contains(table) => Some(table.clone()),
        _ => None,
    });
    hub.collect()
}

/// Every waiting node needs another one, so following needs must come back somewhere.
fn cycle(waiting: &BTreeMap<String, (Node, BTreeSet<String>)>) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut at = waiting.keys().next().cloned();
    while let Some(table) = at {
        if let Some(start) = path.iter().position(|seen| *seen == table) {
            path.drain(..start);
            path.push(table);
            return path;
        }
        at = waiting.get(&table).and_then(|(_, needs)| needs.iter().next().cloned());
        path.push(table);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::super::node::Stage;
    use super::*;

    fn node(target: &str, reads: &[&str]) -> Node {
        Node {
            target: target.into(),
            stage: Stage::Mart,
            parts: Vec::new(),
            references: reads.iter().map(|name| Reference::Hub((*name).into())).collect(),
        }
    }

    #[test]
    fn read_tables_come_first() {
        let sorted = sort(vec![node("a", &["c"]), node("b", &["a", "outside"]), node("c", &[])]);
        let names: Vec<String> =
            sorted.expect("no cycle").into_iter().map(|node| node.target).collect();
        assert_eq!(names, ["c", "a", "b"]);
    }

    #[test]
    fn a_cycle_is_named_from_its_start() {
        let nodes = vec![node("x", &["a"]), node("a", &["b"]), node("b", &["a"]), node("d", &[])];
        assert_eq!(sort(nodes).expect_err("a cycle"), ["a", "b", "a"]);
        assert_eq!(sort(vec![node("s", &["s"])]).expect_err("a cycle"), ["s", "s"]);
    }
}
