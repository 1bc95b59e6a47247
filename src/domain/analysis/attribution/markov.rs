//! Removal effect in a first-order Markov chain of channels.
//!
//! Every path walks start → channels → conversion or nothing; transition probabilities are
//! counts. P is the chance of a conversion from the start; without channel c every step into c
//! ends in nothing. Removal effect RE_c = 1 − P(without c) / P; credit = RE_c / Σ RE ×
//! conversions (Anderl et al., "Mapping the customer journey"; the golden paths are those of
//! the markovattribution project).

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};

use super::{Journeys, Shares, exact};

/// Shares of every channel by removal effect; all zero when nothing converted.
pub(super) fn shares(journeys: &Journeys) -> Shares {
    let size = journeys.channels.len();
    let mut shares = Shares::none(size);
    let chain = Chain::new(journeys);
    let all = chain.conversions(None);
    if all.is_zero() {
        shares.removal = Some(vec![BigRational::zero(); size]);
        return shares;
    }
    let removal: Vec<BigRational> = (0..size)
        .map(|channel| BigRational::one() - chain.conversions(Some(channel)) / &all)
        .collect();
    let effect: BigRational = removal.iter().sum();
    let whole = |amounts: BigInt, unit: &BigInt| BigRational::new(amounts, unit.clone());
    let conversions = journeys.paths.iter().map(|it| &it.conversions).sum();
    let conversions = whole(conversions, &journeys.count_unit);
    let value = whole(journeys.paths.iter().map(|it| &it.value).sum(), &journeys.value_unit);
    for (channel, removal) in removal.iter().enumerate() {
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

    /// Expected conversions of all walks, `without` one channel.
    ///
    /// With p_c the chance from channel c: leaving_c·p_c − Σ steps_cd·p_d = wins_c. Every walk
    /// ends, so the system has exactly one solution.
    fn conversions(&self, without: Option<usize>) -> BigRational {
        let kept: Vec<usize> =
            (0..self.starts.len()).filter(|channel| Some(*channel) != without).collect();
        let row = |from: usize| -> Vec<BigInt> {
            let entry = |to: &usize| {
                let steps = &self.steps[from][*to];
                if from == *to { &self.leaving[from] - steps } else { -steps }
            };
            kept.iter().map(entry).collect()
        };
        let matrix = kept.iter().map(|from| row(*from)).collect();
        let wins = kept.iter().map(|from| self.wins[*from].clone()).collect();
        let chances = exact::solve(matrix, wins).expect("every walk ends");
        kept.iter()
            .zip(chances)
            .map(|(channel, chance)| BigRational::from(self.starts[*channel].clone()) * chance)
            .sum()
    }
}
