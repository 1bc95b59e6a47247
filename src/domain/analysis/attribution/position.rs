//! Models that look at the position of a touch, or at how long ago it was.

use super::{Journeys, Model, Parts, Shares, decay};

/// Shares of every channel under a position model.
pub(super) fn shares(journeys: &Journeys, model: Model) -> Shares {
    let mut parts = Parts::default();
    for path in &journeys.paths {
        let (weights, whole) = match model {
            Model::TimeDecay => decay::weights(path.touches.len(), &path.days),
            _ => weights(model, path.touches.len()),
        };
        for (touch, weight) in path.touches.iter().zip(weights) {
            parts.add(*touch, path, weight, whole);
        }
    }
    parts.shares(journeys)
}

/// The weights of a path of `touches` touches, and their sum.
pub(super) fn weights(model: Model, touches: usize) -> (Vec<u128>, u128) {
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
        | Model::Shapley => return (vec![1; touches], touches as u128),
    };
    let (first, last) = if touches == 2 { two } else { more };
    match touches {
        0 => (Vec::new(), 1),
        1 => (vec![1], 1),
        2 => (vec![first, last], 100),
        _ => {
            let middle = touches as u128 - 2;
            let mut weights = vec![100 - first - last; touches];
            weights[0] = first * middle;
            weights[touches - 1] = last * middle;
            (weights, 100 * middle)
        }
    }
}
