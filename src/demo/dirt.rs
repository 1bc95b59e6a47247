//! Faulty rows planted in counted numbers. Nothing refers to them, so rejecting them changes no
//! other row; a duplicate is an exact copy, so it does not matter which one loads.
use std::collections::BTreeMap;

use crate::cell::{Cell, Fen, Hundredths, Row, row};
use crate::error::Error;
use crate::sink::Sink;
use crate::table::Tab;
use crate::time::At;
use crate::world::World;

/// `<source>.<table>` → reason → rows.
pub(crate) type Quarantine = BTreeMap<String, BTreeMap<String, u64>>;

/// Bytes that no GB18030 and no UTF-8 text contains.
const BAD: &[u8] = &[0xC3, 0xFF, 0xFF, 0x28];

struct Planter<'a, 'w> {
    world: &'w World,
    sink: &'a mut Sink<'w>,
    counts: Quarantine,
    next: i64,
    scale: u64,
}

/// Plants every kind of fault and returns how many rows of each there are.
pub(crate) fn plant<'w>(world: &'w World, sink: &mut Sink<'w>) -> Result<Quarantine, Error> {
    let scale = (world.people / 5_000).min(40);
    let mut planter = Planter { world, sink, counts: BTreeMap::new(), next: 900_000_000, scale };
    planter.hospital()?;
    planter.last_night()?;
    planter.crm()?;
    planter.ledger()?;
    planter.duplicates()?;
    Ok(planter.counts)
}

impl Planter<'_, '_> {
    /// Plants `base` rows and more in a larger demo; `make` gets a fresh key.
    fn some(
        &mut self,
        tab: Tab,
        reason: &str,
        base: u64,
        night: usize,
        make: impl Fn(i64) -> Row,
    ) -> Result<(), Error> {
        let rows = base + self.scale;
        for _ in 0..rows {
            self.next += 1;
            self.sink.dirt(tab, night, make(self.next))?;
        }
        self.count(tab, reason, rows);
        Ok(())
    }

    fn lines(
        &mut self,
        tab: Tab,
        reason: &str,
        base: u64,
        make: impl Fn(i64) -> Row,
    ) -> Result<(), Error> {
        let month = match tab.split() {
            Some(_) => self.world.from.plus(3).month().label().replace('-', ""),
            None => String::new(),
        };
        let rows = base + self.scale;
        for _ in 0..rows {
            self.next += 1;
            self.sink.dirt_line(tab, month.clone(), &make(self.next))?;
        }
        self.count(tab, reason, rows);
        Ok(())
    }

    fn count(&mut self, tab: Tab, reason: &str, rows: u64) {
        if rows == 0 {
            return;
        }
        let table = format!("{}.{}", tab.source().name(), tab.name());
        *self.counts.entry(table).or_default().entry(reason.to_owned()).or_default() += rows;
    }

    fn hospital(&mut self) -> Result<(), Error> {
        let at = self.world.from.plus(3).at(10, 0);
        let record = move |key: i64| record(key, at);
        self.some(Tab::Record, "null_key", 2, 0, |key| set(record(key), 0, Cell::Null))?;
        self.some(Tab::Record, "zero_date", 3, 0, |key| set(record(key), 4, "0000-00-00"))?;
        self.some(Tab::Record, "impossible_date", 3, 0, |key| set(record(key), 4, "2024-02-30"))?;
        self.some(Tab::Record, "bad_encoding", 4, 0, |key| set(record(key), 2, raw()))?;

        let yy = move |key: i64| appointment(key, at);
        self.some(Tab::Appointment, "null_key", 1, 0, |key| set(yy(key), 0, Cell::Null))?;
        let zero = "0000-00-00 00:00:00";
        self.some(Tab::Appointment, "zero_date", 5, 0, |key| set(yy(key), 9, zero))?;
        let never = "2024-02-30 10:00:00";
        self.some(Tab::Appointment, "impossible_date", 2, 0, |key| set(yy(key), 9, never))?;
        self.some(Tab::Appointment, "bad_value", 2, 0, |key| set(yy(key), 7, "待定"))?;

        let jz = move |key: i64| visit(key, at);
        self.some(Tab::Visit, "zero_date", 2, 0, |key| set(jz(key), 3, zero))?;

        let sk = move |key: i64| payment(key, at);
        let huge = "999999999999.99";
        self.some(Tab::Payment, "decimal_overflow", 3, 0, |key| set(sk(key), 7, huge))?;
        self.some(Tab::Payment, "bad_value", 1, 0, |key| set(sk(key), 7, "壹佰元"))?;
        // Two faults in one row: the key comes first.
        self.some(Tab::Payment, "null_key", 2, 0, |key| set(set(sk(key), 0, Cell::Null), 7, huge))?;
        let line = move |key: i64| line(key, at);
        self.some(Tab::Line, "decimal_overflow", 2, 0, |key| set(line(key), 9, huge))?;
        self.some(Tab::Survey, "bad_encoding", 3, 0, move |key| {
            row![key, 0i64, Cell::Null, 0i64, 1i64, "建议", 5i64, raw(), at]
        })
    }

    /// Faults that only the last night brings.
    fn last_night(&mut self) -> Result<(), Error> {
        let last = self.world.cuts.len() - 1;
        if last == 0 {
            return Ok(());
        }
        let at = self.world.to.at(19, 0);
        let zero = "0000-00-00 00:00:00";
        self.some(Tab::Appointment, "zero_date", 2, last, |key| set(appointment(key, at), 9, zero))
    }

