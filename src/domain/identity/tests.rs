//! Persons over nights: facts, decisions, and taking decisions back.

use proptest::prelude::*;

use super::*;

fn record(id: &str, keys: &[&str]) -> Record {
    Record { id: id.into(), keys: keys.iter().map(|k| (*k).to_owned()).collect() }
}

fn night(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, number).expect("a day")
}

fn decided(left: &str, right: &str, is_same: bool) -> Decision {
    let (left, right) = (left.to_owned(), right.to_owned());
    Decision { left, right, is_same, decided_by: "amy".into(), decided_on: night(1) }
}

fn origins(links: &[Link]) -> HashMap<String, Origin> {
    links.iter().map(|link| (link.record.clone(), link.origin.clone())).collect()
}

fn persons(links: &[Link]) -> BTreeMap<&str, &str> {
    links.iter().map(|link| (link.record.as_str(), link.person.as_str())).collect()
}

#[test]
fn chains_of_facts_make_one_person() {
    let links = resolve(
        vec![
            record("his:1", &["card:a"]),
            record("his:2", &["card:a", "self:x"]),
            record("crm:9", &["self:x"]),
            record("his:3", &[]),
        ],
        &[],
        &HashMap::new(),
        night(1),
    );
    let of = persons(&links);
    assert_eq!(of["his:1"], of["his:2"]);
    assert_eq!(of["his:2"], of["crm:9"]);
    assert_ne!(of["his:1"], of["his:3"]);
}

#[test]
fn new_evidence_makes_one_person_of_two_and_taking_it_back_brings_both_ids_back() {
    let apart = vec![record("his:5", &["card:a"]), record("crm:1", &["self:x"])];
    let first = resolve(apart[..1].to_vec(), &[], &HashMap::new(), night(1));
    let second = resolve(apart, &[], &origins(&first), night(2));
    let of = persons(&second);
    let (older, younger) = (of["his:5"].to_owned(), of["crm:1"].to_owned());
    assert_eq!(older, first[0].person);
    assert_eq!(merge_log(Vec::new(), &second, &[], night(2)), []);

    let evidence = vec![record("his:5", &["card:a", "self:x"]), record("crm:1", &["self:x"])];
    let third = resolve(evidence.clone(), &[], &origins(&second), night(3));
    assert!(third.iter().all(|link| link.person == older), "the older id wins");
    let merged = merge_log(Vec::new(), &third, &[], night(3));
    assert_eq!(merged.len(), 1);
    assert_eq!((&merged[0].winner, &merged[0].loser), (&older, &younger));
    assert_eq!((&*merged[0].winner_record, &*merged[0].loser_record), ("his:5", "crm:1"));
    assert!(!merged[0].is_decided);
    assert_eq!(merge_log(merged.clone(), &third, &[], night(3)), merged, "a night may run twice");

    let no = [decided(&merged[0].loser_record, &merged[0].winner_record, false)];
    let fourth = resolve(evidence.clone(), &no, &origins(&third), night(4));
    assert_eq!(persons(&fourth), persons(&second), "both ids are back");
    let undone = merge_log(merged, &fourth, &no, night(4));
    assert_eq!(undone[0].reversed_on, Some(night(4)));

    let yes = [decided("his:5", "crm:1", true)];
    let fifth = resolve(evidence, &yes, &origins(&fourth), night(5));
    let again = merge_log(undone, &fifth, &yes, night(5));
    assert_eq!(again.len(), 2, "the past stays");
    assert!(again[1].is_decided && again[1].reversed_on.is_none());
}

#[test]
fn a_decision_joins_what_no_fact_joins_and_parts_what_came_as_one() {
    let records = vec![record("a", &["k"]), record("b", &["k"]), record("c", &[])];
    let first = resolve(records.clone(), &[], &HashMap::new(), night(1));
    let decisions = [decided("c", "b", true), decided("a", "b", false)];
    let second = resolve(records.clone(), &decisions, &origins(&first), night(2));
    let (before, after) = (persons(&first), persons(&second));
    assert_eq!(after["b"], after["c"]);
    assert_ne!(after["a"], after["b"]);
    assert_eq!(after["a"], before["a"], "an id stays with the record it began with");
    let third = resolve(records, &[], &origins(&second), night(3));
    assert_eq!(persons(&third), before, "what is not decided any more is as it was");
}

