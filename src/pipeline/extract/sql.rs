//! Pieces of SELECT statements shared by the database sources. Names come from configuration and
//! catalogues, so every one of them is quoted.

use super::schema::Relation;

/// `name` between quotes, quotes inside it doubled.
pub(super) fn quoted(name: &str, quote: char) -> String {
    let doubled = format!("{quote}{quote}");
    format!("{quote}{}{quote}", name.replace(quote, &doubled))
}

/// The parts of a table name: `public.visit` is two. A name that is quoted already is one part
/// and kept as it is.
pub(super) fn name_parts(name: &str, quote: char) -> Vec<&str> {
    if name.contains(quote) { vec![name] } else { name.split('.').collect() }
}

/// The relation as it stands after FROM, under the alias `t`.
pub(super) fn from_clause(relation: &Relation, quote: char) -> String {
    match relation {
        Relation::Table(name) if name.contains(quote) => format!("{name} AS t"),
        Relation::Table(name) => {
            let parts: Vec<String> =
                name_parts(name, quote).into_iter().map(|part| quoted(part, quote)).collect();
            format!("{} AS t", parts.join("."))
        }
        Relation::Query(query) => {
            let query = query.trim().trim_end_matches(';');
            // The line end keeps a closing comment of the query from hiding the bracket.
            format!("({query}\n) AS t")
        }
        // Files have no FROM; nothing asks for one.
        Relation::Files(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_part_by_part() {
        let table = |name: &str| from_clause(&Relation::Table(name.into()), '"');
        assert_eq!(table("public.visit"), "\"public\".\"visit\" AS t");
        assert_eq!(table("\"My Schema\".\"a.b\""), "\"My Schema\".\"a.b\" AS t");
        assert_eq!(quoted("a\"b", '"'), "\"a\"\"b\"");
        let query = Relation::Query("SELECT 1 -- one;\n;".into());
        assert_eq!(from_clause(&query, '`'), "(SELECT 1 -- one;\n\n) AS t");
    }
}
