//! One value of a source row. Knows how a source writes it, not which table it belongs to.
use crate::time::{At, Day, push_at, push_day};

/// Money in fen; sources write yuan with two decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fen(pub(crate) i64);

/// A quantity in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hundredths(pub(crate) i64);

/// A quantity in ten-thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TenThousandths(pub(crate) i64);

/// A source value before it is bound or printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Word(&'static str),
    Text(String),
    Fen(Fen),
    Hundredths(Hundredths),
    TenThousandths(TenThousandths),
    Day(Day),
    At(At),
    /// Bytes that are not valid text in the source's encoding: planted dirt.
    Raw(Vec<u8>),
}

pub(crate) type Row = Vec<Cell>;

impl Cell {
    /// Appends the value as the source prints it; NULL prints nothing.
    pub(crate) fn print(&self, out: &mut String) {
        match self {
            Self::Null | Self::Raw(_) => {}
            Self::Int(value) => push_int(out, *value),
            Self::Word(text) => out.push_str(text),
            Self::Text(text) => out.push_str(text),
            Self::Fen(Fen(value)) | Self::Hundredths(Hundredths(value)) => {
                push_scaled(out, *value, 100, 2);
            }
            Self::TenThousandths(TenThousandths(value)) => push_scaled(out, *value, 10_000, 4),
            Self::Day(day) => push_day(out, *day),
            Self::At(at) => push_at(out, *at),
        }
    }
}

fn push_int(out: &mut String, value: i64) {
    use std::fmt::Write as _;
    let _ = write!(out, "{value}");
}

fn push_scaled(out: &mut String, value: i64, scale: i64, width: usize) {
    if value < 0 {
        out.push('-');
    }
    let value = value.abs();
    push_int(out, value / scale);
    out.push('.');
    let mut place = scale / 10;
    for _ in 0..width {
        out.push(char::from(b'0' + (value / place % 10) as u8));
        place = (place / 10).max(1);
    }
}

macro_rules! cell_from {
    ($($kind:ty => $variant:ident),*) => {
        $(impl From<$kind> for Cell {
            fn from(value: $kind) -> Self {
                Self::$variant(value)
            }
        })*
    };
}
cell_from!(
    i64 => Int, &'static str => Word, String => Text, Fen => Fen, Hundredths => Hundredths,
    TenThousandths => TenThousandths, Day => Day, At => At
);

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<&String> for Cell {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

/// Builds a [`Row`] from values in column order.
macro_rules! row {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::cell::Cell::from($value)),*]
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_scale() {
        let mut text = String::new();
        Cell::from(Fen(-1205)).print(&mut text);
        text.push(' ');
        Cell::from(TenThousandths(30_007)).print(&mut text);
        assert_eq!(text, "-12.05 3.0007");
    }
}
