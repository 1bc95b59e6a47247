//! One principal on one published snapshot: everything such a caller may read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::record_batch::RecordBatch;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::{collect, execute_stream};
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::DFParser;
use datafusion::sql::resolve::resolve_table_references;
use hub_domain::Principal;
use hub_domain::principal::SiteScope;
use hub_domain::snapshot::{Freshness, Snapshot};
use hub_lake::Contracts;
use tokio::time::Instant;

use crate::cache::Question;
use crate::catalog::{HubCatalog, Scope};
use crate::context::{CATALOG, bare_context};
use crate::engine::Engine;
use crate::error::{run_error, shared};
use crate::limits::LimitedStream;
use crate::meters::Door;
use crate::policy::{Persons, View};
use crate::prepared::Prepared;
use crate::readers::Definitions;
use crate::sql_error::SqlError;
use crate::{Error, Registry, guard, udf};

/// What all sessions of one policy on one snapshot share.
#[derive(Debug)]
pub(crate) struct Core {
    scope: Arc<Scope>,
    /// For statements of the readers.
    trusted: Context,
    /// Plans of those statements.
    prepared: Prepared,
    /// For statements of users: masked, and without dangerous functions.
    door: Context,
}

/// A context that can be printed.
struct Context(SessionContext);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

impl Core {
    pub(crate) fn new(engine: &Engine, principal: &Principal, snapshot: Arc<Snapshot>) -> Self {
        let scope = Arc::new(Scope {
            lake: engine.lake().clone(),
            contracts: Arc::clone(engine.shared_contracts()),
            registry: Arc::clone(engine.shared_registry()),
            snapshot,
            principal: principal.clone(),
            runs: engine.past_runs().clone(),
            expectations: engine.config().expectations.clone(),
            zone: engine.config().zone,
            clock: engine.shared_clock(),
        });
        let sites = match &principal.sites {
            SiteScope::All => BTreeSet::new(),
            SiteScope::Only(sites) => sites.clone(),
        };
        let persons = Arc::new(Persons::new(Arc::clone(&scope) as _, sites));
        let context = |masked: bool| {
            let context = bare_context(engine.config(), engine.shared_memory());
            if masked {
                guard::remove_functions(&context);
            }
            let state = Arc::new(context.state());
            let catalog = HubCatalog::new(&scope, &persons, &state, masked);
            context.register_catalog(CATALOG, Arc::new(catalog));
            Context(context)
        };
        Self {
            trusted: context(false),
            prepared: Prepared::default(),
            door: context(true),
            scope: Arc::clone(&scope),
        }
    }

    /// Why a project query does not plan: tables for the group alone do not exist for others, and
    /// a metric over one is a missing right, not a defect.
    fn unplanned(&self, sql: &str, cause: DataFusionError) -> Error {
        let hidden = |table: &TableReference| {
            let contract = self.scope.contracts.table(table.table());
            contract.is_some_and(|it| View::of(&self.scope.principal, it) == View::Hidden)
        };
        let statement = DFParser::parse_sql(sql).ok().and_then(|mut all| all.pop_front());
        let read = statement.and_then(|it| resolve_table_references(&it, true).ok());
        match read {
            Some((tables, _)) if tables.iter().any(hidden) => Error::Denied,
            _ => Error::Plan(cause),
        }
    }
}

/// A read session.
#[derive(Debug, Clone)]
pub struct Session {
    engine: Engine,
    core: Arc<Core>,
    principal: Principal,
}

impl Session {
    pub(crate) fn new(engine: Engine, core: Arc<Core>, principal: Principal) -> Self {
        Self { engine, core, principal }
    }

    /// The snapshot read from.
    #[must_use]
    pub fn published(&self) -> &Snapshot {
        &self.core.scope.snapshot
    }

    /// How fresh answers are that stay within the snapshot's days.
    #[must_use]
    pub fn data_freshness(&self) -> Freshness {
        let snapshot = self.published();
        Freshness {
            snapshot_id: snapshot.id,
            data_through: snapshot.business_date,
            published_at: snapshot.published_at,
            provisional: false,
        }
    }

