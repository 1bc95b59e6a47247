//! End to end: options and small files in, JSON out, as the binary does it.

use std::fs;
use std::path::PathBuf;

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Analyze, Error, run};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    analysis: Analyze,
}

/// A folder of input files that vanishes with the test.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().expect("a folder"));
        for (name, text) in files {
            fs::write(folder.path(name), text).expect("written");
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command line in which `@name` stands for a file.
    fn run(&self, line: &str) -> Result<Value, Error> {
        let words = line.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).display().to_string(),
            None => word.to_owned(),
        });
        let parsed = Cli::try_parse_from(std::iter::once("analyze".to_owned()).chain(words));
        run(parsed.expect("a command line").analysis)
    }

    /// The text of a failure without the folder, and its exit code.
    fn failure(&self, line: &str) -> (String, u8) {
        let error = self.run(line).expect_err("refused");
        let folder = format!("{}/", self.0.path().display());
        (error.to_string().replace(&folder, ""), error.exit_code())
    }
}

fn close(got: &Value, wanted: f64, tolerance: f64) {
    let got = got.as_f64().expect("a number");
    assert!((got - wanted).abs() < tolerance, "{got} is not {wanted}");
}

#[test]
fn funnel_counts_units_and_steps() {
    let events = "unit,at,event\nu1,2026-03-01 13:00:00,A\nu1,2026-03-01 13:30:00,A\n\
                  u1,2026-03-01 13:45:00,B\nu1,2026-03-01 14:15:00,C\nu2,2026-03-01,D\n";
    let files = Files::new(&[("events.csv", events)]);
    let run = |options: &str| {
        files.run(&format!("funnel @events.csv --steps A,B,C --window 60m {options}")).expect("ok")
    };
    let first = run("--mode ordered --entry first");
    assert_eq!(first, json!({"levels": {"u1": 2, "u2": 0}, "reached": [1, 1, 0]}));
    let longest = run("--mode ordered --entry longest");
    assert_eq!(longest, json!({"levels": {"u1": 3, "u2": 0}, "reached": [1, 1, 1]}));
    let each = run("--entry each");
    assert_eq!(each, json!({"levels": {"u1": 3, "u2": 0}, "reached": [2, 2, 1]}));
    assert_eq!(run("--mode strict-order"), run("--mode strict_order"));
}

#[test]
fn strict_funnels_see_foreign_events() {
    let events = "\u{feff}event,unit,at\nA,u,0\nB,u,60\nD,u,120.5\nC,u,180\n";
    let files = Files::new(&[("e.csv", events)]);
    let run = |mode: &str| {
        let line = format!("funnel --input @e.csv --steps A,B,C --window 1h --mode {mode}");
        files.run(&line).expect("ok")["levels"]["u"].clone()
    };
    assert_eq!(run("strict_order"), json!(2));
    assert_eq!(run("ordered"), json!(3));
    assert_eq!(run("any_order"), json!(3));
}

#[test]
fn attribution_gives_the_published_credits() {
    let paths = "path,conversions,value\nC1>C2>C3,1,1000\nC1,0,0\nC2 > C3,0,0\n";
    let files = Files::new(&[("p.csv", paths)]);
    let got = files.run("attribution @p.csv --model markov").expect("ok");
    for (channel, removal, conversions) in [("C1", 0.5, 0.2), ("C2", 1.0, 0.4), ("C3", 1.0, 0.4)] {
        close(&got[channel]["removal"], removal, 1e-12);
        close(&got[channel]["conversions"], conversions, 1e-12);
        close(&got[channel]["value"], conversions * 1_000.0, 1e-9);
    }
    let last = files.run("attribution @p.csv --model last").expect("ok");
    assert_eq!(last["C3"], json!({"conversions": 1.0, "value": 1000.0}));
}

const CENTRES: &str = "code,name,step,is_final,direct\nL,Laundry,1,0,7000\n\
    H,Housekeeping,2,0,5000\nA,Administration,3,0,20000\nS,Surgery,,1,40000\nP,Pharmacy,,1,100000\n";

const DRIVERS: &str = "from,to,qty\nL,L,5\nL,H,5\nL,A,20\nL,S,40\nL,P,20\nH,L,50\nH,H,50\n\
    H,A,100\nH,S,100\nH,P,100\nA,L,2\nA,H,2\nA,A,2\nA,S,4\nA,P,2\n";

