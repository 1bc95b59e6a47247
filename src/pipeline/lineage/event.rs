//! The shape of run events and their facets, as the specification names them.

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Who makes the events.
const PRODUCER: &str = concat!("urn:clinichub:", env!("CARGO_PKG_VERSION"));
const EVENT_SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// A step in the life of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Step {
    Start,
    Complete,
    /// Stopped by the failure of something else.
    Abort,
    Fail,
}

/// One event.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunEvent {
    event_type: Step,
    event_time: String,
    producer: &'static str,
    #[serde(rename = "schemaURL")]
    schema_url: &'static str,
    run: RunPart,
    job: Job,
    inputs: Vec<Dataset>,
    outputs: Vec<Dataset>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunPart {
    run_id: Uuid,
    facets: Map<String, Value>,
}

/// A job: what may run again and again.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Job {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) facets: Map<String, Value>,
}

/// A dataset with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dataset {
    pub(super) namespace: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) facets: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) input_facets: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) output_facets: Map<String, Value>,
}

/// Rows, bytes and files of a dataset in one run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    pub(super) rows: u64,
    pub(super) bytes: Option<u64>,
    pub(super) files: Option<u64>,
}

impl RunEvent {
    pub(super) fn new(step: Step, at: DateTime<Utc>, run_id: Uuid, job: Job) -> Self {
        Self {
            event_type: step,
            event_time: instant(at),
            producer: PRODUCER,
            schema_url: EVENT_SCHEMA,
            run: RunPart { run_id, facets: Map::new() },
            job,
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    pub(super) fn reading(mut self, inputs: Vec<Dataset>) -> Self {
        self.inputs = inputs;
        self
    }

    pub(super) fn writing(mut self, outputs: Vec<Dataset>) -> Self {
        self.outputs = outputs;
        self
    }

    /// The business day, from its first to its last moment in the clinics' zone.
    pub(super) fn of_day(self, date: NaiveDate, zone: Tz) -> Self {
        let from = midnight(date, zone);
        let to = midnight(date.succ_opt().unwrap_or(date), zone);
        let body = json!({ "nominalStartTime": instant(from), "nominalEndTime": instant(to) });
        self.facet("nominalTime", "1-0-1/NominalTimeRunFacet", body)
    }

    /// The run this one is a part of.
    pub(super) fn under(self, run_id: Uuid, job: &Job) -> Self {
        let of = json!({
            "run": { "runId": run_id },
            "job": { "namespace": job.namespace, "name": job.name },
        });
        let mut body = of.clone();
        body["root"] = of;
        self.facet("parent", "1-2-0/ParentRunFacet", body)
    }

    /// Why it failed: a stable code and a text without values.
    pub(super) fn because(self, message: &str) -> Self {
        let body = json!({ "message": message, "programmingLanguage": "rust" });
        self.facet("errorMessage", "1-0-1/ErrorMessageRunFacet", body)
    }

    fn facet(mut self, name: &str, schema: &str, body: Value) -> Self {
        self.run.facets.insert(name.to_owned(), facet(schema, body));
        self
    }
}

impl Job {
    pub(super) fn new(namespace: &str, name: String, kind: &str) -> Self {
        let body =
            json!({ "processingType": "BATCH", "integration": "CLINICHUB", "jobType": kind });
        let facets = Map::from_iter([("jobType".to_owned(), facet("2-0-4/JobTypeJobFacet", body))]);
        Self { namespace: namespace.to_owned(), name, facets }
    }
}

impl Dataset {
    pub(super) fn new(namespace: String, name: String) -> Self {
        let (facets, input_facets, output_facets) = (Map::new(), Map::new(), Map::new());
        Self { namespace, name, facets, input_facets, output_facets }
    }

    /// Delta version.
    pub(super) fn at_version(mut self, version: Option<u64>) -> Self {
        if let Some(version) = version {
            let body = json!({ "datasetVersion": version.to_string() });
            let body = facet("1-0-1/DatasetVersionDatasetFacet", body);
            self.facets.insert("version".to_owned(), body);
        }
        self
    }

    /// Names and types of columns.
    pub(super) fn with_columns(mut self, columns: impl Iterator<Item = (String, String)>) -> Self {
        let fields: Vec<Value> = columns
            .zip(1_u32..)
            .map(|((name, of), at)| json!({ "name": name, "type": of, "ordinal_position": at }))
            .collect();
        if !fields.is_empty() {
            let body = facet("1-2-0/SchemaDatasetFacet", json!({ "fields": fields }));
            self.facets.insert("schema".to_owned(), body);
        }
        self
    }

    pub(super) fn delivered(mut self, amount: Amount) -> Self {
        let body = facet("1-0-0/InputStatisticsInputDatasetFacet", amount.body());
        self.input_facets.insert("inputStatistics".to_owned(), body);
        self
    }

    pub(super) fn received(mut self, amount: Amount) -> Self {
        let body = facet("1-0-2/OutputStatisticsOutputDatasetFacet", amount.body());
        self.output_facets.insert("outputStatistics".to_owned(), body);
        self
    }
}

impl Amount {
    fn body(self) -> Value {
        let mut body = json!({ "rowCount": self.rows });
        for (name, value) in [("size", self.bytes), ("fileCount", self.files)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        body
    }
}

/// A facet's body with what every facet carries.
fn facet(schema: &str, mut body: Value) -> Value {
    let name = schema.rsplit('/').next().unwrap_or_default();
    body["_producer"] = json!(PRODUCER);
    let url = format!("https://openlineage.io/spec/facets/{schema}.json#/$defs/{name}");
    body["_schemaURL"] = json!(url);
    body
}

/// A run id that is the same whenever the same is told of the same run.
pub(super) fn run_id(run: &str, part: &str) -> Uuid {
    match Uuid::parse_str(run) {
        Ok(own) if part.is_empty() => own,
        _ => {
            let digest = Sha256::digest(format!("{run}|{part}"));
            let mut bytes = [0_u8; 16];
            bytes.copy_from_slice(&digest[..16]);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        }
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The first moment of a day; where the zone skips midnight, UTC's.
fn midnight(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let start = date.and_time(chrono::NaiveTime::MIN);
    zone.from_local_datetime(&start).earliest().map_or_else(|| start.and_utc(), |at| at.to_utc())
}
