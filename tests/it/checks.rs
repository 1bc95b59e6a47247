//! Every public metric through every door: GraphQL = SQL view = check query, at every site in every
//! month, in demos of three seeds. Ratios agree in numerator and denominator, not only in value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::support::{Hub, hub, other_hubs};
use crate::truth::{close, decimal, number};

/// Metrics with distinct counts or middle values inside: rows of their views cannot be summed.
const NOT_SUMMED: [&str; 12] = [
    "arpp",
    "atv_first_vs_return",
    "doctor_referral_ratio",
    "frequency",
    "lead_response_min",
    "loyalty_rate",
    "paying_persons",
    "persons_seen",
    "plan_acceptance_persons",
    "repurchase_rate",
    "wait_min",
    "wait_p90",
];

/// What stands at the end of a month is the view's rows of its last day, not of all its days.
const STOCKS: [&str; 3] = ["arrears", "deferred_revenue", "dormant_stock"];

/// Last days of the months, and of the data.
const MONTH_ENDS: &str = "date '2026-06-30', date '2026-07-31', date '2026-08-31', \
                          date '2026-09-30', date '2026-10-15'";

/// Metrics over what stood when the month began: the view's denominators of its first day.
const OVER_OPENING: [&str; 1] = ["churn_rate"];

/// First days of the months.
const MONTH_STARTS: &str = "date '2026-06-01', date '2026-07-01', date '2026-08-01', \
                            date '2026-09-01', date '2026-10-01'";

/// Metrics whose sides are quotients themselves.
const OF_QUOTIENTS: [&str; 1] = ["atv_first_vs_return"];

/// Metrics that have no site, and are proved elsewhere.
const WITHOUT_SITE: [&str; 1] = ["doctor_referral_ratio"];

/// Months every demo here touches, whole.
const FROM: &str = "2026-06";
const TO: &str = "2026-10";

/// One metric at one site in one month.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    numerator: Decimal,
    denominator: Option<Decimal>,
    value: Decimal,
}

/// Site (empty for none) and month → cell. Sums of nothing are told as 0 or not at all, quotients by
/// nothing never are: neither makes a cell.
type Cells = BTreeMap<(String, String), Cell>;

/// A metric as the catalogue tells it.
struct Metric {
    id: String,
    is_quotient: bool,
}

impl Metric {
    fn cell(
        &self,
        above: Option<Decimal>,
        below: Option<Decimal>,
        value: Option<Decimal>,
    ) -> Option<Cell> {
        let value = value.filter(|value| self.is_quotient || !value.is_zero())?;
        let numerator = above.unwrap_or(value);
        let below = below.filter(|_| self.is_quotient);
        Some(Cell { numerator, denominator: below, value })
    }

    fn agree(&self, left: &Cell, right: &Cell) -> bool {
        let exact = OF_QUOTIENTS.contains(&self.id.as_str())
            || (left.numerator == right.numerator && left.denominator == right.denominator);
        exact && close(left.value, right.value)
    }
}

/// A deployment as the whole group sees it.
struct Door<'a>(&'a Hub);

