//! The exposition: counters and gauges as one OpenMetrics document.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Labels, PREFIX};

/// Media type of the document.
pub(super) const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Gauges of one scrape.
pub(super) struct Gauges(Registry);

impl Gauges {
    pub(super) fn new() -> Self {
        Self(Registry::with_prefix(PREFIX))
    }

    /// One number.
    pub(super) fn one(&mut self, name: &str, help: &str, value: i64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    /// Numbers by label; no family at all when there are none.
    pub(super) fn many(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let family: Family<Labels, Gauge<f64, AtomicU64>> = Family::default();
        let mut empty = true;
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
            empty = false;
        }
        if !empty {
            self.0.register(name, help, family);
        }
    }
}

/// `counters` and `gauges` as one document.
pub(super) fn document(counters: &Registry, gauges: &Gauges) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    encode_registry(&mut text, counters)?;
    encode_registry(&mut text, &gauges.0)?;
    encode_eof(&mut text)?;
    Ok(text)
}
