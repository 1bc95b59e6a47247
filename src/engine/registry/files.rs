//! Reading definition files: YAML to domain structs, every problem with its line.

use hub_domain::calendar::FiscalStart;
use hub_domain::metric::Dimension;
use hub_domain::project::{Problem, ProjectFiles};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A definition and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    /// File it came from.
    pub(super) file: String,
    /// Line of its id.
    pub(super) line: u64,
    /// The definition.
    pub(super) value: T,
}

impl<T> Located<T> {
    /// A problem at this definition.
    pub(super) fn problem(&self, what: String, hint: Option<&str>) -> Problem {
        let hint = hint.map(str::to_owned);
        Problem { file: self.file.clone(), line: self.line, what, hint }
    }
}

/// `queries/metrics/dimensions.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DimensionFile {
    pub(super) dimensions: Vec<Dimension>,
    /// Day of the month on which the months of the books start.
    #[serde(default)]
    pub(super) fiscal_month_starts: FiscalStart,
}

/// Parses a YAML text.
pub(super) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problem> {
    serde_saphyr::from_str::<T>(text).map_err(|error| Problem {
        file: file.to_owned(),
        line: error.location().map_or(0, |location| location.line()),
        what: error
            .without_snippet()
            .to_string()
            .lines()
            .next()
            .unwrap_or("unreadable")
            .trim()
            .to_owned(),
        hint: None,
    })
}

/// The shared dimensions, in file order.
pub(super) fn dimensions(file: &str, text: &str) -> Result<DimensionFile, Problem> {
    parse(file, text)
}

/// Every definition under `folder`: one file gives a list through `split`, with the id of each.
pub(super) fn definitions<F, T>(
    project: &ProjectFiles,
    folder: &str,
    skip: &str,
    split: impl Fn(F) -> Vec<(String, T)>,
    problems: &mut Vec<Problem>,
) -> Vec<Located<T>>
where
    F: DeserializeOwned,
{
    let mut found = Vec::new();
    for (file, text) in project.under(folder, "yaml").filter(|(file, _)| *file != skip) {
        match parse::<F>(file, text) {
            Ok(parsed) => found.extend(split(parsed).into_iter().map(|(id, value)| Located {
                file: file.to_owned(),
                line: line_of(text, &id),
                value,
            })),
            Err(problem) => problems.push(problem),
        }
    }
    found
}

/// First line that gives `id:` the value `id`; the first that holds the word otherwise; else 0.
pub(super) fn line_of(text: &str, id: &str) -> u64 {
    let holds = |line: &str| {
        line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == id)
    };
    let numbered = || text.lines().zip(1_u64..).filter(|(line, _)| holds(line));
    numbered()
        .find(|(line, _)| line.contains("id:"))
        .or_else(|| numbered().next())
        .map_or(0, |(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_whole_words() {
        let text =
            "metrics:\n  - { id: arrivals_first }\n  - { id: arrivals, x: arrivals_first }\n";
        assert_eq!(line_of(text, "arrivals"), 3);
        assert_eq!(line_of(text, "arrivals_first"), 2);
        assert_eq!(line_of(text, "other"), 0);
    }
}
