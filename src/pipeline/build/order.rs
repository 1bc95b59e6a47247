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

/// Tables that found too little memory beside others: each is made again with all of it.
#[derive(Default)]
pub(super) struct Crowded {
    tables: Vec<String>,
    /// The one that runs, or ran last, by itself.
    alone: Option<String>,
}

impl Crowded {
    /// What to start while `running` tables of at most `threads` are being made.
    pub(super) fn next(
        &mut self,
        running: usize,
        threads: usize,
        waiting: &mut Waiting,
    ) -> Option<String> {
        if running == 0 {
            self.alone = self.tables.pop();
            return self.alone.clone().or_else(|| waiting.take_ready());
        }
        let is_full = running >= threads || self.alone.is_some() || !self.tables.is_empty();
        if is_full { None } else { waiting.take_ready() }
    }

    /// Whether `table` is to be made again: not when it had all the memory.
    pub(super) fn again(&mut self, table: &str) -> bool {
        let is_crowded = self.alone.as_deref() != Some(table);
        if is_crowded {
            self.tables.push(table.to_owned());
        }
        is_crowded
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

    #[test]
    fn what_did_not_fit_beside_others_is_made_again_by_itself() {
        let nodes = ["a", "b", "c"].map(|target| node(target, &[]));
        let (mut waiting, mut crowded) = (Waiting::new(&nodes), Crowded::default());
        let mut next = |crowded: &mut Crowded, running| crowded.next(running, 2, &mut waiting);
        assert_eq!(next(&mut crowded, 0).as_deref(), Some("a"));
        assert_eq!(next(&mut crowded, 1).as_deref(), Some("b"));
        assert_eq!(next(&mut crowded, 2), None);
        assert!(crowded.again("b"));
        assert_eq!(next(&mut crowded, 1), None, "nothing starts before it has run");
        assert_eq!(next(&mut crowded, 0).as_deref(), Some("b"));
        assert_eq!(next(&mut crowded, 1), None, "nothing starts beside it");
        assert!(!crowded.again("b"), "all the memory was not enough");
        assert_eq!(next(&mut crowded, 0).as_deref(), Some("c"));
    }
}
