//! Sends every row to the first night's state or to the pending changes of later nights, and
//! counts what the sources hold in the end.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cell::{Cell, Row};
use crate::error::Error;
use crate::export::Exports;
use crate::sqlite::Database;
use crate::story::{Kept, Loose, Story};
use crate::table::{Source, TABS, Tab};
use crate::time::At;
use crate::world::World;

/// Rows of a table that a night inserts, updates and deletes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

/// One state: a database file and its exports.
struct Store {
    his: Database,
    csv: Exports,
}

impl Store {
    fn push(&mut self, tab: Tab, row: Row) -> Result<(), Error> {
        if tab.source() == Source::His { self.his.push(tab, row) } else { self.csv.push(tab, &row) }
    }
}

/// Where generated rows go.
pub(crate) struct Sink<'w> {
    world: &'w World,
    base: Store,
    nights: Vec<Store>,
    /// Changes per night (the first is the initial state) and table.
    pub(crate) changes: Vec<Vec<Changes>>,
    samples: BTreeMap<Tab, Vec<Row>>,
}

/// Rows kept per table to copy as planted duplicates.
const SAMPLES: usize = 60;

/// Folder of the pending changes.
pub(crate) fn nights_folder(dir: &Path) -> PathBuf {
    dir.join("sources").join(".nights")
}

impl<'w> Sink<'w> {
    pub(crate) fn create(dir: &Path, world: &'w World) -> Result<Self, Error> {
        let sources = dir.join("sources");
        for old in ["crm", "ledger", ".nights"] {
            let path = sources.join(old);
            if path.exists() {
                std::fs::remove_dir_all(&path).map_err(Error::file(&path))?;
            }
        }
        let pending = nights_folder(dir);
        std::fs::create_dir_all(&pending).map_err(Error::file(&pending))?;
        let base =
            Store { his: Database::create(&sources.join("his.db"))?, csv: Exports::new(&sources) };
        let mut nights = Vec::new();
        for night in 2..=world.cuts.len() {
            let mut his = Database::create(&pending.join(format!("{night}.db")))?;
            his.run("CREATE TABLE removed (tab TEXT, key INTEGER)")?;
            nights.push(Store { his, csv: Exports::new(&pending.join(night.to_string())) });
        }
        let changes = vec![vec![Changes::default(); TABS.len()]; world.cuts.len()];
        Ok(Self { world, base, nights, changes, samples: BTreeMap::new() })
    }

    /// Puts a row that is there from the first night.
    pub(crate) fn settled(&mut self, tab: Tab, row: Row) -> Result<(), Error> {
        self.changes[0][tab as usize].inserted += 1;
        self.sample(tab, &row);
        self.base.push(tab, row)
    }

    /// Keeps a few rows that last changed well before the first night and never change again.
    fn sample(&mut self, tab: Tab, row: &Row) {
        let wanted =
            matches!(tab, Tab::Record | Tab::Appointment | Tab::Payment | Tab::Lead | Tab::Touch);
        let old = self.world.cuts[0].days(-8);
        let settled = row.iter().all(|cell| !matches!(cell, Cell::At(at) if *at > old));
        if wanted && settled {
            let kept = self.samples.entry(tab).or_default();
            if kept.len() < SAMPLES {
                kept.push(row.clone());
            }
        }
    }

    /// Rows fit to be copied.
    pub(crate) fn samples(&self, tab: Tab) -> &[Row] {
        self.samples.get(&tab).map_or(&[], Vec::as_slice)
    }

    /// Puts a row that appears at a moment and never changes.
    pub(crate) fn at(&mut self, tab: Tab, seen: At, row: Row) -> Result<(), Error> {
        match self.world.cuts.iter().position(|cut| seen <= *cut) {
            Some(0) => self.settled(tab, row),
            Some(night) => {
                self.changes[night][tab as usize].inserted += 1;
                self.nights[night - 1].push(tab, row)
            }
            None => Ok(()),
        }
    }

    /// Puts a planted faulty row into the first night's state; it counts nowhere.
    pub(crate) fn dirt(&mut self, tab: Tab, night: usize, row: Row) -> Result<(), Error> {
        if night == 0 { self.base.push(tab, row) } else { self.nights[night - 1].push(tab, row) }
    }

