//! Detection: judges the rules of `queries/alerts` once per newly published snapshot.
//!
//! Owns which months are asked for and what follows a change; the verdict comes from the engine's
//! readers, the state machine and its storage from state.

use async_trait::async_trait;
use hub_domain::alert::{AlertRule, Condition, Observation};
use hub_domain::principal::Principal;
use hub_domain::snapshot::{Snapshot, SnapshotPick};
use hub_engine::readers::alerts::{closed_months, observe};
use hub_engine::{Engine, Session};
use hub_state::State;
use hub_state::alerts::Evaluation;

use crate::nightly::{Cause, Signals};
use crate::notify::{Sender, StandardMessage};

/// Judges snapshots; what it stores is what hooks and subscribers hear of.
#[derive(Clone)]
pub struct Detector {
    engine: Engine,
    state: State,
    sender: Sender,
}

impl Detector {
    /// A detector whose messages `sender` delivers.
    #[must_use]
    pub fn new(engine: Engine, state: State, sender: Sender) -> Self {
        Self { engine, state, sender }
    }

    /// What `rule` says of every closed month and subject of the session's snapshot.
    ///
    /// # Errors
    /// Whatever the readers say.
    pub async fn observations(
        session: &Session,
        rule: &AlertRule,
    ) -> Result<Vec<Observation>, hub_domain::Error> {
        let months = match &rule.condition {
            Condition::Metric { months, .. } => *months,
            Condition::DataLate { .. } => 0,
        };
        let day = session.published().business_date;
        observe(session, rule, &closed_months(day, months)).await
    }
}

#[async_trait]
impl Signals for Detector {
    async fn detect(&self, snapshot: &Snapshot) -> Result<u64, Cause> {
        if self.state.is_evaluated(snapshot.id).await? {
            return Ok(0);
        }
        // Rules watch the whole group; who may see an alert is decided by its site.
        let judge = Principal::group("alert-rules");
        let session = self.engine.open(&judge, SnapshotPick::Id(snapshot.id)).await?;
        let rules = &session.registry().alerts;
        let mut observations = Vec::new();
        for rule in rules.iter().filter(|rule| rule.enabled) {
            observations.extend(Self::observations(&session, rule).await?);
        }
        let evaluation = Evaluation {
            snapshot_id: snapshot.id,
            observations: &observations,
            rules,
            hooks: &self.sender.hook_ids(),
        };
        let events = self.state.apply_evaluation(&evaluation, &StandardMessage).await?;
        Ok(events.len() as u64)
    }

    async fn notify(&self) -> Result<u64, Cause> {
        let mut sent = 0;
        loop {
            let tried = self.sender.send_due().await?;
            if tried == 0 {
                return Ok(sent);
            }
            sent += tried as u64;
        }
    }
}
