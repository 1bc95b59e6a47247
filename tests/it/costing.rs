//! Allocated cost through whole nights: the demo's departments against the same sums done by
//! hand, every principal its own sites, and a second organisation from its own files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Hub, Row, clinichub, hub};

const MONTH: &str = "2026-08";

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("no number: {row:?}"))
}

/// Giver (`*` for anybody), taker, driver, units.
type Units = (String, String, String, f64);

/// What departments took from each other in the month, straight from the ledger.
fn units() -> Vec<Units> {
    let rows = hub().rows(&format!(
        "select driver, from_department as giver, to_department as taker, \
         cast(quantity as double) as qty from raw.ledger_driver_value where period = '{MONTH}'"
    ));
    let read = |row: &Row| {
        let text = |name: &str| row[name].clone();
        (text("giver"), text("taker"), text("driver"), number(row, "qty"))
    };
    rows.iter().map(read).collect()
}

/// The rules of `queries/costing/2020.yaml`, written down once more.
fn driver(giver: &str, account: &str) -> &'static str {
    match (giver.rsplit('-').next().expect("a suffix"), account) {
        ("XZ", "5004" | "5005" | "5008") => "area_m2",
        ("XZ", _) => "headcount",
        ("SC", _) => "leads_handled",
        ("QT", "5001" | "5009") => "visits",
        ("QT", _) => "revenue",
        ("XD", _) => "sterile_packs",
        _ => "tests_ordered",
    }
}

/// Full cost of clinical departments in fen: administration to all others, then support to
/// technical and clinical ones, then technical to clinical ones; one account after the other.
fn three_levels_by_hand() -> BTreeMap<String, f64> {
    let classes =
        hub().rows("select jgbm as dept, kslb as class from raw.his_t_org where jgjb = 4");
    let class: BTreeMap<String, i64> =
        classes.iter().map(|row| (row["dept"].clone(), number(row, "class") as i64)).collect();
    let booked = hub().rows(&format!(
        "select department as dept, account, sum(to_fen(amount)) as fen \
         from raw.ledger_cost_entry where period = '{MONTH}' group by 1, 2"
    ));
    let units = units();
    let mut full: BTreeMap<String, f64> = BTreeMap::new();
    let accounts: BTreeMap<&str, ()> =
        booked.iter().map(|it| (it["account"].as_str(), ())).collect();
    for account in accounts.into_keys() {
        let of_account = booked.iter().filter(|row| row["account"] == account);
        let mut cost: BTreeMap<String, f64> =
            of_account.map(|row| (row["dept"].clone(), number(row, "fen"))).collect();
        for closing in [4, 3, 2] {
            let before = cost.clone();
            for (giver, fen) in before.iter().filter(|it| class[it.0.as_str()] == closing) {
                let wanted = driver(giver, account);
                let site = giver.rsplit_once('-').expect("a suffix").0;
                let takes = |it: &Units, wanted: &str| {
                    let near = it.0 == "*" && it.1.starts_with(site) && it.1 != *giver;
                    (it.0 == *giver || near) && it.2 == wanted && class[&it.1] < closing
                };
                let total = |wanted: &str| -> f64 {
                    units.iter().filter(|it| takes(it, wanted)).map(|it| it.3).sum()
                };
                let wanted = if total(wanted) > 0.0 { wanted } else { "headcount" };
                let total = total(wanted);
                for unit in units.iter().filter(|it| takes(it, wanted)) {
                    *cost.entry(unit.1.clone()).or_default() += fen * unit.3 / total;
                }
            }
        }
        for (dept, fen) in cost.into_iter().filter(|it| class[&it.0] == 1) {
            *full.entry(dept).or_default() += fen;
        }
    }
    full
}

#[test]
fn the_demo_bears_what_three_levels_by_hand_give() {
    let rows = hub().rows(&format!(
        "select dept_id, sum(amount_fen) as fen from hub.cost_full where month = '{MONTH}' \
         group by dept_id"
    ));
    let wanted = three_levels_by_hand();
    assert!(wanted.len() > 10, "{wanted:?}");
    assert_eq!(rows.len(), wanted.len());
    for row in rows {
        let (found, wanted) = (number(&row, "fen"), wanted[&row["dept_id"]]);
        // Every class of cost and level is rounded for itself.
        assert!((found - wanted).abs() < 30.0, "{}: {found}, by hand {wanted}", row["dept_id"]);
    }
}

