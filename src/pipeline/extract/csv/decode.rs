//! Any encoding to UTF-8 while reading, remembering where a sequence was malformed.
//!
//! Decoding comes before splitting into fields, because in encodings such as UTF-16 or GBK with
//! `|` between fields the bytes of a delimiter may be part of a character.

use std::collections::VecDeque;
use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// Stands in the text where a sequence was malformed.
pub(super) const MARK: &str = "\u{fffd}";

const RAW_BYTES: usize = 64 << 10;

/// A reader of UTF-8 over a reader of anything. A byte order mark is dropped and obeyed.
pub(super) struct Decoded<R> {
    inner: R,
    decoder: Decoder,
    raw: Box<[u8]>,
    raw_at: usize,
    raw_end: usize,
    /// The inner reader has no more bytes.
    ended: bool,
    /// The decoder has been told and said its last; it must not be asked again.
    finished: bool,
    text: Vec<u8>,
    text_at: usize,
    /// Bytes of text made so far.
    made: u64,
    /// Offsets of marks in the text that are not asked about yet.
    malformed: VecDeque<u64>,
    /// Offsets of line feeds that are not asked about yet.
    feeds: VecDeque<u64>,
    /// Line feeds asked about.
    lines: u64,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder(),
            raw: vec![0; RAW_BYTES].into_boxed_slice(),
            raw_at: 0,
            raw_end: 0,
            ended: false,
            finished: false,
            text: Vec::new(),
            text_at: 0,
            made: 0,
            malformed: VecDeque::new(),
            feeds: VecDeque::new(),
            lines: 0,
        }
    }

    /// Whether a malformed sequence lies before `offset` of the text, since last asked.
    pub(super) fn malformed_before(&mut self, offset: u64) -> bool {
        let before = self.malformed.partition_point(|at| *at < offset);
        self.malformed.drain(..before).len() > 0
    }

    /// Line feeds before `offset` of the text. Offsets asked about must not go back.
    pub(super) fn feeds_before(&mut self, offset: u64) -> u64 {
        let before = self.feeds.partition_point(|at| *at < offset);
        self.lines += self.feeds.drain(..before).len() as u64;
        self.lines
    }

    /// Makes more text; leaves none only at the end.
    fn refill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.text_at = 0;
        while self.text.is_empty() && !self.finished {
            if self.raw_at == self.raw_end && !self.ended {
                (self.raw_at, self.raw_end) = (0, self.inner.read(&mut self.raw)?);
                self.ended = self.raw_end == 0;
            }
            self.decode()?;
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        let source = &self.raw[self.raw_at..self.raw_end];
        let room = self
            .decoder
            .max_utf8_buffer_length_without_replacement(source.len())
            .ok_or_else(|| io::Error::other("a block of text is too large"))?;
        self.text.resize(room, 0);
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(source, &mut self.text, self.ended);
        self.raw_at += read;
        self.text.truncate(written);
        let made = self.made;
        let feeds = self.text.iter().zip(made..).filter(|(byte, _)| **byte == b'\n');
        self.feeds.extend(feeds.map(|(_, offset)| offset));
        self.made += written as u64;
        match result {
            DecoderResult::Malformed(..) => {
                self.malformed.push_back(self.made);
                self.text.extend_from_slice(MARK.as_bytes());
                self.made += MARK.len() as u64;
            }
            DecoderResult::InputEmpty => self.finished = self.ended,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.text_at == self.text.len() {
            self.refill()?;
        }
        let ready = &self.text[self.text_at..];
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.text_at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(label: &str, bytes: &[u8]) -> (String, Vec<u64>) {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a label");
        let mut reader = Decoded::new(bytes, encoding);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("UTF-8 comes out");
        (text, reader.malformed.into_iter().collect())
    }

    #[test]
    fn encodings_and_marks() {
        assert_eq!(decode("gb18030", b"\xb4\xf3,\xce\xc4"), ("大,文".into(), vec![]));
        assert_eq!(decode("utf-8", b"\xef\xbb\xbfa"), ("a".into(), vec![]));
        assert_eq!(decode("gb18030", b"\xef\xbb\xbfa"), ("a".into(), vec![]));
        assert_eq!(decode("utf-8", b"\xff\xfea\0\n\0"), ("a\n".into(), vec![]));
        assert_eq!(
            decode(
                "utf-16le",
                "a𠮷".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>().as_slice()
            ),
            ("a𠮷".into(), vec![])
        );
        let (text, marks) = decode("utf-8", b"ab\xffcd\xfe");
        assert_eq!((text.as_str(), marks), ("ab\u{fffd}cd\u{fffd}", vec![2, 7]));
        // A lone lead byte does not swallow the delimiter after it.
        let (text, marks) = decode("gb18030", b"\xb4,b\n");
        assert_eq!((text.as_str(), marks), ("\u{fffd},b\n", vec![0]));
        let (text, marks) = decode("gb18030", b"a\xb4");
        assert_eq!((text.as_str(), marks), ("a\u{fffd}", vec![1]));
        let long = "客户".repeat(100_000);
        let bytes = encoding_rs::GB18030.encode(&long).0;
        assert_eq!(decode("gbk", &bytes).0, long);
    }
}
