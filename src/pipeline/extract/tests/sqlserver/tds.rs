//! A small TDS 7.4 responder after the published specification (MS-TDS 2.2): prelogin, login,
//! SQL batches and RPC requests, answered by the text they hold.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Tokens of an answer, and whether the connection ends after them.
#[derive(Clone)]
pub(super) struct Answer {
    tokens: Vec<u8>,
    cut: bool,
}

#[derive(Default)]
struct Heard {
    asked: Vec<String>,
    reads_only: bool,
}

/// A responder on a free port, until it is dropped.
pub(super) struct Responder {
    port: u16,
    heard: Arc<Mutex<Heard>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Responder {
    pub(super) async fn start(answers: Vec<(&'static str, Answer)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let answers = Arc::new(answers);
        let kept = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&kept)));
            }
        });
        Self { port, heard, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The login as `user@database`, then every statement with what was bound to it.
    pub(super) fn asked(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").asked.clone()
    }

    /// Whether the login said that it only reads.
    pub(super) fn reads_only(&self) -> bool {
        self.heard.lock().expect("no panic").reads_only
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Vec<(&'static str, Answer)>>,
    heard: Arc<Mutex<Heard>>,
) {
    while let Some((kind, body)) = message(&mut stream).await {
        let (tokens, cut) = match kind {
            0x12 => (prelogin(), false),
            0x10 => {
                let mut heard = heard.lock().expect("no panic");
                heard.asked.push(format!("{}@{}", login_text(&body, 40), login_text(&body, 68)));
                heard.reads_only = body[26] & 0x20 != 0;
                (login_ack(), false)
            }
            _ => {
                // Headers and types in between read as odd letters; the texts stand out.
                let text = readable(&body);
                let found = answers.iter().find(|(needle, _)| text.contains(needle));
                heard.lock().expect("no panic").asked.push(text.clone());
                found.map_or_else(|| (done(), false), |(_, a)| (a.tokens.clone(), a.cut))
            }
        };
        if stream.write_all(&packet(&tokens, cut)).await.is_err() || cut {
            return;
        }
    }
}

/// One message: its kind and the bodies of its packets.
async fn message(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut body = Vec::new();
    loop {
        let mut head = [0_u8; 8];
        stream.read_exact(&mut head).await.ok()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])).checked_sub(8)?;
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(&mut body[start..]).await.ok()?;
        if head[1] & 1 == 1 {
            return Some((head[0], body));
        }
    }
}

/// Packets of a tabular result; the last one is missing when the answer is cut.
fn packet(tokens: &[u8], cut: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let parts: Vec<&[u8]> = tokens.chunks(4_000).collect();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len() && !cut;
        let length = u16::try_from(part.len() + 8).expect("a small packet").to_be_bytes();
        bytes.extend([0x04, u8::from(last), length[0], length[1], 0, 0, index as u8, 0]);
        bytes.extend_from_slice(part);
    }
    bytes
}

