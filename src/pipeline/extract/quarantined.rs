//! The rows in quarantine of one raw table: those refused, less those a retry recovered.
//!
//! Reads only; knows neither sources nor what the rows mean.

use std::collections::HashMap;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::logical_expr::ident;
use hub_lake::{Lake, TableId};

use super::error::{Cause, ExtractError, Told};
use super::landed::{Landed, text_at};

/// One row in quarantine. Holds its cells only sealed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quarantined {
    /// Place of its load in the history of the table.
    pub load_seq: i64,
    /// Reason code.
    pub reason: String,
    /// Column the reason is about; empty when it is the whole row.
    pub column: String,
    /// Key values joined by `|`, or where the row stands at its source.
    pub key: String,
    /// Its sealed cells; empty when they were not kept.
    pub sealed: String,
    /// Run that refused it.
    pub load_id: String,
    /// When that run began to read the table: µs since 1970 in UTC.
    pub extracted_at: i64,
}

/// Rows in quarantine of `table`, by load, reason and key.
///
/// # Errors
/// `ReadLanded` when the raw table cannot be read.
pub async fn quarantined(
    lake: &Lake,
    source: &str,
    table: &str,
) -> Result<Vec<Quarantined>, ExtractError> {
    let failed = |cause| ExtractError::ReadLanded {
        source_id: source.to_owned(),
        table: table.to_owned(),
        cause,
    };
    match Landed::open(lake, TableId::raw(source, table)).await.map_err(failed)? {
        Some(landed) => of(&landed).await.map_err(failed),
        None => Ok(Vec::new()),
    }
}

pub(super) async fn of(landed: &Landed) -> Result<Vec<Quarantined>, Cause> {
    // Tables of before rows were sealed hold rows that nothing can open.
    let sealing = landed.schema().await?.field_with_name("_recovered").is_ok();
    let texts = ["_reject_reason", "_reject_column", "_reject_key", "_load_id"];
    let mut names = texts.to_vec();
    names.extend(["_extracted_at", "_load_seq"]);
    let mut filter = ident("_reject_reason").is_not_null();
    if sealing {
        names.extend(["_reject_sealed", "_recovered"]);
        filter = filter.or(ident("_recovered").is_not_null());
    }
    let (mut rows, mut recovered) = (Vec::new(), HashMap::<Quarantined, u64>::new());
    landed
        .scan(&names, filter, |batch| {
            let wrong = || Cause::from(Told("a `_` column has another type than landed".into()));
            let text = |column: usize, row: usize| -> Result<String, Cause> {
                let Some(array) = batch.columns().get(column) else { return Ok(String::new()) };
                let array = array.as_string_opt::<i32>().ok_or_else(wrong)?;
                Ok(text_at(array, row).to_owned())
            };
            let times = batch.column(4).as_primitive_opt::<TimestampMicrosecondType>();
            let sequences = batch.column(5).as_primitive_opt::<Int64Type>();
            let (times, sequences) = (times.ok_or_else(wrong)?, sequences.ok_or_else(wrong)?);
            for row in 0..batch.num_rows() {
                let (reason, again) = (text(0, row)?, text(7, row)?);
                let refused = !reason.is_empty();
                let found = Quarantined {
                    load_seq: sequences.value(row),
                    reason: if refused { reason } else { again },
                    column: text(1, row)?,
                    key: text(2, row)?,
                    sealed: text(6, row)?,
                    load_id: text(3, row)?,
                    extracted_at: times.value(row),
                };
                if refused {
                    rows.push(found);
                } else {
                    *recovered.entry(found).or_default() += 1;
                }
            }
            Ok(())
        })
        .await?;
    rows.retain(|row| match recovered.get_mut(row) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    rows.sort();
    Ok(rows)
}
