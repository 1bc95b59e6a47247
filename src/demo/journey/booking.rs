//! Appointments: when they are made, kept, moved, cancelled or missed.
use super::{Desk, Teller};
use crate::care::{Appointment, Outcome};
use crate::table::Tab;
use crate::time::{At, Day};

/// A wish for an appointment.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) p: usize,
    pub(super) desk: Desk,
    /// 1 consult, 2 treatment, 3 surgery, 4 recheck.
    pub(super) kind: i64,
    pub(super) booked: At,
    pub(super) target: Day,
    pub(super) lead: Option<usize>,
    pub(super) moved_from: Option<i64>,
    /// Chances of cancelling and of not coming, before local effects.
    pub(super) loose: f64,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy)]
pub(super) enum Booked {
    /// The patient comes: appointment position and start.
    Comes(usize, At),
    /// Cancelled or missed at this moment.
    Fell(usize, At),
    /// Beyond what the demo tells.
    Beyond,
}

const REASONS: [&str; 6] = ["临时有事", "价格考虑", "身体不适", "已在别处就诊", "医生停诊", "改期"];

impl Teller<'_> {
    pub(super) fn book(&mut self, wish: &Wish) -> Booked {
        let world = self.world;
        let site = wish.desk.site;
        let mut day = world.calendar.open_day(&mut self.dice, site, wish.target);
        if day <= wish.booked.day() {
            let tomorrow = wish.booked.day().plus(1);
            day = world.calendar.open_day(&mut self.dice, site, tomorrow);
        }
        if self.over(day) || wish.booked > world.horizon() {
            return Booked::Beyond;
        }
        let booked = wish.booked;
        let start = day.at(self.dice.between(9, 18), self.dice.between(0, 3) * 15);
        let who = self.record(wish.p, site, booked);
        let outcome = self.turn_out(wish, booked, start);
        let appointment = Appointment {
            id: self.shared.next(Tab::Appointment),
            who,
            site,
            dept: wish.desk.dept,
            doctor: Some(wish.desk.doctor),
            consultant: wish.desk.consultant,
            kind: wish.kind,
            booked,
            start,
            minutes: [30, 30, 45, 60][self.dice.between(0, 3) as usize],
            outcome,
            lead: wish.lead.map(|lead| self.story.leads[lead].id.clone()),
            moved_from: wish.moved_from,
            removed: None,
        };
        if let Some(lead) = wish.lead {
            self.story.leads[lead].events.push((booked, "已预约"));
        }
        let fell = match &appointment.outcome {
            Outcome::Cancelled(at, _) | Outcome::Missed(at) => Some(*at),
            Outcome::Pending | Outcome::Proposed => Some(start),
            Outcome::Came { .. } | Outcome::Open => None,
        };
        let missed = matches!(appointment.outcome, Outcome::Missed(_));
        self.plant_double(&appointment);
        self.story.appointments.push(appointment);
        let position = self.story.appointments.len() - 1;
        match fell {
            Some(at) => {
                if missed {
                    self.call_back(who, site, start);
                }
                Booked::Fell(position, at)
            }
            None => Booked::Comes(position, start),
        }
    }

    fn turn_out(&mut self, wish: &Wish, booked: At, start: At) -> Outcome {
        let site = wish.desk.site;
        let surge = self.world.calendar.factor("no_show_rate", site, start.day());
        let missed = (0.055 * wish.loose * surge).min(0.6);
        let fate = self.dice.unit();
        if fate < missed {
            // The desk marks yesterday's no-shows in the morning.
            return Outcome::Missed(start.day().plus(1).at(8, self.dice.between(0, 20)));
        }
        if fate < missed + 0.085 * wish.loose {
            let span = (start.0 - booked.0).max(120);
            let at = booked.seconds((span as f64 * self.dice.unit() * 0.98) as i64 + 30);
            let reason = self.dice.pick(&REASONS).copied().unwrap_or("改期");
            return Outcome::Cancelled(at, reason);
        }
        if wish.lead.is_some() && fate > 0.985 {
            return if fate > 0.993 { Outcome::Proposed } else { Outcome::Pending };
        }
        Outcome::Open
    }

    /// A few double bookings of the last weeks are deleted from the source between nights.
    fn plant_double(&mut self, original: &Appointment) {
        let to = self.world.to;
        let recent = to.plus(-12).at(0, 0) <= original.booked
            && original.booked <= to.plus(-(self.world.cuts.len() as i32) - 1).last();
        if !recent {
            return;
        }
        let Some(removed) = self.shared.plan.take_deletion() else { return };
        let mut double = original.clone();
        double.id = self.shared.next(Tab::Appointment);
        double.outcome = Outcome::Open;
        double.lead = None;
        double.booked = original.booked.minutes(1);
        double.removed = Some(removed);
        self.story.appointments.push(double);
    }
}
