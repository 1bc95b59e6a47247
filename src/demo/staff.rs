//! Staff of every department and the traits that make doctors and consultants differ.
use std::collections::BTreeMap;

use crate::cell::{Hundredths, Row, row};
use crate::dice::Dice;
use crate::error::Error;
use crate::org::{DENTAL, Org};
use crate::people::Names;
use crate::reference::Sheet;
use crate::time::{At, Day};

pub(crate) const DOCTOR: i64 = 1;
pub(crate) const ASSISTANT: i64 = 2;
pub(crate) const NURSE: i64 = 3;
pub(crate) const CONSULTANT: i64 = 4;
pub(crate) const SERVICE: i64 = 5;

/// A member of staff.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: i64,
    name: String,
    pub(crate) role: i64,
    title: String,
    pub(crate) hired: Day,
    pub(crate) left: Option<Day>,
    /// Full-time share in hundredths.
    pub(crate) fte: i64,
    pub(crate) site: usize,
    pub(crate) dept: i64,
    /// Monthly pay in fen.
    pub(crate) pay: i64,
    /// Share of first consults this doctor closes.
    pub(crate) close: f64,
    /// How readily patients of this doctor recommend the doctor.
    pub(crate) referral: f64,
    /// How far first bills exceed return bills.
    pub(crate) first_bill: f64,
    /// Share of examinations this consultant lets happen before the order.
    pub(crate) skips: f64,
}

impl Member {
    pub(crate) fn works_on(&self, day: Day) -> bool {
        self.hired <= day && self.left.is_none_or(|left| day <= left)
    }
}

/// All staff, with the span the demo covers.
#[derive(Debug, Clone)]
pub(crate) struct Staff {
    pub(crate) members: Vec<Member>,
    /// Positions by site and role: journeys ask for a team at every step.
    teams: BTreeMap<(usize, i64), Vec<usize>>,
}

impl Staff {
    /// Makes the staff as of `from`; a group with more people has more staff.
    pub(crate) fn make(
        org: &Org,
        names: &Names,
        dice: &mut Dice,
        span: (Day, Day),
        people: u64,
    ) -> Result<Self, Error> {
        let sheet = Sheet::read("staff.csv", include_str!("../../data/demo/staff.csv"))?;
        let scale = (people / 20_000).clamp(1, 12) as i64;
        let mut members = Vec::new();
        for (site_index, site) in org.sites.iter().enumerate() {
            for entry in sheet.entries() {
                let kind: i64 = entry.number("site_type")?;
                let Some(dept) = site.dept(entry.text("dept")).filter(|_| kind == site.kind) else {
                    continue;
                };
                let role: i64 = entry.number("role")?;
                let count: i64 = entry.number("count")?;
                let years = (entry.number("years_min")?, entry.number("years_max")?);
                for nth in 0..count * scale {
                    let mut member = Member {
                        id: 1001 + members.len() as i64,
                        name: names.adult(dice, mostly_women(role)),
                        role,
                        title: entry.owned("title"),
                        hired: span.0.plus(-tenure_days(dice, years)),
                        left: None,
                        fte: entry.hundredths("fte")?,
                        site: site_index,
                        dept: dept.id,
                        pay: entry.hundredths("pay")? * dice.between(92, 112) / 100 / 1000 * 1000,
                        close: 0.0,
                        referral: 0.0,
                        first_bill: 1.0,
                        skips: 0.0,
                    };
                    traits(&mut member, site.line, nth, dice);
                    // The first of each post stays, so that no department stands empty.
                    if nth > 0 && dice.chance(0.06) {
                        member.left =
                            Some(span.0.plus(dice.days(30, (span.1.0 - span.0.0).max(31))));
                    }
                    members.push(member);
                }
            }
        }
        let mut teams: BTreeMap<(usize, i64), Vec<usize>> = BTreeMap::new();
        for (at, member) in members.iter().enumerate() {
            teams.entry((member.site, member.role)).or_default().push(at);
        }
        Ok(Self { members, teams })
    }

    pub(crate) fn get(&self, id: i64) -> Option<&Member> {
        usize::try_from(id - 1001).ok().and_then(|index| self.members.get(index))
    }

    /// Who of a role works at a site on a day, in one department when given.
    pub(crate) fn at(&self, site: usize, role: i64, dept: Option<i64>, day: Day) -> Vec<&Member> {
        let team = self.teams.get(&(site, role)).map_or(&[][..], Vec::as_slice);
        team.iter()
            .map(|at| &self.members[*at])
            .filter(|member| dept.is_none_or(|dept| dept == member.dept) && member.works_on(day))
            .collect()
    }

    /// `t_ry` rows.
    pub(crate) fn rows(&self, changed: At) -> Vec<Row> {
        let one = |member: &Member| {
            row![
                member.id,
                &member.name,
                member.role,
                &member.title,
                member.hired,
                member.left,
                Hundredths(member.fte),
                member.dept,
                changed
            ]
        };
        self.members.iter().map(one).collect()
    }
}

fn mostly_women(role: i64) -> bool {
    matches!(role, NURSE | CONSULTANT | SERVICE | ASSISTANT)
}

fn tenure_days(dice: &mut Dice, (low, high): (i32, i32)) -> i32 {
    dice.days(low * 365 + 20, high * 365 + 300)
}

fn traits(member: &mut Member, line: i64, nth: i64, dice: &mut Dice) {
    if member.role == DOCTOR {
        let base = if line == DENTAL { (0.74, 0.92) } else { (0.52, 0.78) };
        member.close = dice.real(base.0, base.1);
        member.referral = if nth == 0 { 3.0 } else { dice.real(0.3, 1.2) };
        member.first_bill = dice.real(0.55, 1.5);
    }
    if member.role == CONSULTANT {
        // One consultant per site is known for examining first and billing later.
        member.skips = if nth == 1 { 0.30 } else { 0.008 };
    }
}
