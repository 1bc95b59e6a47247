//! Metric files that are wrong, and the line and words each problem is told with.

use hub_domain::project::Problem;

use super::registry::check;

/// Lines 1–6 of every file here; the definitions follow.
const HEAD: &str = "\
family: more
metrics:
  - id: base
    label_zh: 基
    label_en: base
    description: d
    unit: count
    direction: up
    additive: true
    type: simple
    source: visit
    aggregate: count
    time: biz_date
    dimensions: &own
      day: biz_date
";

/// Definitions after [`HEAD`], and the beginning of a problem they must cause.
const BAD: &[(&str, &str)] = &[
    // Names that do not exist.
    (
        "  - { id: m, source: visits, time: biz_date }",
        "16: unknown table `visits`\n  hint: nearest names: visit, ",
    ),
    ("  - { id: m,\n      time: day }", "17: table `visit` has no column `day`"),
    ("  - { id: m, filter: a > 1,\n      time: biz_date }", "16: no column `a`"),
    (
        "  - id: m\n    filter: visit_id is not null\n      and no_such > 1",
        "17: no column `no_such`\n  hint: nearest names: ",
    ),
    (
        "  - { id: m, aggregate: sum,\n      expression: amount }",
        "17: no column `amount`\n  hint: nearest names: amount_fen",
    ),
    (
        "  - id: m\n    dimensions:\n      day: biz_date\n      city: visit_id",
        "19: unknown dimension `city`\n  hint: declare it in `queries/metrics/dimensions.yaml`",
    ),
    ("  - id: m\n    dimensions:\n      day: bizdate", "18: no column `bizdate`"),
    (
        "  - { id: m, type: derived,\n      expression: base - bases }",
        "17: `m` needs the unknown metric `bases`\n  hint: nearest names: base",
    ),
    (
        "  - { id: m, type: ratio, unit: ratio, numerator: base,\n      denominator: bases }",
        "17: `m` needs the unknown metric `bases`",
    ),
    // Circles.
    (
        "  - { id: m, type: derived, expression: base - n }\n  - id: n\n    type: derived\n    expression: m",
        "19: metrics define each other in a circle: `n` → `m` → `n`",
    ),
    (
        "  - { id: m, type: ratio, unit: ratio, numerator: base,\n      denominator: m }",
        "17: metrics define each other in a circle: `m` → `m`",
    ),
    // Types and units.
    (
        "  - { id: m, unit: fen, aggregate: sum,\n      expression: amount_fen / 100.0 }",
        "17: `m` is in fen and sums `Decimal",
    ),
    (
        "  - { id: m, unit: fen, aggregate: sum,\n      expression: \"cast(amount_fen as double)\" }",
        "17: `m` sums `Float64`",
    ),
    ("  - { id: m, aggregate: sum, expression: visit_id }", "16: `m` sums `Utf8`"),
    ("  - { id: m,\n      filter: amount_fen }", "17: the filter is `Int64`, not `Boolean`"),
    ("  - { id: m,\n      unit: ratio }", "17: a simple metric is counted in things, fen or time"),
    ("  - { id: m, time: visit_id }", "16: column `visit.visit_id` is `text`, not `date`"),
    (
        "  - { id: m, unit: fen, type: derived,\n      expression: base }",
        "16: unit does not follow from the units of the inputs",
    ),
    // Formulas.
    ("  - { id: m,\n      expression: amount_fen }", "17: a count takes no expression"),
    ("  - { id: m,\n      aggregate: sum }", "17: the expression is missing"),
    (
        "  - { id: m, aggregate: count_distinct, expression: visit_id,\n      additive: true }",
        "17: `m` does not add up and is declared additive",
    ),
    (
        "  - { id: m, type: ratio, unit: ratio, numerator: base, denominator: base,\n      additive: true }",
        "17: ratio `m` is declared additive",
    ),
    ("  - { id: m, type: derived,\n      expression: base - }", "17: "),
    // What is not a definition at all; every broken one of a file is told.
    ("  - { id: m,\n      aggregate: average }", "17: unknown variant `average`"),
    ("  - { id: m,\n      direction: sideways }", "17: unknown variant `sideways`"),
    ("  - { id: m,\n      colour: red }", "17: unknown field `colour`"),
    ("  - { id: m,\n      additive: perhaps }", "17: invalid type: string \"perhaps\""),
    ("  - { id: m, label_en: ~ }", "16: "),
    ("  - { id: m, colour: red }\n  - { id: k, unit: carats }", "17: unknown variant `carats`"),
    ("  - { id: [ }", "16: "),
    // Ids.
    (
        "  - { id: n }\n  - { id: n }",
        "17: metric `n` is defined twice, first in queries/metrics/more.yaml:16",
    ),
    (
        "  - id: visits",
        "16: metric `visits` is defined twice, first in queries/metrics/care.yaml:3",
    ),
];

/// What a definition has unless it says otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("label_zh", "标"),
    ("label_en", "m"),
    ("description", "d"),
    ("unit", "count"),
    ("direction", "up"),
];
const SIMPLE: &[(&str, &str)] =
    &[("source", "visit"), ("aggregate", "count"), ("time", "biz_date"), ("dimensions", "*own")];

/// The definition with what it leaves out added at its end, on its last line.
fn completed(definition: &str) -> String {
    let says = |key: &str| definition.contains(&format!("{key}: "));
    let mut missing: Vec<(&str, &str)> = DEFAULTS.to_vec();
    if !says("type") {
        missing.push(("type", "simple"));
        missing.extend(SIMPLE.iter().filter(|(key, _)| *key != "dimensions"));
        if !definition.contains("dimensions:") {
            missing.push(("dimensions", "*own"));
        }
    }
    missing.retain(|(key, _)| !says(key));
    let flow: Vec<String> = missing.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    match definition.strip_suffix(" }") {
        Some(open) => format!("{open}, {} }}\n", flow.join(", ")),
        None => format!("{definition}\n    {}\n", flow.join("\n    ")),
    }
}

fn file(definitions: &str) -> String {
    let parts: Vec<String> = definitions
        .split("\n  - ")
        .enumerate()
        .map(|(index, part)| {
            completed(&if index == 0 { part.to_owned() } else { format!("  - {part}") })
        })
        .collect();
    format!("{HEAD}{}", parts.concat())
}

#[tokio::test]
async fn every_wrong_metric_is_told_with_its_line() {
    let mut missed = Vec::new();
    for (definitions, wanted) in BAD {
        let text = file(definitions);
        let problems = check(&[("queries/metrics/more.yaml", &text)]).await.err();
        let told: Vec<String> = problems.iter().flatten().map(Problem::to_string).collect();
        let wanted = format!("queries/metrics/more.yaml:{wanted}");
        if !told.iter().any(|problem| problem.starts_with(&wanted)) {
            missed.push(format!("{text}\nwanted {wanted}\ntold {}", told.join("\n")));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}

#[tokio::test]
async fn the_file_they_all_change_is_sound() {
    let text = file("  - { id: m }\n  - id: n");
    let registry = check(&[("queries/metrics/more.yaml", &text)]).await;
    assert!(registry.is_ok_and(|it| it.metrics.len() == 4));
}

#[tokio::test]
async fn what_is_wrong_with_an_input_is_told_once() {
    let text = file("  - { id: m, filter: no_such }\n  - { id: n, type: derived, expression: m }");
    let problems = check(&[("queries/metrics/more.yaml", &text)]).await.expect_err("no column");
    assert_eq!(problems.len(), 1, "{problems:?}");
}
