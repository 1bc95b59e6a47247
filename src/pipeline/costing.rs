//! The built-in nodes `cost_run` and `cost_allocation`: full cost of every month with direct cost.
//!
//! Reads `cost_centre`, `cost_direct` and `driver_value`, whatever made them, and writes one row
//! per month and method, and one per amount of an allocated month. The rules and the arithmetic
//! are the domain's; SQL cannot keep fractions or solve equations. Must not know sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use hub_domain::analysis::costing::{
    Books, Centre, Cost, DriverValue, Kind, PLACES, Refusal, RuleVersion, Run, runs,
};
use hub_engine::{COST_ALLOCATION, COST_TABLES};

/// Method of a month no rules hold in.
const NO_METHOD: &str = "none";

/// Rows of `target` in the columns of `schema`. Memory grows with months and centres.
pub(crate) async fn cost_table(
    context: &SessionContext,
    rules: &[RuleVersion],
    target: &str,
    schema: SchemaRef,
) -> Result<SendableRecordBatchStream> {
    let months = months(context).await?;
    let mut batches = Vec::new();
    for books in &months {
        let rules = RuleVersion::of_month(rules, &books.month);
        let runs = rules.map(|rules| runs(books, rules)).unwrap_or_default();
        let month = Month { books, rules, runs };
        let columns = if target == COST_ALLOCATION { month.allocation() } else { month.outcome() };
        batches.push(Ok(RecordBatch::try_new(Arc::clone(&schema), columns?)?));
    }
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches))))
}

/// The books of every month that has direct cost, in order.
async fn months(context: &SessionContext) -> Result<Vec<Books>> {
    let [centre, direct, driver] = COST_TABLES;
    let centres = centres(context, centre).await?;
    let mut months: BTreeMap<String, Books> = BTreeMap::new();
    for batch in read(context, direct, &["month", "dept_id", "cost_class", "amount_fen"]).await? {
        let (month, dept, class) = (text(&batch, 0)?, text(&batch, 1)?, text(&batch, 2)?);
        let fen = arrow::compute::cast(batch.column(3), &DataType::Int64)?;
        let fen = fen.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let books = months.entry(month.value(row).to_owned()).or_default();
            books.costs.push(Cost {
                centre: dept.value(row).to_owned(),
                cost_class: class.value(row).to_owned(),
                fen: fen.value(row),
            });
        }
    }
    let columns = ["month", "driver", "from_dept_id", "to_dept_id", "quantity"];
    for batch in read(context, driver, &columns).await? {
        let (month, name) = (text(&batch, 0)?, text(&batch, 1)?);
        let (from, to) = (text(&batch, 2)?, text(&batch, 3)?);
        let DataType::Decimal128(_, scale) = batch.column(4).data_type() else {
            return Err(DataFusionError::Plan(format!("`{driver}.quantity` is no decimal")));
        };
        let scale = u32::try_from(*scale).unwrap_or_default();
        let units = batch.column(4).as_primitive::<Decimal128Type>();
        for row in 0..batch.num_rows() {
            // Units of a month without cost share nothing.
            let Some(books) = months.get_mut(month.value(row)) else { continue };
            let giver = from.is_valid(row).then(|| from.value(row));
            let units = (units.value(row), scale);
            let value = DriverValue::new(name.value(row), giver, to.value(row), units);
            let too_large = || DataFusionError::Plan(format!("`{driver}.quantity` is too large"));
            books.drivers.push(value.ok_or_else(too_large)?);
        }
    }
    let with_centres = |(month, books)| Books { month, centres: centres.clone(), ..books };
    Ok(months.into_iter().map(with_centres).collect())
}

async fn centres(context: &SessionContext, table: &str) -> Result<Vec<Centre>> {
    let mut centres = Vec::new();
    for batch in read(context, table, &["dept_id", "class", "site_id", "brand_id"]).await? {
        let (code, class) = (text(&batch, 0)?, text(&batch, 1)?);
        let (site, brand) = (text(&batch, 2)?, text(&batch, 3)?);
        let some = |of: &StringArray, row| of.is_valid(row).then(|| of.value(row).to_owned());
        for row in 0..batch.num_rows() {
            centres.push(Centre {
                code: code.value(row).to_owned(),
                class: class.value(row).to_owned(),
                site: some(&site, row),
                brand: some(&brand, row),
            });
        }
    }
    // Amounts that are cut off alike are rounded up in this order.
    centres.sort();
    Ok(centres)
}

