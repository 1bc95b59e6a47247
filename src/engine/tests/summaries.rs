//! Nightly summaries answer as the tables they sum up do, for random data and random questions.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use hub_domain::Principal;
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::clock::FixedClock;
use hub_domain::metric::{Compare, DimensionFilter, MetricsQuery, MetricsResult};
use hub_domain::ports::ReadSession;
use hub_domain::principal::{Role, SiteScope};
use hub_domain::project::ProjectFiles;
use hub_domain::snapshot::{Snapshot, SnapshotPick};
use hub_lake::{Contracts, TableId, Txn, WriteMode, WriteSpec, arrow_schema};

use super::fixture::{World, config, instant};
use crate::{Engine, Registry, build_context};

const VISIT: &str = "\
table: visit
grain: one row per visit
key: [visit_id]
policy: { site: site_id }
columns:
  - { name: visit_id, type: text }
  - { name: person_id, type: text }
  - { name: site_id, type: text, nullable: true }
  - { name: channel_id, type: text, nullable: true }
  - { name: line, type: text, nullable: true }
  - { name: doctor_id, type: text, nullable: true }
  - { name: biz_date, type: date, nullable: true }
  - { name: amount_fen, type: int64, nullable: true }
  - { name: hours, type: \"decimal(8,2)\", nullable: true }
  - { name: is_paid, type: bool, nullable: true }
";

const METRICS: &str = "\
family: test
metrics:
  - { id: visits, label_zh: a, label_en: a, description: d, unit: count, direction: up, additive: true,
      type: simple, source: visit, aggregate: count, time: biz_date, dimensions: &own
      { site: site_id, channel: channel_id, line: \"coalesce(line, 'other')\", doctor: doctor_id } }
  - { id: paid, label_zh: a, label_en: a, description: d, unit: count, direction: up, additive: true,
      type: simple, source: visit, aggregate: count, filter: is_paid, time: biz_date, dimensions: *own }
  - { id: billed, label_zh: a, label_en: a, description: d, unit: fen, direction: up, additive: true,
      type: simple, source: visit, aggregate: sum, expression: amount_fen, time: biz_date, dimensions: *own }
  - { id: billed_paid, label_zh: a, label_en: a, description: d, unit: fen, direction: up, additive: true,
      type: simple, source: visit, aggregate: sum, expression: amount_fen, filter: is_paid or amount_fen < 0,
      time: biz_date, dimensions: *own }
  - { id: hours, label_zh: a, label_en: a, description: d, unit: count, direction: up, additive: true,
      type: simple, source: visit, aggregate: sum, expression: hours, filter: doctor_id = 'd1',
      time: biz_date, dimensions: *own }
  - { id: persons, label_zh: a, label_en: a, description: d, unit: count, direction: up,
      type: simple, source: visit, aggregate: count_distinct, expression: person_id, time: biz_date,
      dimensions: *own }
  - { id: ticket, label_zh: a, label_en: a, description: d, unit: fen, direction: up,
      type: ratio, numerator: billed_paid, denominator: paid }
  - { id: growth, label_zh: a, label_en: a, description: d, unit: ratio, direction: up,
      type: ratio, numerator: visits, denominator: visits, denominator_offset: 1 }
  - { id: running, label_zh: a, label_en: a, description: d, unit: count, direction: up,
      type: cumulative, metric: paid, window: { days: 30 } }
";

const DIMENSIONS: &str = "\
dimensions:
  - { id: site, label_zh: a, label_en: a }
  - { id: channel, label_zh: a, label_en: a }
  - { id: line, label_zh: a, label_en: a }
  - { id: doctor, label_zh: a, label_en: a }
";

const SUMMARY: &str = "source: visit\ntime: biz_date\ndimensions: [site, channel, line]\n";

/// Metrics asked for, those a summary cannot hold among them.
const ASKED: [&str; 9] =
    ["visits", "paid", "billed", "billed_paid", "hours", "ticket", "growth", "running", "persons"];
/// The last of these is not in the summary.
const SPLIT: [&str; 4] = ["site", "channel", "line", "doctor"];

pub(super) fn project() -> ProjectFiles {
    let files = [
        ("schema/tables/visit.yaml", VISIT),
        (
            "schema/sources/his.yaml",
            "source: his\ntables:\n  v:\n    key: [id]\n    columns: { id: text }\n",
        ),
        (
            "queries/staging/his/visit.sql",
            "select id as visit_id, id as person_id, id as site_id, id as channel_id, id as line, \
             id as doctor_id, date '2026-01-01' as biz_date, 1 as amount_fen, \
             cast(1 as decimal(8, 2)) as hours, true as is_paid from raw.his_v",
        ),
        ("queries/metrics/test.yaml", METRICS),
        ("queries/metrics/dimensions.yaml", DIMENSIONS),
        ("queries/summaries/visit.yaml", SUMMARY),
    ];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned()));
    ProjectFiles { files: files.collect() }
}

/// A xorshift stream.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }

    fn some_of(&mut self, items: &[&str], most: u64) -> Vec<String> {
        let count = self.below(most + 1);
        let mut picked: BTreeSet<String> = BTreeSet::new();
        for _ in 0..count {
            picked.insert(self.one_of(items).to_owned());
        }
        let mut picked: Vec<String> = picked.into_iter().collect();
        if self.below(2) == 0 {
            picked.reverse();
        }
        picked
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// Visits of three months, with NULL wherever one may be.
fn visits(chance: &mut Chance) -> String {
    let mut text = String::new();
    let word =
        |value: Option<&str>| value.map_or_else(|| "null".to_owned(), |it| format!("\"{it}\""));
    for number in 0..chance.below(400) {
        let on = day("2026-01-05") + Days::new(chance.below(80));
        let on = if chance.below(30) == 0 { None } else { Some(on.to_string()) };
        let amount = match chance.below(6) {
            0 => "null".to_owned(),
            1 => "0".to_owned(),
            _ => (chance.below(2_000) as i64 - 300).to_string(),
        };
        let hours = chance.one_of(&["null", "0.25", "1.50", "-2.75"]);
        let _ = writeln!(
            text,
            r#"{{"visit_id":"v{number}","person_id":"p{}","site_id":{},"channel_id":{},"line":{},"doctor_id":{},"biz_date":{},"amount_fen":{amount},"hours":{hours},"is_paid":{}}}"#,
            chance.below(40),
            word(chance.one_of(&[Some("A"), Some("A"), Some("B"), Some("C"), None])),
            word(chance.one_of(&[Some("x"), Some("y"), None])),
            word(chance.one_of(&[Some("dental"), Some("other"), None])),
            word(chance.one_of(&[Some("d1"), Some("d2"), None])),
            word(on.as_deref()),
            chance.one_of(&["true", "false", "null"]),
        );
    }
    text
}

fn question(chance: &mut Chance) -> MetricsQuery {
    let from = day("2025-11-20") + Days::new(chance.below(150));
    let range = DateRange { from, to: from + Days::new(chance.below(70)) };
    let mut metrics = chance.some_of(&ASKED[..8], 3);
    if metrics.is_empty() || chance.below(8) == 0 {
        metrics.push("persons".to_owned());
    }
    let ids: Vec<&str> = metrics.iter().map(String::as_str).collect();
    let mut query = MetricsQuery::total(&ids, range);
    let dimensions = if chance.below(4) == 0 { &SPLIT[..] } else { &SPLIT[..3] };
    query.group_by = chance.some_of(dimensions, 2);
    query.grain =
        chance.one_of(&[None, Some(Grain::Day), Some(Grain::Week), Some(Grain::Month), None]);
    query.compare = chance.one_of(&[
        None,
        None,
        Some(Compare::PreviousPeriod),
        Some(Compare::SamePeriodLastYear),
    ]);
    let values = ["A", "B", "x", "dental", "other", "d1", "nobody"];
    for dimension in chance.some_of(dimensions, 2) {
        let mut filter = DimensionFilter { dimension, ..DimensionFilter::default() };
        match chance.below(4) {
            0 => filter.any_of = Some(chance.some_of(&values, 4)),
            1 => filter.none_of = Some(chance.some_of(&values, 3)),
            2 => filter.is_null = Some(chance.below(2) == 0),
            _ => filter.any_of = Some(vec!["A".to_owned(), "x".to_owned(), "other".to_owned()]),
        }
        query.filter.push(filter);
    }
    query
}

fn principals() -> Vec<Principal> {
    let everywhere = Principal {
        role: Role::Site,
        sites: SiteScope::All,
        ..Principal::site("auditor", ["A".to_owned()])
    };
    vec![
        Principal::group("boss"),
        Principal::site("clerk", ["A".to_owned()]),
        Principal::site("area", ["A".to_owned(), "C".to_owned()]),
        Principal::site("nobody", []),
        everywhere,
    ]
}

/// A hub with its summary built as a night builds it, and one that knows none.
struct Both {
    summed: Engine,
    plain: Engine,
    _world: World,
}

impl Both {
    async fn new(chance: &mut Chance) -> Self {
        let project = project();
        let contracts = Contracts::load(&project).expect("contracts");
        let registry = Registry::load(&project, &contracts).expect("definitions");
        let contracts = registry.with_summaries(contracts);
        let world = World::empty(config());
        let spec = |table: &str| {
            let txn = Txn { app_id: "test".into(), version: 1 };
            let contract = &contracts.tables[table];
            WriteSpec::new(arrow_schema(contract), WriteMode::Overwrite, txn)
        };
        let id = TableId::hub("visit");
        let version = world.write(&id, spec("visit"), &visits(chance)).await;
        let context = build_context(&config()).expect("a context");
        let table = world.lake.provider(&id, version).await.expect("the visits");
        context.register_table("visit", table).expect("registered");
        let node = registry.nodes.iter().find(|node| node.target == "summary_visit");
        let frame = context.sql(&node.expect("the summary").sql()).await.expect("it plans");
        let rows = frame.execute_stream().await.expect("it runs");
        let id = TableId::hub("summary_visit");
        let written = world.lake.table(&id).write(spec("summary_visit"), rows).await;
        let summary = written.expect("written").version;
        let snapshot = Snapshot {
            id: 1,
            business_date: day("2026-03-25"),
            published_at: instant("2026-03-26T00:00:00Z"),
            run_id: "run".into(),
            tables: [("visit".to_owned(), version), ("summary_visit".to_owned(), summary)].into(),
            definition_hash: project.definition_hash(),
            audits: Vec::new(),
            rollback_of: None,
            lease_token: 0,
        };
        world.lake.publish(&snapshot).await.expect("published");
        let clock = Arc::new(FixedClock(instant("2026-03-26T00:00:00Z")));
        let engine = |registry: Registry| {
            let (lake, contracts) = (world.lake.clone(), contracts.clone());
            Engine::new(config(), lake, contracts, registry, clock.clone()).expect("an engine")
        };
        let mut plain = registry.clone();
        plain.summaries.clear();
        Self { summed: engine(registry), plain: engine(plain), _world: world }
    }
}

async fn answer(engine: &Engine, principal: &Principal, query: &MetricsQuery) -> MetricsResult {
    let session = engine.open(principal, SnapshotPick::Latest).await.expect("a session");
    let session: &dyn ReadSession = &*session;
    session.metrics(query).await.unwrap_or_else(|error| panic!("{query:?}: {error:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn summaries_answer_as_their_sources_do() {
    let (mut used, mut unused) = (0, 0);
    for seed in 1..=4_u64 {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let both = Both::new(&mut chance).await;
        for _ in 0..60 {
            let query = question(&mut chance);
            let principal = chance.one_of(&principals());
            let mut summed = answer(&both.summed, &principal, &query).await;
            let mut plain = answer(&both.plain, &principal, &query).await;
            if !summed.sql.is_empty() {
                let from_summary = summed.sql.iter().any(|it| it.contains("hub.summary_visit"));
                if from_summary {
                    used += 1;
                } else {
                    unused += 1;
                }
                assert!(!plain.sql.iter().any(|it| it.contains("hub.summary_visit")));
            }
            summed.sql.clear();
            plain.sql.clear();
            assert_eq!(summed, plain, "seed {seed}, {principal:?}, {query:#?}");
        }
    }
    assert!(used > 10 && unused > 5, "{used} from summaries, {unused} not");
}

#[tokio::test]
async fn a_snapshot_of_other_definitions_is_read_from_its_tables() {
    let mut chance = Chance(7);
    let both = Both::new(&mut chance).await;
    let mut project = project();
    project.files.insert("queries/saved/other.sql".into(), "select 1".into());
    let contracts = Contracts::load(&project).expect("contracts");
    let registry = Registry::load(&project, &contracts).expect("definitions");
    let contracts = registry.with_summaries(contracts);
    let clock = Arc::new(FixedClock(instant("2026-03-26T00:00:00Z")));
    let lake = both.summed.lake().clone();
    let other = Engine::new(config(), lake, contracts, registry, clock).expect("an engine");
    let range = DateRange { from: day("2026-01-01"), to: day("2026-03-31") };
    let query = MetricsQuery::total(&["visits"], range);
    let reads = async |engine: &Engine| answer(engine, &Principal::group("boss"), &query).await;
    assert!(reads(&both.summed).await.sql[0].contains("hub.summary_visit"));
    assert!(reads(&other).await.sql[0].contains("hub.visit"));
}
