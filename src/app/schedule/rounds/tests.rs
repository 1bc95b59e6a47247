//! Years of nights on a clock that a test moves: late, missed, repeated, contended starts.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::NaiveDate;

use super::super::wall::tests::ZONES;
use super::*;

/// A world one test moves: its clock goes on when a desk sleeps.
#[derive(Default)]
struct World {
    now: DateTime<Utc>,
    end: DateTime<Utc>,
    mark: Option<Mark>,
    /// Until when another node holds the lease.
    busy_until: DateTime<Utc>,
    nights: Vec<(DateTime<Utc>, Start)>,
    /// How coming nights end; published when empty.
    ends: Vec<Ended>,
    /// Random numbers; none moves the clock evenly.
    chance: Option<u64>,
}

struct Room(Mutex<World>);

impl Room {
    fn new(from: &str, to: &str) -> Self {
        let (now, end) = (instant(from), instant(to));
        Self(Mutex::new(World { now, end, ..World::default() }))
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.0.lock().expect("no holder panics")
    }

    fn nights(&self) -> Vec<(String, String, String)> {
        let night = |(at, start): &(DateTime<Utc>, Start)| {
            let at = at.format("%m-%dT%H:%M").to_string();
            (at, start.interval.from.to_string(), start.interval.to.to_string())
        };
        self.world().nights.iter().map(night).collect()
    }
}

