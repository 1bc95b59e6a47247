//! Who holds a lease: a process on a machine, told apart from every other, and whether one that
//! ran here has ended.
//!
//! Holds no personal data: a host name, a process id, chance. What tells processes apart is read
//! where the system offers it (`/proc`); elsewhere no holder is ever known to have ended.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;

use sha2::{Digest, Sha256};

/// One process, doing one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// `nightly`, `rollback`.
    purpose: String,
    host: String,
    pid: u32,
    /// When the process started, in ticks since boot: process ids are used again.
    started: String,
    /// The machine since its last boot, its process space and user: only in here a process that
    /// is not seen is not there.
    place: String,
    chance: String,
}

impl Holder {
    /// This process; `chance` tells its own attempts apart.
    pub(super) fn here(purpose: &str, chance: [u8; 8]) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host: String = host
            .trim()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
            .take(63)
            .collect();
        let pid = std::process::id();
        let (_, started) = alive(pid).unwrap_or_default();
        let host = if host.is_empty() { "host".to_owned() } else { host };
        let (purpose, chance) = (purpose.to_owned(), hex::encode(chance));
        Self { purpose, host, pid, started, place: place().unwrap_or_default(), chance }
    }

    /// Whether the process of `holder`, as it printed itself, ran here and has ended.
    pub(super) fn has_ended(holder: &str) -> bool {
        let parts: Vec<&str> = holder.split('/').collect();
        let [_, pid, started, there, _] = parts[..] else { return false };
        let (Ok(pid), Some(here)) = (pid.parse(), place()) else { return false };
        here == there
            && !started.is_empty()
            && alive(pid)
                .is_none_or(|(state, since)| matches!(state, 'Z' | 'X') || since != started)
    }

    /// The part of a printed holder that people want to know.
    pub(super) fn told(holder: &str) -> String {
        holder.split('/').take(2).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { purpose, host, pid, started, place, chance } = self;
        write!(f, "{purpose}@{host}/{pid}/{started}/{place}/{chance}")
    }
}

/// State and start of a process; none when there is none.
fn alive(pid: u32) -> Option<(char, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last parenthesis may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.to_owned()))
}

/// None where the system does not tell.
fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    let user = fs::metadata("/proc/self").ok()?.uid();
    let digest = Sha256::digest(format!("{boot}|{}|{user}", space.display()));
    Some(hex::encode(&digest[..6]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_not_ended_and_a_gone_one_has() {
        let here = Holder::here("nightly", [7; 8]);
        assert!(!Holder::has_ended(&here.to_string()), "{here}");
        let mut child = std::process::Command::new("sleep").arg("9").spawn().expect("started");
        let (_, started) = alive(child.id()).expect("running");
        let other = Holder { pid: child.id(), started, ..here.clone() }.to_string();
        assert!(!Holder::has_ended(&other), "{other}");
        child.kill().expect("killed");
        child.wait().expect("gone");
        assert!(Holder::has_ended(&other), "{other}");
        let again = Holder { started: "1".into(), ..here.clone() }.to_string();
        assert!(Holder::has_ended(&again), "the process id is used again: {again}");
        let elsewhere = Holder { place: "ffffffffffff".into(), pid: 1, ..here }.to_string();
        assert!(!Holder::has_ended(&elsewhere), "nothing is known of it: {elsewhere}");
        assert!(!Holder::has_ended("a holder of another version"));
    }

    #[test]
    fn people_are_told_what_and_where() {
        let here = Holder::here("rollback", [7; 8]).to_string();
        let told = Holder::told(&here);
        assert!(told.starts_with("rollback@") && told.ends_with(&std::process::id().to_string()));
        assert_eq!(here.matches('/').count(), 4, "{here}");
    }
}
