//! Identity resolution: which source records are one person.
//!
//! Two records are linked when they share a strong fact key (a valid id card; own phone, name and
//! birth date together; a record number one system was told by the other, with one of these) or
//! when somebody decided so. A phone alone never links, and records decided to be two persons are
//! kept apart whatever they share. A person is what is linked. Owns the rule, the ids persons keep
//! from night to night, and the log of persons that became one; must not know where records lie.

mod merge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

pub use merge::{Merge, merge_log};

/// Most records of one human being: a fact that more records share links nobody.
pub const MOST_HOLDERS: usize = 12;

/// A source record with the strong fact keys it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `<source>:<pk>`, unique.
    pub id: String,
    /// Keys such as `card:<hash>`; equal keys link.
    pub keys: Vec<String>,
}

/// What somebody can say about two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchDecision {
    /// They are one person.
    Same,
    /// They are two persons, whatever facts they share.
    Different,
    /// Nothing any more: facts decide again.
    Withdrawn,
}

impl MatchDecision {
    /// As it is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Two persons that may be one, waiting for somebody to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingMatch {
    /// One person, the record a decision names, and the masked name.
    pub left: (String, String, String),
    /// The other.
    pub right: (String, String, String),
    /// What they share: `mrn`, `phone` or `wechat`, with `_name` or `_birth_date`
    /// where that is the same too.
    pub rule: String,
}

/// What somebody decided about two records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decision {
    /// One record id.
    pub left: String,
    /// Another.
    pub right: String,
    /// One person, or two.
    pub is_same: bool,
    /// Who decided.
    pub decided_by: String,
    /// Day of the decision.
    pub decided_on: NaiveDate,
}

/// The person a record was first seen as; it comes back to it when a merge is undone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Since when; of two ids the older one stays.
    pub since: NaiveDate,
    /// Person id.
    pub person: String,
}

/// A record and its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Record id.
    pub record: String,
    /// Person the record belongs to.
    pub person: String,
    /// Person it was first seen as.
    pub origin: Origin,
}

/// Assigns every record its person. `known` holds the origins of records seen before `today`, or
/// earlier in it. Links are in record order.
#[must_use]
pub fn resolve(
    mut records: Vec<Record>,
    decisions: &[Decision],
    known: &HashMap<String, Origin>,
    today: NaiveDate,
) -> Vec<Link> {
    // What is refused depends on the order of joining, so the order must not depend on the rows'.
    records.sort_by(|a, b| a.id.cmp(&b.id));
    let groups = joined(&records, decisions, known);
    let ids = name(&records, &groups, known, today);
    let links = records.into_iter().zip(groups).map(|(record, group)| {
        let person = ids[&group].clone();
        let origin = known.get(&record.id).cloned();
        let origin = origin.unwrap_or_else(|| Origin { since: today, person: person.clone() });
        Link { record: record.id, person, origin }
    });
    links.collect()
}

/// Person id that begins with the record `record_id`.
#[must_use]
pub fn person_id(record_id: &str) -> String {
    format!("p_{}", hex::encode(&Sha256::digest(record_id)[..10]))
}

/// The group of every record: the smallest index in it.
fn joined(
    records: &[Record],
    decisions: &[Decision],
    known: &HashMap<String, Origin>,
) -> Vec<usize> {
    let place: HashMap<&str, usize> =
        records.iter().enumerate().map(|(at, record)| (record.id.as_str(), at)).collect();
    let pair = |decision: &Decision| {
        Some((*place.get(decision.left.as_str())?, *place.get(decision.right.as_str())?))
    };
    let decided = |is_same: bool| {
        let mut pairs: Vec<(usize, usize)> =
            decisions.iter().filter(|one| one.is_same == is_same).filter_map(pair).collect();
        pairs.sort_unstable();
        pairs
    };
    let same = decided(true);
    let apart = parted(records, &decided(false), &same, known);
    let mut groups = Groups::new(records.len(), &apart);
    for (left, right) in same {
        groups.join(left, right);
    }
    let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
    let placeholders = placeholders(records);
    for (at, record) in records.iter().enumerate() {
        for key in record.keys.iter().filter(|key| !placeholders.contains(key.as_str())) {
            let known = holders.entry(key.as_str()).or_default();
            // Where the first holder is kept apart, another one may not be.
            if !known.iter().any(|other| groups.join(at, *other)) {
                known.push(at);
            }
        }
    }
    (0..records.len()).map(|at| groups.find(at)).collect()
}

