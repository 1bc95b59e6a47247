//! What the catalogue of a PostgreSQL server says about a relation: its key, what is unique in
//! it, and how large it is.

use tokio_postgres::{Client, Row};

use crate::extract::error::Cause;
use crate::extract::schema::Relation;
use crate::extract::sql::from_clause;

/// Oldest version that reads a range of row addresses without reading the table up to it.
const RANGES_SINCE: i32 = 140_000;

/// How a relation is stored.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// Pages of a plain table whose ranges can be read apart; none for everything else.
    pub(super) pages: Option<i64>,
    /// Sets of columns whose values together come once in the whole relation.
    pub(super) unique: Vec<Vec<String>>,
}

/// The relation's name as `regclass` reads it; none for queries.
fn name(relation: &Relation) -> Option<String> {
    let Relation::Table(_) = relation else { return None };
    let from = from_clause(relation, '"');
    Some(from.strip_suffix(" AS t").unwrap_or(&from).to_owned())
}

/// Columns of the primary key.
pub(super) async fn primary_key(
    client: &Client,
    relation: &Relation,
) -> Result<Vec<String>, Cause> {
    let Some(name) = name(relation) else { return Ok(Vec::new()) };
    let rows = client
        .query(
            "SELECT a.attname::text FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_attribute a \
             ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
             WHERE i.indrelid = $1::text::regclass AND i.indisprimary",
            &[&name],
        )
        .await?;
    rows.iter().map(|row| row.try_get(0).map_err(Cause::from)).collect()
}

/// Columns that allow no NULL; none for queries, which say nothing of it.
pub(super) async fn not_null(
    client: &Client,
    relation: &Relation,
) -> Result<Option<Vec<String>>, Cause> {
    let Some(name) = name(relation) else { return Ok(None) };
    let sql = "SELECT attname::text FROM pg_catalog.pg_attribute \
               WHERE attrelid = $1::text::regclass AND attnotnull AND attnum > 0";
    let rows = client.query(sql, &[&name]).await?;
    let names: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(Some(names?))
}

/// How the relation is stored; a view or a query promises nothing.
pub(super) async fn storage(client: &Client, relation: &Relation) -> Result<Storage, Cause> {
    let Some(name) = name(relation) else { return Ok(Storage::default()) };
    // Rows of tables that inherit are rows of their parent, and its constraints bind them not.
    let table = client
        .query_opt(
            "SELECT c.relkind::text, current_setting('server_version_num')::int, \
             pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::bigint \
             FROM pg_catalog.pg_class c WHERE c.oid = $1::text::regclass \
             AND (c.relkind = 'p' OR c.relkind = 'r' AND NOT c.relhassubclass)",
            &[&name],
        )
        .await?;
    let Some(table) = table else { return Ok(Storage::default()) };
    let (kind, version): (String, i32) = (table.try_get(0)?, table.try_get(1)?);
    let plain = kind == "r" && version >= RANGES_SINCE;
    let pages = if plain { Some(table.try_get(2)?) } else { None };
    let indexes = client
        .query(
            "SELECT array_agg(a.attname::text) FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_attribute a \
             ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
             WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indisvalid \
             AND i.indpred IS NULL AND i.indexprs IS NULL GROUP BY i.indexrelid",
            &[&name],
        )
        .await?;
    let columns = |row: &Row| row.try_get::<_, Vec<String>>(0).map_err(Cause::from);
    let unique = indexes.iter().map(columns).collect::<Result<_, _>>()?;
    Ok(Storage { pages, unique })
}
