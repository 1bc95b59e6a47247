//! Who lives in the two cities: households, names, shared phones, identity cards.
//! Knows nothing of clinics.
use crate::dice::Dice;
use crate::error::Error;
use crate::reference::Sheet;
use crate::time::Day;

/// Name characters and address words.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    surnames: Vec<char>,
    female: Vec<char>,
    male: Vec<char>,
    child: Vec<char>,
    districts: [Vec<String>; 2],
    jobs: Vec<String>,
}

impl Names {
    pub(crate) fn read() -> Result<Self, Error> {
        let sheet = Sheet::read("names.csv", include_str!("../../data/demo/names.csv"))?;
        let text = |kind: &str| {
            sheet
                .entries()
                .find(|entry| entry.text("kind") == kind)
                .map(|entry| entry.owned("text"))
        };
        let letters = |kind: &str| text(kind).unwrap_or_default().chars().collect::<Vec<char>>();
        let words = |kind: &str| {
            text(kind).unwrap_or_default().split('|').map(str::to_owned).collect::<Vec<String>>()
        };
        Ok(Self {
            surnames: letters("surname"),
            female: letters("female"),
            male: letters("male"),
            child: letters("child"),
            districts: [words("district_上海"), words("district_杭州")],
            jobs: words("job"),
        })
    }

    pub(crate) fn adult(&self, dice: &mut Dice, woman: bool) -> String {
        let given = if woman { &self.female } else { &self.male };
        self.full(dice, None, given)
    }

    fn full(&self, dice: &mut Dice, family: Option<char>, given: &[char]) -> String {
        // Common surnames come first in the file.
        let index = (dice.unit() * dice.unit() * self.surnames.len() as f64) as usize;
        let mut name = String::new();
        name.push(family.or_else(|| self.surnames.get(index).copied()).unwrap_or('王'));
        for _ in 0..dice.between(1, 2).max(dice.between(1, 2)) {
            name.push(dice.pick(given).copied().unwrap_or('安'));
        }
        name
    }
}

/// What brings a household to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Single,
    Couple,
    /// A mother to be, her partner and the baby.
    Expecting,
    /// Parents with children past babyhood.
    Family,
}

/// A human being.
#[derive(Debug, Clone)]
pub(crate) struct Persona {
    /// Number of the person; its identity card follows from it.
    pub(crate) serial: u64,
    pub(crate) woman: bool,
    pub(crate) birth: Day,
    pub(crate) name: String,
    /// The number the person gives, possibly a relative's.
    pub(crate) phone: String,
    /// Whose number it is: 1 self, 3 spouse, 4 father, 5 mother.
    pub(crate) relation: i64,
    /// A valid identity card number.
    pub(crate) card: String,
    pub(crate) wechat: String,
    pub(crate) district: String,
    pub(crate) job: String,
    pub(crate) married: bool,
    pub(crate) child: bool,
}

/// People who share a home and often a phone.
#[derive(Debug, Clone)]
pub(crate) struct Household {
    pub(crate) kind: Kind,
    /// 0 Shanghai, 1 Hangzhou.
    pub(crate) city: usize,
    pub(crate) members: Vec<Persona>,
}

/// Makes the household whose first member is person number `first`, of at most `room` people.
pub(crate) fn household(
    dice: &mut Dice,
    names: &Names,
    first: u64,
    room: u64,
    today: Day,
) -> Household {
    let kind = match dice.weighted(&[0.56, 0.12, 0.17, 0.15]) {
        0 => Kind::Single,
        1 => Kind::Couple,
        2 => Kind::Expecting,
        _ => Kind::Family,
    };
    let city = usize::from(dice.chance(0.36));
    let mut maker = Maker { dice, names, serial: first, today, city };
    let mut members = Vec::new();
    match kind {
        Kind::Single => {
            let woman = maker.dice.chance(0.72);
            members.push(maker.adult(woman, (20, 62), None));
        }
        Kind::Couple => {
            members.push(maker.adult(true, (24, 60), None));
            let wife = members[0].clone();
            members.push(maker.adult(false, (25, 62), Some(&wife)));
        }
        Kind::Expecting | Kind::Family => {
            members.push(maker.adult(true, (24, 40), None));
            let mother = members[0].clone();
            members.push(maker.adult(false, (25, 44), Some(&mother)));
            let children = if kind == Kind::Family && maker.dice.chance(0.3) { 2 } else { 1 };
            let father = members[1].name.chars().next();
            for _ in 0..children {
                members.push(maker.child(&mother, father, kind));
            }
        }
    }
    members.truncate(room.max(1) as usize);
    Household { kind, city, members }
}

