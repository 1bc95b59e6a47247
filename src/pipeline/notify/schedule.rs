//! When a failed message is tried again.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// Waits before tries 2, 3, …: the schedule Standard Webhooks 1.0 gives as its example.
const WAITS_SECONDS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// When try number `attempts + 1` is due, none when tries are used up. The wait is spread by up
/// to ±10 % so that hooks are not hit in step; the spread depends on the message alone, so a
/// replay plans the same instants. `retry_after` of the hook is honoured when it is longer.
#[must_use]
pub fn next_attempt(
    id: &str,
    attempts: u32,
    now: DateTime<Utc>,
    retry_after: Option<TimeDelta>,
) -> Option<DateTime<Utc>> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let seconds = *WAITS_SECONDS.get(index)?;
    let digest = Sha256::digest(format!("{id}|{attempts}"));
    let spread = i64::from(digest[0]) - 128; // −128…127
    let wait = TimeDelta::milliseconds(seconds * 1_000 + seconds * 100 * spread / 128);
    Some(now + retry_after.map_or(wait, |asked| asked.max(wait)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_follow_the_schedule_within_ten_percent() {
        let now: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().expect("an instant");
        for (index, seconds) in WAITS_SECONDS.into_iter().enumerate() {
            let due = next_attempt("msg_1", index as u32 + 1, now, None).expect("tries are left");
            let waited = (due - now).num_milliseconds();
            assert!((waited - seconds * 1_000).abs() <= seconds * 100, "{index}: {waited}");
        }
        assert_eq!(next_attempt("msg_1", 10, now, None), None);
    }

    #[test]
    fn a_longer_retry_after_wins() {
        let now: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().expect("an instant");
        let asked = TimeDelta::seconds(90);
        assert_eq!(next_attempt("msg_1", 1, now, Some(asked)), Some(now + asked));
    }
}
