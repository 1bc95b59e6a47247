//! What people wrote about source records: decisions about identity, and tags by hand.

use hub_domain::annotation::{Annotations, ManualTag, NewTag};
use sqlx::{Row, Sqlite, Transaction};

use crate::{Error, State, text};

const TABLE: &str = "manual_tag";

impl State {
    /// Everything tables are made of.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn annotations(&self) -> Result<Annotations, Error> {
        let decisions = self.identity_decisions().await?;
        Ok(Annotations { decisions, tags: self.manual_tags().await? })
    }

    /// Forgets whatever was written about one of `records`.
    ///
    /// # Errors
    /// `Write`.
    pub async fn forget_annotations(&self, records: &[String]) -> Result<(), Error> {
        self.forget_identity_decisions(records).await?;
        for record in records {
            sqlx::query("delete from manual_tag where record_id = $1")
                .bind(record)
                .execute(&self.pool)
                .await
                .map_err(Error::write(TABLE))?;
        }
        Ok(())
    }

    /// Gives a tag to the person of `records`, from now on; one of the same name that holds for
    /// any of them ends.
    ///
    /// # Errors
    /// `Write`; nothing has changed then.
    pub async fn give_tag(
        &self,
        records: &[String],
        tag: &NewTag,
        user: &str,
    ) -> Result<(), Error> {
        let Some(record) = records.iter().min() else { return Ok(()) };
        let mut change = self.pool.begin().await.map_err(Error::write(TABLE))?;
        self.end_within(&mut change, records, &tag.tag, user).await?;
        sqlx::query(
            "insert into manual_tag (record_id, tag, value, from_at, to_at, given_by)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(record)
        .bind(&tag.tag)
        .bind(&tag.value)
        .bind(self.now())
        .bind(tag.to.map(text::instant))
        .bind(user)
        .execute(&mut *change)
        .await
        .map_err(Error::write(TABLE))?;
        change.commit().await.map_err(Error::write(TABLE))
    }

    /// Takes a tag back that was given by hand; whether one held.
    ///
    /// # Errors
    /// `Write`; nothing has changed then.
    pub async fn end_tag(&self, records: &[String], tag: &str, user: &str) -> Result<bool, Error> {
        let mut change = self.pool.begin().await.map_err(Error::write(TABLE))?;
        let ended = self.end_within(&mut change, records, tag, user).await?;
        change.commit().await.map_err(Error::write(TABLE))?;
        Ok(ended > 0)
    }

    async fn end_within(
        &self,
        change: &mut Transaction<'_, Sqlite>,
        records: &[String],
        tag: &str,
        user: &str,
    ) -> Result<u64, Error> {
        let mut ended = 0;
        for record in records {
            let done = sqlx::query(
                "update manual_tag set to_at = $1, ended_by = $2
                 where record_id = $3 and tag = $4 and (to_at is null or to_at > $1)",
            )
            .bind(self.now())
            .bind(user)
            .bind(record)
            .bind(tag)
            .execute(&mut **change)
            .await
            .map_err(Error::write(TABLE))?;
            ended += done.rows_affected();
        }
        Ok(ended)
    }

    async fn manual_tags(&self) -> Result<Vec<ManualTag>, Error> {
        let rows = sqlx::query(
            "select tag_id, record_id, tag, value, from_at, to_at, given_by
             from manual_tag order by tag_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::read(TABLE))?;
        rows.iter()
            .map(|row| {
                let read = |name| row.try_get::<String, _>(name).map_err(Error::read(TABLE));
                let maybe =
                    |name| row.try_get::<Option<String>, _>(name).map_err(Error::read(TABLE));
                let instant = |written: String| text::parse_instant(TABLE, &written);
                Ok(ManualTag {
                    id: row.try_get("tag_id").map_err(Error::read(TABLE))?,
                    record: read("record_id")?,
                    tag: read("tag")?,
                    value: maybe("value")?,
                    from: instant(read("from_at")?)?,
                    to: maybe("to_at")?.map(instant).transpose()?,
                    given_by: read("given_by")?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use hub_domain::annotation::NewTag;

    use crate::tests::open;

    fn tag(name: &str, value: &str) -> NewTag {
        NewTag { tag: name.to_owned(), value: Some(value.to_owned()), to: None }
    }

    #[tokio::test]
    async fn a_tag_given_again_ends_the_one_before_and_both_stay() {
        let (state, _dir) = open().await;
        let records = ["his:2".to_owned(), "crm:1".to_owned()];
        state.give_tag(&records[..1], &tag("vip", "gold"), "amy").await.expect("kept");
        state.give_tag(&records, &tag("vip", "platinum"), "bob").await.expect("kept");
        state.give_tag(&records, &tag("allergic", "latex"), "bob").await.expect("kept");
        let tags = state.annotations().await.expect("annotations").tags;
        let told: Vec<_> = tags
            .iter()
            .map(|one| (one.record.as_str(), one.value.as_deref(), one.to.is_some()))
            .collect();
        assert_eq!(
            told,
            [
                ("his:2", Some("gold"), true),
                ("crm:1", Some("platinum"), false),
                ("crm:1", Some("latex"), false),
            ]
        );
        assert!(state.end_tag(&records, "vip", "amy").await.expect("ended"));
        assert!(!state.end_tag(&records, "vip", "amy").await.expect("nothing holds"));
        state.forget_annotations(&records).await.expect("forgotten");
        assert!(state.annotations().await.expect("annotations").tags.is_empty());
    }
}