struct Maker<'a> {
    dice: &'a mut Dice,
    names: &'a Names,
    serial: u64,
    today: Day,
    city: usize,
}

impl Maker<'_> {
    fn adult(&mut self, woman: bool, years: (i64, i64), partner: Option<&Persona>) -> Persona {
        let age = self.dice.between(years.0 * 365, years.1 * 365) as i32;
        let name = self.names.adult(self.dice, woman);
        let mut persona = self.persona(woman, self.today.plus(-age), name);
        persona.married = partner.is_some() || self.dice.chance(0.45);
        if let Some(partner) = partner
            && self.dice.chance(0.35)
        {
            persona.phone.clone_from(&partner.phone);
            persona.relation = 3;
        }
        persona
    }

    fn child(&mut self, mother: &Persona, family: Option<char>, kind: Kind) -> Persona {
        let age = match kind {
            Kind::Family => self.dice.between(300, 12 * 365) as i32,
            // Set again when the delivery day is known.
            _ => 0,
        };
        let woman = self.dice.chance(0.49);
        let name = self.names.full(self.dice, family, &self.names.child);
        let mut persona = self.persona(woman, self.today.plus(-age), name);
        persona.phone.clone_from(&mother.phone);
        persona.relation = 5;
        persona.child = true;
        persona.job = String::new();
        persona
    }

    fn persona(&mut self, woman: bool, birth: Day, name: String) -> Persona {
        let serial = self.serial;
        self.serial += 1;
        let prefix = ["13", "15", "17", "18", "19"][self.dice.between(0, 4) as usize];
        let third = self.dice.between(0, 9);
        // The factor is prime to 10^8: numbers never repeat.
        let number = serial.wrapping_mul(73_939_133) % 100_000_000;
        Persona {
            serial,
            woman,
            birth,
            name,
            phone: format!("{prefix}{third}{number:08}"),
            relation: 1,
            card: identity_card(serial, birth, woman),
            wechat: format!("wx_{:x}", serial.wrapping_mul(2_654_435_761) % 0xffff_ffff_ffff),
            district: self.dice.pick(&self.names.districts[self.city]).cloned().unwrap_or_default(),
            job: self.dice.pick(&self.names.jobs).cloned().unwrap_or_default(),
            married: false,
            child: false,
        }
    }
}

/// A valid 18-character number; distinct for distinct serials below nine million.
pub(crate) fn identity_card(serial: u64, birth: Day, woman: bool) -> String {
    let (year, month, dom) = birth.ymd();
    let order = serial % 500 * 2 + u64::from(!woman);
    let region = serial / 500;
    let province = [11, 31, 32, 33, 34, 35, 36, 37, 41, 42][(region % 10) as usize];
    let city = region / 10 % 30 + 1;
    let county = region / 300 % 60 + 1;
    let mut text = format!("{province}{city:02}{county:02}{year:04}{month:02}{dom:02}{order:03}");
    text.push(check_character(&text));
    text
}

/// Check character of the first 17 digits (GB 11643: weights 2^(18-i) mod 11).
pub(crate) fn check_character(digits: &str) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 =
        digits.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    char::from(b"10X98765432"[(sum % 11) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_character_of_a_published_example() {
        assert_eq!(check_character("11010519491231002"), 'X');
    }

    #[test]
    fn cards_do_not_repeat() {
        let birth = Day(10_000);
        let cards: std::collections::HashSet<String> =
            (0..200_000).map(|serial| identity_card(serial * 7, birth, true)).collect();
        assert_eq!(cards.len(), 200_000);
    }
}
