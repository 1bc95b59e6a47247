//! Where each part of a definition file stands.
//!
//! Owns the lines of keys and values; knows nothing of what they mean. Typed reading loses the
//! lines of everything a definition flattens, so a text is read a second time as a plain tree.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A part of a YAML text: its line and what is inside.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    line: u64,
    inside: Inside,
}

#[derive(Debug, Clone, Default)]
enum Inside {
    #[default]
    Nothing,
    Scalar(Value),
    List(Vec<Places>),
    Map(Vec<(String, Places)>),
}

impl Places {
    /// Everything in `text`; nothing when it is not YAML.
    pub(super) fn read(text: &str) -> Self {
        serde_saphyr::from_str::<Spanned<Inside>>(text).map(Self::of).unwrap_or_default()
    }

    fn of(part: Spanned<Inside>) -> Self {
        Self { line: part.referenced.line(), inside: part.value }
    }

    /// Line of this part, from 1; 0 when unknown.
    pub(super) fn start(&self) -> u64 {
        self.line
    }

    /// Line of the part `path` leads to through keys and list positions; of the last part on the
    /// way that is there.
    pub(super) fn line(&self, path: &[&str]) -> u64 {
        match path.split_first().and_then(|(step, rest)| Some((self.child(step)?, rest))) {
            Some((child, rest)) => child.line(rest),
            None => self.line,
        }
    }

    /// The part under key `step`; in a list, the one at position `step`, or that says `step`.
    pub(super) fn child(&self, step: &str) -> Option<&Self> {
        match &self.inside {
            Inside::Map(entries) => {
                entries.iter().find(|(key, _)| key == step).map(|(_, part)| part)
            }
            Inside::List(items) => match step.parse::<usize>() {
                Ok(index) => items.get(index),
                Err(_) => items.iter().find(|item| item.is(step)),
            },
            Inside::Nothing | Inside::Scalar(_) => None,
        }
    }

    fn is(&self, word: &str) -> bool {
        match &self.inside {
            Inside::Scalar(Value::String(text)) => text == word,
            Inside::Scalar(value) => format!("{value}") == word,
            _ => false,
        }
    }

    /// Parts of a list.
    pub(super) fn items(&self) -> &[Self] {
        match &self.inside {
            Inside::List(items) => items,
            _ => &[],
        }
    }

    /// Line of the first key or value that is `word`.
    pub(super) fn line_of(&self, word: &str) -> Option<u64> {
        match &self.inside {
            Inside::Nothing => None,
            Inside::Scalar(_) => self.is(word).then_some(self.line),
            Inside::List(items) => items.iter().find_map(|item| item.line_of(word)),
            Inside::Map(entries) => entries.iter().find_map(|(key, part)| match key == word {
                true => Some(part.line),
                false => part.line_of(word),
            }),
        }
    }

    /// The part as a plain value.
    pub(super) fn value(&self) -> Value {
        match &self.inside {
            Inside::Nothing => Value::Null,
            Inside::Scalar(value) => value.clone(),
            Inside::List(items) => items.iter().map(Self::value).collect(),
            Inside::Map(entries) => {
                entries.iter().map(|(key, part)| (key.clone(), part.value())).collect()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Inside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InsideVisitor)
    }
}

struct InsideVisitor;

impl<'de> Visitor<'de> for InsideVisitor {
    type Value = Inside;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Inside, E> {
        Ok(Inside::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Inside, E> {
        Ok(Inside::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Inside, E> {
        Ok(Inside::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Inside, E> {
        Ok(Inside::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Inside, E> {
        Ok(Inside::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Inside, E> {
        Ok(Inside::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Inside, E> {
        Ok(Inside::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Inside, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<Spanned<Inside>>()? {
            items.push(Places::of(item));
        }
        Ok(Inside::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inside, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let part = Places::of(map.next_value::<Spanned<Inside>>()?);
            // What is meant by a key stands where the key stands.
            let line = match key.referenced.line() {
                0 => part.line,
                line => line,
            };
            entries.push((key.value, Places { line, ..part }));
        }
        Ok(Inside::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
family: f
metrics:
  - id: a
    dimensions: &shared
      site: site_id
  - { id: b, additive: true, scale: 2,
      dimensions: *shared }
";

    #[test]
    fn every_part_has_its_line() {
        let places = Places::read(TEXT);
        assert_eq!(places.line(&["metrics"]), 2);
        assert_eq!(places.line(&["metrics", "0", "id"]), 3);
        assert_eq!(places.line(&["metrics", "0", "dimensions", "site"]), 5);
        assert_eq!(places.line(&["metrics", "1", "additive"]), 6);
        assert_eq!(places.line(&["metrics", "1", "dimensions"]), 7);
        assert_eq!(places.line(&["metrics", "1", "missing"]), 6, "the definition itself");
        assert_eq!(places.line_of("site_id"), Some(5));
        let second = places.child("metrics").and_then(|it| it.child("1")).expect("there");
        let wanted = serde_json::json!(
            { "id": "b", "additive": true, "scale": 2, "dimensions": { "site": "site_id" } }
        );
        assert_eq!(second.value(), wanted);
    }

    #[test]
    fn what_is_not_yaml_has_no_places() {
        assert_eq!(Places::read("a: [").line(&["a"]), 0);
    }
}
