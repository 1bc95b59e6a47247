//! Reading definition files: YAML to domain structs, every problem with its line.

use std::cell::Cell;

use hub_domain::calendar::FiscalStart;
use hub_domain::metric::Dimension;
use hub_domain::project::{Problem, ProjectFiles};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::places::Places;

/// A definition and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    /// Where.
    pub(super) place: Place,
    /// The definition.
    pub(super) value: T,
}

/// A definition's file and the lines of its parts.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// File it came from.
    pub(super) file: String,
    /// Lines of its parts.
    pub(super) places: Places,
}

impl Place {
    /// A problem at the part `path` leads to.
    pub(super) fn problem(&self, path: &[&str], what: String, hint: Option<String>) -> Problem {
        Problem { file: self.file.clone(), line: self.places.line(path), what, hint }
    }

    /// Line of the definition.
    pub(super) fn line(&self) -> u64 {
        self.places.start()
    }
}

/// `queries/metrics/dimensions.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DimensionFile {
    dimensions: Vec<Dimension>,
    /// Day of the month on which the months of the books start.
    #[serde(default)]
    fiscal_month_starts: FiscalStart,
}

/// Parses a YAML text.
fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problem> {
    serde_saphyr::from_str::<T>(text).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        let what = error.without_snippet().to_string();
        let what = what.lines().next().unwrap_or("unreadable").trim().to_owned();
        Problem { file: file.to_owned(), line, what, hint: None }
    })
}

/// The shared dimensions, in file order, and when months of the books start.
pub(super) fn dimensions(
    file: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> (Vec<Located<Dimension>>, FiscalStart) {
    let start = Cell::new(FiscalStart::default());
    let split = |file: DimensionFile| {
        start.set(file.fiscal_month_starts);
        file.dimensions
    };
    (read(file, text, Some("dimensions"), &split, problems), start.get())
}

/// Every definition under `folder`. A file is one definition, or a list of them under key `list`,
/// taken out by `split`.
pub(super) fn definitions<F, T>(
    project: &ProjectFiles,
    (folder, list, skip): (&str, Option<&str>, &str),
    split: impl Fn(F) -> Vec<T>,
    problems: &mut Vec<Problem>,
) -> Vec<Located<T>>
where
    F: DeserializeOwned,
    T: DeserializeOwned,
{
    let mut found = Vec::new();
    for (file, text) in project.under(folder, "yaml").filter(|(file, _)| *file != skip) {
        found.extend(read(file, text, list, &split, problems));
    }
    found
}

fn read<F, T>(
    file: &str,
    text: &str,
    list: Option<&str>,
    split: &impl Fn(F) -> Vec<T>,
    problems: &mut Vec<Problem>,
) -> Vec<Located<T>>
where
    F: DeserializeOwned,
    T: DeserializeOwned,
{
    let places = Places::read(text);
    let definitions: Vec<&Places> = match list {
        Some(key) => places.child(key).map(|list| list.items().iter().collect()),
        None => Some(vec![&places]),
    }
    .unwrap_or_default();
    match parse::<F>(file, text) {
        Ok(parsed) => split(parsed)
            .into_iter()
            .zip(definitions)
            .map(|(value, places)| Located {
                place: Place { file: file.to_owned(), places: places.clone() },
                value,
            })
            .collect(),
        Err(first) => {
            let before = problems.len();
            for places in definitions {
                problems.extend(misread::<T>(file, places));
            }
            if problems.len() == before {
                let line = word_of(&first.what).and_then(|word| places.line_of(&word));
                problems.push(Problem { line: line.unwrap_or(first.line), ..first });
            }
            Vec::new()
        }
    }
}

/// What keeps one definition from being read, at the part that is wrong. The reader of a whole
/// file stops at the first one, and where definitions flatten parts it has lost the line.
fn misread<T: DeserializeOwned>(file: &str, places: &Places) -> Option<Problem> {
    let what = serde_json::from_value::<T>(places.value()).err()?.to_string();
    let line = word_of(&what).and_then(|word| places.line_of(&word));
    let line = line.unwrap_or_else(|| places.start());
    Some(Problem { file: file.to_owned(), line, what, hint: None })
}

/// The word such a text is about: the first one in backticks or quotes. A missing field stands
/// nowhere.
fn word_of(what: &str) -> Option<String> {
    if what.starts_with("missing field") {
        return None;
    }
    let start = what.find(['`', '"'])?;
    let mark = what[start..].chars().next()?;
    let rest = &what[start + 1..];
    Some(rest[..rest.find(mark)?].to_owned())
}

/// First line of `text` that holds `word` as a whole; none when there is no such line.
pub(super) fn line_of(text: &str, word: &str) -> Option<u64> {
    let holds = |line: &str| {
        line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|found| found == word)
    };
    text.lines().zip(1_u64..).find(|(line, _)| holds(line)).map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_whole_words() {
        let text = "select arrivals_first,\n  arrivals\nfrom t";
        assert_eq!(line_of(text, "arrivals"), Some(2));
        assert_eq!(line_of(text, "arrivals_first"), Some(1));
        assert_eq!(line_of(text, "other"), None);
    }

    #[test]
    fn the_word_a_text_is_about() {
        assert_eq!(word_of("unknown field `x`, expected `y`").as_deref(), Some("x"));
        assert_eq!(
            word_of("invalid type: string \"no\", expected a boolean").as_deref(),
            Some("no")
        );
        assert_eq!(word_of("missing field `x`"), None);
    }
}