impl Door<'_> {
    fn metrics(&self) -> Vec<Metric> {
        let answer = self.0.graphql("{ metricCatalog { id kind dimensions { id } } }");
        let all = answer["metricCatalog"].as_array().expect("metrics").iter();
        let has_site = |metric: &&Value| {
            let mut dimensions = metric["dimensions"].as_array().expect("dimensions").iter();
            dimensions.any(|dimension| dimension["id"] == "site")
        };
        let (with, without): (Vec<_>, Vec<_>) = all.partition(has_site);
        let without: Vec<_> = without.iter().map(|metric| &metric["id"]).collect();
        assert_eq!(without, WITHOUT_SITE);
        with.into_iter()
            .map(|metric| Metric {
                id: metric["id"].as_str().expect("an id").to_owned(),
                is_quotient: metric["kind"] == "RATIO",
            })
            .collect()
    }

    /// All metrics asked together, as a board would.
    fn of_graphql(&self, metrics: &[Metric]) -> Vec<Cells> {
        let ids: Vec<String> = metrics.iter().map(|metric| format!("{:?}", metric.id)).collect();
        let query = format!(
            "{{ metrics(input: {{ metrics: [{}], groupBy: [\"site\"], grain: MONTH, range: {{ \
             from: \"{FROM}-01\", to: \"{TO}-31\" }}, first: 500 }}) {{ rows {{ period \
             dimensions {{ value }} values {{ value numerator denominator }} }} pageInfo {{ \
             hasNextPage }} }} }}",
            ids.join(", ")
        );
        let answer = &self.0.graphql(&query)["metrics"];
        assert_eq!(answer["pageInfo"]["hasNextPage"], false);
        let mut found = vec![Cells::new(); metrics.len()];
        for row in answer["rows"].as_array().expect("rows") {
            let site = row["dimensions"][0]["value"].as_str().unwrap_or_default();
            let month = &row["period"].as_str().expect("a period")[..7];
            let values = row["values"].as_array().expect("values");
            for ((metric, cells), told) in metrics.iter().zip(&mut found).zip(values) {
                let part = |name: &str| number(&told[name]);
                if let Some(cell) =
                    metric.cell(part("numerator"), part("denominator"), part("value"))
                {
                    cells.insert((site.to_owned(), month.to_owned()), cell);
                }
            }
        }
        found
    }

    fn of_statement(&self, metric: &Metric, statement: &str, scale: Option<Decimal>) -> Cells {
        let mut cells = Cells::new();
        for row in self.0.rows(statement) {
            let read = |name: &str| {
                row.get(name).filter(|text| !text.is_empty()).map(|text| decimal(text))
            };
            let (above, below) = (read("numerator"), read("denominator"));
            let value = match (scale, above, below) {
                (None, ..) => read("value"),
                (Some(_), above, _) if !metric.is_quotient => above,
                (Some(scale), Some(above), Some(below)) => (scale * above).checked_div(below),
                _ => None,
            };
            let within = (FROM..=TO).contains(&row["month"].as_str());
            if let Some(cell) = metric.cell(above, below, value).filter(|_| within) {
                cells.insert((row["site"].clone(), row["month"].clone()), cell);
            }
        }
        cells
    }

    /// Sums of the metric's view.
    fn of_view(&self, metric: &Metric) -> Cells {
        let opening = match OVER_OPENING.contains(&metric.id.as_str()) {
            true => format!(" filter (where period in ({MONTH_STARTS}))"),
            false => String::new(),
        };
        let below = match metric.is_quotient {
            true => format!(", sum(denominator){opening} as denominator"),
            false => String::new(),
        };
        let days = if STOCKS.contains(&metric.id.as_str()) {
            format!(" where period in ({MONTH_ENDS})")
        } else {
            String::new()
        };
        let statement = format!(
            "select site, substr(cast(period as varchar), 1, 7) as month, sum(numerator) as \
             numerator{below} from metrics.{}{days} group by 1, 2",
            metric.id
        );
        let scale = match metric.id.as_str() {
            "nps" => 100,
            "prod_per_hour" => 60,
            "adverse_rate" | "adverse_rate_severe" | "complaint_rate" => 1_000,
            _ => 1,
        };
        self.of_statement(metric, &statement, Some(Decimal::from(scale)))
    }
}

fn differences(metric: &Metric, door: &str, found: &Cells, wanted: &Cells) -> Vec<String> {
    let keys: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    let differs = |key: &&&(String, String)| match (found.get(**key), wanted.get(**key)) {
        (Some(found), Some(wanted)) => !metric.agree(found, wanted),
        _ => true,
    };
    let told = |key: &(String, String)| {
        let (found, wanted) = (found.get(key), wanted.get(key));
        format!("{} {key:?}: {door} {found:?}, check {wanted:?}", metric.id)
    };
    keys.iter().filter(differs).map(|key| told(key)).collect()
}

