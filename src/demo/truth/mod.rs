//! What a correct hub must find, counted while the sources are made and without any SQL.
mod identity;
mod report;
mod rules;

pub use report::{Truth, TruthAnomaly, TruthMetric, TruthMoney, TruthNight, TruthRule};

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::story::Story;
use crate::time::{At, Day, Month};
use crate::world::World;

macro_rules! metrics {
    ($($metric:ident $name:literal $shape:ident;)*) => {
        /// The metrics counted per site and month.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Metric { $($metric),* }

        pub(crate) const METRICS: &[Metric] = &[$(Metric::$metric),*];

        impl Metric {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$metric => $name),* }
            }

            fn shape(self) -> Shape {
                match self { $(Self::$metric => Shape::$shape),* }
            }
        }
    };
}

/// How a metric's value follows from its numerator and denominator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// The numerator itself.
    Count,
    Ratio,
    /// Ratio times 100.
    Percent,
    /// Ratio times 1000.
    PerMille,
}

metrics! {
    Leads "leads" Count;
    BookingRate "booking_rate" Ratio;
    Arrivals "arrivals" Count;
    ArrivalsFirst "arrivals_first" Count;
    ArrivalsReturn "arrivals_return" Count;
    PersonsSeen "persons_seen" Count;
    ShowRate "show_rate" Ratio;
    NoShowRate "no_show_rate" Ratio;
    Consults "consults" Count;
    CloseRate "close_rate" Ratio;
    CloseRateFirst "close_rate_first" Ratio;
    RevenueBilled "revenue_billed" Count;
    RevenueCash "revenue_cash" Count;
    RevenueEarned "revenue_earned" Count;
    RefundRate "refund_rate" Ratio;
    AtvVisit "atv_visit" Ratio;
    AtvDeal "atv_deal" Ratio;
    ReferralShareFirst "referral_share_first" Ratio;
    TargetAttainment "target_attainment" Ratio;
    Nps "nps" Percent;
    ComplaintRate "complaint_rate" PerMille;
    GrossMargin "gross_margin_pct" Ratio;
    CostPerEncounter "cost_per_encounter" Ratio;
    MaterialRatio "material_ratio" Ratio;
}

/// Direct costs of a site in a month, in fen.
#[derive(Debug, Clone, Copy, Default)]
struct Costs {
    /// Labour, material and drugs of clinical and technical departments.
    direct: i64,
    material: i64,
    total: i64,
}

/// The running counts.
pub(crate) struct Tally<'w> {
    world: &'w World,
    cells: BTreeMap<(Metric, usize, Month), (i64, i64)>,
    costs: BTreeMap<(usize, Month), Costs>,
    /// Services performed, by department, month and item.
    cases: BTreeMap<(i64, Month, usize), i64>,
    persons: u64,
    /// Record ids as the hub names them, and whose they are.
    humans: Vec<(String, String)>,
    households: u64,
    money: TruthMoney,
    rules: rules::Rules,
}

