//! Finance's books: monthly costs of every department, hours, drivers, budgets and targets.
//! Costs follow what the sites earned, so they are made after all journeys.
use crate::cell::{Fen, TenThousandths, row};
use crate::dice::Dice;
use crate::error::Error;
use crate::org::{Dept, Site};
use crate::reference::Sheet;
use crate::sink::Sink;
use crate::table::Tab;
use crate::time::{At, Month};
use crate::truth::{Metric, Tally};
use crate::world::{World, stream};

struct Account {
    code: String,
    class: String,
    behaviour: String,
}

struct Books<'a, 'w> {
    world: &'w World,
    sink: &'a mut Sink<'w>,
    tally: &'a mut Tally<'w>,
    dice: Dice,
    accounts: Vec<Account>,
}

/// Writes the ledger of the demo's span.
pub(crate) fn write<'w>(
    world: &'w World,
    sink: &mut Sink<'w>,
    tally: &mut Tally<'w>,
) -> Result<(), Error> {
    let sheet = Sheet::read("accounts.csv", include_str!("../../data/demo/accounts.csv"))?;
    let mut accounts = Vec::new();
    for entry in sheet.entries() {
        let (code, class) = (entry.owned("account"), entry.owned("cost_class"));
        sink.settled(Tab::Account, row![code.clone(), entry.owned("name"), class.clone()])?;
        accounts.push(Account { code, class, behaviour: entry.owned("behaviour") });
    }
    let dice = Dice::new(world.seed, stream::LEDGER);
    let mut books = Books { world, sink, tally, dice, accounts };
    for raw in world.from.month().0..=world.to.month().0 {
        let month = Month(raw);
        for site in 0..world.org.sites.len() {
            books.plans(site, month)?;
            if month.last() <= world.to {
                books.month(site, month)?;
            }
        }
    }
    books.late_invoice()
}

impl Books<'_, '_> {
    fn month(&mut self, site_index: usize, month: Month) -> Result<(), Error> {
        let world = self.world;
        let site = &world.org.sites[site_index];
        let earned = self.tally.of(Metric::RevenueEarned, site_index, month).0;
        let booked = month.last().at(23, 0);
        for dept in &site.depts {
            let labour = self.hours(dept, month, booked)?;
            for at in 0..self.accounts.len() {
                let class = self.accounts[at].class.clone();
                let amount = self.amount(site, dept, &class, labour, earned);
                if amount <= 0 {
                    continue;
                }
                self.tally.cost(site_index, month, dept.class, &class, amount);
                let account = &self.accounts[at];
                let entry = row![
                    format!("F{}-{}-{}", month.label().replace('-', ""), dept.code, account.code),
                    month.label(),
                    &dept.code,
                    &account.code,
                    Fen(amount),
                    &account.behaviour,
                    (class == "material").then(|| format!("CK{}", month.label()))
                ];
                self.sink.at(Tab::CostEntry, booked, entry)?;
            }
        }
        self.drivers(site_index, site, month, booked)
    }

    /// Hours of the department's staff; returns its labour cost in fen.
    fn hours(&mut self, dept: &Dept, month: Month, booked: At) -> Result<i64, Error> {
        let world = self.world;
        let mut total = 0;
        let team = world.staff.members.iter().filter(|member| member.dept == dept.id);
        for member in team.filter(|member| member.works_on(month.last())) {
            let paid = 10_440 * member.fte / 100;
            let productive = paid * self.dice.between(58, 86) / 100;
            // Employer's contributions on top of pay.
            let pay = member.pay * member.fte / 100 * 131 / 100;
            total += pay;
            let hours = row![member.id, month.label(), &dept.code, paid, productive, Fen(pay)];
            self.sink.at(Tab::LabourHours, booked, hours)?;
        }
        Ok(total)
    }

    fn amount(&mut self, site: &Site, dept: &Dept, class: &str, labour: i64, earned: i64) -> i64 {
        let clinical = site.depts.iter().filter(|one| one.class == 1).count().max(1) as i64;
        let noise = self.dice.between(90, 110);
        let share = |per_mille: i64| earned * per_mille / 1000 / clinical * noise / 100;
        match (class, dept.class) {
            ("labour", _) => labour,
            ("material", 1) => share(if site.line == 3 { 150 } else { 95 }),
            ("material", 2) => earned * 22 / 1000 * noise / 100,
            ("material", 3) if dept.suffix == "XD" => earned * 9 / 1000 * noise / 100,
            ("drug", 1) => share(if site.line <= 2 { 60 } else { 18 }),
            ("depreciation", _) => dept.area * 22 * noise / 100,
            ("amortisation", 4) => dept.area * 6,
            ("risk_fund", 1) => share(2),
            ("marketing", 3) if dept.suffix == "SC" => earned * 62 / 1000 * noise / 100,
            ("rent", _) => dept.area * 95,
            ("other", _) => labour * 3 / 100 * noise / 100 + 20_000,
            _ => 0,
        }
    }

