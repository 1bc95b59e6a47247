//! Which totals a table has, and counting rows apart while they are read.

use std::sync::Arc;

use hub_domain::contract::ColumnType;
use serde::{Deserialize, Serialize};

use super::super::cell::{Cell, Value, ZoneTable, convert};
use super::super::schema::{Native, SpecColumn, TableSpec};
use super::amounts::Amounts;

/// What is counted of a table besides its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Shape {
    pub(super) key: KeyShape,
    pub(super) sums: Vec<SumColumn>,
}

/// A summed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct SumColumn {
    pub(super) name: String,
    /// Places after the point.
    pub(super) scale: i8,
}

/// How keys are summed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum KeyShape {
    /// They are not: no part is a text or a whole number.
    None,
    /// One whole number: the sums of the numbers and of their squares.
    Number(String),
    /// Texts and whole numbers, joined by `|`: the sum of 60 bits of their MD5.
    Text(Vec<String>),
}

impl Shape {
    pub(in super::super) fn of(spec: &TableSpec) -> Self {
        let sums = spec.columns.iter().filter_map(|column| {
            let scale = match column.column_type {
                ColumnType::Int64 => 0,
                ColumnType::Decimal(_, scale) => scale,
                _ => return None,
            };
            Some(SumColumn { name: column.name.clone(), scale })
        });
        let sums = sums.collect();
        let key: Vec<&SpecColumn> = spec.key.iter().map(|index| &spec.columns[*index]).collect();
        let whole = |column: &SpecColumn| {
            column.column_type == ColumnType::Int64 && column.native == Native::Int
        };
        if let [one] = key.as_slice()
            && whole(one)
        {
            return Self { key: KeyShape::Number(one.name.clone()), sums };
        }
        let parts = key.iter().filter(|c| whole(c) || c.column_type == ColumnType::Text);
        let parts: Vec<String> = parts.map(|column| column.name.clone()).collect();
        let key = if parts.is_empty() { KeyShape::None } else { KeyShape::Text(parts) };
        Self { key, sums }
    }

    /// Columns that are counted.
    pub(super) fn columns(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match &self.key {
            KeyShape::None => Vec::new(),
            KeyShape::Number(name) => vec![name],
            KeyShape::Text(names) => names.iter().map(String::as_str).collect(),
        };
        for sum in &self.sums {
            if !names.contains(&sum.name.as_str()) {
                names.push(&sum.name);
            }
        }
        names
    }

    pub(super) fn is_key(&self, name: &str) -> bool {
        match &self.key {
            KeyShape::None => false,
            KeyShape::Number(key) => key == name,
            KeyShape::Text(names) => names.iter().any(|key| key == name),
        }
    }
}

/// Counts rows by their cells or values.
#[derive(Debug, Clone)]
pub(in super::super) struct Counter {
    spec: Arc<TableSpec>,
    pub(in super::super) shape: Shape,
    key: Vec<usize>,
    sums: Vec<usize>,
    pub(in super::super) amounts: Amounts,
}

impl Counter {
    pub(in super::super) fn new(spec: Arc<TableSpec>) -> Self {
        let shape = Shape::of(&spec);
        let index = |name: &str| spec.columns.iter().position(|column| column.name == name);
        let own = |index: &&usize| shape.is_key(&spec.columns[**index].name);
        let key = spec.key.iter().filter(own).copied().collect();
        let sums = shape.sums.iter().filter_map(|sum| index(&sum.name)).collect();
        Self { key, sums, amounts: Amounts::of(&shape), shape, spec }
    }

    /// Counts a row by what its source delivered, fit to land or not.
    pub(in super::super) fn cells(&mut self, cells: &[Cell<'_>], zone: &mut ZoneTable) {
        let cell = |index: usize| cells.get(index).copied().unwrap_or(Cell::Null);
        self.amounts.rows += 1;
        let parts: Vec<Vec<u8>> = self
            .key
            .iter()
            .map(|index| part(cell(*index), &self.spec.columns[*index], zone))
            .collect();
        self.key(&parts);
        for (sum, index) in self.amounts.sums.iter_mut().zip(&self.sums) {
            let value = convert(cell(*index), self.spec.columns[*index].column_type, zone);
            if let Ok(Some(Value::Int(value))) = value {
                sum.add(i128::from(value));
            } else if let Ok(Some(Value::Decimal(value))) = value {
                sum.add(value);
            }
        }
    }

    /// Counts a row by its values.
    pub(in super::super) fn values<'a>(&mut self, value: impl Fn(usize) -> Option<Value<'a>>) {
        self.amounts.rows += 1;
        let text = |index: usize| {
            let column_type = self.spec.columns[index].column_type;
            value(index).map(|value| value.text(column_type).into_bytes()).unwrap_or_default()
        };
        let parts: Vec<Vec<u8>> = self.key.iter().map(|index| text(*index)).collect();
        self.key(&parts);
        for (sum, index) in self.amounts.sums.iter_mut().zip(&self.sums) {
            match value(*index) {
                Some(Value::Int(value)) => sum.add(i128::from(value)),
                Some(Value::Decimal(value)) => sum.add(value),
                _ => {}
            }
        }
    }

    fn key(&mut self, parts: &[Vec<u8>]) {
        match &self.shape.key {
            KeyShape::None => {}
            KeyShape::Number(_) => {
                // A missing number adds nothing to a sum.
                let number = parts.first().and_then(|part| std::str::from_utf8(part).ok());
                if let Some(number) = number.and_then(|number| number.parse().ok()) {
                    self.amounts.key_number(number);
                }
            }
            KeyShape::Text(_) => self.amounts.key_text(&parts.join(&b'|')),
        }
    }
}

/// A part of a key as text: its value, or what was delivered where it has none.
fn part(cell: Cell<'_>, column: &SpecColumn, zone: &mut ZoneTable) -> Vec<u8> {
    match convert(cell, column.column_type, zone) {
        Ok(Some(value)) => value.text(column.column_type).into_bytes(),
        Ok(None) => Vec::new(),
        Err(_) => match cell {
            Cell::Text(bytes) | Cell::Blob(bytes) => bytes.to_vec(),
            Cell::Unsigned(value) => value.to_string().into_bytes(),
            _ => Vec::new(),
        },
    }
}