/// Compares all doors of one deployment.
fn every_door_agrees(door: &Door<'_>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/checks");
    let metrics = door.metrics();
    assert!(metrics.len() >= 95, "{} metrics", metrics.len());
    let (mut wrong, mut cells) = (Vec::new(), 0);
    for (metric, found) in metrics.iter().zip(door.of_graphql(&metrics)) {
        let path = folder.join(format!("{}.sql", metric.id));
        let statement = std::fs::read_to_string(&path)
            .unwrap_or_else(|_| panic!("public metric `{}` has no check query", metric.id));
        let wanted = door.of_statement(metric, &statement, None);
        cells += wanted.len();
        wrong.extend(differences(metric, "GraphQL", &found, &wanted));
        if !NOT_SUMMED.contains(&metric.id.as_str()) {
            wrong.extend(differences(metric, "SQL view", &door.of_view(metric), &wanted));
        }
    }
    assert!(wrong.is_empty(), "{} cells differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells > 1_500, "{cells} cells compared");
}

#[test]
fn every_door_agrees_in_the_shared_demo() {
    every_door_agrees(&Door(hub()));
}

#[test]
fn every_door_agrees_with_the_second_seed() {
    every_door_agrees(&Door(other_hubs()[0]));
}

#[test]
fn every_door_agrees_with_the_third_seed() {
    every_door_agrees(&Door(other_hubs()[1]));
}

/// Of metrics whose rows cannot be summed, the view's own rows are GraphQL's rows by day and every
/// dimension.
#[test]
fn rows_of_views_that_do_not_add_up_are_graphql_rows() {
    let answer = hub().graphql("{ metricCatalog { id kind dimensions { id } } }");
    for metric in answer["metricCatalog"].as_array().expect("metrics") {
        let id = metric["id"].as_str().expect("an id");
        // Split by visit type nobody's first visits stand beside the return visits.
        if !NOT_SUMMED.contains(&id) || OF_QUOTIENTS.contains(&id) {
            continue;
        }
        let dimensions = metric["dimensions"].as_array().expect("dimensions").iter();
        let dimensions: Vec<&str> = dimensions.map(|one| one["id"].as_str().expect("id")).collect();
        let (grain, from, to) = match id {
            // Denominators of a month before exist by month only.
            "doctor_referral_ratio" => ("MONTH", "2026-09-01", "2026-09-30"),
            // Every day shows all visits of a year.
            "frequency" => ("DAY", "2026-07-05", "2026-07-05"),
            _ => ("DAY", "2026-09-01", "2026-09-07"),
        };
        let asked = hub().graphql(&format!(
            "{{ metrics(input: {{ metrics: [{id:?}], groupBy: {dimensions:?}, grain: {grain}, \
             range: {{ from: \"{from}\", to: \"{to}\" }}, first: 500 }}) {{ rows {{ \
             period dimensions {{ value }} values {{ value }} }} pageInfo {{ hasNextPage }} }} }}"
        ));
        assert_eq!(asked["metrics"]["pageInfo"]["hasNextPage"], false, "{id}");
        let mut found = BTreeMap::new();
        for row in asked["metrics"]["rows"].as_array().expect("rows") {
            let value = number(&row["values"][0]["value"]);
            if let Some(value) = value.filter(|value| !value.is_zero()) {
                let mut key = vec![row["period"].as_str().expect("a day").to_owned()];
                let own = row["dimensions"].as_array().expect("dimensions").iter();
                key.extend(own.map(|it| it["value"].as_str().unwrap_or_default().to_owned()));
                found.insert(key, value.normalize());
            }
        }
        let rows = hub().rows(&format!(
            "select * from metrics.{id} where period between date '{from}' and date '{to}' and \
             value <> 0"
        ));
        let mut viewed = BTreeMap::new();
        for row in &rows {
            let mut key = vec![row["period"].clone()];
            key.extend(dimensions.iter().map(|dimension| row[*dimension].clone()));
            viewed.insert(key, decimal(&row["value"]).normalize());
        }
        assert!(!viewed.is_empty(), "{id}");
        assert_eq!(found, viewed, "{id}");
    }
}