    /// Who asks.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The project's queries and definitions.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.engine.registry()
    }

    /// Metrics, funnels, boards and rules as the readers use them.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        self.engine.definitions()
    }

    /// The contracts of all tables.
    #[must_use]
    pub fn contracts(&self) -> &Contracts {
        self.engine.contracts()
    }

    /// Zone in which days are cut.
    #[must_use]
    pub fn zone(&self) -> chrono_tz::Tz {
        self.engine.config().zone
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.engine.now()
    }

    /// What the SQL function `pseudonym` gives; none when nothing is left of the identifier.
    #[must_use]
    pub fn pseudonym(&self, identifier: &str) -> Option<String> {
        udf::pseudonym(&self.engine.config().pseudonym_key, identifier)
    }

    /// Runs a trusted statement with `$1…` parameters under the session's policy. Answers come
    /// from the cache where one is; equal questions asked at the same time are answered once.
    /// There is always at least one batch, so that the columns are known.
    ///
    /// # Errors
    /// `Limit` when the deadline or the memory was met, `Denied` when a table is for the group
    /// only, `Internal` otherwise.
    pub async fn fetch(
        &self,
        sql: &str,
        params: Vec<ScalarValue>,
    ) -> Result<Vec<RecordBatch>, hub_domain::Error> {
        let question = Question {
            sql: sql.to_owned(),
            params,
            snapshot: self.published().id,
            policy: self.principal.policy_key(),
        };
        let asked = AtomicBool::new(false);
        let (sql, params) = (question.sql.clone(), question.params.clone());
        let answer = async {
            asked.store(true, Ordering::Relaxed);
            let mut meter = self.engine.meters().begin(Door::Reader);
            let answer = self.answer(sql, params).await;
            meter.end(match &answer {
                Ok(_) => "ok",
                Err(Error::Limit { .. }) => "LIMIT_EXCEEDED",
                Err(_) => "INTERNAL_SERVER_ERROR",
            });
            answer
        };
        let found = self.engine.cache().get(question, answer).await;
        self.engine.meters().asked(!asked.load(Ordering::Relaxed));
        match found {
            Ok(batches) => Ok(batches.as_ref().clone()),
            Err(error) => Err(shared(&error)),
        }
    }

    async fn answer(
        &self,
        sql: String,
        params: Vec<ScalarValue>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let limits = self.engine.limits();
        let (core, now) = (Arc::clone(&self.core), self.engine.now());
        let turn = Arc::clone(self.engine.readers()).acquire_owned();
        let work = self.engine.runtime().spawn(async move {
            let _turn = turn.await;
            let mut state = core.trusted.0.state();
            state.execution_props_mut().query_execution_start_time = Some(now);
            let plan = core.prepared.plan(&state, &sql, params).await;
            let plan = plan.map_err(|cause| core.unplanned(&sql, cause))?;
            SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false)
                .verify_plan(&plan)
                .map_err(Error::Plan)?;
            let planner = state.query_planner();
            let plan = planner.create_physical_plan(&plan, &state).await.map_err(Error::Plan)?;
            let schema = plan.schema();
            let mut batches = collect(plan, state.task_ctx()).await.map_err(run_error)?;
            if batches.is_empty() {
                batches.push(RecordBatch::new_empty(schema));
            }
            Ok(batches)
        });
        match tokio::time::timeout(limits.deadline, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(stopped)) => Err(Error::SetUp(Box::new(stopped))),
            Err(_) => {
                let seconds = limits.deadline.as_secs_f64();
                Err(Error::Limit { limit: format!("deadline of {seconds} s") })
            }
        }
    }

    /// Runs one statement of a user. Nothing of it is cached. The deadline counts from here and
    /// includes waiting and planning; dropping the stream cancels the query.
    ///
    /// # Errors
    /// Everything that is known before the first row; later failures end the stream.
    pub async fn user_sql(&self, sql: &str) -> Result<LimitedStream, SqlError> {
        let mut meter = self.engine.meters().begin(Door::Sql);
        match self.user_stream(sql).await {
            Ok(stream) => Ok(stream.metered(meter)),
            Err(error) => {
                meter.end(error.code());
                Err(error)
            }
        }
    }

    async fn user_stream(&self, sql: &str) -> Result<LimitedStream, SqlError> {
        let limits = self.engine.limits();
        let deadline = Instant::now() + limits.deadline;
        guard::bound(sql)?;
        let permit = self.engine.gate().enter(deadline).await?;
        let (core, sql, now) = (Arc::clone(&self.core), sql.to_owned(), self.engine.now());
        let planning =
            self.engine.runtime().spawn(async move { plan_user(&core, &sql, now).await });
        let stream = match tokio::time::timeout_at(deadline, planning).await {
            Ok(Ok(planned)) => planned?,
            Ok(Err(_panicked)) => return Err(SqlError::internal()),
            Err(_) => return Err(limits.late()),
        };
        Ok(LimitedStream::start(self.engine.runtime(), stream, limits, deadline, permit))
    }
}

async fn plan_user(
    core: &Core,
    sql: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<SendableRecordBatchStream, SqlError> {
    let explain = core.scope.sees_group();
    let statement = guard::parse(sql, explain)?;
    let mut state = core.door.0.state();
    state.execution_props_mut().query_execution_start_time = Some(now);
    let plan = state.statement_to_plan(statement).await.map_err(|e| SqlError::planning(&e))?;
    guard::allow(&plan, explain)?;
    let plan = state.create_physical_plan(&plan).await.map_err(|e| SqlError::planning(&e))?;
    execute_stream(plan, state.task_ctx()).map_err(|e| SqlError::running(&e))
}