#[test]
fn no_method_loses_a_fen_at_any_site() {
    let rows = hub().rows(
        "select method, count(*) as n, sum(abs(kept - direct)) as off from (
            select method, month, site_id, sum(amount_fen) as kept,
                sum(case when kind = 'direct' then amount_fen else 0 end) as direct
            from hub.cost_allocation group by method, month, site_id
        ) group by method order by method",
    );
    let methods: Vec<&str> = rows.iter().map(|row| row["method"].as_str()).collect();
    assert_eq!(methods, ["direct", "reciprocal", "step_down", "three_level"]);
    assert!(rows.iter().all(|row| row["off"] == "0" && number(row, "n") > 20.0), "{rows:?}");
    let full = |method: &str| {
        hub().rows(&format!(
            "select dept_id, sum(amount_fen) as fen from hub.cost_allocation \
             where method = '{method}' and is_final and month = '{MONTH}' group by 1 order by 1"
        ))
    };
    // Support departments serve each other, so the order of closing matters.
    assert_ne!(full("step_down"), full("three_level"));
    assert_ne!(full("reciprocal"), full("step_down"));
    assert_ne!(full("direct"), full("three_level"));
}

/// The pure rule on plain files and the SQL of the marts know nothing of each other.
#[test]
fn item_cost_is_what_the_rule_gives_on_plain_files() {
    let dept = "MH-SH-KQ-KQ";
    let at = format!("dept_id = '{dept}' and month = '{MONTH}'");
    let work = hub().rows(&format!(
        "select item_id, role, cases, heads * minutes as minutes from hub.item_work where {at}"
    ));
    let roles: BTreeSet<&str> = work.iter().map(|row| row["role"].as_str()).collect();
    let sold = hub()
        .scalar(&format!("select count(*) from hub.item_basis where {at} and basis = 'sales'"));
    let drugs = if sold == "0" { "" } else { "and (cost_class <> 'drug' or level > 0)" };
    let pools = hub().rows(&format!(
        "select role, level, sum(amount_fen) as fen from hub.cost_pool where {at} {drugs} \
         group by role, level"
    ));
    let (mut named, mut other) =
        ("role,amount,layer\n".to_owned(), "pool,amount,layer\n".to_owned());
    for row in &pools {
        let layer = match row["level"].as_str() {
            "0" => "direct",
            "1" => "admin",
            _ => "support",
        };
        let role = row["role"].as_str();
        let line = format!("{role},{},{layer}\n", number(row, "fen") / 100.0);
        if roles.contains(role) { &mut named } else { &mut other }.push_str(&line);
    }
    let mut items: BTreeMap<&str, (f64, BTreeMap<&str, f64>)> = BTreeMap::new();
    for row in &work {
        let item = items.entry(&row["item_id"]).or_default();
        item.0 = number(row, "cases");
        item.1.insert(&row["role"], number(row, "minutes"));
    }
    let heads: Vec<&str> = roles.iter().copied().collect();
    let mut table = format!("item,cases,minutes,{},material,risk\n", heads.join(","));
    for (item, (cases, minutes)) in &items {
        let minutes: Vec<String> =
            heads.iter().map(|role| minutes.get(role).unwrap_or(&0.0).to_string()).collect();
        table += &format!("{item},{cases},1,{},0,0\n", minutes.join(","));
    }
    let dir = TempDir::new().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let call = clinichub(["analyze", "item-cost", "--pools"]).arg(put("pools.csv", &named));
    let call = call.arg("--other").arg(put("other.csv", &other));
    let out = call.arg("--items").arg(put("items.csv", &table)).done().passed();
    let wanted: Value = serde_json::from_str(&out).expect("JSON");
    let found = hub().rows(&format!(
        "select cost.item_id, full_fen, direct_fen from hub.item_cost as cost \
         inner join hub.item on cost.item_id = item.item_id and item.item_type = 'service' \
         where {at}"
    ));
    assert!(found.len() > 3 && found.len() == items.len(), "{found:?}");
    for row in found {
        let item = row["item_id"].as_str();
        for (column, rule) in [("full_fen", "full"), ("direct_fen", "direct")] {
            let wanted = wanted[item][rule].as_f64().expect("an amount") * items[item].0 * 100.0;
            // One fen per pool at most.
            let off = (number(&row, column) - wanted).abs();
            assert!(off < 12.0, "{item} {column}: {} by rule {wanted}", row[column]);
        }
    }
}

const QUERY: &str = "{ costAllocation(period: \"2026-08\", method: THREE_LEVEL) { direct full \
    runs { month allocated published ruleVersion centre } centres { orgUnitId isFinal direct full \
    levels { level amount } classes { costClass direct received full } } } \
    costStructure(period: \"2026-08\", by: DEPARTMENT) { total full rows { key amount full } } }";

fn fen(value: &Value) -> i64 {
    value.as_str().map_or_else(|| value.as_i64().expect("fen"), |text| text.parse().expect("fen"))
}

