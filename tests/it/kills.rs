//! A night killed at every write it does, and at random moments: what readers see is always one
//! whole night, and the same night run again ends as if it had never been killed.
//!
//! `strace` can kill at the N-th system call, but counts per thread, and which thread does what
//! differs from run to run. So here it tells each call that changes a file of the lake or the
//! state, delays the thread that made it, and the test counts for the whole process and kills.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::ward::{Content, SECOND, Ward, same};
use crate::support::{Chance, Long, is_long, start};

const ROWS: u64 = 300;
/// Calls to kill after, when there is no time for all.
const SOME: usize = 6;
/// Calls that change files.
const CALLS: [&str; 16] = [
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "ftruncate",
    "fsync",
    "fdatasync",
];

pub(crate) struct Bench {
    pub(crate) ward: Ward,
    first: Content,
    second: Content,
    took: Duration,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let ward = Ward::prepared(ROWS, "{ lease: 1h, build_threads: 1 }");
        let (id, first) = ward.shown();
        assert_eq!(id, 1);
        assert_eq!(first.len(), 7, "five source tables and seven made of them are twelve");
        let whole = ward.copied();
        let started = Instant::now();
        whole.nightly(SECOND).passed();
        let took = started.elapsed();
        let (id, second) = whole.shown();
        assert_eq!(id, 2);
        assert_ne!(first, second);
        Self { ward, first, second, took }
    }

    /// A killed night: whole before and after it is run again.
    pub(crate) fn judge(&self, ward: &Ward, what: &str) {
        let (id, seen) = ward.shown();
        same(&seen, if id == 1 { &self.first } else { &self.second }, what);
        ward.nightly(SECOND).passed();
        let (id, seen) = ward.shown();
        assert_eq!(id, 2, "{what}");
        same(&seen, &self.second, what);
    }
}

#[test]
fn a_night_killed_at_random_moments_run_again_is_the_same() {
    let bench = Bench::new();
    let mut chance = Chance::new("kills at random moments of a night of 12 tables");
    let (rounds, mut killed) = (Long(4, 200).now(), 0);
    for round in 0..rounds {
        let ward = bench.ward.copied();
        let config = ward.config();
        let config = config.to_str().expect("text");
        let mut child = start(["nightly", "--date", SECOND, "--config", config]);
        let moment = bench.took.mul_f64(chance.share());
        std::thread::sleep(moment);
        killed += u64::from(child.try_wait().expect("a status").is_none());
        child.kill().expect("killed");
        child.wait().expect("gone");
        bench.judge(&ward, &format!("{chance} round {round} killed after {moment:?}"));
    }
    assert!(killed > 0, "every night had ended before its kill");
    chance
        .told(&format!("{killed} of {rounds} nights killed: 0 lost, 0 doubled, 0 partly visible"));
}

/// A night under `strace`, which tells every call that changes a file of the lake or the state
/// and holds the calling thread back for a moment after it.
struct Traced {
    strace: Child,
    calls: Calls<BufReader<ChildStderr>>,
    killer: Child,
}

