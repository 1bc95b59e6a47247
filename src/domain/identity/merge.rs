//! The log of persons that became one, and of those that came apart again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{Decision, Link};

/// Two persons that became one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Merge {
    /// The id that stayed.
    pub winner: String,
    /// The id that went.
    pub loser: String,
    /// A record of the winner: with `loser_record` what a decision to undo it names.
    pub winner_record: String,
    /// A record first seen as the loser.
    pub loser_record: String,
    /// First night with one person.
    pub merged_on: NaiveDate,
    /// Whether somebody decided it; otherwise facts did.
    pub is_decided: bool,
    /// First night with two persons again.
    pub reversed_on: Option<NaiveDate>,
}

/// The log after tonight's `links`, from the log before. Running a night twice adds nothing.
#[must_use]
pub fn merge_log(
    before: Vec<Merge>,
    links: &[Link],
    decisions: &[Decision],
    today: NaiveDate,
) -> Vec<Merge> {
    let mut now = in_force(links);
    let mut log: Vec<Merge> = Vec::with_capacity(before.len());
    for mut merge in before {
        let is_open = merge.reversed_on.is_none();
        let pair = (merge.winner.clone(), merge.loser.clone());
        if is_open && now.remove(&pair).is_none() {
            merge.reversed_on = Some(today);
        }
        log.push(merge);
    }
    let person: BTreeMap<&str, &Link> =
        links.iter().map(|link| (link.record.as_str(), link)).collect();
    let decided: BTreeSet<(&str, &str)> = decisions
        .iter()
        .filter(|decision| decision.is_same)
        .filter_map(|decision| {
            let (left, right) = (person.get(&*decision.left)?, person.get(&*decision.right)?);
            Some((left.origin.person.as_str(), right.origin.person.as_str()))
        })
        .collect();
    log.extend(now.into_iter().map(|((winner, loser), (winner_record, loser_record))| Merge {
        is_decided: decided.contains(&(&*winner, &*loser))
            || decided.contains(&(&*loser, &*winner)),
        winner,
        loser,
        winner_record,
        loser_record,
        merged_on: today,
        reversed_on: None,
    }));
    log.sort();
    log
}

/// Winner and loser of every merge that holds, each with its smallest record.
fn in_force(links: &[Link]) -> BTreeMap<(String, String), (String, String)> {
    let mut own: BTreeMap<&str, &str> = BTreeMap::new();
    let mut came: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for link in links {
        let (person, origin) = (link.person.as_str(), link.origin.person.as_str());
        let smallest = if person == origin {
            own.entry(person).or_insert(&link.record)
        } else {
            came.entry((person, origin)).or_insert(&link.record)
        };
        *smallest = (*smallest).min(link.record.as_str());
    }
    let pairs = came.into_iter().map(|((winner, loser), record)| {
        let kept = own.get(winner).copied().unwrap_or(record);
        ((winner.to_owned(), loser.to_owned()), (kept.to_owned(), record.to_owned()))
    });
    pairs.collect()
}
