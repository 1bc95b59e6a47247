//! A source's address. It may hold a password, so it does not print.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// What of an address may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Host name or address.
    pub(crate) host: String,
    /// Port; the protocol's own when absent.
    pub(crate) port: Option<u16>,
    /// Database.
    pub(crate) database: String,
}

/// Address of a database.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SourceUrl(String);

impl SourceUrl {
    /// Wraps an address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address, password included; for drivers only.
    pub(in super::super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Where the database is, without user and password; none when the address does not say.
    pub(crate) fn server(&self) -> Option<Server> {
        let named = |host: &str, port, database: &str| Server {
            host: host.to_owned(),
            port,
            database: database.to_owned(),
        };
        if let Ok(url) = url::Url::parse(&self.0) {
            let host = url.host_str()?;
            return Some(named(host, url.port(), url.path().trim_start_matches('/')));
        }
        // `host=… dbname=…`, as libpq writes addresses.
        let parsed: tokio_postgres::Config = self.0.parse().ok()?;
        let host = parsed.get_hosts().iter().find_map(|host| match host {
            tokio_postgres::config::Host::Tcp(name) => Some(name.as_str()),
            tokio_postgres::config::Host::Unix(_) => None,
        });
        let port = parsed.get_ports().first().copied();
        Some(named(host.unwrap_or("localhost"), port, parsed.get_dbname().unwrap_or_default()))
    }

    /// The file of `sqlite://./his.db`, `sqlite:his.db` or `file:his.db`.
    pub(super) fn sqlite_path(&self) -> Option<PathBuf> {
        let rest = ["sqlite://", "sqlite:", "file://", "file:"]
            .iter()
            .find_map(|scheme| self.0.strip_prefix(scheme))?;
        let path = rest.split(['?', '#']).next().unwrap_or(rest);
        (!path.is_empty()).then(|| PathBuf::from(path))
    }
}

impl std::fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceUrl(…)")
    }
}

impl JsonSchema for SourceUrl {
    fn schema_name() -> Cow<'static, str> {
        "SourceUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Address of a database; take secrets from `${NAME}`.",
            "type": "string"
        })
    }
}
