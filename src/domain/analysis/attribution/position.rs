//! Models that look at the position of a touch, or at how long ago it was.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::{Journeys, Model, Shares, decay};

/// Shares of every channel under a position model.
pub(super) fn shares(journeys: &Journeys, model: Model) -> Shares {
    let mut shares = Shares::none(journeys.channels.len());
    for path in &journeys.paths {
        let weights = match model {
            Model::TimeDecay => decay::weights(path.touches.len(), &path.days),
            _ => weights(model, path.touches.len()),
        };
        for (touch, weight) in path.touches.iter().zip(weights) {
            if weight.is_zero() {
                continue;
            }
            shares.conversions[*touch] += &path.conversions * &weight;
            shares.value[*touch] += &path.value * &weight;
        }
    }
    shares
}

/// The weights of a path of `touches` touches; they add up to one.
pub(super) fn weights(model: Model, touches: usize) -> Vec<BigRational> {
    // Percent of the first and the last touch, with two touches and with more.
    let (two, more) = match model {
        Model::First => ((100, 0), (100, 0)),
        Model::Last => ((0, 100), (0, 100)),
        Model::J => ((25, 75), (20, 60)),
        Model::InverseJ => ((75, 25), (60, 20)),
        Model::U => ((50, 50), (40, 40)),
        Model::Linear
        | Model::TimeDecay
        | Model::Participation
        | Model::Markov
        | Model::Shapley => {
            return vec![BigRational::new(BigInt::from(1), touches.into()); touches];
        }
    };
    let (first, last) = if touches == 2 { two } else { more };
    let percent = |part: i64, over: usize| BigRational::new(part.into(), (100 * over).into());
    match touches {
        0 => Vec::new(),
        1 => vec![percent(100, 1)],
        _ => {
            let middle = touches - 2;
            let mut weights = vec![percent(first, 1)];
            weights.extend((0..middle).map(|_| percent(100 - first - last, middle)));
            weights.push(percent(last, 1));
            weights
        }
    }
}