#[test]
fn graphql_shows_the_departments_of_ones_own_sites() {
    let group = hub().graphql(QUERY);
    let all = &group["costAllocation"];
    assert_eq!(fen(&all["direct"]), fen(&all["full"]));
    assert_eq!(fen(&group["costStructure"]["full"]), fen(&all["full"]));
    assert_eq!(all["runs"][0]["allocated"], true);
    let own = hub().served.graphql(&hub().manager, QUERY);
    let centres = own["costAllocation"]["centres"].as_array().expect("centres");
    assert!(centres.len() >= 6, "{centres:?}");
    for centre in centres {
        let code = centre["orgUnitId"].as_str().expect("a code");
        assert!(code.starts_with(Hub::SITE), "{code} is of another site");
        let same = all["centres"].as_array().expect("centres").iter();
        let same = same.filter(|it| it["orgUnitId"] == centre["orgUnitId"]).count();
        assert_eq!(same, 1);
        let received: i64 =
            centre["levels"].as_array().expect("levels").iter().map(|it| fen(&it["amount"])).sum();
        assert_eq!(fen(&centre["direct"]) + received, fen(&centre["full"]), "{code}");
    }
    let others = "select count(*) from hub.cost_allocation where site_id <> 'DL-HZ-YM'";
    assert_eq!(hub().served.scalar(&hub().manager, others), "0");
    for hidden in ["cost_pool", "item_basis"] {
        let answer = hub().served.sql(&hub().manager, &format!("select * from hub.{hidden}"));
        assert_ne!(answer.status, 200, "{hidden}");
    }
}

/// Code, class, direct cost in yuan, headcount, outpatient revenue, sterilised units, inpatients
/// and published full cost of the departments of the costaccount workbook, sheets 表1 and 表2.
const WORKBOOK: &str = "\
101,clinical,1329107.42,23,1834,158,0,199907288
102,clinical,1332910.65,22,2186,214,0,203591985
103,clinical,1330579.60,22,3283,194,0,200325232
201,clinical,1330149.84,31,0,356,2836,202035439
202,clinical,1332193.00,30,0,398,3129,201281836
203,clinical,1329627.90,36,0,416,3695,208365120
301,med_tech,886708.31,9,3328,217,0,
302,med_tech,729957.17,7,2671,261,0,
303,med_tech,730510.86,6,2956,243,0,
401,med_support,289066.01,8,0,0,0,
402,med_support,377193.54,7,0,0,0,
403,med_support,289248.34,6,0,0,0,
404,med_support,289120.47,5,0,0,0,
501,admin,289297.88,8,0,0,0,
502,admin,289398.01,9,0,0,0,";

const ORDERS: [(&str, [u32; 6]); 3] = [
    ("301", [223, 286, 247, 192, 148, 169]),
    ("302", [296, 213, 258, 137, 162, 185]),
    ("303", [86, 99, 75, 63, 56, 49]),
];

const SOURCE: &str = "source: book
description: a hospital's cost book
tables:
  department: { key: [code], columns: { code: text, class: text } }
  cost: { key: [month, code], columns: { month: text, code: text, amount: 'decimal(14,2)' } }
  driver:
    key: [month, driver, giver, taker]
    columns: { month: text, driver: text, giver: text, taker: text, qty: 'decimal(18,4)' }
";

const RULES: &str = "version: '2018'
valid_from: 2018-01
methods: [three_level, direct]
published: three_level
final_classes: [clinical]
levels:
  - { class: admin, drivers: [{ driver: headcount, scope: group }] }
  - class: med_support
    drivers:
      - { centre: '401', driver: outpatient_revenue, scope: group }
      - { centre: '402', driver: sterilised, scope: group }
      - { driver: inpatients, scope: group }
  - { class: med_tech, drivers: [{ driver: orders }] }
";

const CENTRE: &str = "select code as dept_id, code as name, class, cast(null as text) as site_id, \
    cast(null as text) as brand_id, cast(null as text) as city, \
    cast(null as text) as business_line from raw.book_department";
const DIRECT: &str = "select month, code as dept_id, 'other' as cost_class, to_fen(amount) as amount_fen \
    from raw.book_cost";
const COSTS: &str = "table: cost_direct
grain: one row per month and department
key: [month, dept_id]
policy: group
columns:
  - { name: month, type: text }
  - { name: dept_id, type: text }
  - { name: cost_class, type: text }
  - { name: amount_fen, type: int64, unit: fen }
";
const DRIVER: &str = "select month || driver || giver || taker as driver_value_id, driver, month, \
    nullif(giver, '*') as from_dept_id, taker as to_dept_id, cast(null as text) as site_id, \
    qty as quantity from raw.book_driver";

