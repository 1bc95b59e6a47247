//! One binary COPY into an intake: rows go straight into their columns, and a row with anything
//! unusual in it goes, whole, through the row path.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use tokio_postgres::Client;

use super::wire::Wire;
use crate::extract::cell::Cell;
use crate::extract::error::{ExtractError, Told};
use crate::extract::intake::{Intake, broken};
use crate::extract::outlet::Share;
use crate::extract::reject::Place;
use crate::extract::schema::TableSpec;

/// First bytes of the format: signature, flags and the length of an extension.
const HEAD: usize = 19;
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// What a reader has to know of each column, in the order asked.
pub(super) struct Layout {
    pub(super) wires: Vec<Wire>,
    /// Whether a NULL goes straight into the column.
    nullable: Vec<bool>,
}

impl Layout {
    pub(super) fn of(spec: &TableSpec) -> Self {
        let cursor = spec.cursor.map(|cursor| cursor.column);
        let nullable = |(index, column): (usize, &crate::extract::schema::SpecColumn)| {
            column.nullable && cursor != Some(index)
        };
        Self {
            wires: spec.asked().map(Wire::of).collect(),
            nullable: spec.columns.iter().enumerate().map(nullable).collect(),
        }
    }
}

/// Runs `sql`, a COPY, and passes its rows on.
pub(super) async fn copy(
    client: &Client,
    sql: &str,
    layout: &Layout,
    share: &mut Share,
) -> Result<(), ExtractError> {
    let spec = Arc::clone(share.intake().spec());
    let stream = client.copy_out(sql).await.map_err(|error| broken(&spec, error))?;
    let mut stream = std::pin::pin!(stream);
    let (mut head, mut ended) = (true, false);
    while let Some(message) = stream.next().await {
        let message: Bytes = message.map_err(|error| broken(&spec, error))?;
        let mut rest = message.as_ref();
        if head {
            rest = after_head(rest).ok_or_else(|| broken(&spec, wrong()))?;
            head = false;
        }
        while !rest.is_empty() {
            if ended {
                return Err(broken(&spec, wrong()));
            }
            ended = rest.starts_with(&(-1_i16).to_be_bytes());
            if ended {
                rest = &rest[2..];
                continue;
            }
            rest = match straight(share.intake(), rest, layout) {
                Some(rest) => rest,
                None => judged(share.intake(), rest, layout)?,
            };
        }
        share.pass_on().await?;
    }
    // A connection that dies is an error above; this is a server that stops between two rows.
    if ended { Ok(()) } else { Err(broken(&spec, Told("the rows have no end".into()))) }
}

fn wrong() -> Told {
    Told("the server does not send the binary COPY format".into())
}

fn after_head(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(SIGNATURE)?;
    let extension = rest.get(4..8)?.try_into().ok().map(u32::from_be_bytes)?;
    bytes.get(HEAD + extension as usize..)
}

/// The field at the start of `bytes`, none when NULL, and what follows it.
fn field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) => rest.split_at_checked(length).map(|(value, rest)| (Some(value), rest)),
        Err(_) => Some((None, rest)),
    }
}

/// The fields of the row at the start of `bytes`.
fn after_count<'a>(bytes: &'a [u8], layout: &Layout) -> Option<&'a [u8]> {
    let (count, rest) = bytes.split_first_chunk::<2>()?;
    (usize::from(u16::from_be_bytes(*count)) == layout.wires.len()).then_some(rest)
}

/// Appends the row at the start of `bytes` and returns what follows it; none, and nothing
/// appended, when the row path has to see it.
fn straight<'a>(intake: &mut Intake, bytes: &'a [u8], layout: &Layout) -> Option<&'a [u8]> {
    let mut rest = after_count(bytes, layout)?;
    let (columns, zone) = intake.columns();
    let declared = columns.len();
    let mut fits = true;
    for ((column, wire), nullable) in columns.iter_mut().zip(&layout.wires).zip(&layout.nullable) {
        let Some((value, after)) = field(rest) else {
            fits = false;
            break;
        };
        rest = after;
        fits = match value {
            Some(value) => wire.put(value, column, zone),
            None => {
                if *nullable {
                    column.null();
                }
                *nullable
            }
        };
        if !fits {
            break;
        }
    }
    // Undeclared columns are asked for only to refuse rows that have a value in them.
    for _ in declared..layout.wires.len() {
        match field(rest) {
            Some((None, after)) if fits => rest = after,
            _ => fits = false,
        }
    }
    if !fits {
        intake.undo();
        return None;
    }
    intake.settle().then_some(rest)
}

/// Takes the row at the start of `bytes` cell by cell and returns what follows it.
fn judged<'a>(
    intake: &mut Intake,
    bytes: &'a [u8],
    layout: &Layout,
) -> Result<&'a [u8], ExtractError> {
    let spec = Arc::clone(intake.spec());
    let mut rest = after_count(bytes, layout).ok_or_else(|| broken(&spec, wrong()))?;
    let mut scratch = vec![String::new(); layout.wires.len()];
    let mut cells = Vec::with_capacity(layout.wires.len());
    for (index, (wire, scratch)) in layout.wires.iter().zip(&mut scratch).enumerate() {
        let (value, after) = field(rest).ok_or_else(|| broken(&spec, wrong()))?;
        rest = after;
        cells.push(match value {
            None => Cell::Null,
            Some(value) => wire.cell(value, scratch).ok_or_else(|| {
                broken(&spec, Told(format!("column {index} came in a wrong width")))
            })?,
        });
    }
    intake.row(&cells, &Place::Unknown)?;
    Ok(rest)
}
