//! How each business line behaves, as numbers.
use crate::catalogue::Use;
use crate::org::{AESTHETIC, DENTAL, OBGYN, PEDIATRICS};

/// Behaviour of a business line.
#[derive(Debug)]
pub(super) struct Profile {
    /// Chance that a first visit includes a sales consult.
    pub(super) consult: f64,
    /// Chance that a return visit includes one.
    pub(super) consult_again: f64,
    /// Chance of an examination on a first visit.
    pub(super) exam: f64,
    /// Chance that a consult puts a treatment plan on paper.
    pub(super) plan: f64,
    /// Chance that a return visit also buys something on the spot.
    pub(super) pay_as_you_go: f64,
    /// Chance of coming back for something new after all is done.
    pub(super) repurchase: f64,
    /// Days between course visits.
    pub(super) interval: (i32, i32),
    /// What a deal is made of.
    pub(super) mix: &'static [(Use, f64)],
    /// What may come on top.
    pub(super) extras: &'static [(Use, f64)],
    pub(super) topup: f64,
}

const DENTAL_LINE: Profile = Profile {
    consult: 1.0,
    consult_again: 0.22,
    exam: 0.85,
    plan: 0.75,
    pay_as_you_go: 0.4,
    repurchase: 0.42,
    interval: (10, 45),
    mix: &[(Use::Single, 0.55), (Use::Surgery, 0.15), (Use::Course, 0.15), (Use::Package, 0.15)],
    extras: &[(Use::Single, 0.3), (Use::Goods, 0.1), (Use::Drug, 0.22), (Use::Material, 0.05)],
    topup: 0.03,
};

const AESTHETIC_LINE: Profile = Profile {
    consult: 1.0,
    consult_again: 0.25,
    exam: 0.7,
    plan: 0.45,
    pay_as_you_go: 0.1,
    repurchase: 0.40,
    interval: (26, 50),
    mix: &[(Use::Single, 0.38), (Use::Course, 0.37), (Use::Surgery, 0.1), (Use::Package, 0.15)],
    extras: &[
        (Use::Single, 0.2),
        (Use::Goods, 0.16),
        (Use::Drug, 0.08),
        (Use::Material, 0.06),
        (Use::Membership, 0.04),
    ],
    topup: 0.07,
};

const OBGYN_LINE: Profile = Profile {
    consult: 0.6,
    consult_again: 0.1,
    exam: 0.9,
    plan: 0.2,
    pay_as_you_go: 0.5,
    repurchase: 0.35,
    interval: (7, 30),
    mix: &[(Use::Single, 0.6), (Use::Surgery, 0.08), (Use::Course, 0.1), (Use::Vaccine, 0.22)],
    extras: &[(Use::Drug, 0.45), (Use::Goods, 0.08), (Use::Material, 0.2)],
    topup: 0.02,
};

const PEDIATRICS_LINE: Profile = Profile {
    consult: 0.35,
    consult_again: 0.08,
    exam: 0.6,
    plan: 0.05,
    pay_as_you_go: 0.55,
    repurchase: 0.6,
    interval: (20, 60),
    mix: &[(Use::Single, 0.6), (Use::Course, 0.16), (Use::Vaccine, 0.14), (Use::Package, 0.1)],
    extras: &[(Use::Drug, 0.5), (Use::Goods, 0.1), (Use::Material, 0.1), (Use::Membership, 0.03)],
    topup: 0.02,
};

const POSTPARTUM_LINE: Profile = Profile {
    consult: 1.0,
    consult_again: 0.15,
    exam: 0.8,
    plan: 0.3,
    pay_as_you_go: 0.15,
    repurchase: 0.2,
    interval: (5, 12),
    mix: &[(Use::Single, 0.25), (Use::Course, 0.4), (Use::Package, 0.35)],
    extras: &[(Use::Goods, 0.2), (Use::Material, 0.15)],
    topup: 0.03,
};

pub(super) fn of(line: i64) -> &'static Profile {
    match line {
        DENTAL => &DENTAL_LINE,
        AESTHETIC => &AESTHETIC_LINE,
        OBGYN => &OBGYN_LINE,
        PEDIATRICS => &PEDIATRICS_LINE,
        _ => &POSTPARTUM_LINE,
    }
}
