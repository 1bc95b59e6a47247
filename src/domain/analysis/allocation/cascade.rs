//! Closing centres step by step; the direct method is the case of a single step.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::{Error, Network};

/// What every centre received, by the index of the centre it came from.
pub(in crate::analysis) type Received = Vec<BTreeMap<usize, BigRational>>;

/// Passes cost on in ascending `steps`; `None` marks a final centre.
///
/// # Errors
/// `ZeroDriver` for a centre with cost and no later centre that takes from it.
pub(in crate::analysis) fn cascade(
    network: &Network,
    steps: &[Option<u32>],
) -> Result<Received, Error> {
    let mut order: Vec<(u32, usize)> =
        steps.iter().enumerate().filter_map(|(centre, step)| Some(((*step)?, centre))).collect();
    order.sort_unstable();
    let mut received: Received = vec![BTreeMap::new(); steps.len()];
    for (step, centre) in order {
        let gathered: BigRational = received[centre].values().sum();
        let pool = &network.cost[centre] + gathered;
        if pool.is_zero() {
            continue;
        }
        let later = |taker: usize| steps[taker].is_none_or(|other| other > step);
        let takers: Vec<(usize, &BigInt)> = network.taken[centre]
            .iter()
            .filter(|(taker, _)| later(**taker))
            .map(|(taker, units)| (*taker, units))
            .collect();
        let total: BigInt = takers.iter().map(|it| it.1).sum();
        if total.is_zero() {
            return Err(Error::ZeroDriver { code: network.codes[centre].clone() });
        }
        let rate = pool / BigRational::from(total);
        for (taker, units) in takers {
            let part = &rate * BigRational::from(units.clone());
            received[taker].insert(centre, part);
        }
    }
    Ok(received)
}
