//! Passing the cost of service centres on to the centres that serve patients.
//!
//! With c the direct cost, q_ij the driver units centre j takes from service centre i:
//!
//! * **direct**: a_ij = c_i · q_ij / Σ q_ik over final centres k only;
//! * **step-down**: centres close in the order of their step; T_i = c_i + what i received so
//!   far, and only centres with a later step (and final ones) take part in Σ q_ik. Centres of
//!   one step close together and give each other nothing;
//! * **reciprocal**: x = c + Rᵀx over service centres, r_ij = q_ij / Σ q_ik, r_ii = 0.
//!
//! Formulas: cost accounting textbooks; examples of BHIMA's cost-centre documentation and of
//! published simultaneous equations are in the tests. What a centre takes from itself is left
//! out. Costs are kept as exact fractions until the end: nothing is lost between steps, and a
//! centre whose cost nobody takes is an error instead of lost money.
//!
//! Owns the three methods for one class of cost. Must not know what a driver measures.

mod cascade;
mod network;
mod reciprocal;
#[cfg(test)]
mod tests;

use num_rational::BigRational;
use rust_decimal::Decimal;
use serde::Deserialize;

pub(super) use cascade::{Received, cascade};
pub(super) use network::Network;

use super::exact;

/// A cost centre before allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Centre {
    /// Unique code.
    pub code: String,
    /// When it closes in step-down, lowest first; not read by the other methods or when final.
    pub step: Option<u32>,
    /// Final centres keep their cost; the others pass all of it on.
    pub is_final: bool,
    /// Direct cost in yuan (or any one currency unit).
    pub direct: Decimal,
}

/// Units of service that `to` takes from `from`; several rows for one pair add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// Code of the giving centre.
    pub from: String,
    /// Code of the taking centre.
    pub to: String,
    /// Driver units, zero or more.
    pub qty: Decimal,
}

/// How service centres are treated among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// They take nothing from each other.
    Direct,
    /// They take from those closed before them.
    StepDown,
    /// They take from each other at once.
    Reciprocal,
}

/// A centre after allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentreCost {
    /// Code of the centre.
    pub code: String,
    /// Whether it keeps `full`, or has passed it on.
    pub is_final: bool,
    /// Direct cost as given.
    pub direct: Decimal,
    /// Cost received from others, to 20 decimals.
    pub allocated: Decimal,
    /// `direct + allocated`, to 20 decimals; what a service centre passes on.
    pub full: Decimal,
    /// `full` to the fen; over final centres these add up to the rounded total.
    pub rounded: Decimal,
}

/// Centres in the given order, and what all of them cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// One per centre.
    pub centres: Vec<CentreCost>,
    /// Σ direct, equal to Σ full of the final centres.
    pub total: Decimal,
}

/// Why costs cannot be allocated. `row` counts rows of the named input from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two centres share a code.
    #[error("centre `{code}` is listed twice")]
    RepeatedCentre {
        /// Index of the second one.
        row: usize,
        /// The code.
        code: String,
    },
    /// A driver row names a centre that is not listed.
    #[error("no centre has the code `{code}`")]
    UnknownCentre {
        /// Index of the driver row.
        row: usize,
        /// The code.
        code: String,
    },
    /// A driver row holds less than nothing.
    #[error("driver quantity `{qty}` is negative")]
    NegativeDriver {
        /// Index of the driver row.
        row: usize,
        /// The quantity.
        qty: Decimal,
    },
    /// Step-down needs an order.
    #[error("service centre `{code}` has no step")]
    NoStep {
        /// Index of the centre.
        row: usize,
        /// Its code.
        code: String,
    },
    /// A centre has cost to pass on and nobody takes any of its service.
    #[error("centre `{code}` has cost to pass on but its driver total is zero")]
    ZeroDriver {
        /// Code of the centre.
        code: String,
    },
    /// Service centres that only serve each other: the equations are singular.
    #[error("no final centre takes from `{}`, directly or through others", codes.join("`, `"))]
    Singular {
        /// Their codes.
        codes: Vec<String>,
    },
    /// An amount outgrew 28 digits.
    #[error("the cost of centre `{code}` has more than 28 digits")]
    TooLarge {
        /// Code of the centre.
        code: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::RepeatedCentre { .. } => "keep one row per centre and add up its direct cost",
            Self::UnknownCentre { .. } => "add the centre or correct the code",
            Self::NegativeDriver { .. } => "a driver counts service taken; it is zero or more",
            Self::NoStep { .. } => "number the service centres in the order they close",
            Self::ZeroDriver { .. } => {
                "give it a driver towards centres that still take part, or make it final"
            }
            Self::Singular { .. } => "let at least one of them serve a final centre",
            Self::TooLarge { .. } => "use a larger currency unit",
        }
    }
}

/// Decimals of a rounded amount: yuan to the fen.
const FEN_PLACES: u32 = 2;

/// Allocates the cost of all service centres.
///
/// # Errors
/// See [`Error`]; in particular a zero driver total or a closed loop fails the whole run.
pub fn allocate(
    centres: &[Centre],
    drivers: &[Driver],
    method: Method,
) -> Result<Allocation, Error> {
    let (network, parts) = received(centres, drivers, method)?;
    let sums: Vec<BigRational> = parts.into_iter().map(|it| it.into_values().sum()).collect();
    let finals: Vec<bool> = centres.iter().map(|it| it.is_final).collect();
    let costs = network.costs(&sums, &finals)?;
    Ok(Allocation { centres: costs, total: centres.iter().map(|it| it.direct).sum() })
}

/// What every centre receives from which other, before any rounding.
///
/// # Errors
/// See [`Error`].
pub(super) fn received(
    centres: &[Centre],
    drivers: &[Driver],
    method: Method,
) -> Result<(Network, Received), Error> {
    let network = Network::new(centres.iter().map(|it| (it.code.as_str(), it.direct)), drivers)?;
    let services = centres.iter().enumerate().map(|(row, centre)| match method {
        _ if centre.is_final => Ok(None),
        Method::Direct | Method::Reciprocal => Ok(Some(0)),
        Method::StepDown => {
            centre.step.map(Some).ok_or_else(|| Error::NoStep { row, code: centre.code.clone() })
        }
    });
    let steps = services.collect::<Result<Vec<Option<u32>>, Error>>()?;
    let parts = if method == Method::Reciprocal {
        reciprocal::received(&network, &steps)?
    } else {
        cascade(&network, &steps)?
    };
    Ok((network, parts))
}
