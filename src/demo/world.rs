//! Everything a journey may look up: reference data, staff, rhythm, and when the nights cut.
use crate::calendar::Calendar;
use crate::catalogue::Catalogue;
use crate::channel::Channels;
use crate::dice::Dice;
use crate::error::Error;
use crate::org::Org;
use crate::people::Names;
use crate::spec::DemoSpec;
use crate::staff::Staff;
use crate::time::{At, Day};

/// The unchanging surroundings of all journeys.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) people: u64,
    pub(crate) from: Day,
    pub(crate) to: Day,
    /// Last second of each night's business day, in order.
    pub(crate) cuts: Vec<At>,
    pub(crate) org: Org,
    pub(crate) names: Names,
    pub(crate) staff: Staff,
    pub(crate) catalogue: Catalogue,
    pub(crate) channels: Channels,
    pub(crate) calendar: Calendar,
}

/// Streams of chance that no household uses.
pub(crate) mod stream {
    pub(crate) const STAFF: u64 = u64::MAX;
    pub(crate) const CHANNELS: u64 = u64::MAX - 1;
    pub(crate) const SPEND: u64 = u64::MAX - 2;
    pub(crate) const LEDGER: u64 = u64::MAX - 3;
    pub(crate) const STOCK: u64 = u64::MAX - 4;
}

impl World {
    pub(crate) fn make(spec: &DemoSpec) -> Result<Self, Error> {
        let to = Day::new(spec.end);
        let from = to.plus(1 - spec.days as i32);
        let org = Org::read()?;
        let names = Names::read()?;
        let mut dice = Dice::new(spec.seed, stream::STAFF);
        let staff = Staff::make(&org, &names, &mut dice, (from, to), spec.people)?;
        let mut dice = Dice::new(spec.seed, stream::CHANNELS);
        let channels = Channels::make(&mut dice, (from, to), spec.people)?;
        let nights = spec.nights as i32;
        Ok(Self {
            seed: spec.seed,
            people: spec.people,
            from,
            to,
            cuts: (1..=nights).map(|night| to.plus(night - nights).last()).collect(),
            calendar: Calendar::make(&org, from, to)?,
            org,
            names,
            staff,
            catalogue: Catalogue::read()?,
            channels,
        })
    }

    /// The last moment the sources know of.
    pub(crate) fn horizon(&self) -> At {
        self.to.last()
    }

    /// Set-up time of rows that were there before the demo's span.
    pub(crate) fn settled(&self) -> At {
        self.from.plus(-30).at(9, 0)
    }

    pub(crate) fn site_id(&self, site: usize) -> i64 {
        self.org.sites[site].id
    }
}
