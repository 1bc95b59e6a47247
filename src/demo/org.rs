//! The group's tree: group, brands, sites, departments. Knows no staff and no patients.
use crate::cell::{Hundredths, Row, row};
use crate::error::Error;
use crate::reference::Sheet;
use crate::time::{At, Day};

pub(crate) const OBGYN: i64 = 1;
pub(crate) const PEDIATRICS: i64 = 2;
pub(crate) const AESTHETIC: i64 = 3;
pub(crate) const DENTAL: i64 = 4;
pub(crate) const POSTPARTUM: i64 = 5;

/// A node of the tree, any level.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: i64,
    pub(crate) parent: Option<i64>,
    pub(crate) level: i64,
    pub(crate) code: String,
    pub(crate) name: String,
    kind: Option<i64>,
    pub(crate) line: i64,
    pub(crate) class: Option<i64>,
    entity: Option<String>,
    city: String,
    area: Option<i64>,
    opened: Day,
}

/// A department of a site.
#[derive(Debug, Clone)]
pub(crate) struct Dept {
    pub(crate) id: i64,
    pub(crate) code: String,
    /// Last part of the code: `CK`, `QT`, …
    pub(crate) suffix: String,
    pub(crate) line: i64,
    pub(crate) class: i64,
    pub(crate) area: i64,
}

/// A site with its departments, in tree order.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) id: i64,
    pub(crate) code: String,
    pub(crate) kind: i64,
    pub(crate) line: i64,
    pub(crate) depts: Vec<Dept>,
}

/// The whole tree.
#[derive(Debug, Clone)]
pub(crate) struct Org {
    pub(crate) nodes: Vec<Node>,
    pub(crate) sites: Vec<Site>,
}

impl Site {
    pub(crate) fn dept(&self, suffix: &str) -> Option<&Dept> {
        self.depts.iter().find(|dept| dept.suffix == suffix)
    }

    /// Clinical departments of a business line; every clinical one when the line has none.
    pub(crate) fn clinical(&self, line: i64) -> Vec<&Dept> {
        let of_line: Vec<&Dept> =
            self.depts.iter().filter(|dept| dept.class == 1 && dept.line == line).collect();
        if of_line.is_empty() {
            return self.depts.iter().filter(|dept| dept.class == 1).collect();
        }
        of_line
    }
}

impl Org {
    pub(crate) fn read() -> Result<Self, Error> {
        let sheet = Sheet::read("org.csv", include_str!("../../data/demo/org.csv"))?;
        let mut nodes: Vec<Node> = Vec::new();
        for entry in sheet.entries() {
            let parent = entry
                .maybe("parent")
                .map(|code| nodes.iter().find(|node| node.code == code).map(|node| node.id));
            let parent = match parent {
                Some(None) => return Err(entry.bad("parent")),
                Some(Some(id)) => Some(id),
                None => None,
            };
            let area =
                if entry.text("area").is_empty() { None } else { Some(entry.hundredths("area")?) };
            nodes.push(Node {
                id: 100 + nodes.len() as i64,
                parent,
                level: entry.number("level")?,
                code: entry.owned("code"),
                name: entry.owned("name"),
                kind: entry.maybe_number("type")?,
                line: entry.number("line")?,
                class: entry.maybe_number("class")?,
                entity: entry.maybe("entity"),
                city: entry.owned("city"),
                area,
                opened: entry.day("opened")?,
            });
        }
        let sites = nodes.iter().filter(|node| node.level == 3).map(|n| site(n, &nodes)).collect();
        Ok(Self { nodes, sites })
    }

    /// `t_org` rows.
    pub(crate) fn rows(&self, changed: At) -> Vec<Row> {
        let one = |node: &Node| {
            row![
                node.id,
                node.parent,
                node.level,
                &node.code,
                &node.name,
                node.kind,
                node.line,
                node.class,
                node.entity.clone(),
                &node.city,
                node.area.map(Hundredths),
                node.opened,
                changed
            ]
        };
        self.nodes.iter().map(one).collect()
    }
}

fn site(node: &Node, nodes: &[Node]) -> Site {
    let depts = nodes
        .iter()
        .filter(|dept| dept.parent == Some(node.id))
        .map(|dept| Dept {
            id: dept.id,
            code: dept.code.clone(),
            suffix: dept.code.rsplit('-').next().unwrap_or_default().to_owned(),
            line: dept.line,
            class: dept.class.unwrap_or(4),
            area: dept.area.unwrap_or(0),
        })
        .collect();
    Site {
        id: node.id,
        code: node.code.clone(),
        kind: node.kind.unwrap_or(2),
        line: node.line,
        depts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_the_group_of_the_brief() {
        let org = Org::read().unwrap();
        let level = |n| org.nodes.iter().filter(|node| node.level == n).count();
        assert_eq!((level(1), level(2), level(3)), (1, 3, 7));
        let kinds: Vec<i64> = org.sites.iter().map(|site| site.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == 1).count(), 2);
        assert_eq!(kinds.iter().filter(|kind| **kind == 3).count(), 1);
        for site in &org.sites {
            for suffix in ["QT", "XD", "SC", "XZ"] {
                assert!(site.dept(suffix).is_some(), "{} lacks {suffix}", site.code);
            }
            assert!(site.depts.iter().any(|dept| dept.class == 2));
            assert_eq!(site.clinical(site.line)[0].line, site.line);
        }
    }
}
