//! Identity resolution: which source records are one person.
//!
//! Two records are linked when they share a strong fact key (a valid id card; own phone, name and
//! birth date together; a record number one system was told by the other). A phone alone never
//! links. A person is a connected component; its id comes from its smallest record id, so it does
//! not depend on row order.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// A source record with the strong fact keys it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `<source>:<pk>`, unique.
    pub id: String,
    /// Keys such as `card:<hash>`; equal keys link.
    pub keys: Vec<String>,
}

/// Assigns every record its person id, in input order.
#[must_use]
pub fn resolve(records: &[Record]) -> Vec<String> {
    let mut parent: Vec<usize> = (0..records.len()).collect();
    let mut holder: HashMap<&str, usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        for key in &record.keys {
            match holder.get(key.as_str()) {
                Some(&other) => union(&mut parent, index, other),
                None => {
                    holder.insert(key, index);
                }
            }
        }
    }
    let mut smallest: HashMap<usize, &str> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let root = find(&mut parent, index);
        let entry = smallest.entry(root).or_insert(&record.id);
        if record.id.as_str() < *entry {
            *entry = &record.id;
        }
    }
    (0..records.len()).map(|index| person_id(smallest[&find(&mut parent, index)])).collect()
}

/// Person id of a component whose smallest record is `record_id`.
#[must_use]
pub fn person_id(record_id: &str) -> String {
    format!("p_{}", hex::encode(&Sha256::digest(record_id)[..10]))
}

fn find(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

fn union(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(parent, a), find(parent, b));
    if a != b {
        parent[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, keys: &[&str]) -> Record {
        Record { id: id.into(), keys: keys.iter().map(|k| (*k).to_owned()).collect() }
    }

    #[test]
    fn chains_of_facts_make_one_person() {
        let people = resolve(&[
            record("his:1", &["card:a"]),
            record("his:2", &["card:a", "self:x"]),
            record("crm:9", &["self:x"]),
            record("his:3", &[]),
        ]);
        assert_eq!(people[0], people[1]);
        assert_eq!(people[1], people[2]);
        assert_ne!(people[0], people[3]);
    }

    #[test]
    fn order_of_rows_does_not_matter() {
        let a = record("his:1", &["k"]);
        let b = record("crm:1", &["k"]);
        let forward = resolve(&[a.clone(), b.clone()]);
        let backward = resolve(&[b, a]);
        assert_eq!(forward[0], backward[1]);
    }
}
