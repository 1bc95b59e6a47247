//! Metrics over tables nobody has published: what definitions would show before they are accepted.
//!
//! Reads whatever its context holds, without row policy; so it is for principals that see the
//! whole group, and refuses every other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Date32Type};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use chrono::{NaiveDate, TimeDelta};
use datafusion::common::{ScalarValue, TableReference};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::cast;
use datafusion::prelude::SessionContext;
use hub_domain::calendar::DateRange;
use hub_domain::metric::{Formula, MetricsQuery, MetricsResult, Standing};
use hub_domain::snapshot::Snapshot;
use hub_domain::{Error as PortError, Principal};

use crate::error::run_error;
use crate::policy::sees_group;
use crate::readers::metrics::{Visible, answer};
use crate::readers::{Definitions, Source};
use crate::{CATALOG, EngineConfig, Error, HUB, Registry, udf};

/// The metrics of one set of definitions over the tables of a context.
pub struct Preview {
    context: SessionContext,
    definitions: Definitions,
    snapshot: Snapshot,
    principal: Principal,
    pseudonym_key: Vec<u8>,
    /// Answers so far: the pages of one answer are cut from the same statements.
    answered: Mutex<HashMap<Statement, Vec<RecordBatch>>>,
}

/// Text and parameters.
type Statement = (String, Vec<ScalarValue>);

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preview").field("snapshot", &self.snapshot.id).finish_non_exhaustive()
    }
}

impl Preview {
    /// The metrics of `registry` over schema `hub` of `context`, whose tables are of `snapshot` or
    /// made from them.
    ///
    /// # Errors
    /// `Denied` for a principal that does not see the whole group, `Internal` when metrics do
    /// not resolve (a loaded registry's do).
    pub fn new(
        context: SessionContext,
        registry: &Registry,
        config: &EngineConfig,
        snapshot: Snapshot,
        principal: Principal,
    ) -> Result<Self, PortError> {
        if !sees_group(&principal) {
            return Err(PortError::Denied);
        }
        let definitions = Definitions::new(registry).map_err(|problems| {
            let first = problems.into_iter().next().map(|problem| problem.what);
            PortError::internal(Error::Definitions { first: first.unwrap_or_default() })
        })?;
        let pseudonym_key = config.pseudonym_key.clone();
        let answered = Mutex::default();
        Ok(Self { context, definitions, snapshot, principal, pseudonym_key, answered })
    }

    /// Answers `query` as a session of the group would.
    ///
    /// # Errors
    /// As of sessions.
    pub async fn metrics(&self, query: &MetricsQuery) -> Result<MetricsResult, PortError> {
        answer(self, query, Visible::Public).await
    }

    /// First and last day with rows metric `id` may count; none where there are none.
    ///
    /// # Errors
    /// `Internal` when a table cannot be read.
    pub async fn days(
        &self,
        registry: &Registry,
        id: &str,
    ) -> Result<Option<DateRange>, PortError> {
        let mut days: Vec<NaiveDate> = Vec::new();
        for input in registry.inputs(id) {
            let Some(metric) = registry.metric(&input) else { continue };
            for (source, time) in times(&metric.formula) {
                let ends = self.ends(source, time).await.map_err(run_error);
                days.extend(ends.map_err(PortError::internal)?);
            }
        }
        let ends = days.iter().min().zip(days.iter().max());
        Ok(ends.map(|(from, to)| DateRange { from: *from, to: *to }))
    }

    fn answered(&self) -> MutexGuard<'_, HashMap<Statement, Vec<RecordBatch>>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ends(&self, table: &str, time: &str) -> Result<Vec<NaiveDate>, DataFusionError> {
        let rows = self.context.table(TableReference::full(CATALOG, HUB, table)).await?;
        let day = cast(rows.parse_sql_expr(time)?, DataType::Date32);
        let ends = vec![min(day.clone()).alias("a"), max(day).alias("b")];
        let ends = rows.aggregate(Vec::new(), ends);
        let batches = ends?.collect().await?;
        let cells = batches.iter().flat_map(RecordBatch::columns).filter_map(|column| {
            let days = column.as_primitive_opt::<Date32Type>()?.iter().next()??;
            Some(NaiveDate::default() + TimeDelta::days(i64::from(days)))
        });
        Ok(cells.collect())
    }
}

/// Tables a formula reads itself, and what places their rows in time.
fn times(formula: &Formula) -> Vec<(&str, &str)> {
    match formula {
        Formula::Simple(simple) => vec![(&simple.source, &simple.time)],
        Formula::Stock(stock) => match &stock.stands {
            Standing::Movements { time } | Standing::Reading { time, .. } => {
                vec![(&stock.source, time)]
            }
            Standing::Interval { from, .. } => vec![(&stock.source, from)],
        },
        Formula::Conversion(cohort) | Formula::Cohort(cohort) => {
            vec![(&cohort.base.source, &cohort.base.time)]
        }
        Formula::Ratio(_) | Formula::Derived(_) | Formula::Cumulative(_) => Vec::new(),
    }
}

#[async_trait]
impl Source for Preview {
    async fn fetch(
        &self,
        sql: &str,
        params: Vec<ScalarValue>,
    ) -> Result<Vec<RecordBatch>, PortError> {
        let statement = (sql.to_owned(), params.clone());
        if let Some(known) = self.answered().get(&statement) {
            return Ok(known.clone());
        }
        let run = async {
            let frame = self.context.sql(sql).await?.with_param_values(params)?;
            let empty = RecordBatch::new_empty(Arc::clone(frame.schema().inner()));
            let mut batches = frame.collect().await?;
            if batches.is_empty() {
                batches.push(empty);
            }
            Ok(batches)
        };
        let answer: Result<Vec<RecordBatch>, DataFusionError> = run.await;
        let batches = answer.map_err(|error| PortError::from(run_error(error)))?;
        self.answered().insert(statement, batches.clone());
        Ok(batches)
    }

    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn principal(&self) -> &Principal {
        &self.principal
    }

    fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    fn pseudonym(&self, identifier: &str) -> Option<String> {
        udf::pseudonym(&self.pseudonym_key, identifier)
    }
}
