//! What the group sells: services, goods, drugs, vaccines, packages, memberships and prices.
use crate::cell::{Fen, Row, row};
use crate::error::Error;
use crate::reference::Sheet;
use crate::time::At;

/// How a journey uses an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Register,
    Exam,
    Single,
    Surgery,
    Course,
    Goods,
    Drug,
    Material,
    Vaccine,
    Package,
    Membership,
    Delivery,
    Recheck,
}

/// A catalogue item.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: i64,
    pub(crate) code: String,
    pub(crate) name: String,
    category: String,
    /// 1 service … 6 membership.
    pub(crate) kind: i64,
    /// List price in fen.
    pub(crate) price: i64,
    pub(crate) line: i64,
    pub(crate) excluded: bool,
    pub(crate) recall: Option<i64>,
    pub(crate) usage: Use,
    /// Contained items and times, for packages.
    pub(crate) contains: Vec<(usize, i64)>,
}

impl Item {
    /// Kinds whose lines are earned at once when no entitlement stands behind them.
    pub(crate) fn immediate_kind(&self) -> bool {
        (1..=4).contains(&self.kind)
    }
}

/// All items in file order; positions are the ids used inside the generator.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    pub(crate) items: Vec<Item>,
}

impl Catalogue {
    pub(crate) fn read() -> Result<Self, Error> {
        let sheet = Sheet::read("items.csv", include_str!("../../data/demo/items.csv"))?;
        let mut items = Vec::new();
        for entry in sheet.entries() {
            items.push(Item {
                id: 5001 + items.len() as i64,
                code: entry.owned("code"),
                name: entry.owned("name"),
                category: entry.owned("category"),
                kind: entry.number("kind")?,
                price: entry.hundredths("price")?,
                line: entry.number("line")?,
                excluded: entry.text("excluded") == "1",
                recall: entry.maybe_number("recall_days")?,
                usage: usage(entry.text("use")).ok_or_else(|| entry.bad("use"))?,
                contains: Vec::new(),
            });
        }
        let sheet = Sheet::read("packages.csv", include_str!("../../data/demo/packages.csv"))?;
        for entry in sheet.entries() {
            let find = |column: &str| {
                let code = entry.text(column);
                items.iter().position(|item| item.code == code).ok_or_else(|| entry.bad(column))
            };
            let (package, inner) = (find("package")?, find("item")?);
            let times = entry.number("times")?;
            items[package].contains.push((inner, times));
        }
        Ok(Self { items })
    }

    pub(crate) fn of(&self, line: i64, usage: Use) -> Vec<usize> {
        let wanted = |item: &Item| item.usage == usage && item.line == line;
        (0..self.items.len()).filter(|index| wanted(&self.items[*index])).collect()
    }

    /// Position of an item by its code.
    pub(crate) fn by_code(&self, code: &str) -> usize {
        self.items.iter().position(|item| item.code == code).expect("a code of items.csv")
    }

    /// `t_xm` rows.
    pub(crate) fn rows(&self, changed: At) -> Vec<Row> {
        let one = |item: &Item| {
            row![
                item.id,
                &item.code,
                &item.name,
                &item.category,
                item.kind,
                Fen(item.price),
                item.line,
                i64::from(item.excluded),
                item.recall,
                changed
            ]
        };
        self.items.iter().map(one).collect()
    }

    /// `t_tcmx` rows.
    pub(crate) fn package_rows(&self) -> Vec<Row> {
        let inner = |item: &Item| {
            let id = item.id;
            let rows: Vec<Row> = item
                .contains
                .iter()
                .map(|(at, times)| row![id, self.items[*at].id, *times])
                .collect();
            rows
        };
        self.items.iter().flat_map(inner).collect()
    }
}

fn usage(word: &str) -> Option<Use> {
    Some(match word {
        "register" => Use::Register,
        "exam" => Use::Exam,
        "single" => Use::Single,
        "surgery" => Use::Surgery,
        "course" => Use::Course,
        "goods" => Use::Goods,
        "drug" => Use::Drug,
        "material" => Use::Material,
        "vaccine" => Use::Vaccine,
        "package" => Use::Package,
        "membership" => Use::Membership,
        "delivery" => Use::Delivery,
        "recheck" => Use::Recheck,
        _ => return None,
    })
}
