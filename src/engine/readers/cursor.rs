//! Opaque positions in ordered lists.
//!
//! Owns the encoding: base64 of a JSON object with the list it belongs to and the sort key of one
//! row. Must not know what the keys mean.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hub_domain::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    /// Hash of the list (kind, filter, order) the position belongs to.
    l: String,
    /// Snapshot the list was read from, for lists that move between snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<u64>,
    /// Sort key of the row.
    k: Vec<Option<String>>,
}

/// One ordered list, as far as its cursors care.
#[derive(Debug, Clone)]
pub(crate) struct CursorList {
    hash: String,
    snapshot: Option<u64>,
}

impl CursorList {
    /// A list whose rows keep their keys over snapshots: `parts` are everything that orders and
    /// filters it.
    pub(crate) fn stable(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self { hash: hex::encode(&hash.finalize()[..6]), snapshot: None }
    }

    /// A list that is only in order within one snapshot.
    pub(crate) fn of_snapshot(parts: &[&str], snapshot: u64) -> Self {
        Self { snapshot: Some(snapshot), ..Self::stable(parts) }
    }

    /// The cursor of the row with this key.
    pub(crate) fn encode(&self, key: Vec<Option<String>>) -> String {
        let payload = Payload { l: self.hash.clone(), s: self.snapshot, k: key };
        BASE64.encode(serde_json::to_vec(&payload).expect("text and numbers are valid JSON"))
    }

    /// The key behind a cursor of this list with `length` parts.
    ///
    /// # Errors
    /// `BadInput` when the text is no cursor, belongs to another list, or to another snapshot of a
    /// list that is ordered within one.
    pub(crate) fn decode(&self, text: &str, length: usize) -> Result<Vec<Option<String>>, Error> {
        let payload: Option<Payload> =
            BASE64.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(payload) = payload else {
            return Err(Error::bad_input_hint(
                format!("`{}` is not a cursor", shown(text)),
                "pass a `cursor` or `endCursor` of an earlier page unchanged",
            ));
        };
        if payload.l != self.hash || payload.k.len() != length {
            return Err(Error::bad_input_hint(
                "cursor belongs to another list",
                "keep filter and order unchanged while paging, or start without `after`",
            ));
        }
        if payload.s != self.snapshot {
            return Err(expired());
        }
        Ok(payload.k)
    }
}

/// The position is gone because newer data was published.
pub(crate) fn expired() -> Error {
    Error::bad_input_hint(
        "cursor has expired: newer data was published",
        "start again without `after`, or read the older snapshot by its id",
    )
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_and_snapshot_only() {
        let list = CursorList::of_snapshot(&["metrics", "q"], 3);
        let cursor = list.encode(vec![Some("2026-01-01".into()), None]);
        assert_eq!(list.decode(&cursor, 2).expect("own"), [Some("2026-01-01".into()), None]);
        for (other, length) in [
            (CursorList::of_snapshot(&["metrics", "q"], 4), 2),
            (CursorList::of_snapshot(&["metricsq", ""], 3), 2),
            (CursorList::stable(&["metrics", "q"]), 2),
            (list.clone(), 1),
        ] {
            assert!(matches!(other.decode(&cursor, length), Err(Error::BadInput { .. })));
        }
        assert!(matches!(list.decode("no cursor!", 2), Err(Error::BadInput { .. })));
    }
}
