//! A table as one principal sees it.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::barrier::SecurityBarrierExec;
use super::leakproof::is_leakproof;
use super::{Mask, Persons, View};
use crate::udf;

/// Rows and columns of `inner` a principal may see. Scans read `inner` restricted by the policy,
/// then mask, then put a barrier above.
#[derive(Debug)]
pub(crate) struct SecuredTable {
    inner: Arc<dyn TableProvider>,
    view: View,
    masks: Vec<Mask>,
    persons: Arc<Persons>,
    schema: SchemaRef,
}

impl SecuredTable {
    /// `masks` has one entry per column of `inner`.
    pub(crate) fn new(
        inner: Arc<dyn TableProvider>,
        view: View,
        masks: Vec<Mask>,
        persons: Arc<Persons>,
    ) -> Self {
        let schema = shown_schema(&inner.schema(), &masks);
        Self { inner, view, masks, persons, schema }
    }

    /// Masks can be left out altogether when every row and column is open.
    pub(crate) fn is_needed(view: &View, masks: &[Mask]) -> bool {
        *view != View::All || masks.iter().any(|mask| *mask != Mask::Open)
    }

    fn is_open(&self, name: &str) -> bool {
        self.schema.index_of(name).is_ok_and(|index| self.masks[index] == Mask::Open)
    }

    /// The policy as a predicate over the inner table; none when all rows are open.
    async fn predicate(&self, session: &dyn Session) -> Result<Option<Expr>> {
        let column = |name: &str| Expr::Column(Column::from_name(name));
        Ok(match &self.view {
            View::Hidden => Some(lit(false)),
            View::All => None,
            View::Sites { column: name, sites: None } => Some(column(name).is_not_null()),
            View::Sites { column: name, sites: Some(sites) } => {
                let sites: Vec<Expr> = sites.iter().map(|site| lit(site.as_str())).collect();
                // `in ()` is not a predicate every reader understands.
                let none = sites.is_empty();
                Some(if none { lit(false) } else { column(name).in_list(sites, false) })
            }
            View::Persons { columns } => {
                let mut all = Vec::with_capacity(columns.len());
                for name in columns {
                    all.push(self.persons.predicate(name, session).await?);
                }
                // A policy that names nobody is not open to everybody.
                Some(conjunction(all).unwrap_or_else(|| lit(false)))
            }
        })
    }

    /// Columns read from the inner table: the wanted ones, then those of the policy and of
    /// pushed predicates.
    fn columns_read(&self, wanted: &[usize], pushed: &[Expr]) -> Result<Vec<usize>> {
        let mut read = wanted.to_vec();
        let tested = pushed.iter().flat_map(|filter| filter.column_refs());
        let policy = self.view.columns().iter().map(String::as_str);
        let names = tested.map(|column| column.name.as_str()).chain(policy);
        for name in names {
            let index = self.schema.index_of(name)?;
            if !read.contains(&index) {
                read.push(index);
            }
        }
        Ok(read)
    }

    /// What is shown of each wanted column.
    fn shown(&self, wanted: &[usize]) -> Vec<(Expr, String)> {
        let inner = self.inner.schema();
        let show = |index: &usize| {
            let field = inner.field(*index);
            let column = Expr::Column(Column::from_name(field.name()));
            let call = |function| {
                Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![column.clone()]))
            };
            let shown = match self.masks[*index] {
                Mask::Open => column,
                Mask::Name => call(udf::masking_name()),
                Mask::Identifier => call(udf::masking_identifier()),
                Mask::Null => {
                    let null = ScalarValue::try_from(field.data_type());
                    lit(null.unwrap_or(ScalarValue::Null))
                }
            };
            (shown, field.name().clone())
        };
        wanted.iter().map(show).collect()
    }
}

fn shown_schema(inner: &SchemaRef, masks: &[Mask]) -> SchemaRef {
    let fields: Vec<Field> = inner
        .fields()
        .iter()
        .zip(masks)
        .map(|(field, mask)| match mask {
            Mask::Open => field.as_ref().clone(),
            _ => Field::new(field.name(), field.data_type().clone(), true),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

#[async_trait]
impl TableProvider for SecuredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let open = |name: &str| self.is_open(name);
        Ok(filters
            .iter()
            .map(|filter| match is_leakproof(filter, &self.schema, &open) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let every: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&every);
        let open = |name: &str| self.is_open(name);
        let pushed: Vec<Expr> = filters
            .iter()
            .filter(|filter| is_leakproof(filter, &self.schema, &open))
            .cloned()
            .collect();
        let policy = self.predicate(state).await?;
        let scanned: Vec<Expr> = match self.view {
            View::Sites { .. } => pushed.iter().chain(&policy).cloned().collect(),
            _ => pushed.clone(),
        };
        let read = self.columns_read(wanted, &pushed)?;
        let scan = self.inner.scan(state, Some(&read), &scanned, None).await?;
        let schema = DFSchema::try_from(scan.schema().as_ref().clone())?;
        // Pushed predicates run here too: rows they drop are not there for what lies above.
        let permitted: Arc<dyn ExecutionPlan> = match conjunction(pushed.into_iter().chain(policy))
        {
            Some(kept) => {
                let predicate = state.create_physical_expr(kept, &schema)?;
                Arc::new(FilterExec::try_new(predicate, scan)?)
            }
            None => scan,
        };
        let shown = self
            .shown(wanted)
            .into_iter()
            .map(|(expr, alias)| {
                Ok(ProjectionExpr { expr: state.create_physical_expr(expr, &schema)?, alias })
            })
            .collect::<Result<Vec<_>>>()?;
        let shown = Arc::new(ProjectionExec::try_new(shown, permitted)?);
        Ok(Arc::new(SecurityBarrierExec::new(shown)))
    }
}
