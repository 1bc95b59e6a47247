//! One night as events: listens where progress is told and hands everything on.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hub_domain::run::{LoadStatus, Run, RunStatus, StageTime, TableLoad};
use hub_lake::TableId;
use uuid::Uuid;

use super::deliver::Courier;
use super::event::{Amount, Dataset, Job, RunEvent, Step, run_id};
use super::name;
use crate::build::{BuildProgress, BuiltTable};
use crate::extract;
use crate::nightly::{Nightly, Progress};

/// A progress that also tells lineage, where the deployment has it.
pub struct Watched<'a> {
    inner: &'a dyn Progress,
    told: Option<Told<'a>>,
}

/// What is told of one night, and to whom.
struct Told<'a> {
    nightly: &'a Nightly,
    namespace: String,
    run: Run,
    job: Job,
    courier: Courier,
    /// Parts that have started and not ended.
    open: Mutex<BTreeSet<Part>>,
}

/// A part of a night with a run of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A source table is read.
    Extract { source: String, table: String },
    /// A table of schema `hub` is made.
    Build(String),
}

impl Part {
    fn name(&self) -> String {
        match self {
            Self::Extract { source, table } => format!("extract.{source}.{table}"),
            Self::Build(table) => format!("build.{table}"),
        }
    }
}

impl<'a> Watched<'a> {
    /// Begins to tell of `run`.
    pub(crate) fn begin(nightly: &'a Nightly, run: &Run, inner: &'a dyn Progress) -> Self {
        let told = nightly.lineage.as_ref().map(|lineage| {
            let told = Told {
                nightly,
                namespace: lineage.namespace.clone(),
                run: run.clone(),
                job: Job::new(&lineage.namespace, run.kind.clone(), "DAG"),
                courier: Courier::start(lineage),
                open: Mutex::default(),
            };
            told.courier.send(told.of_night(Step::Start));
            told
        });
        Self { inner, told }
    }

    /// Tells how the night ended, and waits a moment for the last events to leave.
    pub(crate) async fn end(self, run: &Run) {
        let Some(told) = self.told else { return };
        told.stop_open(run.error.as_deref());
        let done = matches!(run.status, RunStatus::Published | RunStatus::DryRun);
        let event = told.of_night(if done { Step::Complete } else { Step::Fail });
        told.courier.send(match &run.error {
            Some(error) => event.because(error),
            None => event,
        });
        told.courier.finish().await;
    }
}

