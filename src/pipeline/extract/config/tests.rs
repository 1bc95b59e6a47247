//! The section as interfaces promise it.

use super::*;

const SECTION: &str = "
his:
  kind: postgres
  url: postgres://hub:secret@db/his
  limits: { connections: 2 }
  tables:
    visit:
      from: public.visit
      key: [visit_id]
      cursor: { column: updated_at, lag: 2d }
      deletes: scan
      schema: freeze
    appointment:
      deletes: { flag: { column: gone, value: 1 } }
      cursor: { column: seq, lag: 100 }
crm: { kind: csv, path: ./crm, encoding: gb18030,
       tables: { customer: { file: customer*.csv, key: [id] } } }
";

fn section(text: &str) -> BTreeMap<String, SourceConfig> {
    serde_saphyr::from_str(text).expect("the section is valid")
}

#[test]
fn the_documented_section_reads() {
    let sources = section(SECTION);
    let his = &sources["his"];
    assert_eq!(his.kind, SourceKind::Postgres);
    assert_eq!(his.limits.connections, 2);
    let visit = &his.tables["visit"];
    assert_eq!(visit.from.as_deref(), Some("public.visit"));
    assert_eq!(visit.deletes, Deletes::Scan);
    assert_eq!(visit.schema, SchemaPolicy::from(SchemaMode::Freeze));
    let cursor = visit.cursor.as_ref().expect("a cursor");
    assert_eq!(cursor.lag, Lag::Time(Span::hours(48)));
    let appointment = &his.tables["appointment"];
    assert!(matches!(&appointment.deletes, Deletes::Flag(flag) if flag.value == FlagValue::Int(1)));
    assert_eq!(appointment.cursor.as_ref().map(|c| c.lag), Some(Lag::Steps(100)));
    assert!(sources.values().all(|source| source.faults().is_empty()));
    assert!(!format!("{his:?}").contains("secret"));
    let crm = sources["crm"].clone().resolved(Path::new("/srv/hub"));
    assert_eq!(crm.path.as_deref(), Some(Path::new("/srv/hub/./crm")));
}

#[test]
fn unknown_keys_and_bad_lags_are_errors() {
    for text in [
        "a: { kind: csv, path: x, colour: red }",
        "a: { kind: oracle, url: x }",
        "a: { kind: csv, path: x, tables: { t: { cursor: { column: c, lag: 2w } } } }",
        "a: { kind: csv, path: x, tables: { t: { deletes: sometimes } } }",
    ] {
        let read: Result<BTreeMap<String, SourceConfig>, _> = serde_saphyr::from_str(text);
        assert!(read.is_err(), "{text}");
    }
}

#[test]
fn faults_are_told_together() {
    let sources = section(
        "a: { kind: csv, url: x, encoding: klingon, delimiter: '\"',
           tables: { 'a/b': { from: t } } }",
    );
    let faults = sources["a"].faults();
    assert_eq!(faults.len(), 6, "{faults:?}");
    let sources = section("a: { kind: postgres, path: x, limits: { connections: 0 } }");
    assert_eq!(sources["a"].faults().len(), 3);
    let sources = section("a: { kind: sqlite, url: 'sqlite://./his.db?mode=ro' }");
    assert!(sources["a"].faults().is_empty());
    let resolved = sources["a"].clone().resolved(Path::new("/srv"));
    assert_eq!(resolved.path.as_deref(), Some(Path::new("/srv/./his.db")));
}

#[test]
fn the_schema_of_the_section_generates() {
    let schema = schemars::schema_for!(SourceConfig);
    let text = serde_json::to_string(&schema).expect("a schema is JSON");
    assert!(text.contains("discard_value") && text.contains("\"^[0-9]+[dhms]$\""));
}

#[test]
fn kinds_of_files_and_limits_are_judged() {
    let sources = section(
        "a: { kind: parquet, url: x, limits: { rows_per_second: 0 } }
b: { kind: jsonl, path: x, encoding: gbk, tables: { t: { from: u } } }
c: { kind: sqlserver, url: 'sqlserver://hub@db/his' }",
    );
    let told = |id: &str| sources[id].faults();
    assert_eq!(told("a").len(), 3, "{:?}", told("a"));
    assert_eq!(told("b").len(), 2, "{:?}", told("b"));
    let built_in = cfg!(feature = "sqlserver");
    assert_eq!(told("c").is_empty(), built_in);
    assert!(told("c").iter().all(|fault| fault.hint.contains("--features sqlserver")));
    assert_eq!(sources["c"].kind.caveat(), Some("protocol-tested only"));
    let Relation::Files(patterns) = TableConfig::default().relation("t", SourceKind::Jsonl) else {
        panic!("files");
    };
    assert_eq!(patterns, ["t.jsonl", "t[-_.][0-9]*.jsonl", "t.jsonl.gz", "t[-_.][0-9]*.jsonl.gz"]);
}

#[test]
fn deletes_and_drift_have_a_word_and_a_map() {
    let table = |text: &str| -> TableConfig {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let scan = table("{ deletes: { scan: { window: 90d, column: at } } }").deletes;
    let window = Span::hours(90 * 24);
    assert_eq!(scan, Deletes::ScanWindow(ScanConfig { window, column: "at".into() }));
    assert_eq!(table("{ deletes: none }").deletes, Deletes::None);
    let policy = table("{ schema: { dropped: evolve, retyped: discard_value } }").schema;
    assert_eq!(policy.dropped, Tolerance::Evolve);
    assert_eq!(policy.retyped, SchemaMode::DiscardValue);
    assert_eq!((policy.renamed, policy.added), (Tolerance::Freeze, SchemaMode::Evolve));
    assert_eq!(table("{ schema: discard_row }").schema.added, SchemaMode::DiscardRow);
    for bad in [
        "{ deletes: { scan: { window: 90d } } }",
        "{ deletes: { scan: { window: 90d, column: at, more: 1 } } }",
        "{ schema: { dropped: discard_row } }",
        "{ schema: { vanished: freeze } }",
        "{ schema: [freeze] }",
    ] {
        assert!(serde_saphyr::from_str::<TableConfig>(bad).is_err(), "{bad}");
    }
    let sources = section(
        "a: { kind: sqlite, path: x, tables: { t: { reread: { column: at, months: 0 } } } }",
    );
    assert_eq!(sources["a"].faults().len(), 2);
}
