//! `src/docs/catalogue.md` says what `queries/metrics` says: the tables of the page are written from
//! the definitions, and a page that lags behind them fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

const MARK: &str =
    "<!-- from here on written by tests: CLINICHUB_BLESS=1 cargo test --test it the_page -->\n";

/// One metric as its file writes it.
struct Metric {
    family: String,
    fields: Value,
}

impl Metric {
    fn text(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.text("id")
    }

    fn is_private(&self) -> bool {
        self.fields["private"] == true
    }

    /// The formula in words a person can check.
    fn formula(&self) -> String {
        let number = |name: &str| self.fields[name].to_string().replace('"', "");
        match self.text("type") {
            "simple" | "stock" => {
                let mut formula = self.text("aggregate").replace('_', " ");
                if self.text("aggregate") == "percentile" {
                    let _ = write!(formula, " {}", number("percentile"));
                }
                if !self.text("expression").is_empty() {
                    let _ = write!(formula, " of `{}`", self.text("expression"));
                }
                let _ = write!(formula, " in `{}`", self.text("source"));
                if !self.text("filter").is_empty() {
                    let _ = write!(formula, " where `{}`", self.text("filter"));
                }
                if let Some((way, _)) = self.fields["stands"].as_object().and_then(only) {
                    let _ = write!(formula, ", what stands at the end of the period by {way}");
                }
                formula
            }
            "ratio" => {
                let mut formula =
                    format!("`{}` ÷ `{}`", self.text("numerator"), self.text("denominator"));
                if !self.fields["scale"].is_null() {
                    formula = format!("{} × {formula}", number("scale"));
                }
                if !self.fields["denominator_offset"].is_null() {
                    let _ = write!(formula, " of {} period before", number("denominator_offset"));
                }
                formula
            }
            "cumulative" => {
                let window = &self.fields["window"];
                let window = window.as_object().and_then(only).map_or_else(
                    || window.to_string(),
                    |(kind, length)| format!("{} {kind}", length.to_string().replace('"', "")),
                );
                format!("`{}` over {}", self.text("metric"), window.replace('_', " "))
            }
            "derived" => format!("`{}`", self.text("expression")),
            "conversion" | "cohort" => {
                let (base, event) = (&self.fields["base"], &self.fields["event"]);
                format!(
                    "of entries in `{}` what follows in `{}` within {}",
                    base["source"].as_str().unwrap_or_default(),
                    event["source"].as_str().unwrap_or_default(),
                    self.fields["within"].to_string().replace(['"', '{', '}'], " ").trim()
                )
            }
            other => panic!("metric `{}`: no words for type `{other}`", self.id()),
        }
    }
}

/// A dimension as `dimensions.yaml` writes it.
struct Dimension {
    id: String,
    /// The dimension it is looked up by: metrics with that one have this one too.
    of: Option<String>,
}

fn only(object: &serde_json::Map<String, Value>) -> Option<(&String, &Value)> {
    object.iter().next()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every metric, in the order of files and definitions, and the dimensions.
fn definitions() -> (Vec<Metric>, Vec<Dimension>) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("queries/metrics"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let (mut metrics, mut dimensions) = (Vec::new(), Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a text");
        let parsed: Value = serde_saphyr::from_str(&text).expect("YAML");
        if let Some(family) = parsed["family"].as_str() {
            let all = parsed["metrics"].as_array().expect("metrics").iter();
            metrics.extend(
                all.map(|fields| Metric { family: family.to_owned(), fields: fields.clone() }),
            );
        } else {
            let all = parsed["dimensions"].as_array().expect("dimensions").iter();
            dimensions.extend(all.map(|one| Dimension {
                id: one["id"].as_str().expect("an id").to_owned(),
                of: one["rollup"]["of"].as_str().map(str::to_owned),
            }));
        }
    }
    (metrics, dimensions)
}

/// Dimension ids a metric has: its own and those looked up by them, or those all its inputs share.
fn dimensions_of(
    id: &str,
    metrics: &BTreeMap<&str, &Metric>,
    dimensions: &[Dimension],
) -> Option<BTreeSet<String>> {
    let fields = &metrics.get(id)?.fields;
    let own = [&fields["dimensions"], &fields["base"]["dimensions"]];
    if let Some(own) = own.into_iter().find_map(Value::as_object) {
        let has = |dimension: &&Dimension| {
            own.contains_key(&dimension.id)
                || dimension.of.as_ref().is_some_and(|of| own.contains_key(of))
        };
        return Some(dimensions.iter().filter(has).map(|one| one.id.clone()).collect());
    }
    let texts = ["numerator", "denominator", "expression", "metric"];
    let texts = texts.into_iter().filter_map(|name| fields[name].as_str());
    let inputs = texts.flat_map(|text| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned)
    });
    let mut shared = inputs
        .filter_map(|input| dimensions_of(&input, metrics, dimensions))
        .reduce(|left, right| left.intersection(&right).cloned().collect())?;
    if let Some(allowed) = fields["allowed_dimensions"].as_array() {
        shared.retain(|dimension| allowed.iter().any(|one| one == dimension.as_str()));
    }
    Some(shared)
}

