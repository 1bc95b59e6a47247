//! What services need by standard, and what was bought and used: minutes per role, materials per
//! service, purchases and monthly consumption. Usage follows the services of the month, so it is
//! made after all journeys.
use crate::cell::{Fen, TenThousandths, row};
use crate::dice::Dice;
use crate::error::Error;
use crate::reference::Sheet;
use crate::sink::Sink;
use crate::table::Tab;
use crate::time::{Day, Month};
use crate::truth::Tally;
use crate::world::{World, stream};

const SUPPLIERS: [&str; 3] = ["华东医疗器械", "浦江耗材供应链", "杭城医药"];

struct Material {
    code: String,
    /// Standard price in fen.
    price: i64,
}

/// A service, a material and its quantity per case.
type Need = (usize, usize, i64);

struct Stock<'a, 'w> {
    world: &'w World,
    sink: &'a mut Sink<'w>,
    dice: Dice,
    materials: Vec<Material>,
    needs: Vec<Need>,
    bought: u32,
}

/// Writes standards, and purchases and usage of every closed month.
pub(crate) fn write<'w>(
    world: &'w World,
    sink: &mut Sink<'w>,
    tally: &Tally<'w>,
) -> Result<(), Error> {
    let sheet = Sheet::read("standards.csv", include_str!("../../data/demo/standards.csv"))?;
    for entry in sheet.entries() {
        let heads: i64 = entry.number("heads")?;
        let standard = row![
            entry.owned("item"),
            entry.owned("role"),
            TenThousandths(heads * 10_000),
            entry.number::<i64>("minutes")?
        ];
        sink.settled(Tab::ItemStandard, standard)?;
    }
    let sheet = Sheet::read("materials.csv", include_str!("../../data/demo/materials.csv"))?;
    let mut materials = Vec::new();
    for entry in sheet.entries() {
        let (code, price) = (entry.owned("material"), entry.hundredths("price")?);
        let (name, unit) = (entry.owned("name"), entry.owned("unit"));
        sink.settled(Tab::Material, row![code.clone(), name, unit, Fen(price)])?;
        materials.push(Material { code, price });
    }
    let sheet = Sheet::read("recipes.csv", include_str!("../../data/demo/recipes.csv"))?;
    let mut needs = Vec::new();
    for entry in sheet.entries() {
        let (item, code) = (entry.owned("item"), entry.owned("material"));
        let quantity: i64 = entry.number("quantity")?;
        let material = materials.iter().position(|one| one.code == code);
        let material = material.ok_or_else(|| entry.bad("material"))?;
        needs.push((world.catalogue.by_code(&item), material, quantity));
        let need = row![item, code, TenThousandths(quantity * 10_000)];
        sink.settled(Tab::ItemMaterial, need)?;
    }
    let dice = Dice::new(world.seed, stream::STOCK);
    let mut stock = Stock { world, sink, dice, materials, needs, bought: 0 };
    for raw in world.from.month().0..=world.to.month().0 {
        let month = Month(raw);
        if month.last() <= world.to {
            stock.month(month, tally)?;
        }
    }
    Ok(())
}

impl Stock<'_, '_> {
    fn month(&mut self, month: Month, tally: &Tally<'_>) -> Result<(), Error> {
        let world = self.world;
        for site in &world.org.sites {
            let mut needed = vec![0; self.materials.len()];
            for dept in &site.depts {
                for (at, needed) in needed.iter_mut().enumerate() {
                    let standard: i64 = self
                        .needs
                        .iter()
                        .filter(|need| need.1 == at)
                        .map(|need| need.2 * tally.cases(dept.id, month, need.0))
                        .sum();
                    if standard == 0 {
                        continue;
                    }
                    // One clinic wastes what the others do not.
                    let wasteful = site.code == "DL-HZ-YM";
                    let percent = self.dice.between(96, 106) + if wasteful { 14 } else { 0 };
                    let used = standard * percent * 100;
                    *needed += used;
                    let code = &self.materials[at].code;
                    let usage = row![month.label(), &dept.code, code, TenThousandths(used)];
                    self.sink.at(Tab::MaterialUsage, month.last().at(22, 0), usage)?;
                }
            }
            let first = month.first().max(world.from);
            for (at, used) in needed.into_iter().enumerate().filter(|one| one.1 > 0) {
                self.purchase(&site.code, first, month, at, used)?;
            }
        }
        Ok(())
    }

    fn purchase(
        &mut self,
        site: &str,
        first: Day,
        month: Month,
        material: usize,
        used: i64,
    ) -> Result<(), Error> {
        self.bought += 1;
        let Material { code, price } = &self.materials[material];
        let day = first.plus(self.dice.days(0, 2));
        let supplier = *self.dice.pick(&SUPPLIERS).unwrap_or(&SUPPLIERS[0]);
        let packs = (used / 10_000 + 9) / 10 * 10;
        let paid = price * self.dice.between(96, 108) / 100;
        let line = row![
            format!("CG{}-{}", month.label().replace('-', ""), self.bought),
            month.label(),
            day,
            site.to_owned(),
            supplier,
            code,
            TenThousandths(packs * 10_000),
            Fen(paid)
        ];
        self.sink.at(Tab::Purchase, month.last().at(22, 0), line)
    }
}
