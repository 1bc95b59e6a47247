//! Persons against the human beings of the demo, over three seeds; and decisions people make.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::support::{hub, other_hubs};

/// Pairs of records of one person that are of one human being, all such pairs, and the pairs of
/// records that are of one human being.
#[derive(Debug, Default)]
struct Pairs {
    right: u64,
    joined: u64,
    human: u64,
}

impl Pairs {
    fn precision(&self) -> f64 {
        self.right as f64 / self.joined as f64
    }

    fn recall(&self) -> f64 {
        self.right as f64 / self.human as f64
    }
}

fn pairs(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

/// Compares `record,person` rows with whose the records are.
fn measure(links: &[(String, String)], dir: &Path) -> Pairs {
    let truth = std::fs::read_to_string(dir.join("sources/truth_identity.csv")).expect("a truth");
    let human: HashMap<&str, &str> =
        truth.lines().skip(1).filter_map(|line| line.split_once(',')).collect();
    let mut both: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut persons: BTreeMap<&str, u64> = BTreeMap::new();
    let mut humans: BTreeMap<&str, u64> = BTreeMap::new();
    for (record, person) in links {
        let Some(human) = human.get(record.as_str()) else { continue };
        *both.entry((person, human)).or_default() += 1;
        *persons.entry(person).or_default() += 1;
        *humans.entry(human).or_default() += 1;
    }
    Pairs {
        right: both.values().copied().map(pairs).sum(),
        joined: persons.values().copied().map(pairs).sum(),
        human: humans.values().copied().map(pairs).sum(),
    }
}

#[test]
fn joined_records_are_of_one_human_being() {
    let sql = "select record_id, person_id from hub.person_link";
    let [second, third] = other_hubs();
    for (seed, demo) in [("first", hub()), ("second", second), ("third", third)] {
        let links: Vec<(String, String)> = demo
            .rows(sql)
            .into_iter()
            .map(|mut row| {
                let mut taken = |name| row.remove(name).expect("a column");
                (taken("record_id"), taken("person_id"))
            })
            .collect();
        let found = measure(&links, &demo.dir);
        let (precision, recall) = (found.precision(), found.recall());
        eprintln!("{seed} seed: {found:?} precision {precision:.4} recall {recall:.4}");
        assert!(found.joined > 50 && precision >= 0.999, "{seed} seed: {found:?}");
        assert!(recall > 0.7, "{seed} seed: {found:?}");
    }
}

#[test]
fn a_pending_pair_is_decided_about_by_who_sees_the_group() {
    let list = "{ identityMatches(first: 1) { nodes { id leftPersonId rightPersonId } } }";
    let pair = &hub().graphql(list)["identityMatches"]["nodes"][0];
    let id = pair["id"].as_str().expect("a pair waits");
    let known = hub().scalar(&format!(
        "select count(*) from hub.identity_match where left_id = '{}' and right_id = '{}'",
        pair["leftPersonId"].as_str().expect("an id"),
        pair["rightPersonId"].as_str().expect("an id"),
    ));
    assert_eq!(known, "1");
    for decision in ["DIFFERENT", "WITHDRAWN"] {
        let answer = hub().graphql(&format!(
            "mutation {{ decideIdentityMatch(id: \"{id}\", decision: {decision}) {{ status }} }}"
        ));
        assert_eq!(answer["decideIdentityMatch"]["status"], "DECIDED");
    }
}

#[test]
fn a_tag_by_hand_is_taken_note_of_and_taken_back() {
    let person = hub().scalar("select min(person_id) from hub.patient_360");
    let tag = |call: &str| {
        let answer = hub().graphql(&format!("mutation {{ {call} {{ status message }} }}"));
        answer.as_object().and_then(|all| all.values().next().cloned()).expect("an answer")
    };
    let give = format!("tagPatient(id: \"{person}\", input: {{ tag: \"怕疼\" }})");
    assert_eq!(tag(&give)["status"], "TAGGED");
    let take = format!("untagPatient(id: \"{person}\", tag: \"怕疼\")");
    assert_eq!(tag(&take)["status"], "ENDED");
    assert_eq!(tag(&take)["status"], "NOT_FOUND", "it holds no more");
    let nobody = "tagPatient(id: \"nobody\", input: { tag: \"怕疼\" })";
    assert_eq!(tag(nobody)["status"], "NOT_FOUND");
}