/// The tables of the page, a section per family.
fn tables(metrics: &[Metric], dimensions: &[Dimension]) -> String {
    let by_id = metrics.iter().map(|metric| (metric.id(), metric)).collect();
    let mut page = String::new();
    let mut family = "";
    for metric in metrics {
        if metric.family != family {
            family = &metric.family;
            let _ = write!(
                page,
                "\n## {family}\n\n| id | name | formula | unit | by |\n|---|---|---|---|---|\n"
            );
        }
        let own = dimensions_of(metric.id(), &by_id, dimensions).expect("dimensions");
        let own: Vec<&str> =
            dimensions.iter().map(|one| one.id.as_str()).filter(|one| own.contains(*one)).collect();
        let (mark, formula) = (if metric.is_private() { "" } else { "**" }, metric.formula());
        let _ = writeln!(
            page,
            "| {mark}{}{mark} | {} {} | {} | {} | {} |",
            metric.id(),
            metric.text("label_zh"),
            metric.text("label_en"),
            formula.replace('|', "\\|"),
            metric.text("unit"),
            own.join(", ")
        );
    }
    page
}

#[test]
fn the_page_says_what_the_definitions_say() {
    let path = root().join("src/docs/catalogue.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (told, _) = page.split_once(MARK).expect("the mark");
    let (metrics, dimensions) = definitions();
    let wanted = format!("{told}{MARK}{}", tables(&metrics, &dimensions));
    if std::env::var("CLINICHUB_BLESS").is_ok() {
        std::fs::write(path, wanted).expect("written");
    } else {
        assert!(page == wanted, "the page lags behind queries/metrics: bless it");
    }
}

#[test]
fn what_the_page_leaves_out_is_not_there() {
    let page = std::fs::read_to_string(root().join("src/docs/catalogue.md")).expect("the page");
    let left_out = page.split_once("## Left out").expect("the section").1;
    let left_out = left_out.split_once(MARK).expect("the mark").0;
    let rows = left_out.lines().filter(|line| line.starts_with("| `"));
    let named: Vec<&str> = rows
        .flat_map(|row| row.split('|').nth(1).expect("a cell").split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 5, "{named:?}");
    let (metrics, _) = definitions();
    for metric in metrics {
        assert!(!named.contains(&metric.id()), "`{}` is defined: it is not left out", metric.id());
    }
}

#[test]
fn every_public_metric_is_told_in_full_and_checked() {
    let (metrics, _) = definitions();
    let checks: BTreeSet<String> = std::fs::read_dir(root().join("queries/checks"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".sql", ""))
        .collect();
    let mut wrong = Vec::new();
    for metric in &metrics {
        for field in ["label_zh", "label_en", "description", "unit", "direction", "owner"] {
            if metric.text(field).is_empty() {
                wrong.push(format!("{}: no {field}", metric.id()));
            }
        }
        if !metric.is_private() && !checks.contains(metric.id()) {
            wrong.push(format!("{}: no check query", metric.id()));
        }
    }
    let public: BTreeSet<&str> =
        metrics.iter().filter(|metric| !metric.is_private()).map(Metric::id).collect();
    let lost = checks.iter().filter(|check| !public.contains(check.as_str()));
    wrong.extend(lost.map(|check| format!("checks/{check}.sql checks no public metric")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
