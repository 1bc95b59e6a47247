//! Keyed pseudonyms of phones, cards and record numbers.
//!
//! The same identifier written in several ways (spaces, dashes, full-width digits, `+86`) gives
//! one pseudonym; without the key nobody can tell which identifier it was.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::mask::text_signature;

/// HMAC-SHA256 of the normalised identifier as hex; none when nothing is left of it.
#[must_use]
pub fn pseudonym(key: &[u8], identifier: &str) -> Option<String> {
    digest(&keyed(key), identifier)
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length")
}

fn digest(mac: &Hmac<Sha256>, identifier: &str) -> Option<String> {
    let normal = normalise(identifier);
    if normal.is_empty() {
        return None;
    }
    let mut mac = mac.clone();
    mac.update(normal.as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()))
}

/// Full-width ASCII becomes ASCII, letters upper case; spaces, dashes and the prefix of mainland
/// mobile numbers go away.
fn normalise(identifier: &str) -> String {
    let plain: String = identifier
        .chars()
        .map(|letter| match letter {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
            other => other,
        })
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '-' | '\u{feff}'))
        .flat_map(char::to_uppercase)
        .collect();
    for prefix in ["+86", "0086", "86"] {
        if let Some(rest) = plain.strip_prefix(prefix)
            && rest.len() == 11
            && rest.starts_with('1')
            && rest.bytes().all(|digit| digit.is_ascii_digit())
        {
            return rest.to_owned();
        }
    }
    plain
}

/// [`pseudonym`] as the SQL function of the same name.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Pseudonym {
    signature: Signature,
    key: Vec<u8>,
}

impl Pseudonym {
    pub(super) fn new(key: &[u8]) -> Self {
        Self { signature: text_signature(), key: key.to_vec() }
    }
}

impl std::fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonym(***)")
    }
}

impl ScalarUDFImpl for Pseudonym {
    fn name(&self) -> &'static str {
        "pseudonym"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let mac = keyed(&self.key);
        let digests: StringArray = as_string_array(&arrays[0])?
            .iter()
            .map(|text| text.and_then(|text| digest(&mac, text)))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(digests) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_writing_one_phone_agree() {
        let of = |text| pseudonym(b"key", text);
        let plain = of("13800000000");
        assert!(plain.is_some());
        for other in ["138-0000-0000", " 138 0000 0000", "+8613800000000", "１３８００００００００"]
        {
            assert_eq!(of(other), plain, "{other}");
        }
        assert_ne!(of("13800000001"), plain);
        assert_ne!(pseudonym(b"other", "13800000000"), plain);
        assert_eq!(of(" - "), None);
    }

    #[test]
    fn cards_keep_their_check_letter_whatever_its_case() {
        assert_eq!(pseudonym(b"k", "11010119900307765x"), pseudonym(b"k", "11010119900307765X"));
    }
}
