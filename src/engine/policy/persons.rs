//! The persons a site principal may see: those `person_site` links to one of its sites.
//!
//! Read once per (policy, snapshot), kept as a set, and tested row by row inside the scan: a semi
//! join without a join operator.

use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, BooleanArray};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::cast::as_string_array;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, col,
    lit,
};
use datafusion::physical_plan::collect;
use tokio::sync::OnceCell;

/// Gives the plain table `person_site`; none when the snapshot has none.
#[async_trait]
pub(crate) trait PersonSite: std::fmt::Debug + Send + Sync {
    /// The table at the session's snapshot.
    async fn person_site(&self) -> Result<Option<Arc<dyn TableProvider>>>;
}

/// The permitted persons of one policy on one snapshot.
#[derive(Debug)]
pub(crate) struct Persons {
    table: Arc<dyn PersonSite>,
    sites: BTreeSet<String>,
    permitted: OnceCell<Arc<HashSet<String>>>,
}

impl Persons {
    pub(crate) fn new(table: Arc<dyn PersonSite>, sites: BTreeSet<String>) -> Self {
        Self { table, sites, permitted: OnceCell::new() }
    }

    /// A predicate that holds for rows whose `column` is a permitted person.
    pub(super) async fn predicate(&self, column: &str, session: &dyn Session) -> Result<Expr> {
        let persons = self.permitted.get_or_try_init(|| self.read(session)).await?;
        let function = ScalarUDF::new_from_impl(IsPermitted::new(Arc::clone(persons)));
        let argument = Expr::Column(datafusion::common::Column::from_name(column));
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![argument])))
    }

    async fn read(&self, session: &dyn Session) -> Result<Arc<HashSet<String>>> {
        let Some(table) = self.table.person_site().await? else {
            return Ok(Arc::default());
        };
        let schema = table.schema();
        let columns = vec![schema.index_of("person_id")?, schema.index_of("site_id")?];
        let sites: Vec<Expr> = self.sites.iter().map(|site| lit(site.as_str())).collect();
        let filter = col("site_id").in_list(sites, false);
        let plan = table.scan(session, Some(&columns), &[filter], None).await?;
        let mut permitted = HashSet::new();
        for batch in collect(plan, session.task_ctx()).await? {
            let (persons, sites) =
                (as_string_array(batch.column(0))?, as_string_array(batch.column(1))?);
            for row in 0..batch.num_rows() {
                if !sites.is_null(row)
                    && !persons.is_null(row)
                    && self.sites.contains(sites.value(row))
                {
                    permitted.insert(persons.value(row).to_owned());
                }
            }
        }
        Ok(Arc::new(permitted))
    }
}

/// The set as a function; two are equal when they hold the same set object.
struct IsPermitted {
    signature: Signature,
    persons: Arc<HashSet<String>>,
}

impl IsPermitted {
    fn new(persons: Arc<HashSet<String>>) -> Self {
        let signature = Signature::exact(vec![DataType::Utf8], Volatility::Immutable);
        Self { signature, persons }
    }
}

impl std::fmt::Debug for IsPermitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IsPermitted")
    }
}

impl PartialEq for IsPermitted {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.persons, &other.persons)
    }
}

impl Eq for IsPermitted {}

impl Hash for IsPermitted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.persons).hash(state);
    }
}

impl ScalarUDFImpl for IsPermitted {
    fn name(&self) -> &'static str {
        "is_permitted_person"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let permitted: BooleanArray = as_string_array(&arrays[0])?
            .iter()
            .map(|person| Some(person.is_some_and(|person| self.persons.contains(person))))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(permitted)))
    }
}
