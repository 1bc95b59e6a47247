//! Robust scores of points against their own recent history.
//!
//! A point is compared with the last points of the same class that lie before it: same weekday
//! (and hour, at hour grain); holidays and other special days only with days of their own kind.
//! With m the median of that baseline and MAD the median of |x − m|:
//!
//! * scale = max(1.4826 · MAD, floor · |m|), one unit when both are zero. 1.4826 makes the MAD
//!   of normal noise its standard deviation (Rousseeuw and Croux); the floor keeps eight equal
//!   weeks from making every later step an anomaly;
//! * score = (x − m) / scale, band = m ± threshold · scale;
//! * the point is flagged when |score| > threshold, the baseline has at least `history` points
//!   and the larger of |x| and |m| reaches `volume`.
//!
//! A point never belongs to its own baseline. Scores are statistics and use floats; amounts
//! are never rebuilt from them. Owns the score. Must not know metrics, alerts or time zones:
//! instants are clinic-local.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike, Weekday};
use serde::Deserialize;

/// Turns a median absolute deviation into a standard deviation of normal noise.
const MAD_TO_SIGMA: f64 = 1.4826;

/// Distance of neighbouring points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// One point per day.
    Day,
    /// One point per hour.
    Hour,
}

/// Days that are not compared by weekday: date → kind, such as `holiday` or `makeup`.
///
/// Days of one kind are compared with each other whatever their weekday.
pub type Calendar = BTreeMap<NaiveDate, String>;

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Name of the series.
    pub series: String,
    /// Clinic-local instant; at day grain only its day counts.
    pub at: NaiveDateTime,
    /// The value, finite.
    pub value: f64,
}

/// What counts as an anomaly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Distance of points.
    pub grain: Grain,
    /// Points in a full baseline; fewer give no score.
    pub history: usize,
    /// Scales away from the median at which a point is flagged.
    pub threshold: f64,
    /// Smallest scale, as a share of the median.
    pub floor: f64,
    /// Smallest value or median that may be flagged, in units of the series.
    pub volume: f64,
}

impl Default for Options {
    /// Eight weeks, three scales, 5 % floor, any volume.
    fn default() -> Self {
        Self { grain: Grain::Day, history: 8, threshold: 3.0, floor: 0.05, volume: 0.0 }
    }
}

/// A point against its baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Scales away from `expected`; positive above.
    pub score: f64,
    /// Median of the baseline.
    pub expected: f64,
    /// Lower end of the band.
    pub lower: f64,
    /// Upper end of the band.
    pub upper: f64,
    /// Outside the band and large enough.
    pub flag: bool,
}

/// Why points cannot be scored. `row` counts points from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Two points of a series in one day or hour.
    #[error("series `{series}` has two points at `{at}`")]
    RepeatedPoint {
        /// Index of the later row.
        row: usize,
        /// The series.
        series: String,
        /// Start of the day or hour.
        at: NaiveDateTime,
    },
    /// Infinite or not a number.
    #[error("the value of series `{series}` is not finite")]
    NotFinite {
        /// Index of the point.
        row: usize,
        /// The series.
        series: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::RepeatedPoint { .. } => "add up the values, or choose the finer grain",
            Self::NotFinite { .. } => "leave missing points out",
        }
    }
}

/// Points that are compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Class<'a> {
    day: Day<'a>,
    hour: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Day<'a> {
    Plain(Weekday),
    Special(&'a str),
}

impl<'a> Class<'a> {
    fn of(at: NaiveDateTime, grain: Grain, calendar: &'a Calendar) -> Self {
        let day = match calendar.get(&at.date()) {
            Some(kind) => Day::Special(kind),
            None => Day::Plain(at.weekday()),
        };
        Self { day, hour: if grain == Grain::Hour { at.hour() } else { 0 } }
    }
}

/// Scores `points` in their order; none where the baseline is too short.
///
/// # Errors
/// See [`Error`].
pub fn score(
    points: &[Point],
    calendar: &Calendar,
    options: Options,
) -> Result<Vec<Option<Score>>, Error> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|row| (&points[*row].series, start(points[*row].at, options.grain), *row));
    let mut scores = vec![None; points.len()];
    let mut history: HashMap<Class<'_>, Vec<f64>> = HashMap::new();
    let mut before: Option<&Point> = None;
    for row in order {
        let point = &points[row];
        let series = point.series.clone();
        if !point.value.is_finite() {
            return Err(Error::NotFinite { row, series });
        }
        match before {
            Some(other) if other.series == point.series => {
                let at = start(point.at, options.grain);
                if start(other.at, options.grain) == at {
                    return Err(Error::RepeatedPoint { row, series, at });
                }
            }
            _ => history.clear(),
        }
        before = Some(point);
        let seen = history.entry(Class::of(point.at, options.grain, calendar)).or_default();
        if seen.len() >= options.history {
            scores[row] = against(point.value, &seen[seen.len() - options.history..], options);
        }
        seen.push(point.value);
    }
    Ok(scores)
}

/// Scores one `value` against its `baseline`; none for an empty one.
///
/// For callers that choose the comparable points themselves.
#[must_use]
pub fn against(value: f64, baseline: &[f64], options: Options) -> Option<Score> {
    let expected = median(baseline.to_vec())?;
    let spread = median(baseline.iter().map(|it| (it - expected).abs()).collect())?;
    let scale = (MAD_TO_SIGMA * spread).max(options.floor * expected.abs());
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let score = (value - expected) / scale;
    let large = value.abs().max(expected.abs()) >= options.volume;
    Some(Score {
        score,
        expected,
        lower: expected - options.threshold * scale,
        upper: expected + options.threshold * scale,
        flag: score.abs() > options.threshold && large,
    })
}

/// The middle value, or the mean of the two middle ones.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = if values.len().is_multiple_of(2) { values[middle - 1] } else { upper };
    Some(f64::midpoint(lower, upper))
}

/// Start of the day or hour that holds `at`.
fn start(at: NaiveDateTime, grain: Grain) -> NaiveDateTime {
    let hour = if grain == Grain::Hour { at.hour() } else { 0 };
    at.date().and_hms_opt(hour, 0, 0).expect("a full hour exists")
}
