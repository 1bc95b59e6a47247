//! What is wrong with one row: of several faults the gravest is told.

use super::reject::Reason;
use super::schema::SpecColumn;

/// The gravest fault of a row so far.
pub(super) struct Fault {
    rank: (u8, usize),
    pub(super) reason: Reason,
    pub(super) column: String,
}

impl Fault {
    /// Keeps the graver of two.
    pub(super) fn weigh(fault: &mut Option<Self>, reason: Reason, column: &SpecColumn) {
        let rank = reason.rank(column.position);
        if fault.as_ref().is_none_or(|known| rank < known.rank) {
            *fault = Some(Self { rank, reason, column: column.name.clone() });
        }
    }

    /// A row without another fault repeats a key that was read before.
    pub(super) fn repeated() -> Self {
        Self { rank: (u8::MAX, 0), reason: Reason::DuplicateKey, column: String::new() }
    }
}
