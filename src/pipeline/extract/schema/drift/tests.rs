//! Each kind of change under each policy.

use super::*;
use crate::extract::config::SchemaMode;

fn found(name: &str, column_type: ColumnType) -> FoundColumn {
    let native = Native::Other;
    FoundColumn { name: name.to_owned(), column_type, native, primary: false, nullable: Some(true) }
}

fn landed() -> Vec<Described> {
    let all = [
        ("id", ColumnType::Int64),
        ("name", ColumnType::Text),
        ("fee", ColumnType::Decimal(10, 2)),
    ];
    all.iter().map(|(name, kind)| Described::of(&found(name, *kind), *name == "id", true)).collect()
}

fn contract() -> SourceTable {
    serde_saphyr::from_str(
        "{ key: [id], columns: { id: int64, name: 'text?', fee: 'decimal(12,2)?' } }",
    )
    .expect("a contract")
}

/// Notices and reasons to freeze.
fn judge(
    policy: SchemaPolicy,
    columns: &[(&str, ColumnType)],
    declared: bool,
) -> (Vec<String>, Vec<String>) {
    let found: Vec<FoundColumn> = columns.iter().map(|(name, kind)| found(name, *kind)).collect();
    let (before, contract) = (landed(), contract());
    let contract = declared.then_some(&contract);
    let vital = vec!["id".to_owned()];
    let comparison = Comparison { policy, found: &found, before: &before, contract, vital: &vital };
    let Judged { notices, freezes } = comparison.judge();
    (notices, freezes)
}

const ID: (&str, ColumnType) = ("id", ColumnType::Int64);
const NAME: (&str, ColumnType) = ("name", ColumnType::Text);
const FEE: (&str, ColumnType) = ("fee", ColumnType::Decimal(10, 2));

fn one(told: &(Vec<String>, Vec<String>)) -> String {
    match (told.0.as_slice(), told.1.as_slice()) {
        ([notice], []) => format!("notice: {notice}"),
        ([], [freeze]) => format!("freeze: {freeze}"),
        other => panic!("one change gives one sentence: {other:?}"),
    }
}

#[test]
fn by_default_a_new_column_loads_and_a_lost_or_retyped_one_freezes() {
    let policy = SchemaPolicy::default();
    let quiet = (Vec::new(), Vec::new());
    assert_eq!(judge(policy, &[("ID", ColumnType::Int64), NAME, FEE], true), quiet);
    let new = [ID, NAME, FEE, ("sms", ColumnType::Bool)];
    assert_eq!(one(&judge(policy, &new, false)), "notice: column `sms` is new; it is landed");
    assert!(one(&judge(policy, &new, true)).ends_with("does not declare it, so it is left out"));
    for declared in [true, false] {
        let told = one(&judge(policy, &[ID, NAME], declared));
        assert_eq!(told, "freeze: column `fee` is gone");
        let told = one(&judge(policy, &[ID, ("nick", ColumnType::Text), FEE], declared));
        assert_eq!(told, "freeze: `name` is gone, `nick` is new: renamed?");
        let told = one(&judge(policy, &[ID, NAME, ("fee", ColumnType::Text)], declared));
        assert_eq!(told, "freeze: column `fee` was decimal(10,2) and is text now");
    }
    // What the contract can take is no reason to stop.
    let wider = [ID, NAME, ("fee", ColumnType::Decimal(12, 2))];
    assert!(one(&judge(policy, &wider, true)).starts_with("notice: "));
    assert!(one(&judge(policy, &wider, false)).starts_with("freeze: "));
}

#[test]
fn every_kind_of_change_has_its_own_policy() {
    let default = SchemaPolicy::default();
    let lost = |dropped| one(&judge(SchemaPolicy { dropped, ..default }, &[ID, NAME], true));
    assert_eq!(lost(Tolerance::Evolve), "notice: column `fee` is gone; it lands as NULL");
    let renamed = SchemaPolicy { renamed: Tolerance::Evolve, ..default };
    let columns = [ID, ("nick", ColumnType::Text), FEE];
    assert!(one(&judge(renamed, &columns, false)).starts_with("notice: `name` is gone"));
    let retyped = SchemaPolicy { retyped: SchemaMode::DiscardValue, ..default };
    let columns = [ID, NAME, ("fee", ColumnType::Text)];
    assert!(one(&judge(retyped, &columns, true)).starts_with("notice: column `fee` was"));
    let added = SchemaPolicy { added: SchemaMode::Freeze, ..default };
    let columns = [ID, NAME, FEE, ("sms", ColumnType::Bool)];
    assert_eq!(one(&judge(added, &columns, true)), "freeze: column `sms` is new");
    let frozen = SchemaPolicy { nullability: Tolerance::Freeze, ..default };
    let mut strict = found("name", ColumnType::Text);
    strict.nullable = Some(false);
    let all = [found("id", ColumnType::Int64), strict, found("fee", ColumnType::Decimal(10, 2))];
    for (policy, expected) in [(default, "notice"), (frozen, "freeze")] {
        let before = landed();
        let comparison =
            Comparison { policy, found: &all, before: &before, contract: None, vital: &[] };
        let Judged { notices, freezes } = comparison.judge();
        let told = one(&(notices, freezes));
        assert_eq!(told, format!("{expected}: column `name` allows no NULL any more"));
    }
}

#[test]
fn a_key_column_always_freezes() {
    let evolve = SchemaPolicy::from(SchemaMode::Evolve);
    for columns in [
        vec![NAME, FEE],
        vec![("number", ColumnType::Int64), NAME, FEE],
        vec![("id", ColumnType::Decimal(10, 2)), NAME, FEE],
    ] {
        assert!(one(&judge(evolve, &columns, false)).starts_with("freeze: "), "{columns:?}");
    }
}
