//! `/metrics`: what a serving process counts, and how the deployment stands, as OpenMetrics text.
//!
//! Counters grow while the process lives; gauges about the deployment (snapshot, runs, freshness,
//! alerts) are read anew for every scrape. Labels are routes, codes and names of sources, tables,
//! sites and rules; never a user, a patient or a value. Who may see names is decided in [`door`].

mod door;
mod gather;
mod text;

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hub_api::Outcome;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::App;

pub(super) use door::{private, public};

type Labels = Vec<(&'static str, String)>;

/// Prefix of every name.
const PREFIX: &str = "clinichub";

/// The counts of one serving process.
pub(super) struct Metrics {
    app: App,
    counters: Registry,
    requests: Family<Labels, Counter>,
    in_flight: Gauge,
    operations: Family<Labels, Counter>,
    errors: Family<Labels, Counter>,
}

impl Metrics {
    pub(super) fn new(app: App) -> Arc<Self> {
        let mut counters = Registry::with_prefix(PREFIX);
        let (requests, in_flight) = (Family::default(), Gauge::default());
        let (operations, errors) = (Family::default(), Family::default());
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        counters.register("build", "The version that runs", build);
        counters.register(
            "http_requests",
            "Requests answered, by method, route and status",
            Family::clone(&requests),
        );
        counters.register(
            "http_requests_in_flight",
            "Requests being answered",
            Gauge::clone(&in_flight),
        );
        counters.register(
            "graphql_operations",
            "Requests to /graphql, by kind of operation (refused: none ran)",
            Family::clone(&operations),
        );
        counters.register(
            "graphql_errors",
            "Errors in answers of /graphql, by code",
            Family::clone(&errors),
        );
        app.engine.meters().register(&mut counters);
        Arc::new(Self { app, counters, requests, in_flight, operations, errors })
    }

    fn count(&self, method: &str, route: &str, response: &Response) {
        // Methods are the caller's words; only the usual ones become labels.
        let method = match method {
            "GET" | "POST" | "HEAD" | "OPTIONS" => method,
            _ => "other",
        };
        let labels = vec![
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", response.status().as_u16().to_string()),
        ];
        self.requests.get_or_create(&labels).inc();
        let Some(outcome) = response.extensions().get::<Outcome>() else { return };
        let operation = vec![("operation", outcome.operation.to_owned())];
        self.operations.get_or_create(&operation).inc();
        for code in &outcome.codes {
            self.errors.get_or_create(&vec![("code", code.clone())]).inc();
        }
    }
}

/// Takes one off the requests in flight, however its request ends.
struct Flight<'a>(&'a Gauge);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counts a request and its answer.
pub(super) async fn counted(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    metrics.in_flight.inc();
    let _flight = Flight(&metrics.in_flight);
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    metrics.count(&method, &route, &response);
    response
}