#[test]
fn allocation_gives_the_published_shares_under_every_method() {
    let files = Files::new(&[("c.csv", CENTRES), ("d.csv", DRIVERS)]);
    let run = |method: &str| {
        let line = format!("allocation --centers @c.csv --drivers @d.csv --method {method}");
        files.run(&line).expect("ok")
    };
    for (method, surgery, pharmacy) in [
        ("direct", 60_500.0, 111_500.0),
        ("step_down", 9_292_000.0 / 153.0, 17_024_000.0 / 153.0),
        ("reciprocal", 60_275.862_069, 111_724.137_931),
    ] {
        let got = run(method);
        close(&got["centers"]["S"]["full"], surgery, 1e-6);
        close(&got["centers"]["P"]["full"], pharmacy, 1e-6);
        assert_eq!(got["total"], json!(172_000.0));
    }
    let got = &run("step_down")["centers"]["S"];
    assert_eq!(got["full_rounded"], json!("60732.03"));
    assert_eq!(got["full_exact"], json!("60732.02614379084967320261"));
    assert_eq!(got["is_final"], json!(true));
    close(&got["allocated"], 20_732.026_143_790_85, 1e-9);
    close(&run("reciprocal")["centers"]["L"]["full"], 13_873.563_218, 1e-6);
}

#[test]
fn three_levels_follow_their_rules() {
    let centres = "code,name,class,direct,headcount,visits\n101,门诊,clinical_outpatient,100,3,10\n\
        201,住院,clinical_inpatient,200,5,30\n301,放射,med_tech,50,1,0\n401,收费,med_support,40,1,\n\
        501,行政,admin,60,7,\n";
    let files = Files::new(&[
        ("c.csv", centres),
        ("o.csv", "from,to,qty\n101,301,1\n201,301,3\n"),
        ("r.yaml", "level1: headcount\nlevel2:\n  401: visits\nlevel3: orders\n"),
        ("bad.yaml", "level2:\n  401: beds\n"),
        ("wrong.yaml", "level2: [beds]\n"),
    ]);
    let run =
        |rules: &str| format!("three-level --centers @c.csv --orders @o.csv --rules @{rules}");
    let got = files.run(&run("r.yaml")).expect("ok");
    // 60 over ten heads is 6 each; support 46 by visits 1:3; technology 56 by orders 1:3.
    let outpatient = &got["centers"]["101"];
    assert_eq!(outpatient["level1"], json!(18.0));
    assert_eq!(outpatient["level2"], json!(11.5));
    assert_eq!(outpatient["level3"], json!(14.0));
    assert_eq!(outpatient["full"], json!(143.5));
    assert_eq!(got["centers"]["201"]["full"], json!(200.0 + 30.0 + 34.5 + 42.0));
    assert_eq!(got["centers"]["301"]["level3"], Value::Null);
    assert_eq!(got["centers"]["501"]["level1"], Value::Null);
    assert_eq!(got["total"], json!(450.0));

    let (text, code) = files.failure(&run("bad.yaml"));
    assert!(text.contains("`beds`, which is no driver column\nhint: "), "{text}");
    assert_eq!(code, 2);
    assert_eq!(files.failure(&run("wrong.yaml")).1, 2);
    let (text, code) = files.failure("three-level --centers @c.csv --orders @o.csv");
    assert!(text.starts_with("level 2 has no driver for department `401`"), "{text}");
    assert_eq!(code, 2);
}

#[test]
fn item_cost_gives_the_published_unit_costs() {
    let files = Files::new(&[
        ("pools.csv", "role,amount\ndoctor,576303.69\nnurse,194101.45\ntechnician,19982.33\n"),
        (
            "layers.csv",
            "role,layer,amount\ndoctor,direct,576303.69\nnurse,,194101.45\n\
             technician,,19982.33\ndoctor,support,2380.75905293592\n\
             nurse,support,952.303621174368\ntechnician,support,317.434540391456\n\
             doctor,admin,2756.932783018868\nnurse,admin,1102.773113207547\n\
             technician,admin,367.591037735849\n",
        ),
        (
            "other.csv",
            "pool,amount\nhouse_general,89968.32\nspecial_equipment,89936.75\n\
             intangible,89968.32\nother,89961.89\nsupport,51240.969419423207\n\
             admin,58555.747735849055\n",
        ),
        (
            "items.csv",
            "item,cases,minutes,doctor,nurse_heads,technician,material,risk\n\
             ABEA0001,2700,60,2,0,1,30,5\nEBBBP001,500,120,2,1,1,62.5,3\n",
        ),
    ]);
    let line = "item-cost --pools @layers.csv --other @other.csv --items @items.csv";
    let got = files.run(line).expect("ok");
    close(&got["ABEA0001"]["direct"], 285.373_742_461_469_76, 1e-9);
    close(&got["ABEA0001"]["support"], 298.807_356_556_507_95, 1e-9);
    close(&got["ABEA0001"]["full"], 314.169_776_438_104_07, 1e-9);
    close(&got["EBBBP001"]["full"], 1_093.777_729_841_711, 1e-9);
    let plain = "item-cost --pools @pools.csv --items @items.csv";
    close(&files.run(plain).expect("ok")["ABEA0001"]["direct"], 196.158_383_783_783_8, 1e-9);
}