/// Pairs of records to keep apart: those decided on, and, where persons that once were two are to
/// be two again, every record of the one with every record of the other.
fn parted(
    records: &[Record],
    decided: &[(usize, usize)],
    same: &[(usize, usize)],
    known: &HashMap<String, Origin>,
) -> Vec<(usize, usize)> {
    let origin = |at: usize| known.get(&records[at].id).map(|origin| origin.person.as_str());
    let mut began: HashMap<&str, Vec<usize>> = HashMap::new();
    if !decided.is_empty() {
        for at in 0..records.len() {
            began.entry(origin(at).unwrap_or_default()).or_default().push(at);
        }
    }
    // Who said of two records that they are one spoke of just these.
    let is_same = |pair: &(usize, usize)| same.contains(pair) || same.contains(&(pair.1, pair.0));
    let mut pairs = decided.to_vec();
    for (left, right) in decided {
        if let (Some(one), Some(other)) = (origin(*left), origin(*right))
            && one != other
        {
            let all = began[one].iter().flat_map(|a| began[other].iter().map(|b| (*a, *b)));
            pairs.extend(all.filter(|pair| !is_same(pair)));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Keys more records carry than a human being has: something was typed to fill the field.
fn placeholders(records: &[Record]) -> HashSet<&str> {
    let mut holders: HashMap<&str, usize> = HashMap::new();
    for key in records.iter().flat_map(|record| &record.keys) {
        *holders.entry(key.as_str()).or_default() += 1;
    }
    holders.into_iter().filter(|(_, count)| *count > MOST_HOLDERS).map(|(key, _)| key).collect()
}

/// Disjoint sets that know which of them must not become one.
struct Groups {
    parent: Vec<usize>,
    /// Root → records some member of the group is kept apart from.
    apart: HashMap<usize, Vec<usize>>,
}

impl Groups {
    fn new(length: usize, apart: &[(usize, usize)]) -> Self {
        let mut groups = Self { parent: (0..length).collect(), apart: HashMap::new() };
        for (left, right) in apart {
            groups.apart.entry(*left).or_default().push(*right);
            groups.apart.entry(*right).or_default().push(*left);
        }
        groups
    }

    fn find(&mut self, mut node: usize) -> usize {
        while self.parent[node] != node {
            self.parent[node] = self.parent[self.parent[node]];
            node = self.parent[node];
        }
        node
    }

    /// Whether both are one group afterwards.
    fn join(&mut self, left: usize, right: usize) -> bool {
        let (left, right) = (self.find(left), self.find(right));
        if left == right {
            return true;
        }
        let (low, high) = (left.min(right), left.max(right));
        for other in self.apart.get(&high).cloned().unwrap_or_default() {
            if self.find(other) == low {
                return false;
            }
        }
        if let Some(others) = self.apart.remove(&high) {
            self.apart.entry(low).or_default().extend(others);
        }
        self.parent[high] = low;
        true
    }
}

/// The id of every group: the oldest its records were first seen as, unless that one belongs to
/// another group since; a new one where nothing is known.
fn name(
    records: &[Record],
    groups: &[usize],
    known: &HashMap<String, Origin>,
    today: NaiveDate,
) -> BTreeMap<usize, String> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut owners: HashMap<&str, (bool, usize)> = HashMap::new();
    for (at, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(at);
        let Some(origin) = known.get(&records[at].id) else { continue };
        // An id belongs where the record is that it began with, else to the first that claims it.
        let began = person_id(&records[at].id) == origin.person;
        let owner = owners.entry(origin.person.as_str()).or_insert((began, *group));
        if began && !owner.0 {
            *owner = (true, *group);
        }
    }
    let mut taken: HashSet<String> = owners.keys().map(|id| (*id).to_owned()).collect();
    let named = members.into_iter().map(|(group, members)| {
        let origins = members.iter().filter_map(|at| known.get(&records[*at].id));
        let own = origins.filter(|origin| owners[origin.person.as_str()].1 == group);
        let id = match own.min() {
            Some(origin) => origin.person.clone(),
            None => {
                let fresh = fresh(records, &members, &taken, today);
                taken.insert(fresh.clone());
                fresh
            }
        };
        (group, id)
    });
    named.collect()
}

/// An id nobody has: of the smallest record, or, where that one is taken, of another.
fn fresh(
    records: &[Record],
    members: &[usize],
    taken: &HashSet<String>,
    today: NaiveDate,
) -> String {
    let plain = members.iter().map(|at| person_id(&records[*at].id));
    let dated = members.iter().map(|at| person_id(&format!("{}@{today}", records[*at].id)));
    let mut ids = plain.chain(dated).peekable();
    let first = ids.peek().cloned().unwrap_or_default();
    ids.find(|id| !taken.contains(id)).unwrap_or(first)
}
