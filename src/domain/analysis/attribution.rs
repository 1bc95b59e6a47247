//! Credit of conversions and their value over the channels of a path.
//!
//! | model | credit of a path of n touches |
//! |---|---|
//! | first, last | all to one touch |
//! | linear | 1/n each |
//! | u | 40 % first, 40 % last, 20 % over the middle; n = 2: 50/50 |
//! | j | 20 % first, 60 % last, 20 % over the middle; n = 2: 25/75 |
//! | inverse j | 60 % first, 20 % last, 20 % over the middle; n = 2: 75/25 |
//! | time decay | 2^(−days ÷ 7) each, normalised: a touch a week earlier has half the weight |
//! | participation | all to every channel of the path |
//! | markov | by removal effect, see `markov` |
//! | shapley | equal shares of the distinct channels of the path, see `shapley` |
//!
//! The shapes of u, j and inverse j are those of Mixpanel's documentation. Under every model but
//! participation the credits add up to the conversions (exact fractions until the end). They are
//! shares of co-occurrence, not causal effect.
//!
//! Owns the models. Must not know lookback windows or what counts as a touch.

mod decay;
mod markov;
mod position;
mod shapley;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::exact;

/// How credit is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// All to the first touch.
    First,
    /// All to the last touch.
    Last,
    /// Equal shares per touch.
    Linear,
    /// 40/20/40.
    U,
    /// 20/20/60.
    J,
    /// 60/20/20.
    InverseJ,
    /// More, the nearer to the conversion.
    TimeDecay,
    /// All to every channel: how often it took part. Adds up to more than there is.
    Participation,
    /// Removal effect in a Markov chain.
    Markov,
    /// Shapley value of the channels.
    Shapley,
}

/// The same path, taken some number of times; channels by name, owned or borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<Name = String> {
    /// Channels in time order, at least one.
    pub channels: Vec<Name>,
    /// Days from each touch to the conversion, for time decay; empty: all at once.
    pub days: Vec<u32>,
    /// Conversions that ended it; 0 for a path that ended in nothing.
    pub conversions: Decimal,
    /// Value of those conversions.
    pub value: Decimal,
    /// Times it ended in nothing; counted by `markov` only. A row without conversions counts
    /// at least once.
    pub lost: Decimal,
}

/// What one channel is credited with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// Conversions.
    pub conversions: Decimal,
    /// Value.
    pub value: Decimal,
    /// Conversions to six decimals, rounded so that all channels add up.
    pub conversions_rounded: Decimal,
    /// Value in whole units, rounded so that all channels add up.
    pub value_rounded: Decimal,
    /// Under `markov`: the share of conversions lost without the channel, 0…1.
    pub removal: Option<Decimal>,
}

/// Why paths cannot be credited. `row` counts paths from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A path has no touch to credit.
    #[error("the path has no channel")]
    EmptyPath {
        /// Index of the path.
        row: usize,
    },
    /// Less than nothing was converted or lost.
    #[error("`{count}` conversions are fewer than none")]
    NegativeCount {
        /// Index of the path.
        row: usize,
        /// The count.
        count: Decimal,
    },
    /// Something was received and nothing converted: no channel could be given the value.
    #[error("a value of `{value}` comes without a conversion")]
    LostValue {
        /// Index of the path.
        row: usize,
        /// The value.
        value: Decimal,
    },
    /// A sum outgrew 28 digits.
    #[error("the credit of channel `{channel}` has more than 28 digits")]
    TooLarge {
        /// The channel.
        channel: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::EmptyPath { .. } => "write channels as `C1>C2>C3`; leave such rows out",
            Self::NegativeCount { .. } => "counts are zero or more; a refund lowers the value",
            Self::LostValue { .. } => "count the conversion that brought it, or write 0",
            Self::TooLarge { .. } => "use a larger currency unit",
        }
    }
}

/// Paths as the models read them: channels numbered in name order, amounts as integers.
#[derive(Debug)]
struct Journeys {
    channels: Vec<String>,
    paths: Vec<Journey>,
    /// What one conversion is in the numbers of the paths.
    count_unit: BigInt,
    /// What one of value is.
    value_unit: BigInt,
}

#[derive(Debug)]
struct Journey {
    touches: Vec<usize>,
    days: Vec<u32>,
    conversions: BigInt,
    value: BigInt,
    lost: BigInt,
}

/// Sums of parts of paths, by what they are parts of: fractions are put together once, at the end.
#[derive(Debug, Default)]
struct Parts(HashMap<(usize, u128), [exact::Sum; 2]>);

impl Parts {
    /// Gives `channel` so many parts of `whole` of what a path brought.
    fn add(&mut self, channel: usize, path: &Journey, parts: u128, whole: u128) {
        if parts > 0 {
            let sums = self.0.entry((channel, whole)).or_default();
            sums[0].add(&path.conversions, parts);
            sums[1].add(&path.value, parts);
        }
    }

    fn shares(self, journeys: &Journeys) -> Shares {
        let mut shares = Shares::none(journeys.channels.len());
        for ((channel, whole), [conversions, value]) in self.0 {
            let part = |sum: exact::Sum, unit: &BigInt| BigRational::new(sum.total(), unit * whole);
            shares.conversions[channel] += part(conversions, &journeys.count_unit);
            shares.value[channel] += part(value, &journeys.value_unit);
        }
        shares
    }
}

