//! What a table's content depends on, as one hash.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use hub_domain::contract::TableContract;
use hub_engine::{IDENTITY_DECISION, MANUAL_TAG, Node};
use sha2::{Digest, Sha256};

use super::BuildRequest;

/// Key under which a commit keeps the fingerprint of what made it.
pub const BUILD_METADATA: &str = "clinichub.build";

/// Changes when the same inputs would make different rows or files: raise it with such a change.
const RECIPE: &str = "2";

/// Hash over everything the rows of `node` depend on; `date` where they depend on the day.
pub(super) fn of(
    node: &Node,
    contract: &TableContract,
    request: &BuildRequest,
    inputs: &BTreeMap<String, Option<u64>>,
    date: Option<NaiveDate>,
) -> String {
    let BuildRequest { engine, annotations, .. } = request;
    let mut text = String::new();
    let mut add = |part: &str| {
        let _ = write!(text, "{}:{part};", part.len());
    };
    add(RECIPE);
    add(&node.target);
    add(&node.sql());
    add(&layout(contract));
    add(engine.zone.name());
    for (site, day) in &engine.sites {
        add(&format!("{site} {day}"));
    }
    // The key itself must not be guessable from what a commit keeps.
    add(&hex::encode(Sha256::digest([b"build".as_slice(), &engine.pseudonym_key].concat())));
    add(&date.map_or_else(String::new, |date| date.to_string()));
    match node.target.as_str() {
        IDENTITY_DECISION => add(&format!("{:?}", annotations.decisions)),
        MANUAL_TAG => add(&format!("{:?}", annotations.tags)),
        _ => {}
    }
    for (table, version) in inputs {
        add(table);
        add(&version.map_or_else(|| "none".to_owned(), |version| version.to_string()));
    }
    hex::encode(Sha256::digest(text))
}

/// What decides how the rows of a table lie in files, as one hash.
pub(super) fn of_layout(contract: &TableContract) -> String {
    hex::encode(&Sha256::digest([RECIPE, &layout(contract)].concat())[..16])
}

/// The part of a contract that decides rows and files; labels and checks do not.
fn layout(contract: &TableContract) -> String {
    let mut text = format!("{:?}|{:?}", contract.partition_by, contract.sort);
    for column in &contract.columns {
        let _ = write!(text, "|{} {}", column.name, column.column_type);
    }
    text
}
