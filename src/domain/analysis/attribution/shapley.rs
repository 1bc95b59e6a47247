//! Shapley value of channels.
//!
//! φ_c = Σ_{S⊆N∖c} |S|!(n−|S|−1)!/n! · (v(S∪c) − v(S)) with v(S) the conversions of paths whose
//! channels all lie in S. That v is a sum of unanimity games, one per set of channels, and the
//! Shapley value of a unanimity game is an equal share of its members; so a path credits its
//! distinct channels equally, and no sum over 2ⁿ subsets is needed: exact for any number of
//! channels. The tests compare it with the sum over subsets.

use std::collections::BTreeSet;

use super::{Journeys, Parts, Shares};

/// Shares of every channel, exactly.
pub(super) fn shares(journeys: &Journeys) -> Shares {
    let mut parts = Parts::default();
    for path in &journeys.paths {
        let members: BTreeSet<usize> = path.touches.iter().copied().collect();
        let whole = members.len() as u128;
        for channel in members {
            parts.add(channel, path, 1, whole);
        }
    }
    parts.shares(journeys)
}

/// Every distinct channel of a path has all of it: how often channels took part.
pub(super) fn participation(journeys: &Journeys) -> Shares {
    let mut parts = Parts::default();
    for path in &journeys.paths {
        let members: BTreeSet<usize> = path.touches.iter().copied().collect();
        for channel in members {
            parts.add(channel, path, 1, 1);
        }
    }
    parts.shares(journeys)
}