async fn read(context: &SessionContext, table: &str, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    context.table(table).await?.select_columns(columns)?.collect().await
}

fn text(batch: &RecordBatch, column: usize) -> Result<StringArray> {
    let cast = arrow::compute::cast(batch.column(column), &DataType::Utf8)?;
    Ok(cast.as_string::<i32>().clone())
}

/// What came of one month.
struct Month<'a> {
    books: &'a Books,
    rules: Option<&'a RuleVersion>,
    runs: Vec<Run>,
}

impl Month<'_> {
    fn is_published(&self, run: &Run) -> bool {
        self.rules.is_some_and(|rules| rules.published == run.method)
    }

    fn version(&self) -> Option<&str> {
        self.rules.map(|rules| rules.version.as_str())
    }

    /// Columns of `cost_run`.
    fn outcome(&self) -> Result<Vec<ArrayRef>> {
        let missing = Refusal::NoRules { month: self.books.month.clone() };
        let found = self.runs.iter().map(|run| (Some(run), run.shares.as_ref().err()));
        let rows: Vec<(Option<&Run>, Option<&Refusal>)> = match self.rules {
            Some(_) => found.collect(),
            None => vec![(None, Some(&missing))],
        };
        let capacity = self.rules.map(|rules| i64::from(rules.practical_capacity_pct));
        let refused = || rows.iter().map(|row| row.1);
        let method = |run: &Run| run.method.name();
        let status = |refusal: &Refusal| refusal.code();
        let message = |refusal: &Refusal| format!("{refusal}; hint: {}", refusal.hint());
        Ok(vec![
            texts(rows.iter().map(|row| row.0.map(|run| run.id.as_str()))),
            texts(rows.iter().map(|_| Some(self.books.month.as_str()))),
            texts(rows.iter().map(|row| Some(row.0.map_or(NO_METHOD, method)))),
            texts(rows.iter().map(|_| self.version())),
            flags(rows.iter().map(|row| row.0.is_none_or(|run| self.is_published(run)))),
            Arc::new(rows.iter().map(|_| capacity).collect::<Int64Array>()),
            texts(refused().map(|it| Some(it.map_or("allocated", |_| "refused")))),
            texts(refused().map(|it| it.map(status))),
            texts(refused().map(|it| it.and_then(Refusal::centre))),
            texts(refused().map(|it| it.map(message))),
        ])
    }

    /// Columns of `cost_allocation`.
    fn allocation(&self) -> Result<Vec<ArrayRef>> {
        let shares = |run: &'_ Run| run.shares.as_ref().map_or(0, Vec::len);
        let rows: Vec<_> = self
            .runs
            .iter()
            .flat_map(|run| (0..shares(run)).map(move |at| (run, at)))
            .filter_map(|(run, at)| Some((run, run.shares.as_ref().ok()?.get(at)?)))
            .collect();
        let centre = |at: usize| &self.books.centres[at];
        let is_final = |class: &str| {
            self.rules.is_some_and(|rules| rules.final_classes.iter().any(|it| it == class))
        };
        let amounts = Decimal128Array::from_iter_values(rows.iter().map(|row| row.1.units()));
        let level = rows.iter().map(|row| i64::from(row.1.level));
        Ok(vec![
            texts(rows.iter().map(|row| Some(row.0.id.as_str()))),
            texts(rows.iter().map(|_| Some(self.books.month.as_str()))),
            texts(rows.iter().map(|row| Some(row.0.method.name()))),
            texts(rows.iter().map(|_| self.version())),
            flags(rows.iter().map(|row| self.is_published(row.0))),
            texts(rows.iter().map(|row| Some(centre(row.1.centre).code.as_str()))),
            texts(rows.iter().map(|row| centre(row.1.centre).site.as_deref())),
            texts(rows.iter().map(|row| Some(centre(row.1.centre).class.as_str()))),
            flags(rows.iter().map(|row| is_final(&centre(row.1.centre).class))),
            texts(rows.iter().map(|row| Some(row.1.cost_class.as_str()))),
            texts(rows.iter().map(|row| Some(Kind::name(row.1.kind)))),
            Arc::new(Int64Array::from_iter_values(level)),
            Arc::new(amounts.with_precision_and_scale(38, PLACES as i8)?),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1.fen))),
        ])
    }
}

fn texts<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn flags(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}