impl<'w> Tally<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self {
            world,
            cells: BTreeMap::new(),
            costs: BTreeMap::new(),
            cases: BTreeMap::new(),
            persons: 0,
            humans: Vec::new(),
            households: 0,
            money: TruthMoney::default(),
            rules: rules::Rules::new(world),
        }
    }

    /// Numerator and denominator counted so far.
    pub(crate) fn of(&self, metric: Metric, site: usize, month: Month) -> (i64, i64) {
        self.cells.get(&(metric, site, month)).copied().unwrap_or_default()
    }

    /// Services of an item a department performed in a month.
    pub(crate) fn cases(&self, dept: i64, month: Month, item: usize) -> i64 {
        self.cases.get(&(dept, month, item)).copied().unwrap_or_default()
    }

    fn perform(&mut self, dept: i64, day: Day, item: usize, times: i64) {
        if day >= self.world.from && day <= self.world.to {
            *self.cases.entry((dept, day.month(), item)).or_default() += times;
        }
    }

    fn add(&mut self, metric: Metric, site: usize, day: Day, numerator: i64, denominator: i64) {
        if day < self.world.from || day > self.world.to {
            return;
        }
        let cell = self.cells.entry((metric, site, day.month())).or_default();
        cell.0 += numerator;
        cell.1 += denominator;
    }

    /// Counts a household as the sources show it after the last night.
    pub(crate) fn observe(&mut self, story: &Story) {
        let cut = self.world.horizon();
        let people = identity::resolve(story, cut);
        self.persons += people.count;
        self.whose(story, cut);
        self.leads(story, cut);
        self.appointments(story, cut);
        self.visits(story, cut, &people);
        self.consults(story, cut);
        self.orders(story, cut);
        self.payments(story, cut);
        self.voices(story, cut);
        self.rules.observe(self.world, story, cut, &people);
    }

    /// Whose the visible records are, whatever facts they show.
    fn whose(&mut self, story: &Story, cut: At) {
        let household = self.households;
        self.households += 1;
        let records = story.records.iter().filter(|record| record.seen <= cut);
        let records = records.map(|record| (format!("his:{}", record.id), record.human));
        let customers = story.customers.iter().filter(|customer| customer.created <= cut);
        let customers = customers.map(|customer| (format!("crm:{}", customer.id), customer.human));
        let named =
            records.chain(customers).map(|(id, human)| (id, format!("{household}-{human}")));
        self.humans.extend(named);
    }

    /// `record,human` of every record the hub may see, as CSV.
    pub(crate) fn humans(&self) -> String {
        let mut text = "record,human\n".to_owned();
        for (record, human) in &self.humans {
            text.extend([record.as_str(), ",", human.as_str(), "\n"]);
        }
        text
    }

    fn leads(&mut self, story: &Story, cut: At) {
        let booked: HashSet<&str> = story
            .appointments
            .iter()
            .filter(|one| one.lives(cut))
            .filter_map(|one| one.lead.as_deref())
            .collect();
        for lead in story.leads.iter().filter(|lead| lead.lives(cut)) {
            let (site, day) = (lead.site, lead.created.day());
            self.add(Metric::Leads, site, day, 1, 1);
            let hit = i64::from(booked.contains(lead.id.as_str()));
            self.add(Metric::BookingRate, site, day, hit, 1);
        }
    }

    fn appointments(&mut self, story: &Story, cut: At) {
        for one in story.appointments.iter().filter(|one| one.lives(cut)) {
            let status = one.status(cut);
            let early = matches!(&one.outcome, crate::care::Outcome::Cancelled(at, _)
                if status == 5 && *at <= one.start.days(-1));
            if status < 2 || early {
                continue;
            }
            let (site, day) = (one.site, one.start.day());
            self.add(Metric::ShowRate, site, day, i64::from(matches!(status, 3 | 4)), 1);
            self.add(Metric::NoShowRate, site, day, i64::from(status == 6), 1);
        }
    }

    fn visits(&mut self, story: &Story, cut: At, people: &identity::People) {
        let mut seen: BTreeSet<(usize, Month, Option<usize>)> = BTreeSet::new();
        for visit in story.visits.iter().filter(|visit| visit.seen <= cut) {
            let (site, day) = (visit.site, visit.arrived.day());
            self.add(Metric::Arrivals, site, day, 1, 1);
            match visit.kind {
                1 => {
                    self.add(Metric::ArrivalsFirst, site, day, 1, 1);
                    let channels = &self.world.channels.all;
                    let referred = visit.channel.is_some_and(|at| channels[at].is_referral());
                    self.add(Metric::ReferralShareFirst, site, day, i64::from(referred), 1);
                }
                2..=4 => self.add(Metric::ArrivalsReturn, site, day, 1, 1),
                _ => {}
            }
            let person = people.records[visit.who.record];
            if seen.insert((site, day.month(), person)) {
                self.add(Metric::PersonsSeen, site, day, 1, 1);
            }
        }
    }

    fn consults(&mut self, story: &Story, cut: At) {
        for consult in story.consults.iter().filter(|consult| consult.seen <= cut) {
            let visit = &story.visits[consult.visit];
            let (site, day) = (visit.site, consult.start.day());
            let won = i64::from(consult.outcome == 1);
            self.add(Metric::Consults, site, day, 1, 1);
            self.add(Metric::CloseRate, site, day, won, 1);
            if visit.kind == 1 {
                self.add(Metric::CloseRateFirst, site, day, won, 1);
            }
            if won == 1 {
                let billed = billed_of(story, cut, consult.visit);
                self.add(Metric::AtvDeal, site, day, billed, 1);
            }
        }
    }

    fn orders(&mut self, story: &Story, cut: At) {
        let items = &self.world.catalogue.items;
        for line in story.lines.iter().filter(|line| line.lives(cut)) {
            let order = &story.orders[line.order];
            if !order.counts(cut) {
                continue;
            }
            let (site, day) = (order.site, order.at.day());
            self.add(Metric::RevenueBilled, site, day, line.billed(), 1);
            if !line.entitled && items[line.item].immediate_kind() {
                self.add(Metric::RevenueEarned, site, day, line.billed(), 1);
                self.perform(line.dept, day, line.item, line.quantity);
            }
        }
        for entitlement in &story.entitlements {
            for one in entitlement.uses.iter().filter(|one| one.counts(cut)) {
                self.add(Metric::RevenueEarned, one.site, one.at.day(), one.value, 1);
                self.perform(one.dept, one.at.day(), entitlement.item, one.times);
            }
        }
    }

    fn payments(&mut self, story: &Story, cut: At) {
        let mut at_visit: HashMap<usize, (usize, Day, i64)> = HashMap::new();
        for one in story.payments.iter().filter(|one| one.seen <= cut && one.is_cash()) {
            let (site, day) = (one.site, one.at.day());
            self.add(Metric::RevenueCash, site, day, one.amount, 1);
            self.add(Metric::RefundRate, site, day, 0, one.amount);
            if let Some((visit, _)) = one.visit {
                at_visit.entry(visit).or_insert((site, day, 0)).2 += one.amount;
            }
        }
        for (site, day, amount) in at_visit.into_values() {
            self.add(Metric::AtvVisit, site, day, amount, i64::from(amount > 0));
        }
        for refund in story.refunds.iter().filter(|refund| refund.at <= cut) {
            let (site, day) = (refund.site, refund.at.day());
            self.add(Metric::RefundRate, site, day, refund.amount, 0);
        }
    }

    fn voices(&mut self, story: &Story, cut: At) {
        for answer in story.answers.iter().filter(|one| one.nps && one.at <= cut) {
            let vote = i64::from(answer.score >= 9) - i64::from(answer.score <= 6);
            self.add(Metric::Nps, answer.site, answer.at.day(), vote, 1);
        }
        for (site, at) in story.complaints.iter().filter(|(_, at)| *at <= cut) {
            self.add(Metric::ComplaintRate, *site, at.day(), 1, 0);
        }
    }

    /// Counts a cost entry of a department.
    pub(crate) fn cost(&mut self, site: usize, month: Month, class: i64, kind: &str, fen: i64) {
        let costs = self.costs.entry((site, month)).or_default();
        costs.total += fen;
        if kind == "material" {
            costs.material += fen;
        }
        if class <= 2 && matches!(kind, "labour" | "material" | "drug") {
            costs.direct += fen;
        }
    }

    /// Counts a site's cash target of a month, in fen.
    pub(crate) fn target(&mut self, site: usize, month: Month, fen: i64) {
        let cash = self.of(Metric::RevenueCash, site, month).0;
        self.cells.insert((Metric::TargetAttainment, site, month), (cash, fen));
    }
}

fn billed_of(story: &Story, cut: At, visit: usize) -> i64 {
    let orders: Vec<usize> = (0..story.orders.len())
        .filter(|at| story.orders[*at].visit.is_some_and(|(own, _)| own == visit))
        .filter(|at| story.orders[*at].counts(cut))
        .collect();
    let lines = story.lines.iter().filter(|line| line.lives(cut) && orders.contains(&line.order));
    lines.map(crate::money::Line::billed).sum()
}
