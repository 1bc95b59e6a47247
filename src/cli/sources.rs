//! `clinichub sources`: what is configured and what each table last delivered.

use std::collections::BTreeMap;
use std::process::ExitCode;

use hub_domain::page::PageRequest;

use super::table::table;
use super::{ConfigArgs, print};

pub(super) async fn run(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    let app = args.open().await?;
    let page = app.state.runs_page(&PageRequest { first: 100, after: None }).await?;
    let mut last = BTreeMap::new();
    for run in page.edges.into_iter().map(|edge| edge.node) {
        for load in run.loads {
            let key = (load.source.clone(), load.table.clone());
            last.entry(key).or_insert((run.business_date, load));
        }
    }
    let mut rows = Vec::new();
    for (id, source) in &app.config.sources {
        let kind = source.kind.name().to_owned();
        let known: Vec<_> = last.iter().filter(|((of, _), _)| of == id).collect();
        if known.is_empty() {
            rows.push(vec![id.clone(), kind.clone(), "(never read)".into(), String::new()]);
        }
        for ((_, name), (date, load)) in known {
            let counts =
                format!("{date}: {} read, {} quarantined", load.rows_read, load.rows_rejected());
            rows.push(vec![id.clone(), kind.clone(), name.clone(), counts]);
        }
    }
    print(&table(&["source", "kind", "table", "last night"], &rows));
    Ok(ExitCode::SUCCESS)
}