/// Writes the organisation: its project, its files, its configuration.
fn hospital(dir: &Path) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in
        ["schema/tables", "schema/sources", "queries/staging/book", "queries/costing", "book"]
    {
        fs::create_dir_all(dir.join(folder)).expect("a folder");
    }
    let put = |path: &str, text: &str| fs::write(dir.join(path), text).expect("written");
    for table in ["cost_centre", "driver_value", "cost_run", "cost_allocation"] {
        let path = format!("schema/tables/{table}.yaml");
        put(&path, &fs::read_to_string(own.join(&path)).expect("a contract"));
    }
    put("schema/tables/cost_direct.yaml", COSTS);
    put("schema/sources/book.yaml", SOURCE);
    put("queries/costing/2018.yaml", RULES);
    put("queries/staging/book/cost_centre.sql", CENTRE);
    put("queries/staging/book/cost_direct.sql", DIRECT);
    put("queries/staging/book/driver_value.sql", DRIVER);
    let (mut departments, mut costs) =
        ("code,class\n".to_owned(), "month,code,amount\n".to_owned());
    let mut drivers = "month,driver,giver,taker,qty\n".to_owned();
    for month in ["2017-12", "2018-08", "2018-09"] {
        for line in WORKBOOK.lines() {
            let cells: Vec<&str> = line.split(',').collect();
            if month == "2018-08" {
                departments += &format!("{},{}\n", cells[0], cells[1]);
            }
            costs += &format!("{month},{},{}\n", cells[0], cells[2]);
            let names = ["headcount", "outpatient_revenue", "sterilised", "inpatients"];
            for (name, qty) in names.iter().zip(&cells[3..7]) {
                // In September nobody counted the inpatients.
                if (month, *name) != ("2018-09", "inpatients") {
                    drivers += &format!("{month},{name},*,{},{qty}\n", cells[0]);
                }
            }
        }
        for (giver, units) in ORDERS {
            for (taker, qty) in ["101", "102", "103", "201", "202", "203"].iter().zip(units) {
                drivers += &format!("{month},orders,{giver},{taker},{qty}\n");
            }
        }
    }
    put("book/department.csv", &departments);
    put("book/cost.csv", &costs);
    put("book/driver.csv", &drivers);
    put(
        "clinichub.yaml",
        "group: hospital\ntimezone: Asia/Shanghai\nlake: { url: \"file://./lake\" }\n\
         state: { url: \"sqlite://./state.db\" }\nauth: { pseudonym_key: \"a hospital's pseudonyms\" }\n\
         project: { schema: ./schema, queries: ./queries }\n\
         sources: { book: { kind: csv, path: ./book } }\n",
    );
    dir.join("clinichub.yaml")
}

#[test]
fn another_organisations_departments_are_allocated_by_its_own_rules() {
    let dir = TempDir::new().expect("a folder");
    let config = hospital(dir.path());
    clinichub(["check", "--config"]).arg(&config).done().passed();
    clinichub(["nightly", "--date", "2018-10-01", "--config"]).arg(&config).done().passed();
    let rows = |statement: &str| {
        let call = clinichub(["sql", "--format", "csv", "--config"]).arg(&config);
        let out = call.arg(statement).done().passed();
        out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let full = rows(
        "select dept_id, cast(round(sum(amount)) as bigint) from hub.cost_allocation \
         where is_published \
         and is_final and month = '2018-08' group by dept_id order by dept_id",
    );
    let wanted = WORKBOOK.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let wanted = wanted.filter(|cells| !cells[7].is_empty());
    let wanted: Vec<String> = wanted.map(|cells| format!("{},{}", cells[0], cells[7])).collect();
    // The published figures, rounded to the fen; they add up to the 12,155,069.00 yuan booked.
    assert_eq!(full, wanted);
    let fen = "select sum(amount_fen) from hub.cost_allocation where is_published and is_final";
    assert_eq!(rows(fen), ["1215506900"]);
    let runs = rows(
        "select month, method, status, coalesce(reason, ''), coalesce(dept_id, '') \
         from hub.cost_run order by month, method",
    );
    assert_eq!(
        runs,
        [
            "2017-12,none,refused,no_rules,",
            "2018-08,direct,allocated,,",
            "2018-08,three_level,allocated,,",
            "2018-09,direct,refused,zero_driver,403",
            "2018-09,three_level,refused,zero_driver,403",
        ]
    );
    let refused = rows("select count(*) from hub.cost_allocation where month <> '2018-08'");
    assert_eq!(refused, ["0"], "a refused month has no number at all");
    let shown = clinichub(["snapshot", "show", "1", "--config"]).arg(&config).done().passed();
    assert!(shown.contains("every_month_is_allocated"), "{shown}");
}
