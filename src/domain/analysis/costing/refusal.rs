//! Why a month cannot be allocated.

/// Every refusal names the centre, where one is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No rule version holds in the month.
    #[error("no rules hold in `{month}`")]
    NoRules {
        /// The month.
        month: String,
    },
    /// Two centres share a code.
    #[error("centre `{centre}` is listed twice")]
    RepeatedCentre {
        /// The code.
        centre: String,
    },
    /// Cost or driver units of something that is no centre.
    #[error("no centre has the code `{centre}`")]
    UnknownCentre {
        /// The code.
        centre: String,
    },
    /// A class the rules do not know.
    #[error("centre `{centre}` is of class `{class}`, which has no level and is not final")]
    UnknownClass {
        /// Code of the centre.
        centre: String,
        /// Its class.
        class: String,
    },
    /// Nothing says by which driver a centre is shared.
    #[error("no rule says by which driver centre `{centre}` passes `{cost_class}` on")]
    NoDriver {
        /// Code of the centre.
        centre: String,
        /// Class of cost.
        cost_class: String,
    },
    /// Nobody takes any of the service of a centre with cost.
    #[error(
        "centre `{centre}` has `{cost_class}` to pass on but its driver `{driver}` totals zero"
    )]
    ZeroDriver {
        /// Code of the centre.
        centre: String,
        /// Class of cost.
        cost_class: String,
        /// Name of the driver.
        driver: String,
    },
    /// Driver units below zero.
    #[error("driver `{driver}` of centre `{centre}` is negative")]
    NegativeDriver {
        /// Code of the taking centre.
        centre: String,
        /// Name of the driver.
        driver: String,
    },
    /// Service centres that only serve each other.
    #[error("no final centre takes from `{centre}`, directly or through others")]
    Singular {
        /// Codes of the centres.
        centre: String,
        /// Class of cost.
        cost_class: String,
    },
    /// An amount outgrew 28 digits.
    #[error("the cost of centre `{centre}` has more than 28 digits")]
    TooLarge {
        /// Code of the centre.
        centre: String,
    },
}

impl Refusal {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRules { .. } => "no_rules",
            Self::RepeatedCentre { .. } => "repeated_centre",
            Self::UnknownCentre { .. } => "unknown_centre",
            Self::UnknownClass { .. } => "unknown_class",
            Self::NoDriver { .. } => "no_driver",
            Self::ZeroDriver { .. } => "zero_driver",
            Self::NegativeDriver { .. } => "negative_driver",
            Self::Singular { .. } => "singular",
            Self::TooLarge { .. } => "too_large",
        }
    }

    /// The centre to blame.
    #[must_use]
    pub fn centre(&self) -> Option<&str> {
        match self {
            Self::NoRules { .. } => None,
            Self::RepeatedCentre { centre }
            | Self::UnknownCentre { centre }
            | Self::UnknownClass { centre, .. }
            | Self::NoDriver { centre, .. }
            | Self::ZeroDriver { centre, .. }
            | Self::NegativeDriver { centre, .. }
            | Self::Singular { centre, .. }
            | Self::TooLarge { centre } => Some(centre),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoRules { .. } => "add a version under `queries/costing` that holds then",
            Self::RepeatedCentre { .. } => "keep one row per centre in `hub.cost_centre`",
            Self::UnknownCentre { .. } => "add it to `hub.cost_centre` or correct the code",
            Self::UnknownClass { .. } => "add the class to `levels` or `final_classes`",
            Self::NoDriver { .. } => "add a driver to the level of its class",
            Self::ZeroDriver { .. } => {
                "deliver the driver of the month, or share the centre by another one"
            }
            Self::NegativeDriver { .. } => "a driver counts service taken; it is zero or more",
            Self::Singular { .. } => "let at least one of them serve a final centre",
            Self::TooLarge { .. } => "look for a mistyped amount",
        }
    }
}
