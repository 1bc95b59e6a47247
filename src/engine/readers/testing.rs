//! A session over small in-memory tables, for tests of the readers.
//!
//! Definitions and contracts are the project's own; every table of the contracts exists, empty
//! unless a test fills it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate};
use datafusion::catalog::TableProvider;
use datafusion::common::{ScalarValue, TableReference};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use hub_domain::calendar::FiscalStart;
use hub_domain::project::ProjectFiles;
use hub_domain::snapshot::Snapshot;
use hub_domain::{Error, Principal};
use hub_lake::{Contracts, arrow_schema};

use super::{Definitions, Source};
use crate::context::{CATALOG, HUB};
use crate::registry::metric_view;
use crate::{EngineConfig, Registry, build_context};

const KEY: &[u8] = b"test key";

struct Project {
    files: ProjectFiles,
    contracts: Contracts,
    defined: Arc<Defined>,
}

/// A registry and what readers make of it.
struct Defined {
    registry: Registry,
    definitions: Definitions,
}

static PROJECT: LazyLock<Project> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = BTreeMap::new();
    for folder in ["schema", "queries"] {
        collect(&root, &root.join(folder), &mut files);
    }
    let files = ProjectFiles { files };
    let contracts = Contracts::load(&files).expect("contracts load");
    let defined = Arc::new(defined(&files, &contracts));
    Project { files, contracts, defined }
});

fn defined(files: &ProjectFiles, contracts: &Contracts) -> Defined {
    let registry = Registry::load(files, contracts).unwrap_or_else(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("definitions do not load:\n{}", all.join("\n"))
    });
    let definitions = Definitions::new(&registry).expect("metrics resolve");
    Defined { registry, definitions }
}

fn collect(root: &Path, folder: &Path, into: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("folder is there") {
        let path = entry.expect("entry is readable").path();
        if path.is_dir() {
            collect(root, &path, into);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy();
            into.insert(name.replace('\\', "/"), text);
        }
    }
}

/// A day written `2026-03-01`.
pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// A session of one principal over tables a test filled.
pub(crate) struct Fixture {
    context: SessionContext,
    snapshot: Snapshot,
    principal: Principal,
    defined: Arc<Defined>,
    /// Statements run so far.
    pub(crate) statements: Mutex<Vec<String>>,
}

impl Fixture {
    /// Empty tables; the last complete day is `today`.
    pub(crate) fn new(today: &str) -> Self {
        let config = EngineConfig::new(chrono_tz::Asia::Shanghai, KEY.to_vec());
        let context = build_context(&config).expect("a context");
        for (name, contract) in &PROJECT.contracts.tables {
            let schema = arrow_schema(contract);
            let table = MemTable::try_new(schema, vec![Vec::new()]).expect("an empty table");
            context.register_table(reference(name), Arc::new(table)).expect("registered");
        }
        let snapshot = Snapshot {
            id: 7,
            business_date: day(today),
            published_at: DateTime::default(),
            run_id: "run".into(),
            tables: BTreeMap::new(),
            definition_hash: String::new(),
            audits: Vec::new(),
            rollback_of: None,
            lease_token: 0,
        };
        let principal = Principal::group("tester");
        let defined = Arc::clone(&PROJECT.defined);
        Self { context, snapshot, principal, defined, statements: Mutex::default() }
    }

    /// The project with a file more, or another text of one.
    pub(crate) fn with_file(mut self, path: &str, text: &str) -> Self {
        let mut files = PROJECT.files.clone();
        files.files.insert(path.to_owned(), text.to_owned());
        self.defined = Arc::new(defined(&files, &PROJECT.contracts));
        self
    }

    /// Fills `table`: `columns` of its contract from a SQL `values` list, NULL (or zero for
    /// columns that must hold something) elsewhere.
    pub(crate) async fn fill(&self, table: &str, columns: &str, values: &str) {
        self.store(table, columns, &format!("(values {values}) as t({columns})")).await;
    }

    /// Makes `table` by the project's own query from the tables as they are.
    pub(crate) async fn make(&self, table: &str) {
        let node = PROJECT.defined.registry.nodes.iter().find(|node| node.target == table);
        let columns = &PROJECT.contracts.tables[table].columns;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let query = format!("({})", node.expect("a query makes it").sql());
        self.store(table, &names.join(", "), &query).await;
    }

