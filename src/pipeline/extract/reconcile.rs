//! Reconciliation: the rows of one load, counted by the source itself in the transaction they
//! were read in, and again from the committed version in the lake.
//!
//! What was read and is not in the commit — refused rows, rows delivered beside the bound, rows
//! left out because they are landed already — is counted apart while reading and added to the
//! lake's side. What the two sides are made of is kept in the commit, so that the comparison can
//! be made again by whoever wants to trust it.

mod amounts;
mod mysql;
mod postgres;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::logical_expr::{ident, lit};
use futures::future::BoxFuture;
use hub_domain::run::{Reconciled, TableLoad};
use hub_lake::{Lake, TableId};
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;

pub(super) use amounts::Amounts;
pub use amounts::Measured;
pub(super) use mysql::measure as measure_mysql;
pub(super) use postgres::measure as measure_postgres;
pub(super) use shape::{Counter, Shape};

use super::config::Reconcile;
use super::error::{Cause, ExtractError};
use super::intake::{Intake, Tally, broken};
use super::landed::{Key, LOAD_METADATA, Landed};
use super::schema::TableSpec;
use super::source::Source;

/// A count that goes on; none of it is lost when it is awaited late.
pub type Measuring = BoxFuture<'static, Result<Measured, Cause>>;

/// Begins to count what `intake` will read of `source`, as far as it is wanted.
pub(super) async fn begin(
    wanted: Reconcile,
    source: &mut dyn Source,
    intake: &Intake,
) -> Result<Option<Measuring>, ExtractError> {
    if wanted == Reconcile::None {
        return Ok(None);
    }
    let spec = Arc::clone(intake.spec());
    let counting = source.measure(intake).await.map_err(|cause| broken(&spec, cause))?;
    Ok(counting.map(|counting| -> Measuring {
        Box::pin(async move {
            let counted = counting.await?;
            Ok(if wanted == Reconcile::Counts { counted.rows_only() } else { counted })
        })
    }))
}

/// Starts `counting` on a task of its own, ended when it is dropped.
pub(super) fn apart(
    counting: impl Future<Output = Result<Measured, Cause>> + Send + 'static,
) -> Measuring {
    let task = AbortOnDropHandle::new(tokio::spawn(counting));
    Box::pin(async move { task.await? })
}

/// Commit metadata that holds the [`Reckoning`] of the commit as JSON.
pub(super) const RECKONING_METADATA: &str = "clinichub.reckoning";

/// What a committed load is compared by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reckoning {
    /// Which rows of the table are the load's.
    pub(super) load_seq: i64,
    /// What is counted.
    pub(super) shape: Shape,
    /// As the source counted.
    pub(super) source: Measured,
    /// Rows read that the commit does not hold, less rows it holds that were not read.
    pub(super) apart: Amounts,
}

impl Reckoning {
    /// What the load of `tally` is compared by; none where its source was not asked. `gone` are
    /// keys that landed as deletions and were not read.
    pub(super) fn of(
        spec: &Arc<TableSpec>,
        load_seq: i64,
        tally: &Tally,
        gone: &[Key],
    ) -> Option<Self> {
        let source = tally.source.clone()?;
        let mut tombs = Counter::new(Arc::clone(spec));
        for key in gone {
            tombs.values(|column| {
                let part = spec.key.iter().position(|index| *index == column)?;
                key[part].clone()
            });
        }
        let mut apart = tally.apart.clone().unwrap_or_else(|| Amounts::of(&tombs.shape));
        apart.subtract(&tombs.amounts);
        Some(Self { load_seq, shape: tombs.shape, source, apart })
    }

    /// Both sides, with what the lake holds.
    fn compared(&self, mut lake: Amounts) -> Vec<Reconciled> {
        lake.add(&self.apart);
        let entry =
            |amount: String, source: String, lake: String| Reconciled { amount, source, lake };
        let mut compared =
            vec![entry("rows".into(), self.source.rows.to_string(), lake.rows.to_string())];
        if let Some(keys) = &self.source.keys {
            compared.push(entry("keys".into(), amounts::digest(keys), amounts::digest(&lake.keys)));
        }
        for (index, column) in self.shape.sums.iter().enumerate() {
            let Some(Some(source)) = self.source.sums.get(index) else { continue };
            let (source, lake) = (source.print(column.scale), lake.sums[index].print(column.scale));
            compared.push(entry(format!("sum:{}", column.name), source, lake));
        }
        compared
    }
}

/// Source against lake for the load committed as `version`; empty where the source was not asked.
///
/// # Errors
/// The commit or its rows cannot be read.
pub async fn compared(lake: &Lake, id: &TableId, version: u64) -> Result<Vec<Reconciled>, Cause> {
    let metadata = lake.table(id).commit_metadata(version).await?;
    let Some(text) = metadata.get(RECKONING_METADATA) else { return Ok(Vec::new()) };
    let reckoning: Reckoning = serde_json::from_str(text)?;
    let landed = Landed::at(lake, id.clone(), version);
    let mut held = Amounts::of(&reckoning.shape);
    let own = ident("_load_seq").eq(lit(reckoning.load_seq));
    let filter = own.and(ident("_reject_reason").is_null()).and(ident("_recovered").is_null());
    let mut names = reckoning.shape.columns();
    if names.is_empty() {
        names.push("_load_seq");
    }
    landed.scan(&names, filter, |batch| held.add_batch(&reckoning.shape, batch)).await?;
    Ok(reckoning.compared(held))
}

/// Whether both sides say the same.
#[must_use]
pub fn agrees(compared: &[Reconciled]) -> bool {
    compared.iter().all(|one| one.source == one.lake)
}

/// Whether what the table holds since its last load is known to be whole: that load is published,
/// or its comparison, made again, agrees.
///
/// # Errors
/// The table or the snapshots cannot be read.
pub(super) async fn is_trusted(lake: &Lake, id: &TableId, newest: u64) -> Result<bool, Cause> {
    let published = lake.latest().await?;
    let shown = published.and_then(|snapshot| snapshot.tables.get(&id.key()).copied());
    let handle = lake.table(id);
    for version in (0..=newest).rev() {
        if shown.is_some_and(|shown| version <= shown) {
            return Ok(true);
        }
        let metadata = handle.commit_metadata(version).await?;
        let Some(text) = metadata.get(LOAD_METADATA) else { continue };
        // What cannot be compared any more, because its files are gone, proves nothing.
        if !compared(lake, id, version).await.is_ok_and(|compared| agrees(&compared)) {
            return Ok(false);
        }
        let load: TableLoad = serde_json::from_str(text)?;
        if load.mode == "full" {
            return Ok(true);
        }
    }
    Ok(true)
}