/// Conversions and value of every channel, and its removal effect when the model has one.
#[derive(Debug)]
struct Shares {
    conversions: Vec<BigRational>,
    value: Vec<BigRational>,
    removal: Option<Vec<BigRational>>,
}

impl Shares {
    fn none(channels: usize) -> Self {
        let zero = vec![BigRational::zero(); channels];
        Self { conversions: zero.clone(), value: zero, removal: None }
    }
}

/// Credits every channel that occurs in `paths`.
///
/// # Errors
/// See [`Error`].
pub fn attribute<Name: AsRef<str>>(
    paths: &[Path<Name>],
    model: Model,
) -> Result<BTreeMap<String, Credit>, Error> {
    let journeys = Journeys::new(paths, model)?;
    let shares = match model {
        Model::Markov => markov::shares(&journeys),
        Model::Shapley => shapley::shares(&journeys),
        Model::Participation => shapley::participation(&journeys),
        Model::First
        | Model::Last
        | Model::Linear
        | Model::U
        | Model::J
        | Model::InverseJ
        | Model::TimeDecay => position::shares(&journeys, model),
    };
    let too_large = || Error::TooLarge { channel: journeys.channels.join(", ") };
    let whole = |all: &[BigRational], places| exact::rounded_to_sum(all, places);
    let conversions_rounded = whole(&shares.conversions, 6).ok_or_else(too_large)?;
    let value_rounded = whole(&shares.value, 0).ok_or_else(too_large)?;
    let mut credits = BTreeMap::new();
    for (index, channel) in journeys.channels.into_iter().enumerate() {
        let plain = |amount: &BigRational| {
            exact::decimal(amount).ok_or_else(|| Error::TooLarge { channel: channel.clone() })
        };
        let credit = Credit {
            conversions: plain(&shares.conversions[index])?,
            value: plain(&shares.value[index])?,
            conversions_rounded: conversions_rounded[index],
            value_rounded: value_rounded[index],
            removal: shares.removal.as_ref().map(|all| plain(&all[index])).transpose()?,
        };
        credits.insert(channel, credit);
    }
    Ok(credits)
}

impl Journeys {
    fn new<Name: AsRef<str>>(paths: &[Path<Name>], model: Model) -> Result<Self, Error> {
        check(paths)?;
        let (channels, touches) = numbered(paths);
        let counts = paths.iter().flat_map(|path| {
            let ended = path.conversions.is_zero() && path.lost.is_zero();
            [path.conversions, if ended { Decimal::ONE } else { path.lost }]
        });
        let (counts, count_unit) = exact::integers(&counts.collect::<Vec<_>>());
        let values: Vec<Decimal> = paths.iter().map(|path| path.value).collect();
        let (values, value_unit) = exact::integers(&values);
        let mut counts = counts.into_iter();
        let mut amounts = || counts.next().unwrap_or_default();
        let journeys = paths.iter().zip(touches).zip(values).map(|((path, touches), value)| {
            let (conversions, lost) = (amounts(), amounts());
            Journey { touches, days: path.days.clone(), conversions, value, lost }
        });
        let paths = match model {
            Model::TimeDecay => journeys.collect(),
            _ => gathered(journeys),
        };
        Ok(Self { channels, paths, count_unit, value_unit })
    }
}

/// Channels in name order, and for each path the numbers of its own.
fn numbered<Name: AsRef<str>>(paths: &[Path<Name>]) -> (Vec<String>, Vec<Vec<usize>>) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut number = |name| {
        let next = numbers.len();
        *numbers.entry(name).or_insert(next)
    };
    let mut touches: Vec<Vec<usize>> = Vec::with_capacity(paths.len());
    for path in paths {
        touches.push(path.channels.iter().map(|name| number(name.as_ref())).collect());
    }
    let mut names: Vec<(&str, usize)> = numbers.into_iter().collect();
    names.sort_unstable();
    let mut places = vec![0; names.len()];
    names.iter().enumerate().for_each(|(place, (_, number))| places[*number] = place);
    touches.iter_mut().flatten().for_each(|touch| *touch = places[*touch]);
    (names.into_iter().map(|(name, _)| name.to_owned()).collect(), touches)
}

/// Equal journeys as one, for sums are cheaper than shares; days apart, which no model but time
/// decay looks at. In no order: exact sums need none.
fn gathered(journeys: impl Iterator<Item = Journey>) -> Vec<Journey> {
    let mut gathered: HashMap<Vec<usize>, [BigInt; 3]> = HashMap::new();
    for journey in journeys {
        let sums = gathered.entry(journey.touches).or_default();
        let amounts = [journey.conversions, journey.value, journey.lost];
        sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
    }
    let journeys = gathered.into_iter().map(|(touches, [conversions, value, lost])| Journey {
        touches,
        days: Vec::new(),
        conversions,
        value,
        lost,
    });
    journeys.collect()
}

fn check<Name>(paths: &[Path<Name>]) -> Result<(), Error> {
    if paths.iter().all(|path| path.conversions.is_zero())
        && let Some(row) = paths.iter().position(|path| !path.value.is_zero())
    {
        return Err(Error::LostValue { row, value: paths[row].value });
    }
    for (row, path) in paths.iter().enumerate() {
        if path.channels.is_empty() {
            return Err(Error::EmptyPath { row });
        }
        for count in [path.conversions, path.lost] {
            if count < Decimal::ZERO {
                return Err(Error::NegativeCount { row, count });
            }
        }
    }
    Ok(())
}
