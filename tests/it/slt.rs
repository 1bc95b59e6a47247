//! The readable SQL answers of `tests/slt`, asked through the SQL door of the shared demo.

use std::path::Path;

use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};

use crate::support::{Hub, hub};

/// The SQL door as the whole group sees it.
struct Door(&'static Hub);

/// What the door said instead of rows.
#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl DB for Door {
    type Error = Refused;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Refused> {
        let answer = self.0.served.sql(&self.0.ceo, sql);
        if answer.status != 200 {
            return Err(Refused(answer.body));
        }
        let mut reader = csv::Reader::from_reader(answer.body.as_bytes());
        let columns = reader.headers().expect("a header").len();
        let rows = reader.records().map(|record| {
            let record = record.expect("a row");
            let cell = |text: &str| if text.is_empty() { "NULL" } else { text }.to_owned();
            record.iter().map(cell).collect()
        });
        let rows: Vec<Vec<String>> = rows.collect();
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
    }

    fn shutdown(&mut self) {}
}

#[test]
fn sql_answers_stay_what_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let mut runner = Runner::new(|| async { Ok(Door(hub())) });
        runner.run_file(&file).unwrap_or_else(|error| panic!("{}", error.display(false)));
    }
}
