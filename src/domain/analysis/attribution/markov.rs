//! Removal effect in a first-order Markov chain of channels.
//!
//! Every path walks start → channels → conversion or nothing; transition probabilities are
//! counts. P is the chance of a conversion from the start; without channel c every step into c
//! ends in nothing. Removal effect RE_c = 1 − P(without c) / P; credit = RE_c / Σ RE ×
//! conversions (Anderl et al., "Mapping the customer journey"; the golden paths are those of
//! the markovattribution project).
//!
//! What is lost without c are the walks that reach c and convert: the chance ever to reach c, times
//! that of a conversion from there. Both stand in the inverse of one matrix (Kemeny and Snell,
//! "Finite Markov Chains", on the fundamental matrix), so that no chain is solved per channel.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::{Journeys, Shares, exact};

/// Shares of every channel by removal effect; all zero when nothing converted.
pub(super) fn shares(journeys: &Journeys) -> Shares {
    let mut shares = Shares::none(journeys.channels.len());
    let removal = Chain::new(journeys).removal();
    let effect: BigRational = removal.iter().sum();
    let whole = |amounts: BigInt, unit: &BigInt| BigRational::new(amounts, unit.clone());
    let conversions = journeys.paths.iter().map(|it| &it.conversions).sum();
    let conversions = whole(conversions, &journeys.count_unit);
    let value = whole(journeys.paths.iter().map(|it| &it.value).sum(), &journeys.value_unit);
    for (channel, removal) in removal.iter().enumerate().filter(|(_, it)| !it.is_zero()) {
        let share = removal / &effect;
        shares.conversions[channel] = &conversions * &share;
        shares.value[channel] = &value * share;
    }
    shares.removal = Some(removal);
    shares
}

/// Transition counts, in the unit of the counts.
#[derive(Debug)]
struct Chain {
    /// Paths that start with a channel.
    starts: Vec<BigInt>,
    /// Steps from a channel to a channel.
    steps: Vec<Vec<BigInt>>,
    /// Paths that convert after a channel.
    wins: Vec<BigInt>,
    /// All steps out of a channel.
    leaving: Vec<BigInt>,
}

impl Chain {
    fn new(journeys: &Journeys) -> Self {
        let size = journeys.channels.len();
        let zero = vec![BigInt::zero(); size];
        let mut chain = Self {
            starts: zero.clone(),
            steps: vec![zero.clone(); size],
            wins: zero.clone(),
            leaving: zero,
        };
        for path in &journeys.paths {
            let wins = &path.conversions;
            let walks = wins + &path.lost;
            chain.starts[path.touches[0]] += &walks;
            for pair in path.touches.windows(2) {
                chain.steps[pair[0]][pair[1]] += &walks;
            }
            chain.wins[path.touches[path.touches.len() - 1]] += wins;
            for touch in &path.touches {
                chain.leaving[*touch] += &walks;
            }
        }
        chain
    }

    /// Removal effect of every channel; none has one when nothing converts.
    ///
    /// With M = diag(leaving) − steps, the chances p of a conversion solve M·p = wins, and the
    /// visits of c expected from d are (M⁻¹)_dc · leaving_c. Every walk ends, so M has an inverse;
    /// who starts anywhere reaches c with Σ starts_d·(M⁻¹)_dc / (M⁻¹)_cc.
    fn removal(&self) -> Vec<BigRational> {
        let row = |from: usize| -> Vec<BigInt> {
            let entry = |(to, steps): (usize, &BigInt)| {
                if from == to { &self.leaving[from] - steps } else { -steps }
            };
            self.steps[from].iter().enumerate().map(entry).collect()
        };
        let size = self.starts.len();
        let (inverse, _) = exact::inverse((0..size).map(row).collect()).expect("every walk ends");
        let sum = |left: &[BigInt], right: &[BigInt]| -> BigInt {
            left.iter().zip(right).map(|(left, right)| left * right).sum()
        };
        let chances: Vec<BigInt> = inverse.iter().map(|row| sum(row, &self.wins)).collect();
        let all = sum(&self.starts, &chances);
        let of = |channel: usize| {
            let visits: Vec<BigInt> = inverse.iter().map(|row| row[channel].clone()).collect();
            let reached = sum(&self.starts, &visits);
            BigRational::new(reached * &chances[channel], &visits[channel] * &all)
        };
        if all.is_zero() { vec![BigRational::zero(); size] } else { (0..size).map(of).collect() }
    }
}
