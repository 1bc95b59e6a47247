//! Which nodes may run now: those whose every input is ready.

use std::collections::{BTreeMap, BTreeSet};

use hub_engine::{Node, Reference};

/// Nodes not started yet, with the tables each still waits for.
pub(super) struct Waiting {
    nodes: BTreeMap<String, BTreeSet<String>>,
    /// Targets in the registry's order, so that a build always starts the same way.
    order: Vec<String>,
}

impl Waiting {
    /// Everything waits; tables no node makes are not waited for.
    pub(super) fn new(nodes: &[Node]) -> Self {
        let made: BTreeSet<&String> = nodes.iter().map(|node| &node.target).collect();
        let needs = |node: &Node| {
            let reads = node.references.iter().filter_map(|reference| match reference {
                Reference::Hub(table) if made.contains(table) => Some(table.clone()),
                _ => None,
            });
            reads.collect()
        };
        Self {
            nodes: nodes.iter().map(|node| (node.target.clone(), needs(node))).collect(),
            order: nodes.iter().map(|node| node.target.clone()).collect(),
        }
    }

    /// Takes the first node that waits for nothing.
    pub(super) fn take_ready(&mut self) -> Option<String> {
        let ready = |target: &String| self.nodes.get(target).is_some_and(BTreeSet::is_empty);
        let index = self.order.iter().position(ready)?;
        let target = self.order.remove(index);
        self.nodes.remove(&target);
        Some(target)
    }

    /// `table` is ready: nobody waits for it any more.
    pub(super) fn finished(&mut self, table: &str) {
        for needs in self.nodes.values_mut() {
            needs.remove(table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub_engine::Stage;

    fn node(target: &str, reads: &[&str]) -> Node {
        Node {
            target: target.to_owned(),
            stage: Stage::Mart,
            parts: Vec::new(),
            references: reads.iter().map(|table| Reference::Hub((*table).to_owned())).collect(),
        }
    }

    #[test]
    fn a_node_runs_after_everything_it_reads() {
        let nodes =
            [node("a", &[]), node("b", &["a"]), node("c", &["outside"]), node("d", &["b", "c"])];
        let mut waiting = Waiting::new(&nodes);
        assert_eq!(waiting.take_ready().as_deref(), Some("a"));
        assert_eq!(waiting.take_ready().as_deref(), Some("c"));
        assert_eq!(waiting.take_ready(), None, "b waits for a");
        waiting.finished("a");
        assert_eq!(waiting.take_ready().as_deref(), Some("b"));
        waiting.finished("c");
        assert_eq!(waiting.take_ready(), None, "d waits for b");
        waiting.finished("b");
        assert_eq!(waiting.take_ready().as_deref(), Some("d"));
    }
}