#[test]
fn an_undone_merge_gives_every_record_back() {
    let mother = [record("crm:1", &["mrn:1"]), record("his:1", &["mrn:1", "card:m"])];
    let child = [record("crm:2", &["mrn:2"]), record("his:2", &["mrn:2"])];
    let first = resolve([mother.clone(), child].concat(), &[], &HashMap::new(), night(1));
    // The mother's card is typed into the child's file.
    let mistaken = [record("crm:2", &["mrn:2"]), record("his:2", &["mrn:2", "card:m"])];
    let records = [mother, mistaken].concat();
    let second = resolve(records.clone(), &[], &origins(&first), night(2));
    assert!(second.iter().all(|link| link.person == second[0].person));
    let merges = merge_log(Vec::new(), &second, &[], night(2));
    let no = [decided(&merges[0].winner_record, &merges[0].loser_record, false)];
    let third = resolve(records, &no, &origins(&second), night(3));
    assert_eq!(persons(&third), persons(&first));
    let log = merge_log(merges, &third, &no, night(3));
    assert_eq!((log.len(), log[0].reversed_on), (1, Some(night(3))));
}

#[test]
fn what_many_records_share_is_a_placeholder() {
    let holders = |count: usize| {
        let records = (0..count).map(|at| record(&format!("his:{at}"), &["mrn:0"])).collect();
        let links = resolve(records, &[], &HashMap::new(), night(1));
        persons(&links).into_values().collect::<HashSet<_>>().len()
    };
    assert_eq!(holders(MOST_HOLDERS), 1);
    assert_eq!(holders(MOST_HOLDERS + 1), MOST_HOLDERS + 1);
}

proptest! {
    #[test]
    fn any_order_of_rows_gives_the_same_persons_and_nobody_is_joined_against_a_decision(
        keys in proptest::collection::vec(proptest::collection::vec(0..8_u8, 0..3), 1..20),
        pairs in proptest::collection::vec((0..20_usize, 0..20_usize, any::<bool>()), 0..6),
    ) {
        let records: Vec<Record> = keys
            .iter()
            .enumerate()
            .map(|(at, keys)| Record {
                id: format!("r{at:02}"),
                keys: keys.iter().map(ToString::to_string).collect(),
            })
            .collect();
        let decisions: Vec<Decision> = pairs
            .iter()
            .filter(|(left, right, _)| left != right)
            .map(|(left, right, same)| decided(&format!("r{left:02}"), &format!("r{right:02}"), *same))
            .collect();
        let forward = resolve(records.clone(), &decisions, &HashMap::new(), night(1));
        let mut backward = records.clone();
        backward.reverse();
        prop_assert_eq!(&forward, &resolve(backward, &decisions, &HashMap::new(), night(1)));
        let again = resolve(records.clone(), &decisions, &origins(&forward), night(2));
        prop_assert_eq!(persons(&again), persons(&forward), "ids are stable");
        let of = persons(&forward);
        for decision in decisions.iter().filter(|decision| !decision.is_same) {
            let both = (of.get(&*decision.left), of.get(&*decision.right));
            if let (Some(left), Some(right)) = both {
                prop_assert_ne!(left, right);
            }
        }
        if decisions.is_empty() {
            let filled = placeholders(&records);
            for (left, right) in records.iter().flat_map(|a| records.iter().map(move |b| (a, b))) {
                let shares = |key: &String| right.keys.contains(key) && !filled.contains(&**key);
                if left.keys.iter().any(shares) {
                    prop_assert_eq!(of[&*left.id], of[&*right.id]);
                }
            }
        }
    }
}
