//! What changed at a source since its table was landed last, and whether the table may load.
//!
//! Compares descriptions only; reads no row. Texts name columns and types, never values.

use hub_domain::contract::{ColumnType, SourceTable};
use serde::{Deserialize, Serialize};

use super::{FoundColumn, Native};
use crate::extract::config::{SchemaMode, SchemaPolicy, Tolerance};

/// A column as the source had it when its table was landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Described {
    /// Name at the source.
    pub(super) name: String,
    /// Type the source delivers, as [`type_text`] writes it.
    #[serde(rename = "type")]
    pub(super) found_type: String,
    /// Whether it allows NULL, where the source tells.
    pub(super) nullable: Option<bool>,
    /// Whether it is part of the key.
    pub(super) key: bool,
    /// Whether it was landed; others were left out.
    pub(super) landed: bool,
    /// Whether the source had it; others landed as NULL.
    pub(super) present: bool,
}

impl Described {
    pub(super) fn of(found: &FoundColumn, key: bool, landed: bool) -> Self {
        Self {
            name: found.name.clone(),
            found_type: type_text(found),
            nullable: found.nullable,
            key,
            landed,
            present: true,
        }
    }

    pub(super) fn column_type(&self) -> ColumnType {
        let plain = self.found_type.strip_suffix(ZONED).unwrap_or(&self.found_type);
        ColumnType::parse(plain).unwrap_or(ColumnType::Text)
    }
}

/// Marks timestamps that are instants.
const ZONED: &str = " with zone";

fn type_text(found: &FoundColumn) -> String {
    let zoned = if found.native == Native::Instant { ZONED } else { "" };
    format!("{}{zoned}", found.column_type)
}

/// What a comparison found, one sentence per change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// Changes the table loads with.
    pub(super) notices: Vec<String>,
    /// Changes it does not load with.
    pub(super) freezes: Vec<String>,
}

impl Judged {
    fn tell(&mut self, freeze: bool, what: String) {
        if freeze { &mut self.freezes } else { &mut self.notices }.push(what);
    }
}

/// One comparison.
pub(super) struct Comparison<'a> {
    pub(super) policy: SchemaPolicy,
    pub(super) found: &'a [FoundColumn],
    pub(super) before: &'a [Described],
    pub(super) contract: Option<&'a SourceTable>,
    /// Columns whose loss or change always freezes.
    pub(super) vital: &'a [String],
}

pub(super) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

impl Comparison<'_> {
    pub(super) fn judge(&self) -> Judged {
        let mut judged = Judged::default();
        let mut gone: Vec<&Described> = self.before.iter().filter(|b| self.is_gone(b)).collect();
        let mut new: Vec<&FoundColumn> = self.found.iter().filter(|f| self.is_new(f)).collect();
        gone.retain(|gone| {
            let twin = new.iter().position(|new| type_text(new) == gone.found_type);
            let Some(twin) = twin else { return true };
            let what = format!("`{}` is gone, `{}` is new: renamed?", gone.name, new[twin].name);
            let freeze = self.policy.renamed == Tolerance::Freeze || self.needs(&gone.name);
            judged.tell(freeze, what);
            new.remove(twin);
            false
        });
        for gone in gone {
            let freeze = self.policy.dropped == Tolerance::Freeze || self.needs(&gone.name);
            let then = if freeze { "" } else { "; it lands as NULL" };
            judged.tell(freeze, format!("column `{}` is gone{then}", gone.name));
        }
        for new in new {
            judged.tell(self.policy.added == SchemaMode::Freeze, self.added(new));
        }
        for (before, found) in self.kept() {
            self.changed(before, found, &mut judged);
        }
        judged
    }

    fn declared(&self, name: &str) -> Option<&hub_domain::contract::SourceColumn> {
        let columns = self.contract.iter().flat_map(|contract| &contract.columns);
        columns.into_iter().find(|(known, _)| same(known, name)).map(|(_, column)| column)
    }

    /// Whether the column's loss leaves nothing that could be landed.
    fn needs(&self, name: &str) -> bool {
        self.is_vital(name) || self.declared(name).is_some_and(|column| !column.nullable)
    }

    fn is_vital(&self, name: &str) -> bool {
        self.vital.iter().any(|vital| same(vital, name))
    }

    fn is_gone(&self, before: &Described) -> bool {
        let matters = match self.contract {
            Some(_) => self.declared(&before.name).is_some(),
            None => before.landed,
        };
        matters && before.present && !self.found.iter().any(|f| same(&f.name, &before.name))
    }

    /// What a contract declares was expected, so it is not new when it comes.
    fn is_new(&self, found: &FoundColumn) -> bool {
        let known = |before: &&Described| before.present && same(&before.name, &found.name);
        self.declared(&found.name).is_none() && !self.before.iter().any(|b| known(&b))
    }

    fn added(&self, new: &FoundColumn) -> String {
        let then = match (self.policy.added, self.contract) {
            (SchemaMode::Freeze, _) => "",
            (SchemaMode::DiscardRow, _) => "; rows with a value in it go to quarantine",
            (SchemaMode::Evolve, None) => "; it is landed",
            (SchemaMode::DiscardValue, None) => "; it is left out",
            (_, Some(_)) => "; the contract does not declare it, so it is left out",
        };
        format!("column `{}` is new{then}", new.name)
    }

    fn kept(&self) -> impl Iterator<Item = (&Described, &FoundColumn)> {
        let counts = |before: &&Described| before.present && before.landed;
        self.before.iter().filter(counts).filter_map(|before| {
            let found = self.found.iter().find(|found| same(&found.name, &before.name));
            found.map(|found| (before, found))
        })
    }

    fn changed(&self, before: &Described, found: &FoundColumn, judged: &mut Judged) {
        let (was, is) = (&before.found_type, type_text(found));
        if *was != is {
            let declared = self.declared(&found.name).map(|column| column.column_type);
            let delivers = declared.is_some_and(|declared| delivers(found.column_type, declared));
            let freeze = self.policy.retyped == SchemaMode::Freeze || self.is_vital(&found.name);
            let what = format!("column `{}` was {was} and is {is} now", found.name);
            judged.tell(freeze && !delivers, what);
        }
        if let (Some(was), Some(is)) = (before.nullable, found.nullable)
            && was != is
        {
            let now = if is { "allows NULL now" } else { "allows no NULL any more" };
            let freeze = self.policy.nullability == Tolerance::Freeze;
            judged.tell(freeze, format!("column `{}` {now}", found.name));
        }
    }
}

/// Whether every value of type `found` is one of type `declared`.
fn delivers(found: ColumnType, declared: ColumnType) -> bool {
    match (found, declared) {
        (found, declared) if found == declared => true,
        (_, ColumnType::Text)
        | (ColumnType::Int64, ColumnType::Decimal(..))
        | (ColumnType::Date, ColumnType::Timestamp) => true,
        (ColumnType::Decimal(precision, scale), ColumnType::Decimal(held, held_scale)) => {
            let digits = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
            scale <= held_scale && digits(precision, scale) <= digits(held, held_scale)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
