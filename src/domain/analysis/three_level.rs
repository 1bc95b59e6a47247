//! Three-level allocation (三级分摊), the practice of Chinese hospitals.
//!
//! Departments fall into four classes; each level closes one class onto all later ones:
//!
//! 1. administration → medical support, medical technology, clinical;
//! 2. medical support (with its level 1 share) → medical technology, clinical;
//! 3. medical technology (with its level 1 and 2 shares) → clinical.
//!
//! a_j = Σ_i (q_ij / Σ_k q_ik) · (c_i + what i received), k over the takers of the level. The
//! formulas and the published workbook they were checked with (costaccount) use headcount at
//! level 1, a driver per support department at level 2 and ordered services at level 3.
//!
//! This is a step-down whose steps are classes: departments of one class give each other
//! nothing. Owns the classes and the choice of drivers; must not know where rules are stored.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use num_rational::BigRational;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::allocation::{self, CentreCost, Driver, Network, cascade};
use super::exact;

/// The driver that counts rows of the order list instead of a column of the department.
pub const ORDERS: &str = "orders";

/// What a department does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// 行政后勤: administration and logistics.
    Admin,
    /// 医疗辅助: registration, sterile supply, records.
    MedSupport,
    /// 医疗技术: imaging, laboratory, pathology.
    MedTech,
    /// 临床服务: serves patients and keeps its cost.
    Clinical,
}

impl Class {
    /// The class of a written name: `admin`, `med_support` or `support`, `med_tech` or `tech`,
    /// and any name that starts with `clinical`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "admin" => Some(Self::Admin),
            "med_support" | "support" => Some(Self::MedSupport),
            "med_tech" | "tech" => Some(Self::MedTech),
            _ => name.starts_with("clinical").then_some(Self::Clinical),
        }
    }

    /// The level at which the class passes its cost on; none when it keeps it.
    #[must_use]
    pub fn level(self) -> Option<u32> {
        match self {
            Self::Admin => Some(1),
            Self::MedSupport => Some(2),
            Self::MedTech => Some(3),
            Self::Clinical => None,
        }
    }
}

/// A department before allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// Unique code.
    pub code: String,
    /// Its class.
    pub class: Class,
    /// Direct cost in yuan.
    pub direct: Decimal,
    /// Driver name → units of this department.
    pub drivers: BTreeMap<String, Decimal>,
}

/// Services one department ordered from another.
///
/// Either end may be the ordering one: the department of the later class takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// One department.
    pub from: String,
    /// The other department.
    pub to: String,
    /// Number of services.
    pub qty: Decimal,
}

/// The driver of one level: one name for all its departments, or a name per department.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LevelRule {
    /// For departments without an entry of their own.
    pub default: Option<String>,
    /// Department code → driver.
    pub centres: BTreeMap<String, String>,
}

impl LevelRule {
    fn all(driver: &str) -> Self {
        Self { default: Some(driver.to_owned()), centres: BTreeMap::new() }
    }

    fn of(&self, code: &str) -> Option<&str> {
        self.centres.get(code).or(self.default.as_ref()).map(String::as_str)
    }
}

/// Which driver each level uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Administration; headcount unless said otherwise.
    pub level1: LevelRule,
    /// Medical support; has no default, every department needs its own.
    pub level2: LevelRule,
    /// Medical technology; ordered services unless said otherwise.
    pub level3: LevelRule,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            level1: LevelRule::all("headcount"),
            level2: LevelRule::default(),
            level3: LevelRule::all(ORDERS),
        }
    }
}

impl<'de> Deserialize<'de> for LevelRule {
    /// A text or a map; the key `default` of a map serves departments it does not name. A
    /// driver ends at the first space: what follows is a note for readers.
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> serde::de::Visitor<'de> for Shape {
            type Value = LevelRule;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a driver, or a map from department to driver")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LevelRule, E> {
                Ok(LevelRule::all(driver_name(text)))
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(
                self,
                mut map: M,
            ) -> Result<LevelRule, M::Error> {
                let mut rule = LevelRule::default();
                while let Some((code, text)) = map.next_entry::<String, String>()? {
                    let driver = driver_name(&text).to_owned();
                    if code == "default" {
                        rule.default = Some(driver);
                    } else {
                        rule.centres.insert(code, driver);
                    }
                }
                Ok(rule)
            }
        }
        source.deserialize_any(Shape)
    }
}

fn driver_name(text: &str) -> &str {
    match text.split_whitespace().next() {
        Some("ordered" | "orders") => ORDERS,
        name => name.unwrap_or_default(),
    }
}

/// A department after allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepartmentCost {
    /// Direct, allocated and full cost; a clinical department keeps `full`, others pass it on.
    pub cost: CentreCost,
    /// Shares received at levels 1, 2, 3; none where the class takes no part.
    pub levels: [Option<Decimal>; 3],
}

/// Departments in the given order, and what all of them cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreeLevel {
    /// One per department.
    pub departments: Vec<DepartmentCost>,
    /// Σ direct, equal to Σ full of the clinical departments.
    pub total: Decimal,
}

