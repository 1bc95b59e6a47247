//! The demo group's sources: a hospital database, CRM exports and a finance ledger of any size,
//! life-like and dirty in counted numbers, with the truth a correct hub must find in them.
//!
//! `generate` writes the state of the first night; `advance` applies what changed for the next;
//! `load_into` copies the hospital tables into a server. Knows the source contracts in
//! `schema/sources`, nothing of the hub's own tables, pipeline or metrics code.
mod calendar;
mod care;
mod catalogue;
mod cell;
mod channel;
mod crm;
mod dice;
mod dirt;
mod error;
mod export;
mod journey;
mod ledger;
mod load;
mod money;
mod nights;
mod org;
mod people;
mod reference;
mod shared;
mod sink;
mod spec;
mod spend;
mod sqlite;
mod staff;
mod stock;
mod story;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod truth;
mod world;

pub use error::Error;
pub use load::{LoadReport, load_into};
pub use nights::{advance, current_night};
pub use spec::DemoSpec;
pub use table::Source;
pub use truth::{Truth, TruthAnomaly, TruthMetric, TruthMoney, TruthNight, TruthRule};

use std::path::Path;

use dice::Dice;
use shared::Shared;
use sink::Sink;
use table::Tab;
use truth::Tally;
use world::World;

/// Makes the sources under `dir/sources` as they are at the end of the first night, stores what
/// the later nights bring, and writes `truth.json` with `truth_identity.csv`, which tells whose
/// every record is. `progress` hears of people done and all.
///
/// # Errors
/// When the specification is not usable or a file cannot be written.
pub fn generate(dir: &Path, spec: &DemoSpec, progress: &dyn Fn(u64, u64)) -> Result<Truth, Error> {
    spec.validate()?;
    let world = World::make(spec)?;
    let sources = dir.join("sources");
    std::fs::create_dir_all(&sources).map_err(Error::file(&sources))?;
    let mut sink = Sink::create(dir, &world)?;
    let mut tally = Tally::new(&world);
    reference_rows(&world, &mut sink)?;
    spend::write(&world, &mut sink)?;
    households(&world, &mut sink, &mut tally, progress)?;
    ledger::write(&world, &mut sink, &mut tally)?;
    stock::write(&world, &mut sink, &tally)?;
    let quarantined = dirt::plant(&world, &mut sink)?;
    let humans = tally.humans();
    let truth = tally.report(&sink, quarantined);
    sink.finish()?;
    let path = sources.join("truth_identity.csv");
    std::fs::write(&path, humans).map_err(Error::file(&path))?;
    let path = sources.join("truth.json");
    let text = serde_json::to_string_pretty(&truth).map_err(Error::Truth)?;
    std::fs::write(&path, text).map_err(Error::file(&path))?;
    Ok(truth)
}

fn reference_rows(world: &World, sink: &mut Sink<'_>) -> Result<(), Error> {
    let settled = world.settled();
    let all = [
        (Tab::Org, world.org.rows(settled)),
        (Tab::Staff, world.staff.rows(settled)),
        (Tab::Item, world.catalogue.rows(settled)),
        (Tab::PackageItem, world.catalogue.package_rows()),
    ];
    for (tab, rows) in all {
        for row in rows {
            sink.settled(tab, row)?;
        }
    }
    Ok(())
}

fn households(
    world: &World,
    sink: &mut Sink<'_>,
    tally: &mut Tally<'_>,
    progress: &dyn Fn(u64, u64),
) -> Result<(), Error> {
    let mut shared = Shared::new(&world.cuts, world.people);
    let (mut person, mut number, mut told) = (0, 0, 0);
    while person < world.people {
        let mut dice = Dice::new(world.seed, number);
        let room = world.people - person;
        let household = people::household(&mut dice, &world.names, person, room, world.to);
        person += household.members.len() as u64;
        number += 1;
        let story = journey::tell(world, &mut shared, dice, household);
        tally.observe(&story);
        sink.story(story)?;
        if person / 500 > told {
            told = person / 500;
            progress(person, world.people);
        }
    }
    progress(world.people, world.people);
    Ok(())
}
