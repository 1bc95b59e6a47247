//! What people decided about pairs of source records.

use hub_domain::identity::{Decision, MatchDecision};
use sqlx::Row;

use crate::{Error, State, text};

const TABLE: &str = "identity_decision";

impl State {
    /// Keeps a decision about two records; earlier ones about them stay as history.
    ///
    /// # Errors
    /// `Write`.
    pub async fn decide_identity(
        &self,
        left: &str,
        right: &str,
        decision: MatchDecision,
        decided_by: &str,
    ) -> Result<(), Error> {
        let (left, right) = (left.min(right), left.max(right));
        sqlx::query(
            "insert into identity_decision
             (left_record, right_record, decision, decided_by, decided_at)
             values ($1, $2, $3, $4, $5)",
        )
        .bind(left)
        .bind(right)
        .bind(decision.word())
        .bind(decided_by)
        .bind(self.now())
        .execute(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        Ok(())
    }

    /// The last word on every pair that was not withdrawn.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn identity_decisions(&self) -> Result<Vec<Decision>, Error> {
        let rows = sqlx::query(
            "select left_record, right_record, decision, decided_by, decided_at
             from identity_decision as last
             where decision <> 'withdrawn' and decision_id = (
               select max(decision_id) from identity_decision as one
               where one.left_record = last.left_record and one.right_record = last.right_record
             )
             order by left_record, right_record",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::read(TABLE))?;
        rows.iter()
            .map(|row| {
                let read = |name| row.try_get::<String, _>(name).map_err(Error::read(TABLE));
                let at = text::parse_instant(TABLE, &read("decided_at")?)?;
                Ok(Decision {
                    left: read("left_record")?,
                    right: read("right_record")?,
                    is_same: read("decision")? == MatchDecision::Same.word(),
                    decided_by: read("decided_by")?,
                    decided_on: at.date_naive(),
                })
            })
            .collect()
    }

    /// Forgets every decision about one of `records`.
    ///
    /// # Errors
    /// `Write`.
    pub async fn forget_identity_decisions(&self, records: &[String]) -> Result<(), Error> {
        for record in records {
            sqlx::query(
                "delete from identity_decision where left_record = $1 or right_record = $1",
            )
            .bind(record)
            .execute(&self.pool)
            .await
            .map_err(Error::write(TABLE))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hub_domain::identity::MatchDecision::{Different, Same, Withdrawn};

    use crate::tests::open;

    #[tokio::test]
    async fn the_last_word_on_a_pair_counts_in_either_order() {
        let (state, _dir) = open().await;
        let decide = async |left: &str, right: &str, decision| {
            state.decide_identity(left, right, decision, "amy").await.expect("kept");
        };
        decide("his:2", "crm:1", Same).await;
        decide("his:3", "crm:1", Different).await;
        decide("crm:1", "his:2", Different).await;
        let found = state.identity_decisions().await.expect("decisions");
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|one| !one.is_same && one.left == "crm:1"));
        assert_eq!(found[0].decided_on.to_string(), "2026-11-01");
        decide("his:2", "crm:1", Withdrawn).await;
        assert_eq!(state.identity_decisions().await.expect("decisions").len(), 1);
        state.forget_identity_decisions(&["his:3".into()]).await.expect("forgotten");
        assert!(state.identity_decisions().await.expect("decisions").is_empty());
    }
}