    fn crm(&mut self) -> Result<(), Error> {
        let at = self.world.from.plus(3).at(10, 0);
        let site = self.world.org.sites[0].code.clone();
        let lead = |key: i64| lead(key, &site, at);
        self.lines(Tab::Lead, "ragged_row", 3, |key| {
            let mut short = lead(key);
            short.truncate(9);
            short
        })?;
        self.lines(Tab::Lead, "bad_encoding", 2, |key| set(lead(key), 7, raw()))?;
        self.lines(Tab::Lead, "impossible_date", 2, |key| {
            set(lead(key), 5, "2025-02-30 09:00:00")
        })?;
        self.lines(Tab::Lead, "null_key", 2, |key| set(lead(key), 0, Cell::Null))?;
        let customer = |key: i64| customer(key, at);
        self.lines(Tab::Customer, "null_key", 2, |key| set(customer(key), 0, Cell::Null))?;
        self.lines(Tab::Customer, "zero_date", 2, |key| set(customer(key), 3, "0000-00-00"))?;
        self.lines(Tab::Customer, "bad_encoding", 2, |key| set(customer(key), 1, raw()))?;
        self.lines(Tab::Touch, "ragged_row", 4, |key| {
            let id = format!("TX{key}");
            row![
                id,
                Cell::Null,
                "x",
                Cell::Null,
                "ON-WX",
                Cell::Null,
                "浏览",
                "入",
                at,
                Cell::Null,
                "多",
                "余"
            ]
        })?;
        let day = at.day();
        let spend = |key: i64, amount: &'static str, shown: &'static str| {
            row![format!("AX{key}"), day, "媒体", Cell::Null, amount, shown, 1i64]
        };
        self.lines(Tab::Spend, "decimal_overflow", 2, |key| spend(key, "1234567890123.00", "1"))?;
        self.lines(Tab::Spend, "bad_value", 2, |key| spend(key, "12.00", "很多"))
    }

    fn ledger(&mut self) -> Result<(), Error> {
        let month = self.world.from.plus(3).month().label();
        let dept = self.world.org.sites[0].depts[0].code.clone();
        let entry = |key: i64, amount: &'static str| {
            row![format!("FX{key}"), month.clone(), &dept, "5009", amount, "fixed", Cell::Null]
        };
        self.lines(Tab::CostEntry, "ragged_row", 2, |key| {
            let mut short = entry(key, "1.00");
            short.truncate(4);
            short
        })?;
        self.lines(Tab::CostEntry, "bad_value", 1, |key| entry(key, "1,2三"))?;
        self.lines(Tab::CostEntry, "bad_encoding", 1, |key| set(entry(key, "1.00"), 6, raw()))?;
        self.lines(Tab::CostEntry, "null_key", 1, |key| set(entry(key, "1.00"), 0, Cell::Null))
    }

    /// Exact copies of old rows that no later night touches.
    fn duplicates(&mut self) -> Result<(), Error> {
        for (tab, wanted) in [
            (Tab::Record, 3),
            (Tab::Appointment, 4),
            (Tab::Payment, 3),
            (Tab::Lead, 3),
            (Tab::Touch, 2),
        ] {
            let wanted = wanted + self.scale as usize;
            let copies: Vec<Row> = self.sink.samples(tab).iter().take(wanted).cloned().collect();
            self.count(tab, "duplicate_key", copies.len() as u64);
            for copy in copies {
                self.sink.dirt(tab, 0, copy)?;
            }
        }
        Ok(())
    }
}

fn raw() -> Cell {
    Cell::Raw(BAD.to_vec())
}

fn set(mut row: Row, column: usize, value: impl Into<Cell>) -> Row {
    row[column] = value.into();
    row
}

fn record(key: i64, at: At) -> Row {
    row![
        key,
        format!("XX{key}"),
        "测试",
        1i64,
        at.day(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        9i64,
        104i64,
        at,
        at
    ]
}

fn appointment(key: i64, at: At) -> Row {
    row![
        key,
        0i64,
        104i64,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        1i64,
        2i64,
        at,
        at,
        at,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        at
    ]
}

fn visit(key: i64, at: At) -> Row {
    row![key, 0i64, 104i64, at, at, 1i64, Cell::Null, Cell::Null, Cell::Null, Cell::Null, at]
}

fn payment(key: i64, at: At) -> Row {
    row![key, 0i64, 104i64, Cell::Null, Cell::Null, at, "现金", Fen(100), 1i64, Cell::Null, at]
}

fn line(key: i64, at: At) -> Row {
    let one = Hundredths(100);
    row![
        key,
        0i64,
        5001i64,
        Cell::Null,
        one,
        Fen(1),
        Fen(1),
        Fen(0),
        Fen(0),
        Fen(1),
        105i64,
        Cell::Null,
        at
    ]
}

fn lead(key: i64, site: &str, at: At) -> Row {
    row![
        format!("LX{key}"),
        "CX",
        "ON-WX",
        Cell::Null,
        site.to_owned(),
        at,
        "A",
        "无",
        "新建",
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        "是",
        at
    ]
}

fn customer(key: i64, at: At) -> Row {
    row![
        format!("CX{key}"),
        "测试",
        Cell::Null,
        at.day(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        "ON-WX",
        Cell::Null,
        at,
        at
    ]
}
