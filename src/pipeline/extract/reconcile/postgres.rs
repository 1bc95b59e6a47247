//! One aggregate query of PostgreSQL over exactly the rows of a read.

use hub_domain::contract::ColumnType;
use tokio_postgres::Client;

use super::super::error::{Cause, Told};
use super::super::postgres::found_type;
use super::super::schema::{Native, TableSpec};
use super::super::sql::{from_clause, quoted};
use super::amounts::{DIGITS, Measured, PRIME, Total};
use super::shape::{KeyShape, Shape};

/// Counts the rows of `spec` that `filter` (` WHERE …` or nothing) lets through.
pub(in super::super) async fn measure(
    client: &Client,
    spec: &TableSpec,
    filter: &str,
) -> Result<Measured, Cause> {
    let shape = Shape::of(spec);
    let from = from_clause(&spec.relation, '"');
    let statement = client.prepare(&format!("SELECT * FROM {from}")).await?;
    let encoding = client.query_one("SHOW server_encoding", &[]).await?;
    let utf8 = encoding.try_get::<_, &str>(0)? == "UTF8";
    let column = |name: &str| {
        let column = spec.columns.iter().find(|column| column.name == name)?;
        let at_source = column.at_source.as_ref()?;
        let found = statement.columns().iter().find(|found| found.name() == at_source)?;
        Some((column.column_type, found_type(found), format!("t.{}", quoted(at_source, '"'))))
    };
    let mut asked = vec!["count(*)".to_owned()];
    let keys = match &shape.key {
        KeyShape::None => None,
        KeyShape::Number(name) => column(name).map(|(_, _, key)| {
            let rest = format!("({key}::int8 % {PRIME})");
            [format!("sum({key}::int8)"), format!("sum({rest} * {rest})")]
        }),
        KeyShape::Text(names) => {
            let part = |name: &String| {
                column(name).map(|(_, _, part)| format!("coalesce({part}::text, '')"))
            };
            let parts: Option<Vec<String>> = names.iter().map(part).collect();
            parts.map(|parts| {
                let text = parts.join(" || '|' || ");
                let text = if utf8 { text } else { format!("convert_to({text}, 'UTF8')") };
                let bits = 4 * DIGITS;
                let hash = format!("('x' || substr(md5({text}), 1, {DIGITS}))::bit({bits})::int8");
                [format!("sum({hash})"), "0".to_owned()]
            })
        }
    };
    let has_keys = keys.is_some();
    asked.extend(keys.into_iter().flatten());
    let mut summed = Vec::new();
    for (index, sum) in shape.sums.iter().enumerate() {
        let Some((declared, (found, native), name)) = column(&sum.name) else { continue };
        match (declared, native, found) {
            (ColumnType::Int64, Native::Int, _) => asked.push(format!("sum({name})")),
            (ColumnType::Decimal(precision, scale), _, ColumnType::Decimal(own, places))
                if holds((precision, scale), (own, places)) =>
            {
                asked.push(format!("sum({name}) FILTER (WHERE {name} <> 'NaN')"));
            }
            _ => continue,
        }
        summed.push((index, sum.scale));
    }
    let texts: Vec<String> = asked.iter().map(|one| format!("({one})::text")).collect();
    let sql = format!("SELECT {} FROM {from}{filter}", texts.join(", "));
    let row = client.query_one(&sql, &[]).await?;
    let mut found = Vec::with_capacity(asked.len());
    for index in 0..asked.len() {
        // The sum over no rows is NULL.
        found.push(row.try_get::<_, Option<String>>(index)?.unwrap_or_else(|| "0".to_owned()));
    }
    told(&shape, &found, has_keys, &summed)
}

/// Whether every decimal of type `own` is one of type `declared`.
pub(super) fn holds(declared: (u8, i8), own: (u8, i8)) -> bool {
    let whole = |(precision, scale): (u8, i8)| i16::from(precision) - i16::from(scale);
    own.1 <= declared.1 && whole(own) <= whole(declared)
}

/// The numbers of an answer: rows, two of keys, sums of `summed`.
pub(super) fn told(
    shape: &Shape,
    found: &[String],
    has_keys: bool,
    summed: &[(usize, i8)],
) -> Result<Measured, Cause> {
    let number = |index: usize, scale: i8| {
        let total = found.get(index).and_then(|text| Total::parse(text, scale));
        total.ok_or_else(|| Cause::from(Told("a total of the source is no number".into())))
    };
    let rows = found.first().and_then(|rows| rows.parse().ok());
    let rows = rows.ok_or_else(|| Told("a count of the source is no number".into()))?;
    let keys = if has_keys { Some([number(1, 0)?, number(2, 0)?]) } else { None };
    let first = if has_keys { 3 } else { 1 };
    let mut sums = vec![None; shape.sums.len()];
    for (at, (index, scale)) in summed.iter().enumerate() {
        sums[*index] = Some(number(first + at, *scale)?);
    }
    Ok(Measured { rows, keys, sums })
}
