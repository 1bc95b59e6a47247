//! Which driver shares whose cost, as finance writes it down: one file per rule version.

use serde::Deserialize;

/// How cost is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Service centres give to final centres only.
    Direct,
    /// Service centres close one after another, in the order of the rules.
    StepDown,
    /// Service centres give to each other at once.
    Reciprocal,
    /// 三级分摊: level by level; centres of one level give each other nothing.
    ThreeLevel,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Direct, Self::StepDown, Self::Reciprocal, Self::ThreeLevel];

    /// The name in rules and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::StepDown => "step_down",
            Self::Reciprocal => "reciprocal",
            Self::ThreeLevel => "three_level",
        }
    }
}

/// Who may take from a centre whose driver counts units per taking centre, whoever gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Centres of the giver's site.
    #[default]
    Site,
    /// Centres of the giver's brand.
    Brand,
    /// Every centre.
    Group,
}

/// By which driver some centres of a level pass some classes of cost on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriverRule {
    /// Codes it speaks of, `*` for any text; every centre of the level when absent.
    #[serde(default)]
    pub centre: Option<String>,
    /// Classes of cost it speaks of; all of them when empty.
    #[serde(default)]
    pub cost_class: Vec<String>,
    /// Name of the driver.
    pub driver: String,
    /// The driver of months in which nobody takes any unit of the first one.
    #[serde(default)]
    pub otherwise: Option<String>,
    /// Who may take, for drivers that name no giver.
    #[serde(default)]
    pub scope: Scope,
}

/// One class of service centres.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Class of the centres that close at this level.
    pub class: String,
    /// The first rule that speaks of a centre and a class of cost decides. Their order is also
    /// the order in which centres close under step-down.
    pub drivers: Vec<DriverRule>,
}

impl Level {
    /// Rules no centre and class of cost ever gets to.
    fn shadowed(&self) -> Vec<(String, &'static str)> {
        let all = |rule: &DriverRule| rule.centre.is_none() && rule.cost_class.is_empty();
        let after = self.drivers.iter().skip_while(|rule| !all(rule)).skip(1);
        let told = after.map(|rule| {
            let what = format!(
                "class `{}`: driver `{}` comes after one for everything",
                self.class, rule.driver
            );
            (what, "put the rule that speaks of everything last")
        });
        told.collect()
    }
}

/// Rules of allocation that hold from one month on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleVersion {
    /// Name of the version, kept with every result.
    pub version: String,
    /// First month, `YYYY-MM`; it holds until the next version begins.
    pub valid_from: String,
    /// Last month, where no version follows.
    #[serde(default)]
    pub valid_to: Option<String>,
    /// Methods computed for every month.
    pub methods: Vec<Method>,
    /// The method metrics show.
    pub published: Method,
    /// Share of paid minutes that can be worked, for time-driven costing.
    #[serde(default = "practical")]
    pub practical_capacity_pct: u32,
    /// Classes that keep their cost.
    pub final_classes: Vec<String>,
    /// Classes that pass it on, in the order they close: level 1 first.
    pub levels: Vec<Level>,
}

/// 83 %: the usual allowance for breaks, training and talks.
fn practical() -> u32 {
    83
}

impl RuleVersion {
    /// What is wrong with the version itself, and what to do.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        let months = [Some(&self.valid_from), self.valid_to.as_ref()];
        for month in months.into_iter().flatten().filter(|month| !is_month(month)) {
            found.push((format!("`{month}` is no month"), "write it as `2026-03`"));
        }
        if self.valid_to.as_ref().is_some_and(|last| *last < self.valid_from) {
            found.push((
                format!("`{}` ends before it begins", self.version),
                "`valid_to` is its last month",
            ));
        }
        if !self.methods.contains(&self.published) {
            let what = format!("`{}` is published but not computed", self.published.name());
            found.push((what, "add it to `methods`"));
        }
        for (at, method) in self.methods.iter().enumerate() {
            if self.methods[..at].contains(method) {
                let what = format!("method `{}` is listed twice", method.name());
                found.push((what, "name every method once"));
            }
        }
        let passing = self.levels.iter().map(|level| &level.class);
        let classes: Vec<&String> = self.final_classes.iter().chain(passing).collect();
        for (at, class) in classes.iter().enumerate() {
            if classes[..at].contains(class) {
                let what = format!("class `{class}` is listed twice");
                found.push((what, "a class is final or has one level"));
            }
        }
        if !(1..=100).contains(&self.practical_capacity_pct) {
            let what = format!("practical capacity is `{}` %", self.practical_capacity_pct);
            found.push((what, "it is a part of paid minutes, 1 to 100"));
        }
        if self.final_classes.is_empty() {
            found.push(("no class keeps its cost".to_owned(), "name the `final_classes`"));
        }
        for level in self.levels.iter().filter(|level| level.drivers.is_empty()) {
            let what = format!("class `{}` has no driver", level.class);
            found.push((what, "say by which driver it is shared"));
        }
        found.extend(self.levels.iter().flat_map(Level::shadowed));
        found
    }

    /// Every class of cost the rules speak of.
    pub fn cost_classes(&self) -> impl Iterator<Item = &String> {
        self.levels.iter().flat_map(|level| &level.drivers).flat_map(|rule| &rule.cost_class)
    }

    /// The version that holds in `month`.
    #[must_use]
    pub fn of_month<'a>(versions: &'a [Self], month: &str) -> Option<&'a Self> {
        let begun = versions.iter().filter(|it| it.valid_from.as_str() <= month);
        let newest = begun.max_by(|a, b| a.valid_from.cmp(&b.valid_from))?;
        newest.valid_to.as_ref().is_none_or(|last| month <= last.as_str()).then_some(newest)
    }

    /// The level at which centres of `class` close, from 1; `Some(None)` for final ones.
    pub(super) fn level_of(&self, class: &str) -> Option<Option<u32>> {
        if self.final_classes.iter().any(|it| it == class) {
            return Some(None);
        }
        let place = self.levels.iter().position(|level| level.class == class)?;
        Some(u32::try_from(place + 1).ok())
    }

    /// The rule by which `centre` of `class` passes `cost_class` on.
    pub(super) fn driver_of(
        &self,
        class: &str,
        centre: &str,
        cost_class: &str,
    ) -> Option<&DriverRule> {
        let level = self.levels.iter().find(|level| level.class == class)?;
        let speaks = |rule: &&DriverRule| {
            let of_class = rule.cost_class.is_empty()
                || rule.cost_class.iter().any(|known| known == cost_class);
            of_class && rule.speaks_of(centre)
        };
        level.drivers.iter().find(speaks)
    }

    /// Where `centre` of `class` stands in the order of closing, lowest first.
    pub(super) fn rank_of(&self, class: &str, centre: &str) -> u32 {
        let rules = self.levels.iter().flat_map(|level| {
            level.drivers.iter().map(move |rule| level.class == class && rule.speaks_of(centre))
        });
        rules.take_while(|found| !found).count().try_into().unwrap_or(u32::MAX)
    }
}

