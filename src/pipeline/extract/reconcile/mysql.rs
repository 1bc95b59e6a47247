//! One aggregate query of MySQL or MariaDB over exactly the rows of a read.

use hub_domain::contract::ColumnType;
use mysql_async::consts::{ColumnFlags, ColumnType as MysqlType};
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, Row};

use super::super::error::{Cause, Told};
use super::super::mysql::found_column;
use super::super::schema::{Native, TableSpec};
use super::super::sql::{from_clause, quoted};
use super::amounts::{DIGITS, Measured, PRIME};
use super::postgres::{holds, told};
use super::shape::{KeyShape, Shape};

/// Counts the rows of `spec` that `filter` (` WHERE …` or nothing) lets through.
pub(in super::super) async fn measure(
    connection: &mut Conn,
    spec: &TableSpec,
    filter: &str,
) -> Result<Measured, Cause> {
    let shape = Shape::of(spec);
    let from = from_clause(&spec.relation, '`');
    let statement = connection.prep(format!("SELECT * FROM {from}")).await?;
    let columns: Vec<Column> = statement.columns().to_vec();
    connection.close(statement).await?;
    let column = |name: &str| {
        let column = spec.columns.iter().find(|column| column.name == name)?;
        let at_source = column.at_source.as_ref()?;
        let found = columns.iter().find(|found| found.name_str() == at_source.as_str())?;
        Some((column.column_type, found, format!("t.{}", quoted(at_source, '`'))))
    };
    let mut asked = vec!["COUNT(*)".to_owned()];
    let keys = match &shape.key {
        KeyShape::None => None,
        KeyShape::Number(name) => column(name).map(|(_, _, key)| {
            let rest = format!("({key} % {PRIME})");
            [format!("SUM({key})"), format!("SUM({rest} * {rest})")]
        }),
        KeyShape::Text(names) => {
            let part = |name: &String| {
                let (_, found, part) = column(name)?;
                let text = format!("CONVERT({part} USING utf8mb4)");
                is_plain(found).then(|| format!("IFNULL({text}, '')"))
            };
            let parts: Option<Vec<String>> = names.iter().map(part).collect();
            parts.map(|parts| {
                let text = format!("CONCAT({})", parts.join(", '|', "));
                let hash = format!("CONV(SUBSTR(MD5({text}), 1, {DIGITS}), 16, 10)");
                [format!("SUM(CAST({hash} AS UNSIGNED))"), "0".to_owned()]
            })
        }
    };
    let has_keys = keys.is_some();
    asked.extend(keys.into_iter().flatten());
    let mut summed = Vec::new();
    for (index, sum) in shape.sums.iter().enumerate() {
        let Some((declared, found, name)) = column(&sum.name) else { continue };
        let kind = found_column(found);
        let fits = match (declared, kind.native, kind.column_type) {
            (ColumnType::Int64, Native::Int, _) => !passes_int64(found),
            (ColumnType::Decimal(precision, scale), _, ColumnType::Decimal(own, places)) => {
                holds((precision, scale), (own, places))
            }
            _ => false,
        };
        if fits {
            asked.push(format!("SUM({name})"));
            summed.push((index, sum.scale));
        }
    }
    let texts: Vec<String> = asked.iter().map(|one| format!("CAST({one} AS CHAR)")).collect();
    let sql = format!("SELECT {} FROM {from}{filter}", texts.join(", "));
    let row: Option<Row> = connection.query_first(sql).await?;
    let row = row.ok_or_else(|| Told("the source did not answer".into()))?;
    let mut found = Vec::with_capacity(asked.len());
    for index in 0..asked.len() {
        // The sum over no rows is NULL.
        let text: Option<Option<String>> = row.get(index);
        found.push(text.flatten().unwrap_or_else(|| "0".to_owned()));
    }
    told(&shape, &found, has_keys, &summed)
}

/// Whether the server writes the column as text the way it is delivered; times of day and floats
/// are written in several ways, bytes are no text.
fn is_plain(column: &Column) -> bool {
    /// Character set of what is no text.
    const BINARY: u16 = 63;
    match column.column_type() {
        MysqlType::MYSQL_TYPE_VARCHAR
        | MysqlType::MYSQL_TYPE_VAR_STRING
        | MysqlType::MYSQL_TYPE_STRING
        | MysqlType::MYSQL_TYPE_ENUM
        | MysqlType::MYSQL_TYPE_SET => column.character_set() != BINARY,
        MysqlType::MYSQL_TYPE_TINY
        | MysqlType::MYSQL_TYPE_SHORT
        | MysqlType::MYSQL_TYPE_INT24
        | MysqlType::MYSQL_TYPE_LONG
        | MysqlType::MYSQL_TYPE_LONGLONG
        | MysqlType::MYSQL_TYPE_NEWDECIMAL => true,
        _ => false,
    }
}

fn passes_int64(column: &Column) -> bool {
    column.column_type() == MysqlType::MYSQL_TYPE_LONGLONG
        && column.flags().contains(ColumnFlags::UNSIGNED_FLAG)
}
