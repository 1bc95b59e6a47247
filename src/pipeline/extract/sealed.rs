//! Refused rows as their source delivered them, sealed with the operator's key.
//!
//! Owns the sealed form of a row and its key; decides nothing about rows. The same row sealed by
//! the same key is the same text, so a rerun writes the same file: the nonce is a keyed hash of
//! what is sealed, and AES-256-GCM-SIV stays safe should two nonces ever meet.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::cell::{Cell, Civil};

/// First byte of what is sealed; another layout would be another number.
const FORMAT: u8 = 1;
/// Bytes that tell under which key a row was sealed.
const KEY_ID: usize = 4;
/// Bytes of a nonce.
const NONCE: usize = 12;

/// What a sealed row is bound to: opened as another table's or another reason's, it does not open.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Source id.
    pub source: &'a str,
    /// Table as the configuration names it.
    pub table: &'a str,
    /// Reason code.
    pub reason: &'a str,
}

impl About<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [self.source, self.table, self.reason] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }
}

/// Why a sealed row stays shut. Never holds a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with a key that is neither the present nor a previous one.
    #[error("it was sealed with another key\n  hint: list the old key under `previous_keys`")]
    OtherKey,
    /// It is cut, altered, or belongs to another table or reason.
    #[error("it is damaged or belongs to another table or reason")]
    Damaged,
}

/// One configured secret and what is derived from it.
struct Key {
    id: [u8; KEY_ID],
    cipher: Aes256GcmSiv,
    nonces: Hmac<Sha256>,
}

impl Key {
    fn derive(secret: &str) -> Self {
        let part = |purpose: &str| keyed(secret.as_bytes(), &[purpose.as_bytes()]);
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&part("clinichub quarantine key id")[..KEY_ID]);
        let cipher = Aes256GcmSiv::new(&part("clinichub quarantine cells").into());
        Self { id, cipher, nonces: mac(&part("clinichub quarantine nonces")) }
    }

    fn nonce(&self, about: &[u8], row: &[u8]) -> [u8; NONCE] {
        let mut mac = self.nonces.clone();
        mac.update(&(about.len() as u64).to_le_bytes());
        mac.update(about);
        mac.update(row);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&mac.finalize().into_bytes()[..NONCE]);
        nonce
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of every length")
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = mac(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Seals with the present key and opens with it or a previous one.
pub struct Sealer {
    present: Key,
    previous: Vec<Key>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

impl Sealer {
    /// A sealer of `secret`; rows sealed with one of `previous` still open.
    #[must_use]
    pub fn new<'a>(secret: &str, previous: impl IntoIterator<Item = &'a str>) -> Self {
        let previous = previous.into_iter().map(Key::derive).collect();
        Self { present: Key::derive(secret), previous }
    }

    /// `row` as base64 text.
    #[must_use]
    pub fn seal(&self, about: About<'_>, row: &SealedRow) -> String {
        let about = about.bytes();
        let row = serde_json::to_vec(row).expect("a row of texts and numbers is always JSON");
        let nonce = self.present.nonce(&about, &row);
        let payload = Payload { msg: &row, aad: &about };
        let cells = self.present.cipher.encrypt(&Nonce::from(nonce), payload);
        let cells = cells.expect("a row is far below the 64 GiB the cipher takes");
        let parts: [&[u8]; 4] = [&[FORMAT], &self.present.id, &nonce, &cells];
        STANDARD.encode(parts.concat())
    }

    /// Opens what [`Sealer::seal`] made of a row.
    ///
    /// # Errors
    /// `OtherKey`, `Damaged`.
    pub fn open(&self, about: About<'_>, sealed: &str) -> Result<SealedRow, SealError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| SealError::Damaged)?;
        let (head, cells) = bytes.split_at_checked(1 + KEY_ID + NONCE).ok_or(SealError::Damaged)?;
        let (id, nonce) = head[1..].split_at(KEY_ID);
        if head[0] != FORMAT {
            return Err(SealError::Damaged);
        }
        let mut keys = std::iter::once(&self.present).chain(&self.previous);
        let key = keys.find(|key| key.id == id).ok_or(SealError::OtherKey)?;
        let about = about.bytes();
        let payload = Payload { msg: cells, aad: &about };
        let row = key.cipher.decrypt(Nonce::from_slice(nonce), payload);
        let row = row.map_err(|_| SealError::Damaged)?;
        serde_json::from_slice(&row).map_err(|_| SealError::Damaged)
    }

    /// Whether the present key sealed it: only such texts can be compared.
    #[must_use]
    pub fn sealed_by_present_key(&self, sealed: &str) -> bool {
        // The head is a whole number of base64 letters short of the sixth byte.
        let head = STANDARD.decode(sealed.get(..8).unwrap_or_default()).unwrap_or_default();
        head.get(1..=KEY_ID) == Some(&self.present.id[..])
    }
}

/// The cells of one refused row, by the name they were to land under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SealedRow(pub Vec<(String, SealedCell)>);

impl SealedRow {
    /// The cells of `names`, in their order.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>, cells: &[Cell<'_>]) -> Self {
        Self(names.zip(cells).map(|(name, cell)| (name.to_owned(), (*cell).into())).collect())
    }

    /// The cell of column `name`.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<Cell<'_>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, cell)| cell.as_cell())
    }
}

