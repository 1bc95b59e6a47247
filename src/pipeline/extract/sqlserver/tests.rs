//! Addresses and statements.

use super::*;

#[test]
fn addresses_are_read_and_their_secrets_decoded() {
    let config = options("sqlserver://hub:p%40ss%2Fw@db.local/his?encrypt=off").expect("read");
    assert_eq!(config.get_addr(), "db.local:1433");
    assert_eq!(options("sqlserver://hub@db:1444/his").expect("read").get_addr(), "db:1444");
    for bad in [
        "mysql://hub@db/his",
        "sqlserver://hub@db/his?encrypt=maybe",
        "sqlserver://hub@db/his?trust=all",
        "sqlserver://hub:%zz@db/his",
        "not an address",
    ] {
        assert!(options(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_are_bracketed_and_types_asked_for_exactly() {
    let table = |name: &str| from(&Relation::Table(name.into()));
    assert_eq!(table("dbo.visit"), "[dbo].[visit] AS t");
    assert_eq!(table("[a.b].[c]"), "[a.b].[c] AS t");
    assert_eq!(table("a]b"), "[a]]b] AS t");
    let money = "money".to_owned();
    assert_eq!(expression("费用", Some(&money)), "CONVERT(decimal(19,4), t.[费用])");
    assert_eq!(expression("id", None), "t.[id]");
    let decimal = found_type("decimal(12,2)", (Some(12), Some(2)));
    assert_eq!(decimal, (ColumnType::Decimal(12, 2), Native::Other));
    assert_eq!(found_type("nvarchar(20)", (Some(0), Some(0))).0, ColumnType::Text);
}
