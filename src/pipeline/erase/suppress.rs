//! Rows of erased persons that a source still has, recognised by keyed hashes.
//!
//! Knows nothing of rows: those who read a source ask with keys as text.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::nightly::{Cause, RunLog};

/// The hashes, and what a read changes of them.
pub struct Suppression {
    mac: Hmac<Sha256>,
    known: HashSet<String>,
    /// Of further rows of erased persons.
    fresh: Mutex<BTreeSet<String>>,
    /// Of rows that belong to somebody else by now.
    freed: Mutex<BTreeSet<String>>,
    /// Where changes are kept; nowhere when hashes are only made.
    log: Option<Arc<dyn RunLog>>,
}

impl std::fmt::Debug for Suppression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Suppression({} hashes)", self.known.len())
    }
}

impl Suppression {
    /// The hashes `known`, made with the deployment's pseudonym `key`.
    #[must_use]
    pub(crate) fn new(key: &[u8], known: HashSet<String>) -> Self {
        let mac = Hmac::new_from_slice(key).expect("HMAC takes keys of every length");
        Self { mac, known, fresh: Mutex::default(), freed: Mutex::default(), log: None }
    }

    /// What `log` keeps; none when nobody was ever erased.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn read(key: &[u8], log: &Arc<dyn RunLog>) -> Result<Option<Arc<Self>>, Cause> {
        let known = log.suppressed().await?;
        if known.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Self { log: Some(Arc::clone(log)), ..Self::new(key, known) })))
    }

    /// Keeps what changed: before the table is committed whose rows it is about.
    ///
    /// # Errors
    /// It cannot be kept.
    pub async fn keep(&self) -> Result<(), Cause> {
        let Some(log) = &self.log else { return Ok(()) };
        let changed =
            |set: &Mutex<BTreeSet<String>>| -> Vec<String> { held(set).iter().cloned().collect() };
        let (fresh, freed) = (changed(&self.fresh), changed(&self.freed));
        if !fresh.is_empty() {
            log.suppress(&fresh).await?;
        }
        if !freed.is_empty() {
            log.release(&freed).await?;
        }
        Ok(())
    }

    /// Hash of a person's key at a source.
    #[must_use]
    pub(crate) fn person(&self, source: &str, key: &str) -> String {
        self.digest(["person", source, "", key])
    }

    /// Hash of the key of a row of a source table.
    #[must_use]
    pub(crate) fn row(&self, source: &str, table: &str, key: &str) -> String {
        self.digest(["row", source, table, key])
    }

    fn digest(&self, parts: [&str; 4]) -> String {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        hex::encode(mac.finalize().into_bytes())
    }

    /// Whether the hash is of an erased person or of a row of theirs.
    pub(crate) fn holds(&self, digest: &str) -> bool {
        let known = self.known.contains(digest) || held(&self.fresh).contains(digest);
        known && !held(&self.freed).contains(digest)
    }

    /// A further row of an erased person.
    pub(crate) fn add(&self, digest: String) {
        held(&self.freed).remove(&digest);
        if !self.known.contains(&digest) {
            held(&self.fresh).insert(digest);
        }
    }

    /// The row belongs to somebody else by now.
    pub(crate) fn free(&self, digest: String) {
        held(&self.fresh).remove(&digest);
        held(&self.freed).insert(digest);
    }
}

/// The sets survive a panic of somebody who held them: their entries are whole.
fn held(set: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together_and_keys_matter() {
        let own = Suppression::new(b"key", HashSet::new());
        assert_ne!(own.row("his", "t", "1"), own.row("hi", "st", "1"));
        assert_ne!(own.person("his", "1"), own.row("his", "", "1"));
        let other = Suppression::new(b"other", HashSet::new());
        assert_ne!(own.person("his", "1"), other.person("his", "1"));
    }

    #[test]
    fn rows_that_change_hands_are_free() {
        let maker = Suppression::new(b"key", HashSet::new());
        let digest = maker.row("his", "t", "1");
        let own = Suppression::new(b"key", [digest.clone()].into());
        assert!(own.holds(&digest));
        own.free(digest.clone());
        assert!(!own.holds(&digest));
        own.add(digest.clone());
        assert!(own.holds(&digest));
    }
}
