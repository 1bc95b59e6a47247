//! Runs of the nightly, saved after every stage so that a killed run leaves its trace.

use hub_domain::page::{Edge, Page, PageRequest};
use hub_domain::run::Run;
use sqlx::Row;

use crate::{Error, State, text};

const TABLE: &str = "run";

impl State {
    /// Stores `run`, replacing what was stored of it before.
    ///
    /// # Errors
    /// `Write`.
    pub async fn save_run(&self, run: &Run) -> Result<(), Error> {
        let encode =
            |source: serde_json::Error| Error::Inconsistent { table: TABLE, source: source.into() };
        let status = serde_json::to_value(run.status).map_err(encode)?;
        sqlx::query(
            "insert into run (id, kind, business_date, started_at, status, body)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (id) do update set status = excluded.status, body = excluded.body",
        )
        .bind(&run.id)
        .bind(&run.kind)
        .bind(run.business_date.to_string())
        .bind(text::instant(run.started_at))
        .bind(status.as_str().unwrap_or_default())
        .bind(serde_json::to_string(run).map_err(encode)?)
        .execute(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        Ok(())
    }

    /// One run.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn run(&self, id: &str) -> Result<Option<Run>, Error> {
        let row = sqlx::query("select body from run where id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::read(TABLE))?;
        row.map(|row| body(&row)).transpose()
    }

    /// Runs whose end was never recorded, oldest first.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn open_runs(&self) -> Result<Vec<Run>, Error> {
        let rows = sqlx::query("select body from run where status = 'running' order by started_at")
            .fetch_all(&self.pool)
            .await
            .map_err(Error::read(TABLE))?;
        rows.iter().map(body).collect()
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn runs_page(&self, page: &PageRequest) -> Result<Page<Run>, Error> {
        let first = page.first.min(PageRequest::MAX);
        let (at, id) = text::keyset(page.after.as_deref())?;
        let rows = sqlx::query(
            "select body from run where (started_at, id) < ($1, $2)
             order by started_at desc, id desc limit $3",
        )
        .bind(at)
        .bind(id)
        .bind(i64::try_from(first + 1).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(Error::read(TABLE))?;
        let mut edges = rows
            .iter()
            .map(|row| {
                let node = body(row)?;
                let cursor = format!("{}|{}", text::instant(node.started_at), node.id);
                Ok(Edge { cursor, node })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let has_next_page = edges.len() > first;
        edges.truncate(first);
        Ok(Page { edges, has_next_page, total_count: None })
    }
}

fn body(row: &sqlx::sqlite::SqliteRow) -> Result<Run, Error> {
    let body: String = row.try_get("body").map_err(Error::read(TABLE))?;
    text::parse_body(TABLE, &body)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use hub_domain::run::RunStatus;

    use super::*;
    use crate::tests::{noon, open};

    fn run(n: i64) -> Run {
        Run {
            id: format!("run-{n}"),
            kind: "nightly".into(),
            business_date: noon().date_naive(),
            interval: None,
            lease_token: None,
            started_at: noon() + TimeDelta::seconds(n),
            finished_at: None::<chrono::DateTime<Utc>>,
            status: RunStatus::Running,
            snapshot_id: None,
            loads: Vec::new(),
            stages: Vec::new(),
            error: None,
        }
    }

    #[tokio::test]
    async fn pages_walk_newest_first_without_gaps() {
        let (state, _dir) = open().await;
        for n in 0..5 {
            state.save_run(&run(n)).await.expect("saved");
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = state.runs_page(&PageRequest { first: 2, after }).await.expect("page");
            seen.extend(page.edges.iter().map(|edge| edge.node.id.clone()));
            after = page.edges.last().map(|edge| edge.cursor.clone());
            if !page.has_next_page {
                break;
            }
        }
        assert_eq!(seen, ["run-4", "run-3", "run-2", "run-1", "run-0"]);
    }

    #[tokio::test]
    async fn a_foreign_cursor_is_refused() {
        let (state, _dir) = open().await;
        for cursor in ["", "x", "yesterday|run-1"] {
            let page = PageRequest { first: 2, after: Some(cursor.into()) };
            assert!(matches!(state.runs_page(&page).await, Err(Error::Cursor)), "{cursor}");
        }
    }

    #[tokio::test]
    async fn open_runs_are_those_without_an_end() {
        let (state, _dir) = open().await;
        for n in 0..3 {
            let status = if n == 1 { RunStatus::Published } else { RunStatus::Running };
            state.save_run(&Run { status, ..run(n) }).await.expect("saved");
        }
        let open = state.open_runs().await.expect("read");
        assert_eq!(open.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run-0", "run-2"]);
    }

    #[tokio::test]
    async fn saving_again_replaces() {
        let (state, _dir) = open().await;
        let mut first = run(1);
        state.save_run(&first).await.expect("saved");
        first.status = RunStatus::Published;
        state.save_run(&first).await.expect("saved");
        assert_eq!(state.run("run-1").await.expect("read"), Some(first));
    }
}