/// One cell as the driver delivered it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealedCell {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// An integer beyond `i64`.
    Unsigned(u64),
    /// The bits of a float.
    Real(u64),
    /// True or false.
    Bool(bool),
    /// Text, possibly in a broken encoding.
    Text(Bytes),
    /// Bytes.
    Blob(Bytes),
    /// A wall-clock date and time: year, month, day, hour, minute, second, µs.
    Civil(i64, u32, u32, u32, u32, u32, u32),
    /// An instant: µs since 1970 in UTC.
    Instant(i64),
    /// A date that is no date.
    Never,
}

impl From<Cell<'_>> for SealedCell {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Int(value) => Self::Int(value),
            Cell::Unsigned(value) => Self::Unsigned(value),
            Cell::Real(value) => Self::Real(value.to_bits()),
            Cell::Bool(value) => Self::Bool(value),
            Cell::Text(bytes) => Self::Text(Bytes(bytes.to_vec())),
            Cell::Blob(bytes) => Self::Blob(Bytes(bytes.to_vec())),
            Cell::Civil(Civil { year, month, day, hour, minute, second, micro }) => {
                Self::Civil(year, month, day, hour, minute, second, micro)
            }
            Cell::Instant(value) => Self::Instant(value),
            Cell::Never => Self::Never,
        }
    }
}

impl SealedCell {
    /// The cell again.
    #[must_use]
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(value) => Cell::Int(*value),
            Self::Unsigned(value) => Cell::Unsigned(*value),
            Self::Real(bits) => Cell::Real(f64::from_bits(*bits)),
            Self::Bool(value) => Cell::Bool(*value),
            Self::Text(Bytes(bytes)) => Cell::Text(bytes),
            Self::Blob(Bytes(bytes)) => Cell::Blob(bytes),
            &Self::Civil(year, month, day, hour, minute, second, micro) => {
                Cell::Civil(Civil { year, month, day, hour, minute, second, micro })
            }
            Self::Instant(value) => Cell::Instant(*value),
            Self::Never => Cell::Never,
        }
    }
}

/// For the operator's terminal: one line, control characters escaped, bytes that are no text as
/// hexadecimal digits.
impl std::fmt::Display for SealedCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Int(value) | Self::Instant(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Real(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(Bytes(bytes)) | Self::Blob(Bytes(bytes)) => match std::str::from_utf8(bytes)
            {
                Ok(text) => write!(f, "{text:?}"),
                Err(_) => write!(f, "x'{}'", hex::encode(bytes)),
            },
            &Self::Civil(year, month, day, hour, minute, second, micro) => {
                Civil { year, month, day, hour, minute, second, micro }.fmt(f)
            }
            Self::Never => f.write_str("infinity"),
        }
    }
}

/// Bytes, written as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