    async fn store(&self, table: &str, columns: &str, from: &str) {
        let contract = &PROJECT.contracts.tables[table];
        let schema = arrow_schema(contract);
        let given: Vec<&str> = columns.split(',').map(str::trim).collect();
        let select: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| {
                let name = field.name();
                let value = if given.contains(&name.as_str()) {
                    name.clone()
                } else if field.is_nullable() {
                    "null".to_owned()
                } else {
                    zero(field.data_type()).to_owned()
                };
                format!("arrow_cast({value}, '{}') as {name}", field.data_type())
            })
            .collect();
        let sql = format!("select {} from {from}", select.join(", "));
        let frame = self.context.sql(&sql).await.expect("the rows plan");
        let batches = frame.collect().await.expect("the rows are there");
        let batches: Vec<RecordBatch> = batches
            .into_iter()
            .map(|batch| {
                RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())
                    .expect("rows fit the contract")
            })
            .collect();
        let filled = MemTable::try_new(schema, vec![batches]).expect("a table");
        self.context.deregister_table(reference(table)).expect("was registered");
        self.context.register_table(reference(table), Arc::new(filled)).expect("registered");
    }

    /// The same with months of the books that start on another day.
    pub(crate) fn with_fiscal_start(mut self, start: FiscalStart) -> Self {
        let mut registry = self.defined.registry.clone();
        registry.fiscal_start = start;
        let definitions = Definitions::new(&registry).expect("metrics resolve");
        self.defined = Arc::new(Defined { registry, definitions });
        self
    }

    /// Answers of one statement, a line per row with `|` between cells.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let frame = self.context.sql(sql).await.expect("the statement plans");
        let batches = frame.collect().await.expect("the statement runs");
        crate::tests::lines(&batches)
    }

    /// Every row of the SQL view of a metric.
    pub(crate) async fn view(&self, metric: &str) -> Vec<RecordBatch> {
        let mut tables: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
        for name in PROJECT.contracts.tables.keys() {
            let provider = self.context.table_provider(reference(name)).await;
            tables.insert(name.clone(), provider.expect("a table"));
        }
        let registry = &self.defined.registry;
        let definition = registry.metric(metric).expect("a metric");
        let state = self.context.state();
        let through = self.snapshot.business_date;
        let plan = metric_view(registry, definition, &state, tables, through).await;
        let plan = plan.expect("a view");
        let frame = self.context.execute_logical_plan(plan).await.expect("planned");
        frame.collect().await.expect("the view runs")
    }

    /// The same tables seen at another snapshot.
    pub(crate) fn at_snapshot(mut self, id: u64) -> Self {
        self.snapshot.id = id;
        self
    }
}

fn reference(table: &str) -> TableReference {
    TableReference::full(CATALOG, HUB, table)
}

fn zero(kind: &arrow::datatypes::DataType) -> &'static str {
    use arrow::datatypes::DataType;
    match kind {
        DataType::Utf8 => "'-'",
        DataType::Boolean => "false",
        DataType::Date32 => "date '2000-01-01'",
        DataType::Timestamp(_, _) => "timestamp '2000-01-01 00:00:00'",
        _ => "0",
    }
}

#[async_trait]
impl Source for Fixture {
    async fn fetch(&self, sql: &str, params: Vec<ScalarValue>) -> Result<Vec<RecordBatch>, Error> {
        self.statements.lock().expect("not poisoned").push(sql.to_owned());
        let run = async {
            let frame = self.context.sql(sql).await?.with_param_values(params)?;
            frame.collect().await
        };
        let answer: datafusion::error::Result<_> = run.await;
        answer.map_err(|error| panic!("{error}\n{sql}"))
    }

    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn principal(&self) -> &Principal {
        &self.principal
    }

    fn definitions(&self) -> &Definitions {
        &self.defined.definitions
    }

    fn pseudonym(&self, identifier: &str) -> Option<String> {
        crate::udf::pseudonym(KEY, identifier)
    }
}
