//! One file of `queries/funnels`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{FunnelEntry, FunnelMode};
use crate::analysis::funnel::{Exclusion, Rule};

const SECONDS_PER_DAY: i64 = 86_400;
/// Seconds per unit of a written window.
const UNITS: [(char, i64); 5] =
    [('w', 7 * SECONDS_PER_DAY), ('d', SECONDS_PER_DAY), ('h', 3_600), ('m', 60), ('s', 1)];

/// A length of time, written `30d`, `12h` or `90m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// The length in seconds.
    pub seconds: i64,
}

impl Window {
    fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let count: u32 = text[..text.len() - unit.len_utf8()].parse().ok()?;
        Some(Self { seconds: i64::from(count).checked_mul(*factor)? })
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("`{text}` is no window; write `30d` or `12h`"));
        Self::parse(&text).ok_or_else(wrong)
    }
}

/// What a funnel follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunnelUnit {
    /// A person.
    Person,
    /// A lead.
    Lead,
    /// A visit.
    Visit,
    /// A treatment plan.
    Plan,
    /// Somebody who may recommend the clinic.
    Referrer,
    /// A service that falls due.
    Recall,
}

/// What a window is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowAnchor {
    /// The first step: the whole chain fits the window.
    #[default]
    FirstStep,
    /// The step before: every step has the window anew.
    PerStep,
}

/// Which event's value of a dimension an attempt is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BreakdownAt {
    /// The first step.
    #[default]
    FirstStep,
    /// The last step the attempt reached.
    LastStep,
    /// A step by its name; attempts that did not reach it have no value.
    Step(String),
}

impl<'de> Deserialize<'de> for BreakdownAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl From<String> for BreakdownAt {
    fn from(text: String) -> Self {
        match text.as_str() {
            "first_step" => Self::FirstStep,
            "last_step" => Self::LastStep,
            _ => Self::Step(text),
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelStep {
    /// Name of the step where the event's will not do: two steps of one event.
    #[serde(default)]
    pub name: Option<String>,
    /// Event name as found in the event column.
    pub event: String,
    /// SQL predicate the event must keep.
    #[serde(default)]
    pub filter: Option<String>,
    /// Longest time from the step before, besides the funnel's window.
    #[serde(default)]
    pub window: Option<Window>,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
}

impl FunnelStep {
    /// The name other parts of the file know the step by.
    #[must_use]
    pub fn id(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.event)
    }
}

/// An event that ends an attempt between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelExclusion {
    /// Event name as found in the event column.
    pub event: String,
    /// SQL predicate the event must keep.
    #[serde(default)]
    pub filter: Option<String>,
    /// From after this step until that one, by name.
    pub between: [String; 2],
}

/// One file of `queries/funnels`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelDefinition {
    /// Stable id such as `F1`.
    pub id: String,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
    /// What it says, and what it leaves out.
    #[serde(default)]
    pub description: String,
    /// Event table of schema `hub`.
    pub source: String,
    /// What is followed.
    pub unit: FunnelUnit,
    /// Column that tells one unit from another.
    pub unit_column: String,
    /// Column of the instant.
    pub at: String,
    /// Column of the event name.
    pub event: String,
    /// Date column that gives every event of a unit the unit's entry day. Without it an attempt
    /// belongs to the clinic-local day of its own first event.
    #[serde(default)]
    pub cohort: Option<String>,
    /// Longest time for the chain, or for each step of it.
    pub window: Window,
    /// What the window is counted from.
    #[serde(default)]
    pub window_anchor: WindowAnchor,
    /// How steps follow.
    pub mode: FunnelMode,
    /// Which attempt counts.
    pub entry: FunnelEntry,
    /// Whether each step must lie later than the one before; at the same instant is enough
    /// otherwise.
    #[serde(default)]
    pub strictly_later: bool,
    /// Columns that keep their value through an attempt.
    #[serde(default)]
    pub hold_constant: Vec<String>,
    /// Events that end an attempt.
    #[serde(default)]
    pub exclude: Vec<FunnelExclusion>,
    /// Which event's value a breakdown takes.
    #[serde(default)]
    pub breakdown_at: BreakdownAt,
    /// Dimension id → SQL expression, as in metrics.
    pub dimensions: BTreeMap<String, String>,
    /// Steps in order.
    pub steps: Vec<FunnelStep>,
}

impl FunnelDefinition {
    /// Position of a step by name, from 0.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id() == name)
    }

    /// The counting rule, in microseconds. Events are numbered as steps first, then the excluded
    /// events that are no steps; an exclusion of an unknown step is left out (it does not load).
    #[must_use]
    pub fn rule(&self) -> Rule {
        let steps = u8::try_from(self.steps.len()).unwrap_or(u8::MAX);
        let micros = |window: Window| window.seconds.saturating_mul(1_000_000);
        let whole = match self.window_anchor {
            WindowAnchor::FirstStep => micros(self.window),
            WindowAnchor::PerStep => i64::MAX,
        };
        let step_window = |step: &FunnelStep| match (step.window, self.window_anchor) {
            (Some(own), _) => micros(own),
            (None, WindowAnchor::PerStep) => micros(self.window),
            (None, WindowAnchor::FirstStep) => i64::MAX,
        };
        let place = |name: &String| self.step(name).and_then(|step| u8::try_from(step).ok());
        let exclusions = self.exclude.iter().zip(0_u8..).filter_map(|(it, number)| {
            let [after, before] = &it.between;
            // An event that is a step outside the range keeps the step's number.
            let own =
                self.steps.iter().position(|of| of.event == it.event && of.filter == it.filter);
            let event = match own {
                Some(step) => u8::try_from(step).ok()?,
                None => steps.checked_add(number)?,
            };
            Some(Exclusion { event, after: place(after)?, before: place(before)? })
        });
        Rule {
            steps,
            mode: self.mode,
            entry: self.entry,
            window: whole,
            step_windows: self.steps.iter().skip(1).map(step_window).collect(),
            rising: self.strictly_later,
            exclusions: exclusions.collect(),
        }
    }

    /// Whole days after its entry until an attempt can gain nothing more.
    #[must_use]
    pub fn window_days(&self) -> u64 {
        let rule = self.rule();
        let by_steps = rule.step_windows.iter().fold(0_i64, |sum, it| sum.saturating_add(*it));
        let longest = rule.window.min(by_steps).max(0).unsigned_abs();
        longest.div_ceil(SECONDS_PER_DAY.unsigned_abs() * 1_000_000).min(36_500)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_with_a_unit() {
        assert_eq!(Window::parse("30d").map(|it| it.seconds), Some(2_592_000));
        assert_eq!(Window::parse("90m").map(|it| it.seconds), Some(5_400));
        for wrong in ["", "30", "d", "-1d", "1.5h", "3天"] {
            assert_eq!(Window::parse(wrong), None, "{wrong}");
        }
    }
}