    fn drivers(
        &mut self,
        site_index: usize,
        site: &Site,
        month: Month,
        booked: At,
    ) -> Result<(), Error> {
        let world = self.world;
        let label = month.label();
        let arrivals = self.tally.of(Metric::Arrivals, site_index, month).0;
        let earned = self.tally.of(Metric::RevenueEarned, site_index, month).0;
        let leads = self.tally.of(Metric::Leads, site_index, month).0;
        let clinical = site.depts.iter().filter(|one| one.class == 1).count().max(1) as i64;
        let code = |suffix: &str| site.dept(suffix).map(|dept| dept.code.clone());
        let (desk, sterile, sales) = (code("QT"), code("XD"), code("SC"));
        for dept in &site.depts {
            let heads = world
                .staff
                .members
                .iter()
                .filter(|one| one.dept == dept.id && one.works_on(month.last()))
                .map(|one| one.fte)
                .sum::<i64>();
            let mut values = Vec::new();
            if dept.class != 4 {
                // Units of the department, whoever serves it.
                let anybody = Some("*".to_owned());
                values.push(("headcount", anybody.clone(), heads * 100));
                values.push(("area_m2", anybody, dept.area * 100));
            }
            if dept.class <= 2 {
                let packs = arrivals * 10_000 * self.dice.between(60, 160) / 100 / (clinical + 1);
                values.push(("sterile_packs", sterile.clone(), packs));
                values.push(("visits", desk.clone(), arrivals * 10_000 / (clinical + 1)));
                values.push(("leads_handled", sales.clone(), leads * 10_000 / (clinical + 1)));
            }
            if dept.class == 1 {
                values.push(("revenue", desk.clone(), earned * 100 / clinical));
                for tech in site.depts.iter().filter(|one| one.class == 2) {
                    let tests = arrivals * 10_000 * self.dice.between(20, 70) / 100 / clinical;
                    values.push(("tests_ordered", Some(tech.code.clone()), tests));
                }
            }
            // Service departments serve each other, too.
            if dept.suffix == "QT" {
                values.push(("leads_handled", sales.clone(), leads * 2_500 / (clinical + 1)));
            }
            if dept.suffix == "XD"
                && let Some(lab) = code("JY")
            {
                values.push(("tests_ordered", Some(lab), arrivals * 300));
            }
            for (driver, from, quantity) in values {
                let value = row![driver, label.clone(), from, &dept.code, TenThousandths(quantity)];
                self.sink.at(Tab::DriverValue, booked, value)?;
            }
        }
        Ok(())
    }

    /// Budgets and targets of a month, closed or not.
    fn plans(&mut self, site_index: usize, month: Month) -> Result<(), Error> {
        let world = self.world;
        let site = &world.org.sites[site_index];
        let label = month.label();
        let days = i64::from(month.last().0 - month.first().0 + 1);
        let first = month.first().max(world.from);
        let known = i64::from(month.last().min(world.to).0 - first.0 + 1).max(1);
        for metric in [Metric::RevenueCash, Metric::ArrivalsFirst, Metric::Leads] {
            let actual = self.tally.of(metric, site_index, month).0 * days / known;
            let wanted = actual * 100 / self.dice.between(84, 118);
            let value = if metric == Metric::RevenueCash {
                // Whole thousands of yuan.
                let fen = (wanted / 100_000).max(1) * 100_000;
                self.tally.target(site_index, month, fen);
                fen * 100
            } else {
                wanted.max(1) * 10_000
            };
            let target = row![metric.name(), label.clone(), &site.code, TenThousandths(value)];
            self.sink.settled(Tab::Target, target)?;
        }
        let earned = self.tally.of(Metric::RevenueEarned, site_index, month).0 * days / known;
        for dept in &site.depts {
            let labour: i64 = world
                .staff
                .members
                .iter()
                .filter(|one| one.dept == dept.id && one.works_on(month.first()))
                .map(|one| one.pay * one.fte / 100 * 131 / 100)
                .sum();
            for at in 0..self.accounts.len() {
                let class = self.accounts[at].class.clone();
                let amount = self.amount(site, dept, &class, labour, earned);
                let amount = amount * self.dice.between(92, 108) / 100 / 10_000 * 10_000;
                if amount <= 0 {
                    continue;
                }
                let version = format!("{}V1", &label[..4]);
                let account = self.accounts[at].code.clone();
                let line = row![version, label.clone(), &dept.code, account, Fen(amount)];
                self.sink.settled(Tab::Budget, line)?;
            }
        }
        Ok(())
    }

    /// An invoice of the last closed month that arrives after the first night.
    fn late_invoice(&mut self) -> Result<(), Error> {
        let world = self.world;
        let mut month = world.to.month();
        if month.last() > world.to {
            month = Month(month.0 - 1);
        }
        let Some(second) = world.cuts.get(1).map(|cut| cut.day()) else { return Ok(()) };
        if month < world.from.month() || month.last() >= world.to.plus(-2) {
            return Ok(());
        }
        let dept = &world.org.sites[0].depts[0];
        let amount = 1_234_500;
        self.tally.cost(0, month, dept.class, "other", amount);
        let entry = row![
            format!("F{}-{}-LATE", month.label().replace('-', ""), dept.code),
            month.label(),
            &dept.code,
            "5009",
            Fen(amount),
            "variable",
            "补录发票"
        ];
        self.sink.at(Tab::CostEntry, second.at(10, 0), entry)
    }
}
