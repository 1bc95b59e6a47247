//! Disks that are full or fail: a night ends with a clear error, the night before is still
//! served, and once the disk is well again the same night passes.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::kills::{Bench, forbidden};
use crate::support::ward::{SECOND, Ward};
use crate::support::{Chance, clinichub, copy_tree, is_long};

/// Calls that need space or the disk, and how often one thread may do each. `write` is not among
/// them: threads wake each other with it. That a write finds no space, the small disk below shows.
const CALLS: [(&str, u64); 9] = [
    ("pwrite64", 40),
    ("rename", 30),
    ("renameat", 1),
    ("link", 1),
    ("linkat", 30),
    ("mkdir", 12),
    ("ftruncate", 4),
    ("fsync", 80),
    ("fdatasync", 30),
];

/// A night of `ward` under `strace` with `options`.
fn traced(ward: &Ward, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "--seccomp-bpf"]).args(options);
    command.arg(env!("CARGO_BIN_EXE_clinichub"));
    command.args(["nightly", "--date", SECOND, "--config"]).arg(ward.config());
    command.stdin(Stdio::null());
    command
}

/// A night that met an error of its disk, judged; whether it ended with an error.
fn failed(bench: &Bench, ward: &Ward, output: &Output, what: &str) -> bool {
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let passed = output.status.success();
    if passed {
        assert_eq!(ward.shown().0, 2, "{what}: exit code 0 and nothing published\n{told}");
    } else {
        assert!(told.contains("error: "), "{what}: it failed without a word: {told}");
        assert!(!told.contains("panicked"), "{what}: {told}");
    }
    bench.judge(ward, what);
    !passed
}

#[test]
fn a_night_on_a_failing_disk_is_told_and_passes_later() {
    if let Some(why) = forbidden() {
        return eprintln!("left out, system calls cannot be traced: {why}");
    }
    let bench = Bench::new();
    let mut chance = Chance::new("errors of the disk at system calls that need it");
    let mut chosen: Vec<(&str, u64, &str)> = Vec::new();
    for (call, most) in CALLS {
        if is_long() {
            let numbers = (1..=most).flat_map(|n| [(call, n, "ENOSPC"), (call, n, "EIO")]);
            chosen.extend(numbers);
        } else if most > 1 {
            let error = ["ENOSPC", "EIO"][(chance.next() % 2) as usize];
            chosen.push((call, 1 + chance.next() % 3, error));
        }
    }
    let mut ended = 0;
    for (call, number, error) in &chosen {
        let ward = bench.ward.copied();
        let inject = format!("inject=?{call}:error={error}:when={number}");
        let trace = format!("trace=?{call}");
        let mut night = traced(&ward, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
        let output = night.output().expect("strace");
        let what = format!("{chance} {error} at {call} {number} of a thread");
        ended += u32::from(failed(&bench, &ward, &output, &what));
    }
    assert!(ended > 0, "no night of {} met its error", chosen.len());
    chance.told(&format!(
        "{ended} of {} nights ended with an error; the night before was served, the rerun passed",
        chosen.len()
    ));
}

/// A small file system of its own at `dir`; why there is none otherwise.
fn mounted(dir: &Path, kib: u64) -> Result<(), String> {
    std::fs::create_dir_all(dir).expect("a folder");
    let options = format!("size={kib}k");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir);
    let output = mount.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

struct Unmounted<'a>(&'a Path);

impl Drop for Unmounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn kib_of(dir: &Path) -> u64 {
    let output = Command::new("du").arg("-sk").arg(dir).output().expect("du");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a size")
}

#[test]
fn a_night_on_a_full_disk_is_told_and_passes_with_space() {
    let bench = Bench::new();
    let sizes: &[u64] = if is_long() { &[4, 16, 32, 64, 96, 128, 192, 256] } else { &[16, 96] };
    let mut ended = 0;
    for free in sizes {
        let ward = bench.ward.copied();
        let lake = ward.dir.path().join("lake");
        let aside = ward.dir.path().join("aside");
        std::fs::rename(&lake, &aside).expect("moved");
        let size = kib_of(&aside) + free;
        if let Err(why) = mounted(&lake, size) {
            return eprintln!("left out, no file system can be mounted: {why}");
        }
        let _unmounted = Unmounted(&lake);
        copy_tree(&aside, &lake);
        let run = clinichub(["nightly", "--date", SECOND, "--config"]).arg(ward.config()).done();
        let told = format!("{}{}", run.out(), run.err());
        let (id, _) = ward.shown();
        if run.code() == Some(0) {
            assert_eq!(id, 2);
        } else {
            ended += 1;
            assert_eq!(id, 1, "{told}");
            assert!(told.contains("error: "), "{free} KiB: {told}");
            assert!(!told.contains("panicked"), "{free} KiB: {told}");
        }
        let more = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&lake).status();
        assert!(more.is_ok_and(|status| status.success()), "no more space");
        bench.judge(&ward, &format!("{free} KiB free"));
    }
    assert!(ended > 0, "every night had space");
}

/// What a commit names is on disk before the commit is, and the commit before it is told.
#[test]
fn commits_are_synced_with_their_folder() {
    if let Some(why) = forbidden() {
        return eprintln!("left out, system calls cannot be traced: {why}");
    }
    let ward = Bench::new().ward;
    let log = ward.dir.path().join("calls.log");
    let name = log.to_string_lossy().into_owned();
    let trace = "trace=?fsync,?fdatasync,?link,?linkat";
    let status = traced(&ward, &["-y", "-o", &name, "-e", trace]).status().expect("strace");
    assert!(status.success());
    let text = std::fs::read_to_string(&log).expect("the record");
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains(" resumed>")).collect();
    let synced = |wanted: &str, lines: &[&str]| {
        lines.iter().any(|line| line.contains("sync(") && line.contains(&format!("<{wanted}>")))
    };
    let (mut commits, mut snapshots) = (0, 0);
    for (at, line) in lines.iter().enumerate() {
        let paths: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let [staged, named] = paths.as_slice() else { continue };
        let folder = Path::new(named).parent().expect("a folder").to_string_lossy();
        match folder.rsplit('/').next() {
            Some("_delta_log") => commits += 1,
            Some("published") => snapshots += 1,
            _ => continue,
        }
        assert!(synced(staged, &lines[..at]), "{named} is named before it is on disk");
        assert!(synced(&folder, &lines[at..]), "the folder of {named} is not synced");
    }
    assert_eq!(snapshots, 1);
    assert!(commits >= 10, "{commits} commits");
    let files = lines.iter().filter(|line| line.contains("sync(") && line.contains(".parquet>"));
    assert!(files.count() >= 10, "data files are synced");
    assert_eq!(ward.shown().0, 2);
}