#[test]
fn rfm_summarises_people() {
    let rows = "person,on,amount\nann,2026-01-05,100\nann,2026-01-12,30\nann,2026-02-02,100\n\
                bob,2026-02-01,70\n";
    let files = Files::new(&[("r.csv", rows)]);
    let got = files.run("rfm @r.csv --as-of 2026-02-15 --unit week").expect("ok");
    let ann = json!({"frequency": 2, "recency": 4, "t": 5, "monetary": 65.0});
    assert_eq!(got["ann"], ann);
    assert_eq!(got["bob"]["frequency"], json!(0));
}

#[test]
fn anomaly_scores_every_point() {
    let start: chrono::NaiveDate = "2026-01-05".parse().expect("a date");
    let mut rows = String::from("series,at,value\n");
    for offset in 0..63u64 {
        let (day, value) = (start + chrono::Days::new(offset), 100 + offset % 5);
        let value = if offset == 60 { 40 } else { value };
        rows.push_str(&format!("revenue,{day},{value}\n"));
    }
    let calendar = "from,to,kind,name\n2026-03-06,2026-03-06,holiday,test\n";
    let files = Files::new(&[("a.csv", rows.as_str()), ("cal.csv", calendar)]);
    let got = files.run("anomaly @a.csv --grain day").expect("ok");
    let points = got["points"].as_array().expect("points");
    assert_eq!(points.len(), 63);
    assert_eq!(points[0]["score"], Value::Null);
    let flagged = || points.iter().filter(|it| it["flag"] == json!(true));
    assert_eq!(flagged().count(), 1);
    let point = flagged().next().expect("one");
    assert_eq!(point["at"], json!("2026-03-06"));
    assert!(point["score"].as_f64() < Some(-3.0) && point["lower"].as_f64() > Some(40.0));
    let quiet = files.run("anomaly @a.csv --calendar @cal.csv").expect("ok");
    let points = quiet["points"].as_array().expect("points");
    assert!(points.iter().all(|it| it["flag"] == json!(false)));
}

#[test]
fn failures_name_their_place_and_what_to_do() {
    let files = Files::new(&[
        ("no_at.csv", "unit,event\nu,A\n"),
        ("bad_at.csv", "unit,at,event\nu,0,A\nu,soon,B\n"),
        ("ragged.csv", "unit,at,event\nu,0\n"),
        ("c.csv", CENTRES),
        ("d.csv", DRIVERS),
        ("unknown.csv", "from,to,qty\nL,H,1\nL,X,1\n"),
        ("none.csv", "from,to,qty\nL,S,1\nH,S,1\n"),
        ("amount.csv", "code,step,is_final,direct\nA,1,0,\"7,000\"\n"),
        ("paths.csv", "path,conversions,value\na>b,1,1\n,1,1\n"),
    ]);
    let funnel = |name: &str| files.failure(&format!("funnel @{name} --steps A,B --window 1h"));
    let expect = |got: (String, u8), text: &str, code: u8| assert_eq!(got, (text.to_owned(), code));
    expect(
        funnel("no_at.csv"),
        "no_at.csv:1: no column `at`\nhint: the columns are `unit`, `event`",
        2,
    );
    expect(
        funnel("bad_at.csv"),
        "bad_at.csv:3: column `at` holds `soon`, not an instant\n\
         hint: write it like `2026-03-31 14:00:00`, or as seconds",
        1,
    );
    assert!(funnel("ragged.csv").0.starts_with("ragged.csv:2: cannot read as CSV"));
    assert_eq!(funnel("missing.csv").1, 2);
    let allocation = |centres: &str, drivers: &str| {
        let files_of = format!("--centers @{centres} --drivers @{drivers}");
        files.failure(&format!("allocation {files_of} --method step_down"))
    };
    expect(
        allocation("c.csv", "unknown.csv"),
        "unknown.csv:3: no centre has the code `X`\nhint: add the centre or correct the code",
        1,
    );
    let (text, code) = allocation("c.csv", "none.csv");
    assert!(text.contains("centre `A` has cost to pass on but its driver total is zero"), "{text}");
    assert_eq!(code, 1);
    let (text, _) = allocation("amount.csv", "d.csv");
    assert!(
        text.starts_with("amount.csv:2: column `direct` holds `7,000`, not a number"),
        "{text}"
    );
    let (text, _) = files.failure("attribution @paths.csv --model u");
    assert!(text.starts_with("paths.csv:3: the path has no channel"), "{text}");
    let (text, code) = files.failure("funnel @bad_at.csv --steps A,B,A --window 1h");
    assert!(text.starts_with("step `A` is listed twice"), "{text}");
    assert_eq!(code, 2);
}

#[test]
fn wrong_options_are_refused_by_name() {
    let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(|_| ()).expect_err("refused");
    for (line, named) in [
        ("analyze funnel x --steps A --window 3y", "unknown unit `y`"),
        ("analyze funnel x --steps A --window 1h --mode sideways", "strict_order"),
        ("analyze attribution x --model fair", "shapley"),
        ("analyze rfm x --as-of today", "--as-of"),
        ("analyze allocation --centers x --drivers y", "--method"),
    ] {
        let text = parse(line).to_string();
        assert!(text.contains(named), "{line}: {text}");
    }
}
