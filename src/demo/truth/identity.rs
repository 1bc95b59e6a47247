//! The identity rule, applied to one household: which records are one person.
//! Written apart from the product's own resolver so that each can catch the other.
use crate::crm::Facts;
use crate::people::check_character;
use crate::story::Story;
use crate::time::At;

/// Person numbers inside a household, for the rows visible at a moment.
pub(super) struct People {
    /// Per patient record; `None` when the record is not visible.
    pub(super) records: Vec<Option<usize>>,
    /// Per customer.
    pub(super) customers: Vec<Option<usize>>,
    pub(super) count: u64,
}

pub(super) fn resolve(story: &Story, cut: At) -> People {
    let shown: Vec<bool> = story
        .records
        .iter()
        .map(|record| record.seen <= cut)
        .chain(story.customers.iter().map(|customer| customer.created <= cut))
        .collect();
    let facts: Vec<&Facts> = story
        .records
        .iter()
        .map(|record| &record.facts)
        .chain(story.customers.iter().map(|customer| &customer.facts))
        .collect();
    let mut group: Vec<usize> = (0..facts.len()).collect();
    for left in 0..facts.len() {
        for right in 0..left {
            if shown[left] && shown[right] && same(facts[left], facts[right]) {
                join(&mut group, left, right);
            }
        }
    }
    let first_customer = story.records.len();
    for (at, customer) in story.customers.iter().enumerate() {
        if let Some((record, _, told)) = &customer.link
            && *told <= cut
            && shown[first_customer + at]
            && shown[*record]
            && agree(facts[first_customer + at], facts[*record])
        {
            join(&mut group, first_customer + at, *record);
        }
    }
    let number = |at: usize| shown[at].then_some(group[at]);
    let mut distinct: Vec<usize> = (0..facts.len()).filter_map(number).collect();
    distinct.sort_unstable();
    distinct.dedup();
    People {
        records: (0..first_customer).map(number).collect(),
        customers: (first_customer..facts.len()).map(number).collect(),
        count: distinct.len() as u64,
    }
}

fn join(group: &mut [usize], left: usize, right: usize) {
    let (from, to) = (group[left].max(group[right]), group[left].min(group[right]));
    for member in group.iter_mut() {
        if *member == from {
            *member = to;
        }
    }
}

fn same(left: &Facts, right: &Facts) -> bool {
    let card = |facts: &Facts| facts.card.clone().filter(|card| valid_card(card));
    if let (Some(left), Some(right)) = (card(left), card(right))
        && left == right
    {
        return true;
    }
    let own = |facts: &Facts| match (facts.relation, &facts.phone, &facts.name, facts.birth) {
        (Some(1), Some(phone), Some(name), Some(birth)) => {
            Some((phone.clone(), name.clone(), birth))
        }
        _ => None,
    };
    matches!((own(left), own(right)), (Some(left), Some(right)) if left == right)
}

/// Whether name, phone or birth date bears out that a record number names this customer.
fn agree(left: &Facts, right: &Facts) -> bool {
    let name = left.name.is_some() && left.name == right.name;
    let phone = left.phone.is_some() && left.phone == right.phone;
    name || phone || (left.birth.is_some() && left.birth == right.birth)
}

/// Seventeen digits and their check character.
fn valid_card(card: &str) -> bool {
    card.len() == 18
        && card.is_char_boundary(17)
        && card[..17].bytes().all(|byte| byte.is_ascii_digit())
        && card.ends_with(check_character(&card[..17]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_not_valid_cards() {
        assert!(!valid_card("111111111111111111"));
        assert!(!valid_card("000000000000000000"));
        assert!(valid_card("11010519491231002X"));
    }
}
