//! Alerts and the messages they cause, changed together in one transaction.

use chrono::{DateTime, Utc};
use hub_domain::alert::{
    Alert, AlertEvent, AlertFilter, AlertRule, AlertState, Observation, Transition, alert_id,
    transition,
};
use hub_domain::page::{Edge, Page, PageRequest};
use hub_domain::principal::{Principal, SiteScope};
use sha2::{Digest, Sha256};
use sqlx::{Row, Sqlite, Transaction};

use crate::{Error, State, events, text};

const TABLE: &str = "alert";

/// Writes the message of one event to one hook. Implemented where messages are worded.
pub trait Message: Send + Sync {
    /// The exact bytes that will be signed and sent.
    fn body(&self, event: &AlertEvent) -> String;
}

/// Everything one evaluation of a snapshot changes.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// Evaluated snapshot.
    pub snapshot_id: u64,
    /// What the rules said.
    pub observations: &'a [Observation],
    /// The rules, for severity.
    pub rules: &'a [AlertRule],
    /// Hooks that are told.
    pub hooks: &'a [String],
}

impl State {
    /// Whether `snapshot_id` was evaluated.
    ///
    /// # Errors
    /// `Read`.
    pub async fn is_evaluated(&self, snapshot_id: u64) -> Result<bool, Error> {
        let row = sqlx::query("select 1 from evaluation where snapshot_id = $1")
            .bind(signed(snapshot_id))
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::read("evaluation"))?;
        Ok(row.is_some())
    }

    /// Applies one evaluation: alert states, events and deliveries in one transaction. A second
    /// evaluation of the same snapshot changes nothing and returns no event.
    ///
    /// # Errors
    /// `Read`, `Write`, `Inconsistent`; nothing is stored then.
    pub async fn apply_evaluation(
        &self,
        evaluation: &Evaluation<'_>,
        message: &dyn Message,
    ) -> Result<Vec<AlertEvent>, Error> {
        let mut tx = self.pool.begin().await.map_err(Error::write(TABLE))?;
        let first = sqlx::query(
            "insert into evaluation (snapshot_id, at) values ($1, $2)
             on conflict (snapshot_id) do nothing",
        )
        .bind(signed(evaluation.snapshot_id))
        .bind(self.now())
        .execute(&mut *tx)
        .await
        .map_err(Error::write("evaluation"))?;
        if first.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let mut events = Vec::new();
        for observation in evaluation.observations {
            let known = load(&mut tx, observation).await?;
            let Some(event) = next_event(known, observation, evaluation, now) else { continue };
            let body = store(&mut tx, &event.alert).await?;
            events::append(&mut tx, &body).await?;
            for hook in evaluation.hooks {
                let id = message_id(&event, evaluation.snapshot_id, hook);
                enqueue(&mut tx, &id, hook, &event.alert.id, &message.body(&event), now).await?;
            }
            events.push(event);
        }
        tx.commit().await.map_err(Error::write(TABLE))?;
        Ok(events)
    }

    /// Alerts visible to `principal`, newest first.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn alerts_page(
        &self,
        principal: &Principal,
        filter: &AlertFilter,
        page: &PageRequest,
    ) -> Result<Page<Alert>, Error> {
        let first = page.first.min(PageRequest::MAX);
        let (at, id) = text::keyset(page.after.as_deref())?;
        let sites = match &principal.sites {
            SiteScope::All => None,
            SiteScope::Only(sites) => Some(serde_json::json!(sites).to_string()),
        };
        let rows = sqlx::query(
            "select body from alert
             where (fired_at, id) < ($1, $2)
               and ($3 is null or rule = $3)
               and ($4 is null or state = $4)
               and ($5 is null or subject = $5)
               and ($6 is null or site_id in (select value from json_each($6)))
             order by fired_at desc, id desc limit $7",
        )
        .bind(at)
        .bind(id)
        .bind(&filter.rule)
        .bind(filter.state.map(state_name))
        .bind(&filter.subject)
        .bind(sites)
        .bind(i64::try_from(first + 1).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(Error::read(TABLE))?;
        let mut edges = rows
            .iter()
            .map(|row| {
                let node = decode(row)?;
                let cursor = format!("{}|{}", text::instant(node.fired_at), node.id);
                Ok(Edge { cursor, node })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let has_next_page = edges.len() > first;
        edges.truncate(first);
        Ok(Page { edges, has_next_page, total_count: None })
    }

    /// Records who took notice; none when there is no such alert in the principal's sites.
    ///
    /// # Errors
    /// `Read`, `Write`, `Inconsistent`.
    pub async fn acknowledge_alert(
        &self,
        principal: &Principal,
        id: &str,
        note: Option<String>,
    ) -> Result<Option<Alert>, Error> {
        let mut tx = self.pool.begin().await.map_err(Error::write(TABLE))?;
        let row = sqlx::query("select body from alert where id = $1")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await
            .map_err(Error::read(TABLE))?;
        let Some(mut alert) = row.as_ref().map(decode).transpose()? else { return Ok(None) };
        if !visible(principal, &alert) {
            return Ok(None);
        }
        alert.acknowledged_by = Some(principal.user.clone());
        alert.acknowledged_at = Some(self.clock.now());
        alert.note = note;
        store(&mut tx, &alert).await?;
        tx.commit().await.map_err(Error::write(TABLE))?;
        Ok(Some(alert))
    }
}

/// Whether `principal` may see `alert`.
#[must_use]
pub fn visible(principal: &Principal, alert: &Alert) -> bool {
    match (&principal.sites, &alert.site_id) {
        (SiteScope::All, _) => true,
        (SiteScope::Only(_), Some(site)) => principal.sees_site(site),
        (SiteScope::Only(_), None) => false,
    }
}

/// `webhook-id`: the same for every try, and for a rerun of the same evaluation.
fn message_id(event: &AlertEvent, snapshot_id: u64, hook: &str) -> String {
    let state = state_name(event.state);
    let digest = Sha256::digest(format!("{}|{state}|{snapshot_id}|{hook}", event.alert.id));
    format!("msg_{}", hex::encode(&digest[..16]))
}

fn next_event(
    known: Option<Alert>,
    observation: &Observation,
    evaluation: &Evaluation<'_>,
    now: DateTime<Utc>,
) -> Option<AlertEvent> {
    let rule = evaluation.rules.iter().find(|rule| rule.id == observation.rule)?;
    let state = match transition(known.as_ref().map(|alert| alert.state), observation.verdict) {
        Transition::Keep => return None,
        Transition::Fire => AlertState::Firing,
        Transition::Resolve => AlertState::Resolved,
    };
    let before = known.filter(|_| state == AlertState::Resolved);
    let alert = Alert {
        id: alert_id(&observation.rule, &observation.subject, &observation.period),
        rule: observation.rule.clone(),
        subject: observation.subject.clone(),
        subject_label: observation.subject_label.clone(),
        site_id: observation.site_id.clone(),
        period: observation.period.clone(),
        severity: rule.severity,
        state,
        value: observation.value,
        threshold: observation.threshold,
        fired_at: before.as_ref().map_or(now, |alert| alert.fired_at),
        resolved_at: (state == AlertState::Resolved).then_some(now),
        snapshot_id: evaluation.snapshot_id,
        acknowledged_by: before.as_ref().and_then(|alert| alert.acknowledged_by.clone()),
        acknowledged_at: before.as_ref().and_then(|alert| alert.acknowledged_at),
        note: before.and_then(|alert| alert.note),
    };
    Some(AlertEvent { state, alert })
}

async fn load(
    tx: &mut Transaction<'_, Sqlite>,
    observation: &Observation,
) -> Result<Option<Alert>, Error> {
    let id = alert_id(&observation.rule, &observation.subject, &observation.period);
    let row = sqlx::query("select body from alert where id = $1")
        .bind(id)
        .fetch_optional(&mut **tx)
        .await
        .map_err(Error::read(TABLE))?;
    row.as_ref().map(decode).transpose()
}

/// Stores `alert`; returns its stored form.
async fn store(tx: &mut Transaction<'_, Sqlite>, alert: &Alert) -> Result<String, Error> {
    let body = serde_json::to_string(alert)
        .map_err(|source| Error::Inconsistent { table: TABLE, source: source.into() })?;
    sqlx::query(
        "insert into alert (id, rule, subject, site_id, state, fired_at, body)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set state = excluded.state, site_id = excluded.site_id,
           fired_at = excluded.fired_at, body = excluded.body",
    )
    .bind(&alert.id)
    .bind(&alert.rule)
    .bind(&alert.subject)
    .bind(&alert.site_id)
    .bind(state_name(alert.state))
    .bind(text::instant(alert.fired_at))
    .bind(&body)
    .execute(&mut **tx)
    .await
    .map_err(Error::write(TABLE))?;
    Ok(body)
}

async fn enqueue(
    tx: &mut Transaction<'_, Sqlite>,
    id: &str,
    hook: &str,
    alert_id: &str,
    body: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into delivery
           (id, hook, alert_id, body, status, attempts, next_attempt_at, created_at)
         values ($1, $2, $3, $4, 'pending', 0, $5, $5)
         on conflict (id) do nothing",
    )
    .bind(id)
    .bind(hook)
    .bind(alert_id)
    .bind(body)
    .bind(text::instant(now))
    .execute(&mut **tx)
    .await
    .map_err(Error::write("delivery"))?;
    Ok(())
}

fn decode(row: &sqlx::sqlite::SqliteRow) -> Result<Alert, Error> {
    let body: String = row.try_get("body").map_err(Error::read(TABLE))?;
    text::parse_body(TABLE, &body)
}

fn state_name(state: AlertState) -> &'static str {
    match state {
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
    }
}

fn signed(snapshot_id: u64) -> i64 {
    i64::try_from(snapshot_id).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
