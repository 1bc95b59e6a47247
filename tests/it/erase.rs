//! A patient of the demo is erased by command: gone from every table and version, from state and
//! from what the sources bring the next night.

use std::path::Path;

use rusqlite::Connection;

use crate::nights::{SECOND, config, copied};
use crate::support::clinichub;

fn command(dir: &Path, arguments: &[&str]) -> String {
    clinichub(arguments.iter().copied()).arg("--config").arg(config(dir)).done().passed()
}

/// Cells of a statement's answer, row after row.
fn ask(dir: &Path, statement: &str) -> Vec<Vec<String>> {
    let answer = command(dir, &["sql", "--format", "csv", statement]);
    let lines = answer.lines().skip(1).filter(|line| !line.is_empty());
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn number(dir: &Path, statement: &str) -> u64 {
    ask(dir, statement)[0][0].parse().expect("a number")
}

/// Whether any file below `folder` holds `text` as it stands.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_patient_leaves_the_hub_for_good() {
    let folder = copied();
    let dir = folder.path();
    // Somebody both systems know, who came and paid.
    let found = ask(
        dir,
        "select v.person_id, min(c.record_id), min(h.record_id) from hub.visit v
         join hub.person_link c on c.person_id = v.person_id and c.record_id like 'crm:%'
         join hub.person_link h on h.person_id = v.person_id and h.record_id like 'his:%'
         join hub.payment p on p.person_id = v.person_id
         group by v.person_id order by v.person_id limit 1",
    );
    let [person, customer, patient] = &found[0][..] else { panic!("{found:?}") };
    let brid = patient.trim_start_matches("his:");
    let named = |table: &str| {
        number(dir, &format!("select count(*) from hub.{table} where person_id = '{person}'"))
    };
    assert!(named("visit") > 0 && named("payment") > 0);
    let persons = number(dir, "select count(*) from hub.person");

    let dry = command(dir, &["erase", "--person", person, "--reason", "request 17", "--dry-run"]);
    assert!(dry.contains("raw/his.t_br") && dry.contains("raw/crm.customer"), "{dry}");
    assert!(named("visit") > 0, "a dry run changes nothing");

    let told = command(dir, &["erase", "--person", person, "--reason", "request 17", "--now"]);
    let proof = told.lines().find(|line| line.starts_with("proof:")).expect("a proof");
    assert!(proof.contains(" 0 of them of the person; 0 in older versions, 0 files"), "{told}");
    assert!(!told.contains(person.as_str()), "the proof names nobody: {told}");
    let gone = || {
        for table in ["visit", "payment", "person", "person_link", "patient_360", "lead"] {
            assert_eq!(named(table), 0, "{table}");
        }
        for table in ["t_br", "t_yy", "t_jz", "t_sk", "t_fa", "t_sfd"] {
            let rows = format!("select count(*) from raw.his_{table} where brid = {brid}");
            assert_eq!(number(dir, &rows), 0, "{table}");
        }
        let visits = "select count(*) from raw.his_t_jzmx m
                      left join raw.his_t_jz v on v.jzid = m.jzid where v.jzid is null";
        assert_eq!(number(dir, visits), 0, "what hung on the visits left with them");
    };
    gone();
    assert_eq!(number(dir, "select count(*) from hub.person"), persons - 1, "nobody else left");
    for name in [person, customer] {
        assert!(!holds(&dir.join("lake"), name), "neither logs nor footers name them");
    }
    let old = clinichub(["snapshot", "show", "1", "--config"]).arg(config(dir)).done();
    assert!(old.err().contains("snapshot 1 has expired"), "{}", old.err());

    // The sources still have the person; neither a night nor a full read brings them back.
    for full in [&["nightly", "--date", SECOND][..], &["nightly", "--date", SECOND, "--full"]] {
        command(dir, full);
        gone();
    }
    for name in [person, customer] {
        assert!(!holds(&dir.join("lake"), name), "not for a moment on disk");
    }

    let state = Connection::open(dir.join("state.db")).expect("state");
    let asked = "select count(*) from access where operation = 'erase' and purpose = 'request 17'";
    let accesses: u64 = state.query_row(asked, [], |row| row.get(0)).expect("counted");
    assert_eq!(accesses, 1, "who erased and why is kept");
    drop(state);
    for file in ["state.db", "state.db-wal"].map(|name| dir.join(name)) {
        let bytes = std::fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(person.as_str()) && !text.contains(customer.as_str()));
    }
}
