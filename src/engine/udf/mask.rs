//! What may be shown of a name or an identifier: `王**`, `138****0000`.
//!
//! The length of the original never shows: a name keeps its first character, an identifier its
//! ends where it is long enough to stay ambiguous.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// First character and `**`; empty text stays empty.
#[must_use]
pub fn mask_name(name: &str) -> String {
    match name.trim().chars().next() {
        Some(first) => format!("{first}**"),
        None => String::new(),
    }
}

/// First three and last four characters of identifiers of at least eleven, the last two of those
/// of at least six, nothing of shorter ones.
#[must_use]
pub fn mask_identifier(identifier: &str) -> String {
    let letters: Vec<char> = identifier.trim().chars().collect();
    let tail = |count: usize| letters[letters.len() - count..].iter().collect::<String>();
    match letters.len() {
        0 => String::new(),
        1..=5 => "****".to_owned(),
        6..=10 => format!("****{}", tail(2)),
        _ => format!("{}****{}", letters[..3].iter().collect::<String>(), tail(4)),
    }
}

/// Both masks as SQL functions; they never fail.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Mask {
    name: &'static str,
    signature: Signature,
    is_name: bool,
}

impl Mask {
    pub(super) fn name() -> Self {
        Self { name: "mask_name", signature: text_signature(), is_name: true }
    }

    pub(super) fn identifier() -> Self {
        Self { name: "mask_identifier", signature: text_signature(), is_name: false }
    }
}

/// One text argument, nothing volatile.
pub(super) fn text_signature() -> Signature {
    Signature::exact(vec![DataType::Utf8], Volatility::Immutable)
}

impl ScalarUDFImpl for Mask {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let mask = if self.is_name { mask_name } else { mask_identifier };
        let masked: StringArray =
            as_string_array(&arrays[0])?.iter().map(|text| text.map(mask)).collect();
        Ok(ColumnarValue::Array(Arc::new(masked) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_no_length_and_little_text() {
        assert_eq!(mask_name("王小明"), "王**");
        assert_eq!(mask_name("王"), "王**");
        assert_eq!(mask_name("  "), "");
        assert_eq!(mask_identifier("13800000000"), "138****0000");
        assert_eq!(mask_identifier("B0012345"), "****45");
        assert_eq!(mask_identifier("1234"), "****");
    }
}
