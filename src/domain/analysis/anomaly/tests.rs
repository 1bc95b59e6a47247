//! Injected steps, holidays, short and flat histories, and the baseline by definition.

use chrono::Days;
use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// A Monday.
const START: &str = "2026-01-05";

fn series(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
    let point = |(offset, value): (u64, f64)| Point {
        series: "revenue".into(),
        at: (day(START) + Days::new(offset)).and_hms_opt(0, 0, 0).expect("midnight"),
        value,
    };
    (0..).zip(values).map(point).collect()
}

/// Weekdays near 100, weekends near 30, with a small fixed wobble.
fn usual(offset: u64) -> f64 {
    let base = if offset % 7 < 5 { 100.0 } else { 30.0 };
    base + ((offset * 7919) % 11) as f64 / 2.0 - 2.5
}

fn scored(points: &[Point], calendar: &Calendar) -> Vec<Option<Score>> {
    score(points, calendar, Options::default()).expect("scores")
}

#[test]
fn the_ninth_week_is_the_first_scored() {
    let scores = scored(&series((0..70).map(usual)), &Calendar::new());
    assert!(scores[..56].iter().all(Option::is_none));
    assert!(scores[56..].iter().all(|it| it.is_some_and(|it| !it.flag)), "{scores:?}");
}

#[test]
fn a_fall_and_a_rise_are_flagged_with_their_sign() {
    let mut values: Vec<f64> = (0..70).map(usual).collect();
    values[60] = 55.0; // a Friday at half
    values[61] = 90.0; // a Saturday at three times
    let scores = scored(&series(values), &Calendar::new());
    let fall = scores[60].expect("scored");
    assert!(fall.flag && fall.score < -3.0 && fall.lower > 55.0, "{fall:?}");
    let rise = scores[61].expect("scored");
    assert!(rise.flag && rise.score > 3.0 && rise.upper < 90.0, "{rise:?}");
    assert_eq!(scores.iter().flatten().filter(|it| it.flag).count(), 2);
}

#[test]
fn holidays_meet_holidays_only() {
    let holidays: Vec<u64> = (0..9).map(|it| 3 + 9 * it).collect();
    let calendar: Calendar =
        holidays.iter().map(|it| (day(START) + Days::new(*it), "holiday".to_owned())).collect();
    let value = |offset: u64| if holidays.contains(&offset) { 8.0 } else { usual(offset) };
    let points = series((0..100).map(value));
    let scores = scored(&points, &calendar);
    let last = scores[75].expect("eight holidays before");
    assert!(!last.flag && last.expected == 8.0);
    assert!(scores[66].is_none());
    assert!(scores.iter().flatten().all(|it| !it.flag));
    let plain = scored(&points, &Calendar::new());
    assert!(plain[75].expect("scored").flag);
}

#[test]
fn flat_histories_have_a_floor() {
    let of = |value: f64, baseline: f64| {
        against(value, &[baseline; 8], Options::default()).expect("scored")
    };
    assert_eq!(of(110.0, 100.0).score, 2.0);
    assert!(of(120.0, 100.0).flag);
    assert!(!of(3.0, 0.0).flag);
    assert!(of(4.0, 0.0).flag);
    let quiet = Options { volume: 5.0, ..Options::default() };
    assert!(!against(4.0, &[0.0; 8], quiet).expect("scored").flag);
    assert_eq!(against(4.0, &[], quiet), None);
}

#[test]
fn hours_meet_the_same_hour() {
    let mut points = Vec::new();
    for offset in 0..63 {
        for hour in [9, 20] {
            points.push(Point {
                series: "calls".into(),
                at: (day(START) + Days::new(offset)).and_hms_opt(hour, 30, 0).expect("a time"),
                value: if hour == 9 { 40.0 } else { 4.0 },
            });
        }
    }
    let options = Options { grain: Grain::Hour, ..Options::default() };
    let scores = score(&points, &Calendar::new(), options).expect("scores");
    assert_eq!(scores[2 * 56].expect("scored").expected, 40.0);
    assert_eq!(scores[2 * 56 + 1].expect("scored").expected, 4.0);
    let daily = score(&points, &Calendar::new(), Options::default()).expect_err("two a day");
    assert!(matches!(daily, Error::RepeatedPoint { row: 1, .. }), "{daily:?}");
}

#[test]
fn series_do_not_mix_and_order_does_not_matter() {
    let mut points = series((0..64).map(usual));
    points.extend(points.clone().into_iter().map(|it| Point {
        series: "arrivals".into(),
        value: it.value * 50.0,
        ..it
    }));
    let scores = scored(&points, &Calendar::new());
    points.reverse();
    let mut turned = scored(&points, &Calendar::new());
    turned.reverse();
    assert_eq!(scores, turned);
    assert!(scores.iter().flatten().all(|it| !it.flag));
    points[0].value = f64::NAN;
    let error = score(&points, &Calendar::new(), Options::default()).expect_err("refused");
    assert!(matches!(error, Error::NotFinite { row: 0, .. }));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn baselines_are_the_eight_weeks_before(
        values in prop::collection::vec(0.0f64..500.0, 57..90),
    ) {
        let scores = scored(&series(values.clone()), &Calendar::new());
        for (place, score) in scores.iter().enumerate() {
            let mut weeks: Vec<f64> = (1..=8)
                .filter_map(|week| values.get(place.checked_sub(week * 7)?).copied())
                .collect();
            prop_assert_eq!(score.is_some(), weeks.len() == 8);
            if let Some(score) = score {
                weeks.sort_by(f64::total_cmp);
                let middle = (weeks[3] + weeks[4]) / 2.0;
                let mut away: Vec<f64> = weeks.iter().map(|it| (it - middle).abs()).collect();
                away.sort_by(f64::total_cmp);
                let scale = (1.4826 * (away[3] + away[4]) / 2.0).max(0.05 * middle);
                prop_assert!((score.expected - middle).abs() < 1e-9);
                prop_assert!((score.score * scale - (values[place] - middle)).abs() < 1e-6);
                prop_assert_eq!(score.flag, score.score.abs() > 3.0);
                prop_assert_eq!(score.flag,
                    values[place] < score.lower || values[place] > score.upper);
            }
        }
    }
}