impl Told<'_> {
    fn night_id(&self) -> Uuid {
        run_id(&self.run.id, "")
    }

    fn of_night(&self, step: Step) -> RunEvent {
        let now = self.nightly.clock.now();
        let (date, zone) = (self.run.business_date, self.nightly.engine.zone);
        RunEvent::new(step, now, self.night_id(), self.job.clone()).of_day(date, zone)
    }

    fn of_part(&self, part: &Part, step: Step) -> RunEvent {
        let now = self.nightly.clock.now();
        let name = part.name();
        let id = run_id(&self.run.id, &name);
        let job = Job::new(&self.namespace, format!("{}.{name}", self.run.kind), "TASK");
        let (date, zone) = (self.run.business_date, self.nightly.engine.zone);
        RunEvent::new(step, now, id, job).of_day(date, zone).under(self.night_id(), &self.job)
    }

    fn start(&self, part: Part) {
        let (inputs, outputs) = match &part {
            Part::Extract { source, table } => {
                (self.source(source, table).into_iter().collect(), vec![self.raw(source, table)])
            }
            Part::Build(table) => (self.references(table), vec![self.hub(table)]),
        };
        let event = self.of_part(&part, Step::Start).reading(inputs).writing(outputs);
        self.courier.send(event);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(part);
    }

    /// Whether `part` was open; it is not any more.
    fn close(&self, part: &Part) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(part)
    }

    /// What was going on when the night failed: the one part that was open failed, of several
    /// some were only stopped.
    fn stop_open(&self, error: Option<&str>) {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let step = if open.len() == 1 { Step::Fail } else { Step::Abort };
        for part in &open {
            let event = self.of_part(part, step);
            self.courier.send(match error {
                Some(error) => event.because(error),
                None => event,
            });
        }
    }

    fn extracted(&self, load: &TableLoad) {
        let (source, table) = (load.source.clone(), load.table.clone());
        let part = Part::Extract { source, table };
        if !self.close(&part) {
            return;
        }
        if load.status != LoadStatus::Loaded {
            let why = format!("TABLE_NOT_LOADED: {}", load.notices.join("; "));
            return self.courier.send(self.of_part(&part, Step::Fail).because(&why));
        }
        let read = Amount { rows: load.rows_read, ..Amount::default() };
        let written = Amount {
            rows: load.rows_loaded + load.rows_rejected(),
            bytes: Some(load.bytes_written),
            files: Some(load.files_written),
        };
        let input = self.source(&load.source, &load.table).map(|input| input.delivered(read));
        let output = self.raw(&load.source, &load.table).at_version(load.version);
        let event = self.of_part(&part, Step::Complete).reading(input.into_iter().collect());
        self.courier.send(event.writing(vec![output.received(written)]));
    }

    fn built(&self, built: &BuiltTable) {
        let part = Part::Build(built.table.clone());
        if !self.close(&part) {
            return;
        }
        let address = self.nightly.lake.address();
        let inputs = built.inputs.iter().map(|(key, version)| {
            name::of_lake(address, &TableId::parse(key)).at_version(*version)
        });
        let amount =
            Amount { rows: built.rows, bytes: Some(built.bytes), files: Some(built.files) };
        let mut output = self.hub(&built.table).at_version(Some(built.version));
        if !built.reused {
            output = output.received(amount);
        }
        let event = self.of_part(&part, Step::Complete).reading(inputs.collect());
        self.courier.send(event.writing(vec![output]));
    }

    fn source(&self, source: &str, table: &str) -> Option<Dataset> {
        self.nightly.sources.get(source).map(|config| name::of_source(config, table))
    }

    fn raw(&self, source: &str, table: &str) -> Dataset {
        let id = TableId::raw(source, table);
        let contract = self.nightly.contracts.sources.get(source);
        let contract = contract.and_then(|contract| contract.tables.get(table));
        let columns = contract.into_iter().flat_map(|contract| &contract.columns);
        let columns = columns.map(|(name, column)| (name.clone(), column.column_type.to_string()));
        name::of_lake(self.nightly.lake.address(), &id).with_columns(columns)
    }

    fn hub(&self, table: &str) -> Dataset {
        let contract = self.nightly.contracts.table(table);
        let columns = contract.into_iter().flat_map(|contract| &contract.columns);
        let columns = columns.map(|column| (column.name.clone(), column.column_type.to_string()));
        name::of_lake(self.nightly.lake.address(), &TableId::hub(table)).with_columns(columns)
    }

    /// What a built table is made from.
    fn references(&self, table: &str) -> Vec<Dataset> {
        let node = self.nightly.registry.nodes.iter().find(|node| node.target == table);
        let references = node.into_iter().flat_map(|node| &node.references);
        references.map(|of| name::of_lake(self.nightly.lake.address(), &of.table_id())).collect()
    }
}

impl extract::Progress for Watched<'_> {
    fn table_started(&self, source: &str, table: &str) {
        self.inner.table_started(source, table);
        if let Some(told) = &self.told {
            told.start(Part::Extract { source: source.to_owned(), table: table.to_owned() });
        }
    }

    fn rows(&self, source: &str, table: &str, rows: u64) {
        self.inner.rows(source, table, rows);
    }

    fn table_done(&self, load: &TableLoad, skipped: bool) {
        self.inner.table_done(load, skipped);
        if let Some(told) = &self.told {
            told.extracted(load);
        }
    }
}

impl BuildProgress for Watched<'_> {
    fn build_started(&self, table: &str) {
        self.inner.build_started(table);
        if let Some(told) = &self.told {
            told.start(Part::Build(table.to_owned()));
        }
    }

    fn table_built(&self, table: &BuiltTable, done: usize, total: usize) {
        self.inner.table_built(table, done, total);
        if let Some(told) = &self.told {
            told.built(table);
        }
    }
}

impl Progress for Watched<'_> {
    fn stage_started(&self, stage: &str) {
        self.inner.stage_started(stage);
    }

    fn stage_done(&self, stage: &StageTime) {
        self.inner.stage_done(stage);
    }
}