    /// Puts a faulty export row into a given month's file of the first night.
    pub(crate) fn dirt_line(&mut self, tab: Tab, month: String, row: &Row) -> Result<(), Error> {
        self.base.csv.push_into(tab, month, row)
    }

    /// Writes a household's story.
    pub(crate) fn story(&mut self, story: Story) -> Result<(), Error> {
        self.all(&story.records)?;
        self.all(&story.customers)?;
        self.all(&story.leads)?;
        for lead in &story.leads {
            self.lead_events(lead)?;
        }
        self.all(&story.referrals)?;
        self.all(&story.appointments)?;
        self.all(&story.visits)?;
        self.all(&story.consults)?;
        self.all(&story.orders)?;
        self.all(&story.lines)?;
        self.all(&story.payments)?;
        self.all(&story.refunds)?;
        for entitlement in &story.entitlements {
            self.keep(entitlement)?;
            self.all(&entitlement.uses)?;
        }
        for loose in story.loose {
            self.loose(loose)?;
        }
        Ok(())
    }

    fn all<K: Kept>(&mut self, rows: &[K]) -> Result<(), Error> {
        rows.iter().try_for_each(|row| self.keep(row))
    }

    fn keep<K: Kept>(&mut self, kept: &K) -> Result<(), Error> {
        let world = self.world;
        if kept.changed() <= world.cuts[0] {
            return match kept.row(world.cuts[0], world) {
                Some(row) => self.settled(K::TAB, row),
                None => Ok(()),
            };
        }
        self.versions(K::TAB, |cut| kept.row(cut, world))
    }

    fn loose(&mut self, loose: Loose) -> Result<(), Error> {
        let Loose { tab, mut versions } = loose;
        if versions.len() == 1
            && let Some((seen, row)) = versions.pop()
        {
            return self.at(tab, seen, row);
        }
        self.versions(tab, |cut| {
            let known = versions.iter().filter(|(seen, _)| *seen <= cut);
            known.max_by_key(|(seen, _)| *seen).map(|(_, row)| row.clone())
        })
    }

    fn versions(&mut self, tab: Tab, row: impl Fn(At) -> Option<Row>) -> Result<(), Error> {
        let mut before: Option<Row> = None;
        for (night, cut) in self.world.cuts.iter().enumerate() {
            let now = row(*cut);
            let changes = &mut self.changes[night][tab as usize];
            let store = if night == 0 { &mut self.base } else { &mut self.nights[night - 1] };
            match (&before, &now) {
                (None, Some(row)) => {
                    changes.inserted += 1;
                    store.push(tab, row.clone())?;
                }
                (Some(old), Some(row)) if old != row => {
                    changes.updated += 1;
                    store.push(tab, row.clone())?;
                }
                (Some(old), None) => {
                    changes.deleted += 1;
                    let key = match old[tab.contract().key[0]] {
                        Cell::Int(key) => key,
                        _ => 0,
                    };
                    let name = tab.name();
                    store.his.run(&format!("INSERT INTO removed VALUES ('{name}', {key})"))?;
                }
                _ => {}
            }
            before = now;
        }
        Ok(())
    }

    fn lead_events(&mut self, lead: &crate::crm::Lead) -> Result<(), Error> {
        for (nth, (at, from, to)) in lead.history().into_iter().enumerate() {
            let row = crate::cell::row![
                format!("E{}-{}", &lead.id[1..], nth + 1),
                &lead.id,
                from,
                to,
                at,
                lead.owner.filter(|_| nth > 0)
            ];
            self.at(Tab::LeadEvent, at, row)?;
        }
        Ok(())
    }

    /// Rows of a table after the last night, faulty ones not counted.
    pub(crate) fn rows(&self, tab: Tab) -> u64 {
        let all = self.changes.iter().map(|night| night[tab as usize]);
        all.map(|one| one.inserted as i64 - one.deleted as i64).sum::<i64>().unsigned_abs()
    }

    /// Closes every file; the sources then hold the first night's state.
    pub(crate) fn finish(self) -> Result<(), Error> {
        for night in self.nights {
            night.his.finish(None)?;
            night.csv.finish()?;
        }
        self.base.csv.finish()?;
        self.base.his.finish(Some(1))
    }
}
