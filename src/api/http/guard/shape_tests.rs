use async_graphql::parser::parse_query;

use super::*;

fn verdict(query: &str, may_introspect: bool) -> &'static str {
    let document = parse_query(query).expect("a document");
    match check(&document, may_introspect, &Limits::default()) {
        Ok(()) => "ok",
        Err(refusal) => {
            let error = refusal.into_error("r");
            let extensions = error.extensions.expect("a code");
            match extensions.get("code") {
                Some(async_graphql::Value::String(code)) => match code.as_str() {
                    "TOO_MANY_ALIASES" => "aliases",
                    "TOO_MANY_DIRECTIVES" => "directives",
                    "TOO_MANY_ROOT_FIELDS" => "roots",
                    "QUERY_TOO_DEEP" => "deep",
                    "QUERY_TOO_LARGE" => "large",
                    "FRAGMENT_CYCLE" => "cycle",
                    "INTROSPECTION_DISABLED" => "closed",
                    "TOO_MANY_VARIABLES" => "variables",
                    _ => "other",
                },
                _ => "none",
            }
        }
    }
}

fn nested(depth: usize) -> String {
    format!("{}{}", "{ a ".repeat(depth), "}".repeat(depth))
}

#[test]
fn aliases_count_typename_and_fragments() {
    let many = |count: usize| {
        let fields: Vec<String> = (0..count).map(|i| format!("a{i}: __typename")).collect();
        fields.join(" ")
    };
    assert_eq!(verdict(&format!("{{ b {{ {} }} }}", many(15)), false), "ok");
    assert_eq!(verdict(&format!("{{ {} }}", many(101)), false), "aliases");
    let hidden = format!("{{ ...F }} fragment F on Query {{ b {{ {} }} }}", many(16));
    assert_eq!(verdict(&hidden, false), "aliases");
}

#[test]
fn directives_count_wherever_they_stand() {
    let eleven = "@a ".repeat(11);
    for query in [
        format!("{{ a {eleven} }}"),
        format!("query Q {eleven} {{ a }}"),
        format!("query Q($v: Int {eleven}) {{ a }}"),
        format!("{{ ...F {eleven} }} fragment F on Query {{ a }}"),
        format!("{{ ... {eleven} {{ a }} }}"),
        format!("{{ ...F }} fragment F on Query {eleven} {{ a }}"),
    ] {
        assert_eq!(verdict(&query, false), "directives", "{query}");
    }
    assert_eq!(verdict("{ a @a @b @c @d @e @f @g @h @i @j }", false), "ok");
}

#[test]
fn depth_cannot_hide() {
    assert_eq!(verdict(&nested(10), false), "ok");
    assert_eq!(verdict(&nested(11), false), "deep");
    let half = nested(5);
    let upper = nested(6).replace(" a }", " ...F }");
    let fragments = format!("{upper} fragment F on A {half}");
    assert_eq!(verdict(&fragments, false), "ok");
    let fragments = fragments.replace("on A", "on A { a ") + "}";
    assert_eq!(verdict(&fragments, false), "deep");
    let inline = format!("{{ ... {{ ... on A {} }} }}", nested(11));
    assert_eq!(verdict(&inline, false), "deep");
    let named = format!("{{ ...__schema }} fragment __schema on Query {}", nested(11));
    assert_eq!(verdict(&named, true), "deep");
    let unused = format!("{{ a }} fragment F on Query {}", nested(17));
    assert_eq!(verdict(&unused, false), "deep");
}

#[test]
fn ten_lines_cannot_mean_ten_billion_selections() {
    let mut query = "{ ...F0 }".to_owned();
    for i in 0..10 {
        query += &format!(" fragment F{i} on Query {{ {} }}", format!("...F{} ", i + 1).repeat(10));
    }
    query += " fragment F10 on Query { __typename }";
    let started = std::time::Instant::now();
    assert_eq!(verdict(&query, false), "large");
    assert!(started.elapsed().as_millis() < 50);
}

#[test]
fn cycles_are_found() {
    let query = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }";
    assert_eq!(verdict(query, false), "cycle");
    assert_eq!(verdict("{ a } fragment A on Query { b { ...A } }", false), "cycle");
    assert_eq!(verdict("{ ...A ...A } fragment A on Query { a }", false), "ok");
}

#[test]
fn roots_count_expanded() {
    let fields: Vec<String> = (0..11).map(|i| format!("f{i}")).collect();
    assert_eq!(verdict(&format!("{{ {} }}", fields.join(" ")), false), "roots");
    let spread = "{ ...F ...F } fragment F on Query { a b c d e f }";
    assert_eq!(verdict(spread, false), "roots");
    assert_eq!(verdict("subscription { a b }", false), "roots");
}

#[test]
fn introspection_is_for_some_and_never_circular() {
    assert_eq!(verdict("{ __type(name: \"Patient\") { fields { name } } }", false), "closed");
    let hidden = "{ ...F } fragment F on Query { __schema { types { name } } }";
    assert_eq!(verdict(hidden, false), "closed");
    assert_eq!(verdict("{ __typename }", false), "ok");
    let loops = "{type{fields".repeat(3) + "{type{name}}" + &"}}".repeat(3);
    let circular = format!("{{__schema{{types{{fields{loops}}}}}}}");
    assert_eq!(verdict(&circular, true), "deep");
    let standard = include_str!("../../tests/introspection.graphql");
    assert_eq!(verdict(standard, true), "ok");
    assert_eq!(verdict(standard, false), "closed");
}