impl DriverRule {
    fn speaks_of(&self, code: &str) -> bool {
        self.centre.as_deref().is_none_or(|pattern| matches(pattern, code))
    }
}

/// Whether `code` is `pattern`, whose `*` stands for any text.
fn matches(pattern: &str, code: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == code,
        Some((head, tail)) => code.strip_prefix(head).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| matches(tail, &rest[at..]))
        }),
    }
}

fn is_month(text: &str) -> bool {
    text.len() == 7 && format!("{text}-01").parse::<chrono::NaiveDate>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> RuleVersion {
        serde_saphyr::from_str(text).expect("rules")
    }

    const RULES: &str = "version: v1\nvalid_from: 2026-01\nmethods: [three_level]\n\
        published: three_level\nfinal_classes: [clinical]\nlevels:\n\
        - class: admin\n  drivers:\n  - { cost_class: [rent], driver: area }\n\
        \x20 - { driver: headcount }\n\
        - class: support\n  drivers:\n  - { centre: '*-QT', driver: visits }\n\
        \x20 - { centre: 'S*-XD', driver: packs, scope: group }\n";

    #[test]
    fn the_first_rule_that_speaks_decides() {
        let rules = version(RULES);
        let driver = |class, centre, cost| {
            rules.driver_of(class, centre, cost).map(|rule| rule.driver.as_str())
        };
        assert_eq!(driver("admin", "A", "rent"), Some("area"));
        assert_eq!(driver("admin", "A", "labour"), Some("headcount"));
        assert_eq!(driver("support", "S1-XD", "labour"), Some("packs"));
        assert_eq!(driver("support", "T1-XD", "labour"), None);
        assert_eq!(rules.rank_of("admin", "A"), 0);
        assert_eq!(rules.rank_of("support", "S1-QT"), 2);
        assert_eq!(rules.rank_of("support", "S1-XD"), 3);
        assert_eq!(rules.level_of("support"), Some(Some(2)));
        assert_eq!(rules.level_of("clinical"), Some(None));
        assert_eq!(rules.level_of("kitchen"), None);
        assert!(rules.problems().is_empty());
    }

    #[test]
    fn versions_follow_each_other() {
        let mut old = version(RULES);
        let new = RuleVersion { valid_from: "2026-07".into(), version: "v2".into(), ..old.clone() };
        let of = |versions: &[RuleVersion], month| {
            RuleVersion::of_month(versions, month).map(|it| it.version.clone())
        };
        let both = [new.clone(), old.clone()];
        assert_eq!(of(&both, "2025-12"), None);
        assert_eq!(of(&both, "2026-06").as_deref(), Some("v1"));
        assert_eq!(of(&both, "2026-07").as_deref(), Some("v2"));
        old.valid_to = Some("2026-03".into());
        assert_eq!(of(&[new, old], "2026-04"), None, "a gap is a gap");
    }

    #[test]
    fn contradictions_are_told() {
        let mut rules = version(RULES);
        rules.published = Method::Direct;
        rules.valid_to = Some("2025-13".into());
        rules.final_classes.push("admin".into());
        rules.levels[1].drivers.clear();
        rules.practical_capacity_pct = 0;
        let found: Vec<String> = rules.problems().into_iter().map(|it| it.0).collect();
        assert_eq!(
            found,
            [
                "`2025-13` is no month",
                "`v1` ends before it begins",
                "`direct` is published but not computed",
                "class `admin` is listed twice",
                "practical capacity is `0` %",
                "class `support` has no driver",
            ]
        );
    }
}
