//! Rows of a unit packed into bytes: what parallel aggregates exchange.
//!
//! One binary column costs a fraction of a list per field: exchanging it is a copy. Bytes are only
//! ever read by the process that wrote them; bytes that end too early make no rows.

/// Packs numbers and texts one after the other.
#[derive(Debug, Default)]
pub(super) struct Packer(Vec<u8>);

impl Packer {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn flags(&mut self, flags: u8) {
        self.0.push(flags);
    }

    pub(super) fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(&text.as_bytes()[..length as usize]);
    }
}

/// Reads what was packed, in the same order.
#[derive(Debug)]
pub(super) struct Packed<'a>(pub(super) &'a [u8]);

impl<'a> Packed<'a> {
    pub(super) fn flags(&mut self) -> Option<u8> {
        let (flags, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*flags)
    }

    pub(super) fn number(&mut self) -> Option<i64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i64::from_le_bytes(*number))
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_read() {
        let mut packer = Packer::default();
        packer.flags(5);
        packer.number(-7);
        packer.text("抖音");
        packer.text("");
        let mut packed = Packed(packer.bytes());
        assert_eq!((packed.flags(), packed.number()), (Some(5), Some(-7)));
        assert_eq!((packed.text(), packed.text()), (Some("抖音"), Some("")));
        assert_eq!((packed.flags(), packed.number(), packed.text()), (None, None, None));
        let cut = &packer.bytes()[..12];
        let mut packed = Packed(cut);
        assert!(packed.flags().is_some() && packed.number().is_some() && packed.text().is_none());
    }
}
