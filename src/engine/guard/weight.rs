//! How many table scans a statement becomes once its CTEs are written out at each use.
//!
//! `a` used twice in `b`, `b` twice in `c`, thirty times over is a short text and a plan of 2^30
//! scans, so scans are counted on the syntax tree.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as AnyStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use crate::sql_error::{SqlError, SqlErrorKind};

/// Most scans of one statement.
const SCANS: u64 = 256;

/// Refuses statements that would become too many scans.
pub(super) fn bound(statement: &AnyStatement) -> Result<(), SqlError> {
    let inner = match statement {
        AnyStatement::Statement(inner) => inner,
        AnyStatement::Explain(explain) => return bound(&explain.statement),
        _ => return Ok(()),
    };
    let mut scale = Scale::default();
    let _ = inner.visit(&mut scale);
    match scale.heaviest > SCANS {
        true => Err(SqlError::new(
            SqlErrorKind::TooLarge,
            format!("the statement reads more than {SCANS} tables once its CTEs are written out"),
        )),
        false => Ok(()),
    }
}

/// Adds scans up from the inside out.
#[derive(Default)]
struct Scale {
    /// Scans of the queries being visited, outermost first.
    open: Vec<u64>,
    /// Bodies of CTEs by address, until they have been visited.
    bodies: HashMap<usize, String>,
    /// Scans one use of a CTE stands for.
    ctes: HashMap<String, u64>,
    heaviest: u64,
}

impl Scale {
    fn add(&mut self, scans: u64) {
        if let Some(top) = self.open.last_mut() {
            *top = top.saturating_add(scans);
            self.heaviest = self.heaviest.max(*top);
        }
    }
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query) as usize
}

impl Visitor for Scale {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.bodies.insert(address(&cte.query), cte.alias.name.value.to_lowercase());
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let scans = self.open.pop().unwrap_or(0);
        match self.bodies.remove(&address(query)) {
            Some(name) => {
                self.ctes.insert(name, scans.max(1));
            }
            None => self.add(scans),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let scans = self.ctes.get(&relation.to_string().to_lowercase()).copied().unwrap_or(1);
        self.add(scans);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn weigh(sql: &str) -> Result<(), SqlError> {
        bound(&DFParser::parse_sql(sql).expect("parses").pop_front().expect("one"))
    }

    #[test]
    fn doubling_ctes_are_refused() {
        let mut sql = "with c0 as (select * from hub.visit)".to_owned();
        for step in 1..=30 {
            let before = step - 1;
            sql += &format!(
                ", c{step} as (select * from c{before} union all select * from c{before})"
            );
        }
        assert!(weigh(&format!("{sql} select count(*) from c30")).is_err());
        assert!(weigh(&format!("{sql} select count(*) from c3")).is_err());
        let plain =
            "with a as (select * from t), b as (select * from a) select * from b join a on true";
        assert!(weigh(plain).is_ok());
        assert!(weigh(&format!("explain {sql} select 1 from c30")).is_err());
    }
}
