//! Drift and what keys, cursors and flags may be.

use super::*;
use crate::extract::config::{
    CursorConfig, Deletes, FlagConfig, FlagValue, SchemaMode, TableConfig,
};
use crate::extract::error::ExtractError;

fn found(names: &[&str]) -> Vec<FoundColumn> {
    let column = |name: &&str| FoundColumn {
        name: (*name).to_owned(),
        column_type: ColumnType::Text,
        native: Native::Other,
        primary: *name == "id",
        nullable: None,
    };
    names.iter().map(column).collect()
}

fn contract() -> SourceTable {
    serde_saphyr::from_str(
        "{ key: [id], columns: { id: int64, name: 'text?', at: timestamp, gone: bool } }",
    )
    .expect("a contract")
}

fn plan(config: &TableConfig, names: &[&str], declared: bool) -> Result<TableSpec, ExtractError> {
    let contract = contract();
    Plan {
        source: "his",
        table: "t",
        config,
        contract: declared.then_some(&contract),
        relation: Relation::Table("t".into()),
        found: found(names),
        before: None,
    }
    .spec()
}

fn mode(schema: SchemaMode) -> TableConfig {
    TableConfig { schema: schema.into(), ..TableConfig::default() }
}

#[test]
fn drift_follows_the_mode() {
    let same = ["id", "NAME", "at", "gone"];
    let new = ["id", "name", "at", "gone", "extra"];
    let less = ["id", "at", "gone"];
    let broken = ["id", "name", "gone"];
    for schema in [SchemaMode::Evolve, SchemaMode::DiscardRow, SchemaMode::DiscardValue] {
        assert!(plan(&mode(schema), &same, true).is_ok());
        let spec = plan(&mode(schema), &new, true).expect("new columns pass");
        assert_eq!(spec.extra.len(), usize::from(schema == SchemaMode::DiscardRow));
        let spec = plan(&mode(schema), &less, true).expect("a nullable column may miss");
        assert_eq!(spec.columns.iter().filter(|c| c.at_source.is_none()).count(), 1);
        let error = plan(&mode(schema), &broken, true).expect_err("`at` is needed").to_string();
        assert!(error.contains("`at`") && error.contains("`t`") && error.contains("hint:"));
    }
    let freeze = mode(SchemaMode::Freeze);
    assert!(plan(&freeze, &same, true).is_ok());
    for names in [&new[..], &less, &broken] {
        assert!(matches!(plan(&freeze, names, true), Err(ExtractError::Drift { .. })));
    }
}

#[test]
fn without_a_contract_the_source_declares_itself() {
    let spec = plan(&TableConfig::default(), &["id", "b"], false).expect("a primary key");
    assert_eq!(spec.key, [1]);
    assert_eq!(spec.columns[1].name, "id");
    assert!(!spec.columns[1].nullable && spec.columns[0].nullable);
    assert!(plan(&TableConfig::default(), &["x", "b"], false).is_err());
    assert!(plan(&TableConfig::default(), &["id", "b c"], false).is_err());
    assert!(plan(&TableConfig::default(), &["id", "b", "B"], false).is_err());
}

#[test]
fn cursors_and_flags_fit_their_columns() {
    let with = |column: &str, lag: Lag| TableConfig {
        cursor: Some(CursorConfig { column: column.into(), lag, nulls: CursorNulls::Raise }),
        ..TableConfig::default()
    };
    let names = ["id", "name", "at", "gone"];
    assert!(plan(&with("at", Lag::default()), &names, true).is_ok());
    assert!(plan(&with("id", Lag::Steps(10)), &names, true).is_ok());
    for (column, lag) in
        [("name", Lag::default()), ("at", Lag::Steps(1)), ("missing", Lag::default())]
    {
        assert!(plan(&with(column, lag), &names, true).is_err());
    }
    let flag = |value| TableConfig {
        deletes: Deletes::Flag(FlagConfig { column: "gone".into(), value }),
        ..TableConfig::default()
    };
    let spec = plan(&flag(FlagValue::Int(1)), &names, true).expect("1 is true");
    assert_eq!(spec.flag, Some((1, Value::Bool(true))));
    assert!(plan(&flag(FlagValue::Text("Y".into())), &names, true).is_err());
}

#[test]
fn keys_only_keeps_the_order_of_the_key() {
    let config = TableConfig { key: vec!["name".into(), "id".into()], ..TableConfig::default() };
    let spec = plan(&config, &["id", "name", "at", "gone"], true).expect("a spec");
    let keys = spec.keys_only(&[]);
    let names: Vec<&str> = keys.key.iter().map(|i| keys.columns[*i].name.as_str()).collect();
    assert_eq!(names, ["name", "id"]);
    assert_eq!(keys.columns.len(), 2);
}
