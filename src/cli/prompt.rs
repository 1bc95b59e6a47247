//! The interactive prompt: statements end with `;`, `\q` leaves.

use std::io::{BufRead, Write};

use hub_domain::ports::AccessLog;
use hub_engine::Session;

use super::sql::{Format, answer};

pub(super) async fn run(
    log: &dyn AccessLog,
    session: &Session,
    format: Format,
) -> anyhow::Result<()> {
    let snapshot = session.published();
    eprintln!(
        "snapshot {} of {}; statements end with `;`, `\\q` leaves",
        snapshot.id, snapshot.business_date
    );
    let mut statement = String::new();
    loop {
        eprint!("{}", if statement.is_empty() { "hub> " } else { "  -> " });
        std::io::stderr().flush()?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line)? == 0 || line.trim() == "\\q" {
            return Ok(());
        }
        statement.push_str(&line);
        if !statement.trim_end().ends_with(';') {
            continue;
        }
        let whole = std::mem::take(&mut statement);
        let whole = whole.trim().trim_end_matches(';');
        if let Err(error) = answer(log, session, whole, format).await {
            eprintln!("error: {error}");
        }
    }
}
