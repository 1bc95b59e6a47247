//! Measures a parsed document with its fragments expanded, each fragment once.

use std::collections::HashMap;

use async_graphql::Positioned;
use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};

use super::super::answer::Refusal;
use super::limit;
use crate::state::Limits;

/// Fields of the introspection schema that list types or fields, and so multiply.
const LISTING: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// Refuses a document past any limit of `limits`.
pub(super) fn check(
    document: &ExecutableDocument,
    may_introspect: bool,
    limits: &Limits,
) -> Result<(), Refusal> {
    let written = Written::of(document);
    if written.aliases > limits.aliases {
        return Err(limit("TOO_MANY_ALIASES", "too many aliases"));
    }
    if written.directives > limits.directives {
        return Err(limit("TOO_MANY_DIRECTIVES", "too many directives"));
    }
    if written.variables > limits.variables {
        return Err(limit("TOO_MANY_VARIABLES", "too many variables"));
    }
    let mut measure = Measure { document, fragments: HashMap::new() };
    // Fragments nobody spreads are walked by validation too. Whether one lies under `__schema`
    // is only known from outside, so here the wider depth holds.
    for name in document.fragments.keys() {
        let shape = measure.fragment(name.as_str())?;
        shape.check_size(limits)?;
        if shape.depth > limits.depth.max(limits.introspection_depth) {
            return Err(limit("QUERY_TOO_DEEP", "the document is nested too deep"));
        }
    }
    for (_, operation) in document.operations.iter() {
        let shape = measure.selection_set(&operation.node.selection_set.node)?;
        shape.check(may_introspect, limits)?;
        let roots_allowed = match operation.node.ty {
            OperationType::Subscription => 1,
            _ => limits.root_fields,
        };
        if shape.roots > roots_allowed {
            return Err(limit("TOO_MANY_ROOT_FIELDS", "too many fields at the root"));
        }
    }
    Ok(())
}

/// What is counted as written, wherever it stands.
#[derive(Default)]
struct Written {
    aliases: usize,
    directives: usize,
    variables: usize,
}

impl Written {
    fn of(document: &ExecutableDocument) -> Self {
        let mut written = Self::default();
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            written.directives += operation.directives.len();
            written.variables += operation.variable_definitions.len();
            for variable in &operation.variable_definitions {
                written.directives += variable.node.directives.len();
            }
            written.selection_set(&operation.selection_set.node);
        }
        for fragment in document.fragments.values() {
            written.directives += fragment.node.directives.len();
            written.selection_set(&fragment.node.selection_set.node);
        }
        written
    }

    /// Recursion is bounded by the nesting that the text check let through.
    fn selection_set(&mut self, set: &SelectionSet) {
        for selection in &set.items {
            let directives: &[Positioned<Directive>] = selection.node.directives();
            self.directives += directives.len();
            match &selection.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    self.selection_set(&field.node.selection_set.node);
                }
                Selection::InlineFragment(inline) => {
                    self.selection_set(&inline.node.selection_set.node);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
}

/// Size of a selection set with every fragment expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shape {
    /// Fields and spreads.
    selections: u64,
    /// Fields directly in the set.
    roots: u64,
    /// Fields below each other, outside introspection.
    depth: usize,
    /// Listing fields below each other.
    listings: usize,
    /// Fields below each other under `__schema` or `__type`; 0 without either.
    meta_depth: usize,
    /// Listing fields below each other under `__schema` or `__type`.
    meta_listings: usize,
}

impl Shape {
    fn add(&mut self, other: Self) {
        self.selections = self.selections.saturating_add(other.selections);
        self.roots = self.roots.saturating_add(other.roots);
        self.depth = self.depth.max(other.depth);
        self.listings = self.listings.max(other.listings);
        self.meta_depth = self.meta_depth.max(other.meta_depth);
        self.meta_listings = self.meta_listings.max(other.meta_listings);
    }

    /// The shape of a field whose own selections have the shape `below`.
    fn of_field(field: &Field, below: Self) -> Self {
        let name = field.name.node.as_str();
        let listings = below.listings + usize::from(LISTING.contains(&name));
        let shape = Self { selections: below.selections.saturating_add(1), roots: 1, ..below };
        if matches!(name, "__schema" | "__type") {
            let meta_depth = below.meta_depth.max(below.depth + 1);
            let meta_listings = below.meta_listings.max(listings);
            return Self { depth: 1, listings: 0, meta_depth, meta_listings, ..shape };
        }
        Self { depth: below.depth + 1, listings, ..shape }
    }

    fn check(self, may_introspect: bool, limits: &Limits) -> Result<(), Refusal> {
        if self.meta_depth > 0 && !may_introspect {
            return Err(limit("INTROSPECTION_DISABLED", "introspection is not open to you"));
        }
        let shallow = self.depth <= limits.depth
            && self.meta_depth <= limits.introspection_depth
            && self.meta_listings <= limits.introspection_lists;
        if !shallow {
            return Err(limit("QUERY_TOO_DEEP", "the document is nested too deep"));
        }
        self.check_size(limits)
    }

    fn check_size(self, limits: &Limits) -> Result<(), Refusal> {
        if self.selections > limits.selections {
            return Err(limit("QUERY_TOO_LARGE", "the document asks for too many fields"));
        }
        Ok(())
    }
}

/// Measures selection sets; fragments are measured once.
struct Measure<'a> {
    document: &'a ExecutableDocument,
    /// None while a fragment is being measured: meeting it again closes a cycle.
    fragments: HashMap<&'a str, Option<Shape>>,
}

impl<'a> Measure<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet) -> Result<Shape, Refusal> {
        let mut total = Shape::default();
        for selection in &set.items {
            total.add(match &selection.node {
                Selection::Field(field) => {
                    let below = self.selection_set(&field.node.selection_set.node)?;
                    Shape::of_field(&field.node, below)
                }
                Selection::InlineFragment(inline) => {
                    self.selection_set(&inline.node.selection_set.node)?
                }
                Selection::FragmentSpread(spread) => {
                    let mut shape = self.fragment(spread.node.fragment_name.node.as_str())?;
                    shape.selections = shape.selections.saturating_add(1);
                    shape
                }
            });
        }
        Ok(total)
    }

    /// An unknown fragment measures nothing; validation names it.
    fn fragment(&mut self, name: &str) -> Result<Shape, Refusal> {
        let document = self.document;
        let Some((name, fragment)) = document.fragments.get_key_value(name) else {
            return Ok(Shape::default());
        };
        match self.fragments.get(name.as_str()) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => {
                return Err(limit("FRAGMENT_CYCLE", "a fragment spreads itself"));
            }
            None => {}
        }
        self.fragments.insert(name.as_str(), None);
        let shape = self.selection_set(&fragment.node.selection_set.node)?;
        self.fragments.insert(name.as_str(), Some(shape));
        Ok(shape)
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
