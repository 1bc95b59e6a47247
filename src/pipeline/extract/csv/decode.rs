//! Any encoding to UTF-8 while reading, remembering where a sequence was malformed and what the
//! text of the row in hand is.
//!
//! Decoding comes before splitting into fields, because in encodings such as UTF-16 or GBK with
//! `|` between fields the bytes of a delimiter may be part of a character.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use encoding_rs::{Decoder, DecoderResult, Encoding};

use super::super::folder::{FileFault, ROW_BYTES};

/// Stands in the text where a sequence was malformed.
pub(super) const MARK: &str = "\u{fffd}";

const RAW_BYTES: usize = 64 << 10;
/// Text that is done with is dropped when there is this much of it.
const DONE_BYTES: usize = 256 << 10;

/// A reader of UTF-8 over a reader of anything. A byte order mark is dropped and obeyed; a last
/// line without its end is given one.
pub(super) struct Decoded<R> {
    inner: R,
    /// Name of the file, for what may be said against it.
    name: Arc<str>,
    decoder: Decoder,
    raw: Box<[u8]>,
    raw_at: usize,
    raw_end: usize,
    /// The inner reader has no more bytes.
    ended: bool,
    /// The decoder has been told and said its last; it must not be asked again.
    finished: bool,
    /// The end of the last line is there, found or given.
    closed: bool,
    /// The last line was given its end.
    open_end: bool,
    text: Vec<u8>,
    text_at: usize,
    /// Bytes of text made so far.
    made: u64,
    last: Option<u8>,
    /// Offsets of marks in the text that are not asked about yet.
    malformed: VecDeque<u64>,
    /// Text that was handed on and is not done with, after what is to be dropped.
    kept: Vec<u8>,
    kept_from: usize,
    /// Offset of `kept[kept_from]` in the text.
    kept_at: u64,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(inner: R, name: Arc<str>, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            name,
            decoder: encoding.new_decoder(),
            raw: vec![0; RAW_BYTES].into_boxed_slice(),
            raw_at: 0,
            raw_end: 0,
            ended: false,
            finished: false,
            closed: false,
            open_end: false,
            text: Vec::new(),
            text_at: 0,
            made: 0,
            last: None,
            malformed: VecDeque::new(),
            kept: Vec::new(),
            kept_from: 0,
            kept_at: 0,
        }
    }

    /// Whether a malformed sequence lies before `offset` of the text, since last asked.
    pub(super) fn malformed_before(&mut self, offset: u64) -> bool {
        let before = self.malformed.partition_point(|at| *at < offset);
        self.malformed.drain(..before).len() > 0
    }

    /// The text up to `offset` that is not done with.
    pub(super) fn until(&self, offset: u64) -> &[u8] {
        let length = usize::try_from(offset.saturating_sub(self.kept_at)).unwrap_or(usize::MAX);
        let kept = &self.kept[self.kept_from..];
        &kept[..length.min(kept.len())]
    }

    /// Is done with the text up to `offset`.
    pub(super) fn done(&mut self, offset: u64) {
        let length = self.until(offset).len();
        self.kept_from += length;
        self.kept_at += length as u64;
        if self.kept_from == self.kept.len() || self.kept_from >= DONE_BYTES {
            self.kept.drain(..self.kept_from);
            self.kept_from = 0;
        }
    }

    /// Whether the text ends at `offset`, and there without the end of its last line.
    pub(super) fn cut_at(&self, offset: u64) -> bool {
        self.closed && self.open_end && offset >= self.made
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
        if self.text.is_empty() && !self.closed {
            self.closed = true;
            self.open_end = self.last.is_some_and(|last| last != b'\n');
            if self.open_end {
                self.text.push(b'\n');
                self.made += 1;
            }
        }
        self.last = self.text.last().copied().or(self.last);
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
        if (self.kept.len() - self.kept_from) as u64 > ROW_BYTES {
            let what = format!("file `{}` has a row of over {} MiB", self.name, ROW_BYTES >> 20);
            let hint = "look for a quote that is not closed";
            return Err(io::Error::other(FileFault::new(what, hint)));
        }
        let ready = &self.text[self.text_at..];
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.kept.extend_from_slice(&ready[..count]);
        self.text_at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(label: &str, bytes: &[u8]) -> (String, Vec<u64>) {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a label");
        let mut reader = Decoded::new(bytes, "t.csv".into(), encoding);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("UTF-8 comes out");
        assert_eq!(reader.until(u64::MAX), text.as_bytes());
        assert_eq!(reader.cut_at(u64::MAX), !text.is_empty() && reader.open_end);
        if reader.open_end {
            assert_eq!(text.pop(), Some('\n'));
        }
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
        assert_eq!(decode("utf-8", b""), (String::new(), vec![]));
    }

    #[test]
    fn text_is_kept_until_it_is_done_with() {
        let encoding = encoding_rs::UTF_8;
        let mut reader = Decoded::new(&b"one\ntwo"[..], "t.csv".into(), encoding);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        assert_eq!(reader.until(4), b"one\n");
        reader.done(4);
        assert!(!reader.cut_at(4) && reader.cut_at(8));
        assert_eq!(reader.until(8), b"two\n");
        reader.done(8);
        assert_eq!(reader.until(99), b"");
    }
}