/// Why the three levels cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A department passes cost on and no rule says by what.
    #[error("level {level} has no driver for department `{code}`")]
    NoDriver {
        /// Level of the department.
        level: u32,
        /// Its code.
        code: String,
    },
    /// A rule speaks of a department that does not pass cost on at its level.
    #[error("level {level} names `{code}`, which is no department of that level")]
    UnknownDepartment {
        /// Level of the rule.
        level: u32,
        /// The code.
        code: String,
    },
    /// A rule names a driver no department has.
    #[error("department `{code}` is to be shared by `{driver}`, which is no driver column")]
    UnknownDriver {
        /// Code of the giving department.
        code: String,
        /// Name of the driver.
        driver: String,
    },
    /// A driver of a taking department is below zero.
    #[error("driver `{driver}` of department `{code}` is negative")]
    NegativeDriver {
        /// Code of the taking department.
        code: String,
        /// Name of the driver.
        driver: String,
    },
    /// The shares cannot be passed on; a row counts orders.
    #[error(transparent)]
    Allocation(#[from] allocation::Error),
}

/// Runs the three levels.
///
/// # Errors
/// See [`Error`]; a department whose driver total is zero fails the run.
pub fn three_level(
    departments: &[Department],
    orders: &[Order],
    rules: &Rules,
) -> Result<ThreeLevel, Error> {
    check(departments, rules)?;
    let costs = || departments.iter().map(|it| (it.code.as_str(), it.direct));
    let ordered = directed(departments, orders)?;
    Network::new(costs(), &ordered)?; // the only network whose rows are orders, so errors name them
    let drivers = drivers(departments, &ordered, rules)?;
    let network = Network::new(costs(), &drivers)?;
    let levels: Vec<Option<u32>> = departments.iter().map(|it| it.class.level()).collect();
    let received = cascade(&network, &levels)?;
    let sums: Vec<BigRational> = received.iter().map(|parts| parts.values().sum()).collect();
    let finals: Vec<bool> = levels.iter().map(Option::is_none).collect();
    let costs = network.costs(&sums, &finals)?;
    let departments = costs.into_iter().enumerate().map(|(row, cost)| {
        let own = levels[row].unwrap_or(u32::MAX);
        let share = |level: u32| {
            let given = received[row].iter().filter(|(giver, _)| levels[**giver] == Some(level));
            let part: BigRational = given.map(|it| it.1).sum();
            (level < own).then(|| exact::decimal(&part)).flatten()
        };
        DepartmentCost { cost, levels: [share(1), share(2), share(3)] }
    });
    let departments: Vec<DepartmentCost> = departments.collect();
    let total = departments.iter().map(|it| it.cost.direct).sum();
    Ok(ThreeLevel { departments, total })
}

/// Orders as drivers from the department of the earlier class to that of the later one.
fn directed(departments: &[Department], orders: &[Order]) -> Result<Vec<Driver>, Error> {
    let class: BTreeMap<&str, Class> =
        departments.iter().map(|it| (it.code.as_str(), it.class)).collect();
    let of = |row: usize, code: &String| {
        let known = class.get(code.as_str());
        known.ok_or_else(|| allocation::Error::UnknownCentre { row, code: code.clone() })
    };
    let mut drivers = Vec::with_capacity(orders.len());
    for (row, order) in orders.iter().enumerate() {
        let swap = of(row, &order.from)? > of(row, &order.to)?;
        let (from, to) = if swap { (&order.to, &order.from) } else { (&order.from, &order.to) };
        drivers.push(Driver { from: from.clone(), to: to.clone(), qty: order.qty });
    }
    Ok(drivers)
}

/// Refuses rules whose departments are of another class, most likely a mistyped code.
fn check(departments: &[Department], rules: &Rules) -> Result<(), Error> {
    for (level, rule) in (1..).zip([&rules.level1, &rules.level2, &rules.level3]) {
        let known = |code: &str| {
            departments.iter().any(|it| it.code == code && it.class.level() == Some(level))
        };
        if let Some(code) = rule.centres.keys().find(|code| !known(code)) {
            return Err(Error::UnknownDepartment { level, code: code.clone() });
        }
    }
    Ok(())
}

/// Every department's driver units towards the later classes, as its rule says.
fn drivers(
    departments: &[Department],
    ordered: &[Driver],
    rules: &Rules,
) -> Result<Vec<Driver>, Error> {
    let mut drivers = Vec::new();
    for giver in departments {
        let (level, rule) = match giver.class {
            Class::Admin => (1, &rules.level1),
            Class::MedSupport => (2, &rules.level2),
            Class::MedTech => (3, &rules.level3),
            Class::Clinical => continue,
        };
        let name = rule
            .of(&giver.code)
            .ok_or_else(|| Error::NoDriver { level, code: giver.code.clone() })?;
        if name == ORDERS {
            drivers.extend(ordered.iter().filter(|it| it.from == giver.code).cloned());
            continue;
        }
        if !departments.iter().any(|it| it.drivers.contains_key(name)) {
            let (code, driver) = (giver.code.clone(), name.to_owned());
            return Err(Error::UnknownDriver { code, driver });
        }
        for taker in departments.iter().filter(|it| it.class > giver.class) {
            let qty = taker.drivers.get(name).copied().unwrap_or_default();
            let (from, to) = (giver.code.clone(), taker.code.clone());
            if qty.is_sign_negative() && !qty.is_zero() {
                return Err(Error::NegativeDriver { code: to, driver: name.to_owned() });
            }
            drivers.push(Driver { from, to, qty });
        }
    }
    Ok(drivers)
}
