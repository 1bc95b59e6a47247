//! Why a row was refused and how the refused row is found again at its source.
//!
//! Owns the reason codes and the order in which they win. Never holds a cell value unsealed.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::cell::{Cell, Value};
use super::schema::TableSpec;

/// Why a row is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Bytes that are not text in the declared encoding.
    BadEncoding,
    /// A CSV row with more or fewer fields than the header, or with text after a closing quote.
    RaggedRow,
    /// A CSV row that repeats the header of its file.
    RepeatedHeader,
    /// A line that is no JSON object, or one that names a member twice.
    BadJson,
    /// NULL in a key column.
    NullKey,
    /// Year, month or day is zero.
    ZeroDate,
    /// A day or a wall-clock time that never was, or a year after 9999.
    ImpossibleDate,
    /// More digits before the point than the declared type holds.
    DecimalOverflow,
    /// Anything else that is not a value of the declared type.
    BadValue,
    /// The key of a row that this extract already delivered.
    DuplicateKey,
}

impl Reason {
    /// The code stored in `_reject_reason`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BadEncoding => "bad_encoding",
            Self::RaggedRow => "ragged_row",
            Self::RepeatedHeader => "repeated_header",
            Self::BadJson => "bad_json",
            Self::NullKey => "null_key",
            Self::ZeroDate => "zero_date",
            Self::ImpossibleDate => "impossible_date",
            Self::DecimalOverflow => "decimal_overflow",
            Self::BadValue => "bad_value",
            Self::DuplicateKey => "duplicate_key",
        }
    }

    /// Rank among the faults of one row: bad encoding and ragged rows first, then null keys,
    /// then the columns as the source orders them.
    pub(super) fn rank(self, position: usize) -> (u8, usize) {
        let class = match self {
            Self::BadEncoding | Self::RaggedRow | Self::RepeatedHeader | Self::BadJson => 0,
            Self::NullKey => 1,
            Self::DuplicateKey => 3,
            _ => 2,
        };
        (class, position)
    }
}

/// Where a row stands at its source, for rows whose key cannot be told.
#[derive(Debug, Clone)]
pub enum Place {
    /// SQLite's row id.
    RowId(i64),
    /// Line of a file, from 1.
    Line(Arc<str>, u64),
    /// The source has no address for rows; a hash of its cells stands in.
    Unknown,
}

impl Place {
    /// The text stored in `_reject_key`: `@file.csv:17`, `@rowid 4`, `#<hash>`.
    pub(super) fn describe(&self, cells: &[Cell<'_>]) -> String {
        match self {
            Self::RowId(id) => format!("@rowid {id}"),
            Self::Line(file, line) => format!("@{file}:{line}"),
            Self::Unknown => {
                let mut hash = Sha256::new();
                for cell in cells {
                    cell.digest(&mut hash);
                }
                let mut text = String::from("#");
                for byte in &hash.finalize()[..8] {
                    let _ = write!(text, "{byte:02x}");
                }
                text
            }
        }
    }
}

/// One row in quarantine as it is landed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Reject {
    /// Reason code.
    pub(super) reason: String,
    /// Column the reason is about; empty when it is the whole row.
    pub(super) column: String,
    /// Key values joined by `|`, or the row's place.
    pub(super) key: String,
    /// Its cells, sealed; empty where no key is configured or no cell can be told.
    pub(super) sealed: String,
}

impl Reject {
    pub(super) fn new(reason: Reason, column: String, key: String, sealed: String) -> Self {
        Self { reason: reason.code().to_owned(), column, key, sealed }
    }

    /// Takes one of the `known` rows this one repeats; false when it is new. A row whose content
    /// cannot be compared, because no key or another one sealed it, is taken for the same.
    pub(super) fn take_known(&self, known: &mut HashMap<Self, u64>) -> bool {
        if known.is_empty() {
            return false;
        }
        let unsealed = Self { sealed: String::new(), ..self.clone() };
        for candidate in [self, &unsealed] {
            if let Some(count) = known.get_mut(candidate)
                && *count > 0
            {
                *count -= 1;
                return true;
            }
        }
        false
    }
}

/// Key of a row as `_reject_key` has it; `value` is asked by position of the column.
pub(super) fn key_text<'a>(spec: &TableSpec, value: impl Fn(usize) -> Option<Value<'a>>) -> String {
    let part = |index: &usize| match value(*index) {
        Some(value) => value.text(spec.columns[*index].column_type),
        None => String::new(),
    };
    spec.key.iter().map(part).collect::<Vec<_>>().join("|")
}
