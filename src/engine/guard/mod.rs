//! What a user's statement must be before anything is read for it: one select, of bounded size
//! and depth, whose plan holds nothing but reading.
//!
//! Text is bounded before it is parsed, the syntax tree before it is planned (a plan of nested
//! CTEs grows by doubling), and the plan by an allow-list: what is not known to be harmless is
//! refused. Function names never decide; dangerous functions do not exist here at all.

mod plan;
mod text;
mod weight;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParserBuilder, Statement as AnyStatement};
use datafusion::sql::sqlparser::ast::Statement;

pub(crate) use plan::allow;
pub(crate) use text::bound;

use crate::sql_error::{SqlError, SqlErrorKind};

/// Longest nesting the parser follows.
const NESTING: usize = 50;

/// Functions that build large values from small ones outside the memory pool, or tell of the
/// machine.
const REMOVED: &[&str] = &[
    "repeat",
    "lpad",
    "rpad",
    "space",
    "range",
    "generate_series",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
    "version",
    // A keyed hash that anyone may compute is a lock whose key hangs beside it: short digits left
    // open by a mask are found by trying.
    "pseudonym",
    "input_file_name",
    "file_row_index",
    "getvariable",
    "get_variable",
];

/// Takes the dangerous functions out of `context`.
pub(crate) fn remove_functions(context: &SessionContext) {
    for name in REMOVED {
        context.deregister_udf(name);
        context.deregister_udtf(name);
    }
}

/// Parses a user's text into the one statement it may be.
pub(crate) fn parse(sql: &str, explain: bool) -> Result<AnyStatement, SqlError> {
    let parsed = DFParserBuilder::new(sql)
        .with_recursion_limit(NESTING)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = parsed.map_err(|error| parse_error(&error))?;
    let first = statements.pop_front();
    if !statements.is_empty() {
        return Err(refused("several statements at once").with_hint("send one statement"));
    }
    let Some(statement) = first else {
        return Err(SqlError::new(SqlErrorKind::Invalid, "there is no statement")
            .with_hint("send one `select`"));
    };
    weight::bound(&statement)?;
    match &statement {
        AnyStatement::Statement(inner) if matches!(**inner, Statement::Query(_)) => Ok(statement),
        AnyStatement::Explain(_) if explain => Ok(statement),
        AnyStatement::Explain(_) => Err(refused("`explain` is for group principals")),
        AnyStatement::Statement(inner)
            if matches!(**inner, Statement::Explain { .. } | Statement::ExplainTable { .. }) =>
        {
            Err(refused("this form of `explain` is not allowed"))
        }
        _ => Err(refused("only `select` is allowed")
            .with_hint("the doors read; tables are listed in `information_schema.tables`")),
    }
}

fn parse_error(error: &DataFusionError) -> SqlError {
    let text = error.find_root().strip_backtrace();
    if text.contains("RecursionLimitExceeded") || text.contains("recursion limit") {
        return SqlError::new(SqlErrorKind::TooLarge, "the statement is nested too deeply");
    }
    SqlError::planning(error)
}

fn refused(what: &str) -> SqlError {
    SqlError::new(SqlErrorKind::Refused, what)
}
