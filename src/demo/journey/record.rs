//! Patient records and CRM customers: who writes down what about the same human being, and which
//! of these records the identity rule can join.
use super::{Desk, Teller};
use crate::crm::{Customer, Facts, Record};
use crate::org::PEDIATRICS;
use crate::staff::{CONSULTANT, DOCTOR, SERVICE};
use crate::story::Who;
use crate::table::Tab;
use crate::time::At;

impl Teller<'_> {
    /// The record a site uses for a person, opened when needed.
    pub(super) fn record(&mut self, p: usize, site: usize, at: At) -> Who {
        let own = self.patients[p].records.clone();
        let records = &self.story.records;
        let here = own.iter().copied().find(|record| records[*record].site == site);
        let known = here.or_else(|| own.first().copied().filter(|_| !self.dice.chance(0.22)));
        if let Some(record) = known {
            // Journeys of one person are not told in calendar order.
            let kept = &mut self.story.records[record];
            kept.created = kept.created.min(at);
            kept.seen = kept.seen.min(at);
            return Who { record, id: self.story.records[record].id };
        }
        let facts = if own.is_empty() { self.told(p) } else { self.told_again(p) };
        let who = self.open_record(p, site, at, facts);
        self.patients[p].records.push(who.record);
        self.link_customer(p, who, at);
        who
    }

    fn open_record(&mut self, p: usize, site: usize, at: At, facts: Facts) -> Who {
        let id = self.shared.next(Tab::Record);
        let patient = &self.patients[p];
        let legacy = patient.legacy && patient.records.is_empty();
        let persona = patient.persona.clone();
        let channel = patient.customer.map(|at| self.story.customers[at].channel);
        let (created, seen) = if legacy {
            let created = self.world.from.plus(-self.dice.days(60, 1400)).at(10, 20);
            (created.max(persona.birth.at(12, 0)), self.world.settled())
        } else {
            (at, self.seen(at))
        };
        let desk = self.desk_at(p, site);
        let service = self.world.staff.at(site, SERVICE, None, at.day());
        let service = self.dice.pick(&service).map(|member| member.id);
        let handed_over = self.handover(site, seen);
        let record = self.story.records.len();
        self.story.records.push(Record {
            id,
            human: p,
            mrn: format!("{}{:08}", &self.world.org.sites[site].code[..2], id),
            facts,
            channel,
            consultant: desk.and_then(|desk| desk.consultant),
            service,
            doctor: desk.map(|desk| desk.doctor),
            district: persona.district,
            job: Some(persona.job).filter(|job| !job.is_empty()),
            married: if persona.child { 9 } else { 1 + i64::from(persona.married) },
            site,
            created,
            seen,
            handed_over,
        });
        Who { record, id }
    }

    /// Some owners change in the last nights: an update for the nightly to find.
    fn handover(&mut self, site: usize, seen: At) -> Option<(At, i64)> {
        let day = self.world.to.plus(-self.dice.days(0, 60));
        let at = day.at(18, 30);
        if at <= seen || !self.dice.chance(0.08) {
            return None;
        }
        let team = self.world.staff.at(site, CONSULTANT, None, day);
        self.dice.pick(&team).map(|member| (at, member.id))
    }

    /// What a first registration writes down.
    fn told(&mut self, p: usize) -> Facts {
        let persona = &self.patients[p].persona;
        let has_card = if persona.child { 0.3 } else { 0.7 };
        let full = Facts {
            name: Some(persona.name.clone()),
            sex: Some(if persona.woman { 2 } else { 1 }),
            birth: Some(persona.birth),
            card: Some(persona.card.clone()),
            phone: Some(persona.phone.clone()),
            relation: Some(persona.relation),
            wechat: Some(persona.wechat.clone()),
        };
        let mut facts = full;
        if !self.dice.chance(has_card) {
            facts.card = None;
            if self.dice.chance(0.05) {
                // A placeholder typed to get past a mandatory field: not a valid card.
                facts.card = Some("111111111111111111".to_owned());
            }
        }
        if self.dice.chance(0.08) && !self.patients[p].persona.child {
            facts.birth = None;
        }
        if self.dice.chance(0.04) {
            facts.phone = None;
            facts.relation = None;
        }
        if !self.dice.chance(0.35) {
            facts.wechat = None;
        }
        if self.dice.chance(0.03) {
            facts.sex = Some(9);
        }
        facts
    }

    /// What a second registration of the same person writes down: sometimes enough to join.
    fn told_again(&mut self, p: usize) -> Facts {
        let mut facts = self.told(p);
        let persona = &self.patients[p].persona;
        facts.phone = Some(persona.phone.clone());
        facts.relation = Some(persona.relation);
        match self.dice.weighted(&[0.45, 0.30, 0.25]) {
            0 => facts.card = Some(persona.card.clone()),
            1 => {
                facts.card = None;
                facts.birth = Some(persona.birth);
            }
            _ => {
                facts.card = None;
                facts.birth = None;
                let family = persona.name.chars().next().unwrap_or('王');
                facts.name =
                    Some(format!("{family}{}", if persona.woman { "女士" } else { "先生" }));
            }
        }
        facts
    }

    /// The CRM's own record of a person.
    pub(super) fn customer(&mut self, p: usize, channel: usize, at: At) -> usize {
        if let Some(customer) = self.patients[p].customer {
            let kept = &mut self.story.customers[customer];
            kept.created = kept.created.min(at);
            return customer;
        }
        let mut facts = self.told(p);
        let persona = &self.patients[p].persona;
        if !self.dice.chance(0.06) {
            facts.card = None;
        }
        if !self.dice.chance(0.35) {
            facts.birth = None;
        }
        if self.dice.chance(0.15) {
            let family = persona.name.chars().next().unwrap_or('王');
            facts.name = Some(format!("{family}{}", if persona.woman { "小姐" } else { "先生" }));
        }
        if facts.phone.is_none() || self.dice.chance(0.06) {
            // Some leave only a WeChat id.
            facts.phone = None;
            facts.relation = None;
            facts.wechat = Some(persona.wechat.clone());
        }
        let id = format!("C{:08}", self.shared.next(Tab::Customer));
        let customer = Customer { id, human: p, facts, channel, created: at, link: None };
        self.story.customers.push(customer);
        let customer = self.story.customers.len() - 1;
        self.patients[p].customer = Some(customer);
        if let Some(record) = self.patients[p].records.first().copied() {
            let id = self.story.records[record].id;
            self.link_customer(p, Who { record, id }, at);
        }
        self.tags_and_consents(p, customer, at);
        customer
    }

    /// Most desks tell the CRM which patient record belongs to its customer.
    fn link_customer(&mut self, p: usize, who: Who, at: At) {
        let Some(customer) = self.patients[p].customer else { return };
        if self.story.customers[customer].link.is_some() || !self.dice.chance(0.85) {
            return;
        }
        let created = self.story.customers[customer].created;
        let told = at.max(created).minutes(self.dice.between(10, 600));
        let mrn = self.story.records[who.record].mrn.clone();
        self.story.customers[customer].link = Some((who.record, mrn, told));
    }

    /// Who looks after the person at a site.
    pub(super) fn desk_at(&self, p: usize, site: usize) -> Option<Desk> {
        self.patients[p].desks.iter().copied().find(|desk| desk.site == site)
    }

    /// The person's desk at a site for a line, staffed for a day.
    pub(super) fn desk(&mut self, p: usize, site: usize, line: i64, at: At) -> Desk {
        let day = at.day();
        let known = self.patients[p].desks.iter().position(|d| d.site == site && d.line == line);
        if let Some(index) = known {
            let desk = self.patients[p].desks[index];
            let stays = |id: i64| self.world.staff.get(id).is_some_and(|one| one.works_on(day));
            if stays(desk.doctor) && desk.consultant.is_none_or(stays) {
                return desk;
            }
            let fresh = self.staffed(site, line, at, desk.visited);
            self.patients[p].desks[index] = fresh;
            return fresh;
        }
        let visited = self.patients[p].desks.iter().any(|desk| desk.site == site && desk.visited)
            || (self.patients[p].legacy && self.patients[p].desks.is_empty());
        let fresh = self.staffed(site, line, at, visited);
        self.patients[p].desks.push(fresh);
        fresh
    }

    fn staffed(&mut self, site: usize, line: i64, at: At, visited: bool) -> Desk {
        let world = self.world;
        let depts = world.org.sites[site].clinical(line);
        let pick = if line == PEDIATRICS && self.dice.chance(0.5) { depts.len() - 1 } else { 0 };
        let dept = if self.dice.chance(0.6) {
            depts[pick].id
        } else {
            self.dice.pick(&depts).map_or(depts[0].id, |dept| dept.id)
        };
        let mut doctors = world.staff.at(site, DOCTOR, Some(dept), at.day());
        if doctors.is_empty() {
            doctors = world.staff.at(site, DOCTOR, None, at.day());
        }
        let consultants = world.staff.at(site, CONSULTANT, None, at.day());
        Desk {
            site,
            line,
            dept,
            doctor: self.dice.pick(&doctors).map_or(1001, |member| member.id),
            consultant: self.dice.pick(&consultants).map(|member| member.id),
            visited,
        }
    }
}