/// The UTF-16 texts of a request, at either alignment.
fn readable(body: &[u8]) -> String {
    let at = |from: usize| {
        let units: Vec<u16> = body[from..]
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    format!("{} {}", at(0), at(1))
}

fn login_text(body: &[u8], at: usize) -> String {
    let word = |at: usize| usize::from(u16::from_le_bytes([body[at], body[at + 1]]));
    let (start, letters) = (word(at), word(at + 2));
    let units = body[start..start + letters * 2].chunks_exact(2);
    let units: Vec<u16> = units.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

fn prelogin() -> Vec<u8> {
    let options = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff];
    let (version, no_encryption) = ([15, 0, 0x0f, 0xa0, 0, 0], [2]);
    [&options[..], &version, &no_encryption].concat()
}

fn login_ack() -> Vec<u8> {
    let name = short_text("Microsoft SQL Server");
    let body = [&[1, 0x74, 0, 0, 4][..], &name, &[15, 0, 0x0f, 0xa0]].concat();
    let length = u16::try_from(body.len()).expect("short").to_le_bytes();
    [&[0xad][..], &length, &body, &done()].concat()
}

fn done() -> Vec<u8> {
    [&[0xfd, 0, 0, 0, 0][..], &[0; 8]].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn short_text(text: &str) -> Vec<u8> {
    let letters = u8::try_from(text.encode_utf16().count()).expect("short");
    [&[letters][..], &utf16(text)].concat()
}

impl Answer {
    pub(super) fn rows(head: &[Vec<u8>], rows: &[Vec<u8>]) -> Self {
        let count = (rows.len() as u64).to_le_bytes();
        // Done with the statement, its return status, done with the procedure.
        let end =
            [&[0xff, 0x11, 0, 0xc1, 0][..], &count, &[0x79, 0, 0, 0, 0, 0xfe, 0, 0, 0, 0], &[0; 8]];
        let tokens = [columns(head), rows.concat(), end.concat()].concat();
        Self { tokens, cut: false }
    }

    /// A row, the half of another, and the end of the connection.
    pub(super) fn cut(head: &[Vec<u8>], row: &[u8]) -> Self {
        let half = &row[..row.len() / 2];
        Self { tokens: [&columns(head), row, half].concat(), cut: true }
    }

    pub(super) fn error(number: i32, text: &str) -> Self {
        let letters = u16::try_from(text.encode_utf16().count()).expect("short").to_le_bytes();
        let body = [
            &number.to_le_bytes()[..],
            &[1, 16],
            &letters,
            &utf16(text),
            &short_text("server"),
            &short_text(""),
            &1_u32.to_le_bytes(),
        ]
        .concat();
        let length = u16::try_from(body.len()).expect("short").to_le_bytes();
        let failed = [&[0xfd, 2, 0, 0, 0][..], &[0; 8]].concat();
        Self { tokens: [&[0xaa][..], &length, &body, &failed].concat(), cut: false }
    }
}

fn columns(head: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(head.len()).expect("few columns").to_le_bytes();
    [&[0x81][..], &count, &head.concat()].concat()
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Int,
    Bit,
    Text,
    LongText,
    Date,
    DateTime2,
    DateTimeOffset,
    Decimal,
    Float,
}

const COLLATION: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 0x34];

/// A column of the head: user type, flags (nullable), type and name.
pub(super) fn column(name: &str, kind: Kind) -> Vec<u8> {
    let kind = match kind {
        Kind::Int => vec![0x26, 4],
        Kind::Bit => vec![0x68, 1],
        Kind::Text => [&[0xe7, 0x40, 0x1f][..], &COLLATION].concat(),
        Kind::LongText => [&[0xe7, 0xff, 0xff][..], &COLLATION].concat(),
        Kind::Date => vec![0x28],
        Kind::DateTime2 => vec![0x2a, 7],
        Kind::DateTimeOffset => vec![0x2b, 7],
        Kind::Decimal => vec![0x6a, 9, 19, 4],
        Kind::Float => vec![0x6d, 8],
    };
    [&[0, 0, 0, 0, 1, 0][..], &kind, &short_text(name)].concat()
}

pub(super) fn row(cells: &[Vec<u8>]) -> Vec<u8> {
    [&[0xd1][..], &cells.concat()].concat()
}

pub(super) fn int(value: i32) -> Vec<u8> {
    [&[4][..], &value.to_le_bytes()].concat()
}

pub(super) fn bit(value: bool) -> Vec<u8> {
    vec![1, u8::from(value)]
}

pub(super) fn text(text: &str) -> Vec<u8> {
    let bytes = utf16(text);
    let length = u16::try_from(bytes.len()).expect("short").to_le_bytes();
    [&length[..], &bytes].concat()
}

pub(super) fn long_text(text: &str) -> Vec<u8> {
    let bytes = utf16(text);
    let length = u32::try_from(bytes.len()).expect("short").to_le_bytes();
    [&u64::from(u32::from_le_bytes(length)).to_le_bytes()[..], &length, &bytes, &[0; 4]].concat()
}

pub(super) fn date(days: u32) -> Vec<u8> {
    [&[3][..], &days.to_le_bytes()[..3]].concat()
}

/// Time of day in tenths of a microsecond.
pub(super) fn datetime2(days: u32, tenths: u64) -> Vec<u8> {
    [&[8][..], &tenths.to_le_bytes()[..5], &days.to_le_bytes()[..3]].concat()
}

pub(super) fn datetimeoffset(days: u32, tenths: u64, minutes: i16) -> Vec<u8> {
    let at = [&tenths.to_le_bytes()[..5], &days.to_le_bytes()[..3]].concat();
    [&[10][..], &at, &minutes.to_le_bytes()].concat()
}

/// Ten-thousandths.
pub(super) fn decimal(value: i64) -> Vec<u8> {
    [&[9, u8::from(value >= 0)][..], &value.unsigned_abs().to_le_bytes()].concat()
}

pub(super) fn float(value: f64) -> Vec<u8> {
    [&[8][..], &value.to_le_bytes()].concat()
}
