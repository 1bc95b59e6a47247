//! Rows that are gone at the source: what a read and the keys of the source tell about them.
//!
//! A key is buried only when the whole source has no row of it: a row that merely left a window
//! is still there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use futures::StreamExt;

use super::builder::RawBuilder;
use super::error::ExtractError;
use super::held::Held;
use super::intake::{Tally, TallySlot, broken};
use super::keys::{KeyHash, KeySet};
use super::land::{Again, Landing, Mode, read_landed};
use super::landed::{Key, Landed, among};
use super::schema::KeyScan;
use super::selection::{Range, Selection};
use super::source::Source;

/// What a comparison of keys found.
pub(super) enum Compared {
    /// Keys landed as current that the source no longer has.
    Gone(Vec<Key>),
    /// The source has rows that are neither current nor part of this read.
    Again(Again),
}

impl Landing<'_> {
    /// Compares the keys of the source with the landed ones; `refused` are key texts of rows in
    /// quarantine.
    pub(super) async fn compare(
        &self,
        source: &mut dyn Source,
        tally: &Tally,
        refused: HashSet<String>,
        held: Option<&Held>,
    ) -> Result<Compared, ExtractError> {
        let Some(prior) = &self.prior else { return Ok(Compared::Gone(Vec::new())) };
        match (self.mode, self.spec.scan, held) {
            (Mode::Full, ..) => self.replaced(prior, tally).await,
            (Mode::Cursor, KeyScan::Whole, _) => self.whole(prior, source, tally, refused).await,
            (_, _, Some(held)) => self.windowed(prior, source, tally, refused, held).await,
            (_, _, None) => Ok(Compared::Gone(Vec::new())),
        }
    }

    /// A full read replaces the table: keys it did not bring are only counted.
    async fn replaced(&self, prior: &Landed, tally: &Tally) -> Result<Compared, ExtractError> {
        let failed = |cause| read_landed(&self.spec, cause);
        if !self.spec.scans_deletes || !self.fits {
            return Ok(Compared::Gone(Vec::new()));
        }
        let present = among(&tally.keys, &tally.refused_keys);
        let gone = prior.gone(&self.spec, present, |_, _| {}).await.map_err(failed)?;
        Ok(Compared::Gone(gone))
    }

    /// A cursor read saw only changed rows; the keys of all rows are a read of their own, in the
    /// same transaction.
    async fn whole(
        &self,
        prior: &Landed,
        source: &mut dyn Source,
        tally: &Tally,
        refused: HashSet<String>,
    ) -> Result<Compared, ExtractError> {
        let failed = |cause| read_landed(&self.spec, cause);
        let all = self.keys(source, &[], refused).await?;
        let buried = prior.buried(&self.spec).await.map_err(failed)?;
        // Keys this read did not deliver: each has to be current already.
        let read = among(&tally.keys, &tally.refused_keys);
        let mut waiting: KeySet = all.keys.iter().filter(|key| !read(**key)).copied().collect();
        let none = KeySet::default();
        let current = |key: KeyHash, sequence: i64| {
            if buried.get(&key).is_none_or(|buried| *buried < sequence) {
                waiting.remove(&key);
            }
        };
        let present = among(&all.keys, &none);
        let gone = prior.gone(&self.spec, present, current).await.map_err(failed)?;
        // What never was current because it is refused would be refused again.
        let returned =
            waiting.iter().any(|key| buried.contains_key(key) || !all.marked.contains(key));
        Ok(if returned { Compared::Again(Again::Whole) } else { Compared::Gone(gone) })
    }

    /// Keys landed inside a window that the window no longer has.
    async fn windowed(
        &self,
        prior: &Landed,
        source: &mut dyn Source,
        tally: &Tally,
        refused: HashSet<String>,
        held: &Held,
    ) -> Result<Compared, ExtractError> {
        let failed = |cause| read_landed(&self.spec, cause);
        let read = among(&tally.keys, &tally.refused_keys);
        let scanned = match self.scan_range() {
            Some(range) => self.keys(source, &[range], refused).await?,
            None => Tally::default(),
        };
        let unseen = |key: &KeyHash| !read(*key) && !held.has(*key);
        let waiting: Vec<KeyHash> = scanned.keys.iter().filter(|k| unseen(k)).copied().collect();
        if waiting.iter().any(|key| !scanned.marked.contains(key)) {
            return Ok(Compared::Again(Again::Window));
        }
        let mut absent = held.absent(|key| read(key) || scanned.keys.contains(&key));
        if absent.is_empty() {
            return Ok(Compared::Gone(Vec::new()));
        }
        let all = self.keys(source, &[], HashSet::new()).await?;
        absent.retain(|key| !all.keys.contains(key));
        Ok(Compared::Gone(prior.keys_of(&self.spec, &absent).await.map_err(failed)?))
    }

    /// The keys of the rows of `ranges`, or of the whole table; those that read like one of
    /// `refused` are marked.
    async fn keys(
        &self,
        source: &mut dyn Source,
        ranges: &[Range],
        refused: HashSet<String>,
    ) -> Result<Tally, ExtractError> {
        let also: Vec<usize> =
            ranges.iter().map(|range| range.column).chain(self.selection.filled).collect();
        let spec = Arc::new(self.spec.keys_only(&also));
        let selection = Selection {
            ranges: ranges.iter().filter_map(|range| self.spec.range_in(*range, &spec)).collect(),
            filled: self.selection.filled.and_then(|column| self.spec.place_in(column, &spec)),
        };
        let slot = TallySlot::default();
        let intake = self.intake(spec, selection, HashMap::new(), &slot)?.marking(refused);
        let mut batches = self.request.brake.hold(source.open(intake).await?);
        while let Some(batch) = batches.next().await {
            batch?;
        }
        drop(batches);
        self.finished(&slot)
    }

    /// Rows that say of their keys that they are deleted.
    pub(super) fn tombstones(&self, gone: &[Key]) -> Result<Vec<RecordBatch>, ExtractError> {
        let failed = |error| broken(&self.spec, error);
        let mut builder = RawBuilder::new(&self.spec, &self.stamp);
        let mut batches = Vec::new();
        for key in gone {
            let mut values = vec![None; self.spec.columns.len()];
            for (index, value) in self.spec.key.iter().zip(key) {
                values[*index].clone_from(value);
            }
            builder.load(&values, true).map_err(failed)?;
            if builder.is_full() {
                batches.extend(builder.take().map_err(failed)?);
            }
        }
        batches.extend(builder.take().map_err(failed)?);
        Ok(batches)
    }
}
