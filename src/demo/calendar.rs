//! When people come: weekdays, seasons, holidays, growth, and the planted anomalies.
use crate::dice::Dice;
use crate::error::Error;
use crate::org::{AESTHETIC, DENTAL, OBGYN, Org, PEDIATRICS};
use crate::reference::Sheet;
use crate::time::Day;

/// A deviation planted on purpose; alert tests look for it.
#[derive(Debug, Clone)]
pub(crate) struct Anomaly {
    pub(crate) metric: &'static str,
    pub(crate) site: usize,
    pub(crate) from: Day,
    pub(crate) to: Day,
    pub(crate) factor: f64,
}

impl Anomaly {
    fn covers(&self, metric: &str, site: usize, day: Day) -> bool {
        self.metric == metric && self.site == site && self.from <= day && day <= self.to
    }
}

/// Daily rhythm of every site over the demo's span.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    from: Day,
    pub(crate) anomalies: Vec<Anomaly>,
    lines: Vec<i64>,
    /// Holiday factor per day of the span and the two months after it.
    holiday: Vec<f64>,
    /// Running totals of the daily weight of new leads, per site.
    lead_totals: Vec<Vec<f64>>,
}

impl Calendar {
    pub(crate) fn make(org: &Org, from: Day, to: Day) -> Result<Self, Error> {
        let mut calendar = Self {
            from,
            anomalies: anomalies(org, from, to),
            lines: org.sites.iter().map(|site| site.line).collect(),
            holiday: holidays(from, to)?,
            lead_totals: Vec::new(),
        };
        for site in 0..org.sites.len() {
            let mut total = 0.0;
            let mut totals = Vec::new();
            for offset in 0..=(to.0 - from.0) {
                let day = from.plus(offset);
                total += calendar.rhythm(site, day) * calendar.factor("leads", site, day);
                totals.push(total);
            }
            calendar.lead_totals.push(totals);
        }
        Ok(calendar)
    }

    /// A day on which a new lead of a site appears.
    pub(crate) fn lead_day(&self, dice: &mut Dice, site: usize) -> Day {
        let totals = &self.lead_totals[site];
        let wanted = dice.unit() * totals.last().copied().unwrap_or(0.0);
        let offset = totals.partition_point(|total| *total <= wanted);
        self.from.plus(offset.min(totals.len() - 1) as i32)
    }

    /// The first day from `target` on which the patient actually comes to the site.
    pub(crate) fn open_day(&self, dice: &mut Dice, site: usize, target: Day) -> Day {
        let mut day = target;
        for _ in 0..40 {
            if let Some(closure) =
                self.anomalies.iter().find(|one| one.covers("arrivals", site, day))
                && !dice.chance(closure.factor)
            {
                // Turned away: they come back over the following two weeks.
                day = closure.to.plus(dice.days(1, 15));
            }
            if dice.chance((self.rhythm(site, day) / 1.15).min(1.0)) {
                return day;
            }
            day = day.plus(1);
        }
        day
    }

    /// How much a planted anomaly multiplies a metric on a day.
    pub(crate) fn factor(&self, metric: &str, site: usize, day: Day) -> f64 {
        let hit = self.anomalies.iter().find(|anomaly| anomaly.covers(metric, site, day));
        hit.map_or(1.0, |anomaly| anomaly.factor)
    }

    fn rhythm(&self, site: usize, day: Day) -> f64 {
        let (_, month, _) = day.ymd();
        let (week, year) = shape(self.lines[site]);
        let growth = 1.0 + 0.10 * f64::from(day.0 - self.from.0) / 365.0;
        let holiday = usize::try_from(day.0 - self.from.0)
            .ok()
            .and_then(|offset| self.holiday.get(offset))
            .copied()
            .unwrap_or(1.0);
        week[day.weekday() as usize] * year[month as usize - 1] * growth * holiday
    }
}

type Shape = ([f64; 7], [f64; 12]);

fn shape(line: i64) -> Shape {
    match line {
        OBGYN => (
            [1.10, 1.05, 1.0, 1.0, 1.0, 0.85, 0.5],
            [1.0, 0.9, 1.0, 1.0, 1.0, 1.0, 0.95, 1.0, 1.05, 1.05, 1.0, 1.0],
        ),
        PEDIATRICS => (
            [0.9, 0.85, 0.85, 0.85, 0.9, 1.3, 1.2],
            [1.15, 0.95, 1.05, 1.0, 0.95, 0.9, 0.95, 0.95, 1.0, 1.0, 1.1, 1.2],
        ),
        AESTHETIC => (
            [0.8, 0.8, 0.85, 0.85, 0.95, 1.4, 1.3],
            [1.0, 0.75, 1.1, 1.0, 1.0, 1.05, 1.15, 1.1, 0.95, 1.0, 1.1, 1.15],
        ),
        DENTAL => (
            [0.85, 0.8, 0.85, 0.85, 0.9, 1.4, 1.25],
            [1.0, 0.8, 1.0, 1.0, 0.95, 1.0, 1.15, 1.15, 0.95, 0.95, 1.0, 1.0],
        ),
        _ => ([1.0; 7], [1.0; 12]),
    }
}

fn holidays(from: Day, to: Day) -> Result<Vec<f64>, Error> {
    let sheet = Sheet::read("calendar.csv", include_str!("../../data/demo/calendar.csv"))?;
    let mut factors = vec![1.0; (to.0 - from.0) as usize + 62];
    for entry in sheet.entries() {
        let (first, last) = (entry.day("from")?, entry.day("to")?);
        let festival = entry.text("kind") == "spring_festival";
        // Clinics run down before Spring Festival and fill slowly after it.
        let shoulder = if festival { 5 } else { 0 };
        for raw in first.0 - shoulder..=last.0 + shoulder {
            let inside = first.0 <= raw && raw <= last.0;
            let factor = match (entry.text("kind"), inside) {
                ("spring_festival", true) => 0.14,
                ("spring_festival", false) => 0.65,
                ("holiday", true) => 0.8,
                _ => 1.0,
            };
            if let Ok(offset) = usize::try_from(raw - from.0)
                && let Some(slot) = factors.get_mut(offset)
            {
                *slot = factor;
            }
        }
    }
    Ok(factors)
}

fn anomalies(org: &Org, from: Day, to: Day) -> Vec<Anomaly> {
    if to.0 - from.0 < 75 {
        return Vec::new();
    }
    let site = |code: &str| org.sites.iter().position(|site| site.code == code).unwrap_or(0);
    let plant = |metric, code, days: (i32, i32), factor| Anomaly {
        metric,
        site: site(code),
        from: to.plus(-days.0),
        to: to.plus(-days.1),
        factor,
    };
    vec![
        plant("arrivals", "BM-SH-YM", (24, 18), 0.15),
        plant("leads", "DL-HZ-YM", (13, 11), 4.5),
        plant("no_show_rate", "MH-SH-KQ", (8, 6), 6.0),
    ]
}
