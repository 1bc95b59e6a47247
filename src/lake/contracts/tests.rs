use super::*;

const VISIT: &str = "\
table: visit
grain: one visit
key: [visit_id]
partition_by: month
sort: [site_id, arrived_at desc]
policy: { site: site_id }
columns:
  - { name: visit_id, type: text }
  - { name: site_id, type: text, nullable: true }
  - { name: arrived_at, type: timestamp }
  - { name: amount_fen, type: int64 }
  - { name: month, type: text }
";

fn project(files: &[(&str, &str)]) -> ProjectFiles {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    ProjectFiles { files: files.collect() }
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let found = Contracts::load(&project(files)).expect_err("the project has problems");
    found.iter().map(|p| format!("{}:{}: {}", p.file, p.line, p.what)).collect()
}

#[test]
fn a_sound_contract_becomes_a_schema() {
    let contracts =
        Contracts::load(&project(&[("schema/tables/visit.yaml", VISIT)])).expect("it is sound");
    let schema = arrow_schema(&contracts.tables["visit"]);
    assert_eq!(schema.field(0).name(), "visit_id");
    assert!(schema.field(1).is_nullable());
    assert_eq!(schema.field(2).data_type().to_string(), "Timestamp(µs, \"UTC\")");
}

#[test]
fn problems_say_where() {
    let text = VISIT
        .replace("key: [visit_id]", "key: [visit_no]")
        .replace("amount_fen, type: int64", "amount_fen, type: \"decimal(12,2)\"")
        .replace("{ site: site_id }", "{ site: place_id }");
    let found = problems(&[("schema/tables/visit.yaml", &text)]);
    assert_eq!(
        found,
        [
            "schema/tables/visit.yaml:3: no column `visit_no`",
            "schema/tables/visit.yaml:6: no column `place_id`",
            "schema/tables/visit.yaml:11: money column `amount_fen` is `decimal(12,2)`",
        ]
    );
}

#[test]
fn text_that_is_no_contract_has_its_line() {
    let text = VISIT.replace("type: timestamp }", "type: instant }");
    let found = problems(&[("schema/tables/visit.yaml", &text)]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("yaml:10: "), "{found:?}");
    assert!(found[0].contains("unknown column type `instant`"), "{found:?}");
}

#[test]
fn references_must_fit() {
    let person = "\
table: person
grain: one person
key: [person_id]
policy: { person: person_id }
columns:
  - { name: person_id, type: int64 }
foreign_keys:
  - { columns: [person_id], table: visit }
  - { columns: [person_id], table: nowhere }
";
    let found =
        problems(&[("schema/tables/person.yaml", person), ("schema/tables/visit.yaml", VISIT)]);
    assert_eq!(
        found,
        [
            "schema/tables/person.yaml:4: policy column `person_id` is `int64`",
            "schema/tables/person.yaml:8: `person_id` is `int64`, `visit.visit_id` is `text`",
            "schema/tables/person.yaml:9: foreign key refers to unknown table `nowhere`",
        ]
    );
}

#[test]
fn a_source_key_must_exist() {
    let text = "\
source: his
tables:
  t_jz:
    key: [jzid, hao]
    columns: { jzid: int64, xm: \"text?\" }
";
    let found = problems(&[("schema/sources/his.yaml", text)]);
    assert_eq!(found, ["schema/sources/his.yaml:3: no column `hao` in `t_jz`"]);
}
