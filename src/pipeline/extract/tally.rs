//! What one read of a table amounted to: rows by what became of them, keys, newest cursor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::keys::KeySet;
use super::reconcile::{Amounts, Measured};

/// What one read of a table amounted to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows delivered at or after the bound.
    pub(super) read: u64,
    /// Rows accepted.
    pub(super) loaded: u64,
    /// Rows refused, by reason.
    pub(super) rejected: BTreeMap<String, u64>,
    /// Refused rows that are not in quarantine yet.
    pub(super) rejected_new: u64,
    /// Those of them whose key is at fault.
    pub(super) key_faults: u64,
    /// Rows put into batches: accepted ones, and refused ones not in quarantine before.
    pub(super) landed: u64,
    /// Accepted rows that carry the delete flag.
    pub(super) flagged: u64,
    /// What an operator should know.
    pub(super) notices: Vec<String>,
    /// Values set to NULL under `discard_value`.
    pub(super) discarded: u64,
    /// Amounts of rows delivered that no batch holds; none where nothing is reconciled.
    pub(super) apart: Option<Amounts>,
    /// The same read as its source counted it.
    pub(super) source: Option<Measured>,
    /// Newest cursor position seen.
    pub(super) newest: Option<i64>,
    /// Cursor values later than the watermark may go.
    pub(super) ahead: u64,
    /// Keys of accepted rows; none where nobody needs them.
    pub(super) keys: KeySet,
    /// Keys of refused rows, when deletes are scanned: such rows still exist at the source.
    pub(super) refused_keys: KeySet,
    /// Keys of accepted rows whose text was to be marked.
    pub(super) marked: KeySet,
}

impl Tally {
    /// Adds the tally of another part of the same read; false when both parts had rows of one
    /// key, which neither could know.
    pub(super) fn join(&mut self, other: Self) -> bool {
        let apart = !other.keys.iter().any(|key| self.keys.contains(key));
        self.absorb(other);
        apart
    }

    /// Adds what another reader of the same table counted.
    pub(super) fn absorb(&mut self, other: Self) {
        // Named one by one, so that nothing new is forgotten here.
        let Self {
            read,
            loaded,
            rejected,
            rejected_new,
            key_faults,
            landed,
            flagged,
            discarded,
            notices,
            apart,
            source,
            newest,
            ahead,
            keys,
            refused_keys,
            marked,
        } = other;
        self.read += read;
        self.loaded += loaded;
        self.rejected_new += rejected_new;
        self.key_faults += key_faults;
        self.landed += landed;
        self.flagged += flagged;
        self.discarded += discarded;
        match (&mut self.apart, apart) {
            (Some(mine), Some(other)) => mine.add(&other),
            (mine @ None, other) => *mine = other,
            (Some(_), None) => {}
        }
        match (&mut self.source, source) {
            (Some(mine), Some(other)) => mine.add(&other),
            (mine @ None, other) => *mine = other,
            (Some(_), None) => {}
        }
        self.newest = self.newest.max(newest);
        self.ahead += ahead;
        self.notices.extend(notices);
        for (reason, rows) in rejected {
            *self.rejected.entry(reason).or_default() += rows;
        }
        self.keys.absorb(keys);
        self.refused_keys.absorb(refused_keys);
        self.marked.absorb(marked);
    }
}

/// Where a finished read leaves its tally; empty when it did not come to its end.
pub(super) type TallySlot = Arc<Mutex<Option<Tally>>>;
