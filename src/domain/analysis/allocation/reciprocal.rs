//! Service centres that serve each other, solved as one linear system.
//!
//! With Q_i = Σ_k q_ik and y_i = x_i / Q_i the equations x = c + Rᵀx become
//! Q_i·y_i − Σ_j q_ji·y_j = c_i, whose matrix holds integers only.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::{Error, Network, Received, exact};

/// What every centre receives; for a service centre this is what passes through it.
///
/// # Errors
/// `ZeroDriver` and `Singular`, see [`Error`].
pub(super) fn received(network: &Network, steps: &[Option<u32>]) -> Result<Received, Error> {
    let live = live(network, steps);
    let totals: Vec<BigInt> =
        live.iter().map(|centre| network.taken[*centre].values().sum()).collect();
    if let Some(place) = totals.iter().position(Zero::is_zero) {
        return Err(Error::ZeroDriver { code: network.codes[live[place]].clone() });
    }
    let stuck = stuck(network, steps, &live);
    if !stuck.is_empty() {
        return Err(Error::Singular { codes: stuck });
    }
    let units =
        |from: usize, to: usize| network.taken[from].get(&to).cloned().unwrap_or_else(BigInt::zero);
    let matrix = live.iter().enumerate().map(|(row, taker)| {
        let entry = |(column, giver): (usize, &usize)| {
            if row == column { totals[row].clone() } else { -units(*giver, *taker) }
        };
        live.iter().enumerate().map(entry).collect()
    });
    let scale = exact::common_denominator(live.iter().map(|it| &network.cost[*it]));
    let scaled = |it: &usize| (&network.cost[*it] * BigRational::from(scale.clone())).to_integer();
    let rates = exact::solve(matrix.collect(), live.iter().map(scaled).collect())
        .ok_or_else(|| Error::Singular { codes: names(network, &live) })?;
    let mut received: Received = vec![BTreeMap::new(); steps.len()];
    for (giver, rate) in live.iter().zip(rates) {
        let rate = rate / BigRational::from(scale.clone());
        for (taker, units) in &network.taken[*giver] {
            received[*taker].insert(*giver, &rate * BigRational::from(units.clone()));
        }
    }
    Ok(received)
}

/// Service centres that have cost or may receive some, in order.
fn live(network: &Network, steps: &[Option<u32>]) -> Vec<usize> {
    let service = |centre: &usize| steps[*centre].is_some();
    let mut open: Vec<usize> =
        (0..steps.len()).filter(service).filter(|it| !network.cost[*it].is_zero()).collect();
    let mut seen: BTreeSet<usize> = open.iter().copied().collect();
    while let Some(giver) = open.pop() {
        let takers = network.taken[giver].keys().copied().filter(service);
        open.extend(takers.filter(|taker| seen.insert(*taker)));
    }
    seen.into_iter().collect()
}

/// Codes of the `live` centres whose service never reaches a final centre.
fn stuck(network: &Network, steps: &[Option<u32>], live: &[usize]) -> Vec<String> {
    let mut reaching: BTreeSet<usize> = BTreeSet::new();
    loop {
        let before = reaching.len();
        for giver in live {
            let mut takers = network.taken[*giver].keys();
            if takers.any(|taker| steps[*taker].is_none() || reaching.contains(taker)) {
                reaching.insert(*giver);
            }
        }
        if reaching.len() == before {
            break;
        }
    }
    let left: Vec<usize> = live.iter().copied().filter(|it| !reaching.contains(it)).collect();
    names(network, &left)
}

fn names(network: &Network, centres: &[usize]) -> Vec<String> {
    centres.iter().map(|it| network.codes[*it].clone()).collect()
}