/// A xorshift step.
fn roll(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[async_trait]
impl Desk for Room {
    type Hold = ();

    fn now(&self) -> DateTime<Utc> {
        self.world().now
    }

    async fn sleep(&self, time: Duration) -> bool {
        let mut world = self.world();
        let time = TimeDelta::from_std(time).expect("a span");
        let Some(mut chance) = world.chance else {
            world.now = world.end.min(world.now + time);
            return world.now < world.end;
        };
        // Naps shorter than asked for, and now and then a clock put back by an hour.
        world.now += time.min(TimeDelta::seconds(30 + (roll(&mut chance) % 40_000) as i64));
        if roll(&mut chance).is_multiple_of(40) {
            world.now -= TimeDelta::hours(1);
        }
        world.chance = Some(chance);
        // Ends now and then, as if the process were started anew.
        world.now < world.end && !roll(&mut chance).is_multiple_of(25)
    }

    async fn mark(&self) -> anyhow::Result<Option<Mark>> {
        Ok(self.world().mark)
    }

    async fn set_mark(&self, mark: Mark) -> anyhow::Result<()> {
        self.world().mark = Some(mark);
        Ok(())
    }

    async fn hold(&self) -> anyhow::Result<Option<()>> {
        let world = self.world();
        Ok((world.busy_until <= world.now).then_some(()))
    }

    async fn release(&self, (): ()) {}

    async fn night(&self, (): &(), start: &Start) -> anyhow::Result<Ended> {
        let mut world = self.world();
        let at = world.now;
        world.nights.push((at, *start));
        world.now += TimeDelta::minutes(20);
        Ok(world.ends.pop().unwrap_or(Ended::Published))
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn plan(cron: &str, zone: &str, up_since: DateTime<Utc>) -> Plan {
    let schedule = Schedule::parse(cron, zone.parse().expect("a zone")).expect("cron");
    Plan { schedule, missed: Missed::RunOnce, grace: TimeDelta::hours(6), up_since }
}

/// One life of a process in `room`, to its end.
async fn live(room: &Room, change: impl FnOnce(&mut Plan)) {
    let mut plan = plan("30 2 * * *", "Asia/Shanghai", room.now());
    change(&mut plan);
    go(&plan, room).await;
}

fn night(at: &str, from: &str, to: &str) -> (String, String, String) {
    (at.to_owned(), from.to_owned(), to.to_owned())
}

#[tokio::test]
async fn the_interval_is_the_day_before_and_a_restart_repeats_nothing() {
    let room = Room::new("2026-10-14T00:00:00Z", "2026-10-15T20:00:00Z");
    live(&room, |_| {}).await;
    live(&room, |_| {}).await;
    let wanted = [
        night("10-14T18:30", "2026-10-14", "2026-10-15"),
        night("10-15T18:30", "2026-10-15", "2026-10-16"),
    ];
    assert_eq!(room.nights(), wanted);
}

#[tokio::test]
async fn a_missed_start_is_made_up_within_the_grace_once() {
    let room = Room::new("2026-10-14T00:00:00Z", "2026-10-14T12:00:00Z");
    live(&room, |_| {}).await;
    // Down over three starts; up again two hours after the last of them.
    room.world().now = instant("2026-10-16T20:30:00Z");
    room.world().end = instant("2026-10-17T00:00:00Z");
    live(&room, |_| {}).await;
    let made_up = night("10-16T20:30", "2026-10-14", "2026-10-17");
    assert_eq!(room.nights(), std::slice::from_ref(&made_up));
    // Down again; up seven hours late: passed over, and the next night makes up for it.
    room.world().now = instant("2026-10-18T01:31:00Z");
    room.world().end = instant("2026-10-18T20:00:00Z");
    live(&room, |_| {}).await;
    let next = night("10-18T18:30", "2026-10-17", "2026-10-19");
    assert_eq!(room.nights(), [made_up, next]);
}

#[tokio::test]
async fn missed_starts_are_skipped_where_the_policy_says_so() {
    let room = Room::new("2026-10-14T00:00:00Z", "2026-10-14T12:00:00Z");
    live(&room, |_| {}).await;
    room.world().now = instant("2026-10-14T18:31:00Z");
    room.world().end = instant("2026-10-15T19:00:00Z");
    live(&room, |plan| plan.missed = Missed::Skip).await;
    assert_eq!(room.nights(), [night("10-15T18:30", "2026-10-14", "2026-10-16")]);
}

#[tokio::test]
async fn a_refused_night_is_part_of_the_next() {
    let room = Room::new("2026-10-14T00:00:00Z", "2026-10-16T00:00:00Z");
    room.world().ends = vec![Ended::Published, Ended::NotPublished];
    live(&room, |_| {}).await;
    let wanted = [
        night("10-14T18:30", "2026-10-14", "2026-10-15"),
        night("10-15T18:30", "2026-10-14", "2026-10-16"),
    ];
    assert_eq!(room.nights(), wanted);
}

#[tokio::test]
async fn a_start_waits_for_the_lease_and_is_taken_over() {
    // Another node holds the lease, dies, and its lease ends.
    let room = Room::new("2026-10-14T00:00:00Z", "2026-10-15T00:00:00Z");
    room.world().busy_until = instant("2026-10-14T18:31:00Z");
    live(&room, |_| {}).await;
    assert_eq!(room.nights(), [night("10-14T18:31", "2026-10-14", "2026-10-15")]);
    // Another node took over from this one: the start is not marked by the loser.
    let room = Room::new("2026-10-14T00:00:00Z", "2026-10-15T00:00:00Z");
    room.world().ends = vec![Ended::Published, Ended::Lost];
    live(&room, |_| {}).await;
    assert_eq!(room.nights().len(), 2);
    assert_eq!(room.world().mark.map(|mark| mark.due), Some(instant("2026-10-14T18:30:00Z")));
}

#[tokio::test]
async fn a_mark_of_a_wrong_clock_does_not_stop_the_schedule() {
    let room = Room::new("2026-10-14T00:00:00Z", "2026-10-15T00:00:00Z");
    let due = instant("2036-10-14T18:30:00Z");
    room.world().mark = Some(Mark { due, through: due.date_naive() });
    live(&room, |_| {}).await;
    assert_eq!(room.nights(), [night("10-14T18:30", "2026-10-14", "2026-10-15")]);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a seed is given by the environment")]
async fn every_day_has_one_night_whatever_the_clock_and_the_process_do() {
    let seed = std::env::var("CLINICHUB_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) * 0x9E37_79B9 + 1);
    eprintln!("CLINICHUB_SEED={seed}");
    let mut chance = seed;
    for zone in ZONES {
        for cron in ["30 2 * * *", "0 0 * * *", "30 1 * * *"] {
            let year = 2005 + roll(&mut chance) % 25;
            let room =
                Room::new(&format!("{year}-01-10T12:00:00Z"), &format!("{year}-12-20T00:00:00Z"));
            room.world().chance = Some(chance);
            let schedule = plan(cron, zone, room.now()).schedule;
            while room.now() < room.world().end {
                go(&plan(cron, zone, room.now()), &room).await;
            }
            let world = room.world();
            let mut days: BTreeMap<NaiveDate, u32> = BTreeMap::new();
            let mut through = None;
            for (_, Start { interval, .. }) in &world.nights {
                *days.entry(interval.last_day()).or_default() += 1;
                assert!(through.is_none_or(|through| through == interval.from), "{zone} {cron}");
                through = Some(interval.to);
            }
            let what = format!("seed {seed} {zone} {cron} {year}");
            assert!(days.values().all(|runs| *runs == 1), "{what}: {days:?}");
            let (first, last) = (days.keys().next(), days.keys().next_back());
            let (first, last) = (*first.expect("nights"), *last.expect("nights"));
            let all = (last - first).num_days() + 1;
            // Samoa had no 2011-12-30, so the 29th is made up for on the 31st.
            let never = u8::from(zone == "Pacific/Apia" && year == 2011);
            assert!(days.len() as i64 >= all - i64::from(never), "{what}: {} of {all}", days.len());
            assert!(schedule.day(world.now) - last < TimeDelta::days(3), "{what}: ended at {last}");
            drop(world);
        }
    }
}