impl Traced {
    fn start(ward: &Ward) -> Self {
        let folder = ward.dir.path();
        let trace = CALLS.map(|call| format!("?{call}")).join(",");
        let mut strace = Command::new("strace")
            .args(["-f", "-y", "-qq", "-s", "0", "--seccomp-bpf"])
            .args(["-e", &format!("trace={trace}")])
            .args(["-e", &format!("inject={trace}:delay_exit=3000")])
            // The night keeps the process id of the shell, and stays silent.
            .args(["sh", "-c", "echo $$ >\"$0\"; exec \"$@\" >/dev/null 2>&1"])
            .arg(folder.join("pid"))
            .arg(env!("CARGO_BIN_EXE_clinichub"))
            .args(["nightly", "--date", SECOND, "--config"])
            .arg(ward.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`strace`");
        // Ready to kill: starting a process at that moment would take too long.
        let killer = Command::new("sh")
            .args(["-c", "read word && read pid <\"$0\" && kill -9 \"$pid\""])
            .arg(folder.join("pid"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let lines = BufReader::new(strace.stderr.take().expect("a pipe"));
        let calls = Calls { lines, folder: folder.to_path_buf(), waiting: BTreeMap::new() };
        Self { strace, calls, killer }
    }

    /// Kills the night right after call `number`, counting from 1; what that call was, none when
    /// the night ended before.
    fn killed_after(mut self, number: usize) -> Option<String> {
        let call = self.calls.nth(number - 1);
        if call.is_some() {
            let mut word = self.killer.stdin.take().expect("a pipe");
            word.write_all(b"now\n").expect("told");
        }
        self.ended();
        call
    }

    /// Every call of a night that nobody kills.
    fn all(mut self) -> Vec<String> {
        let all = self.calls.by_ref().collect();
        self.ended();
        all
    }

    fn ended(mut self) {
        drop(self.killer.stdin.take());
        self.killer.wait().expect("gone");
        // Whatever is still said is read, so that nobody waits for a full pipe.
        let _ = self.calls.count();
        self.strace.wait().expect("gone");
    }
}

/// The calls that `strace` tells and that change a file of the lake or the state, each when it
/// is done.
struct Calls<R> {
    lines: R,
    folder: PathBuf,
    /// Thread → its call that is not done yet, where it is one of these.
    waiting: BTreeMap<String, Option<String>>,
}

impl<R: BufRead> Iterator for Calls<R> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(call) = self.done(line.trim_end()) {
                return Some(call);
            }
        }
    }
}

impl<R> Calls<R> {
    fn done(&mut self, line: &str) -> Option<String> {
        // `[pid 7] write(8</lake/…>, …) = 9`; the process is not told while there is only one.
        let (thread, rest) = match line.strip_prefix("[pid").and_then(|rest| rest.split_once(']')) {
            Some((thread, rest)) => (thread.trim(), rest.trim_start()),
            None => ("", line),
        };
        if rest.starts_with("<...") {
            return self.waiting.remove(thread)?;
        }
        let (call, arguments) = rest.split_once('(')?;
        let folder = self.folder.to_string_lossy();
        let ours = ["lake/", "state.db"]
            .iter()
            .any(|part| arguments.contains(&format!("{folder}/{part}")));
        let told = (ours && CALLS.contains(&call)).then(|| call.to_owned());
        if rest.ends_with("<unfinished ...>") {
            self.waiting.insert(thread.to_owned(), told);
            return None;
        }
        told
    }
}

/// Why system calls cannot be traced here.
pub(crate) fn forbidden() -> Option<String> {
    let probe = Command::new("strace")
        .args(["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync", "true"])
        .output();
    match probe {
        Err(error) => Some(format!("`strace` cannot be started: {error}")),
        Ok(output) if !output.status.success() => {
            Some(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
        Ok(_) => None,
    }
}

#[test]
fn a_night_killed_after_every_write_run_again_is_the_same() {
    if let Some(why) = forbidden() {
        return eprintln!("left out, system calls cannot be traced: {why}");
    }
    let bench = Bench::new();
    let mut chance = Chance::new("kills at write system calls");
    let all = Traced::start(&bench.ward.copied()).all();
    assert!(all.len() > 100, "{} calls", all.len());
    let numbers: Vec<usize> = match is_long() {
        // Some more: no two nights do exactly as many calls.
        true => (1..=all.len() + 5).collect(),
        false => (0..SOME).map(|_| 1 + chance.next() as usize % all.len()).collect(),
    };
    let mut kills: BTreeMap<String, u32> = BTreeMap::new();
    for number in &numbers {
        let ward = bench.ward.copied();
        let Some(call) = Traced::start(&ward).killed_after(*number) else { continue };
        bench.judge(&ward, &format!("{chance} killed after call {number}, {call}"));
        *kills.entry(call).or_default() += 1;
    }
    assert!(!kills.is_empty(), "no call was reached");
    chance.told(&format!(
        "{} kills after {} numbers of the {} calls that change the lake or the state, {kills:?}: \
         0 lost, 0 doubled, 0 partly visible",
        kills.values().sum::<u32>(),
        numbers.len(),
        all.len()
    ));
}
