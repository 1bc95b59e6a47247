//! Names of datasets by the specification's naming rules: a namespace that says where, a name
//! that says what. Users and passwords of addresses are never part of one.

use std::path::PathBuf;

use hub_lake::TableId;
use url::Url;

use super::event::Dataset;
use crate::extract::{SourceConfig, TableConfig};

/// The dataset behind table `table` of a source.
pub(super) fn of_source(config: &SourceConfig, table: &str) -> Dataset {
    let absent = TableConfig::default();
    let section = config.tables.get(table).unwrap_or(&absent);
    let relation = section.from.as_deref().unwrap_or(table);
    let kind = config.kind.name();
    // `./` in the configuration is no part of a name.
    let folder = config.path.as_ref().map(|path| path.components().collect::<PathBuf>());
    let folder = folder.map(|path| path.display().to_string()).unwrap_or_default();
    let (namespace, name) = match (kind, default_port(kind)) {
        (_, Some(port)) => {
            let server = config.url.as_ref().and_then(|url| url.server());
            let Some(server) = server else {
                return Dataset::new(format!("{kind}://unknown"), relation.to_owned());
            };
            let scheme = if kind == "sqlserver" { "mssql" } else { kind };
            let port = server.port.unwrap_or(port);
            let schema = default_schema(kind).filter(|_| !relation.contains('.'));
            let parts = [Some(server.database.as_str()), schema, Some(relation)];
            let name: Vec<&str> =
                parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
            (format!("{scheme}://{}:{port}", server.host), name.join("."))
        }
        ("sqlite", None) => (format!("sqlite://{folder}"), relation.to_owned()),
        _ => {
            let file = section.file.clone().unwrap_or_else(|| format!("{table}.{kind}"));
            ("file".to_owned(), format!("{folder}/{file}"))
        }
    };
    Dataset::new(namespace, name)
}

/// Port of a server kind; none for files.
fn default_port(kind: &str) -> Option<u16> {
    match kind {
        "postgres" => Some(5_432),
        "mysql" => Some(3_306),
        "sqlserver" => Some(1_433),
        _ => None,
    }
}

/// Schema of names that say none, where the server has schemas.
fn default_schema(kind: &str) -> Option<&'static str> {
    match kind {
        "postgres" => Some("public"),
        "sqlserver" => Some("dbo"),
        _ => None,
    }
}

/// The dataset of a table of the lake at `address`.
pub(super) fn of_lake(address: &Url, id: &TableId) -> Dataset {
    let folder = address.path().trim_matches('/');
    let below = match folder {
        "" => id.path().to_string(),
        folder => format!("{folder}/{}", id.path()),
    };
    match (address.scheme(), address.host_str()) {
        ("file", _) => Dataset::new("file".to_owned(), format!("/{below}")),
        (scheme, Some(host)) => {
            let scheme = if scheme == "s3a" { "s3" } else { scheme };
            // `abfss://container@account…`: the part before `@` is no user there.
            let container = match address.username() {
                "" => String::new(),
                container => format!("{container}@"),
            };
            Dataset::new(format!("{scheme}://{container}{host}"), below)
        }
        (scheme, None) => Dataset::new(scheme.to_owned(), below),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(section: &str, table: &str) -> (String, String) {
        let config: SourceConfig = serde_saphyr::from_str(section).expect("a section");
        let dataset = of_source(&config, table);
        (dataset.namespace, dataset.name)
    }

    #[test]
    fn sources_are_named_without_secrets() {
        let pg = "{ kind: postgres, url: 'postgres://u:canary@db.example:6432/his', \
                  tables: { visit: { from: clinic.visit } } }";
        let (namespace, name) = source(pg, "visit");
        assert_eq!(
            (namespace.as_str(), name.as_str()),
            ("postgres://db.example:6432", "his.clinic.visit")
        );
        assert_eq!(source(pg, "bill").1, "his.public.bill");
        let keyword = "{ kind: postgres, url: 'host=db user=u password=canary dbname=his' }";
        assert_eq!(source(keyword, "v"), ("postgres://db:5432".into(), "his.public.v".into()));
        let mysql = "{ kind: mysql, url: 'mysql://u:canary@10.0.0.7/his' }";
        assert_eq!(source(mysql, "t_jz"), ("mysql://10.0.0.7:3306".into(), "his.t_jz".into()));
        let csv = "{ kind: csv, path: /srv/crm, tables: { lead: { file: 'lead*.csv' } } }";
        assert_eq!(source(csv, "lead"), ("file".into(), "/srv/crm/lead*.csv".into()));
        let sqlite = "{ kind: sqlite, path: /srv/his.db }";
        assert_eq!(source(sqlite, "t_jz"), ("sqlite:///srv/his.db".into(), "t_jz".into()));
    }

    #[test]
    fn lake_tables_are_named_by_their_place() {
        let named = |address: &str, id: &TableId| {
            let dataset = of_lake(&address.parse().expect("an address"), id);
            (dataset.namespace, dataset.name)
        };
        let (visit, raw) = (TableId::hub("visit"), TableId::raw("his", "t_jz"));
        assert_eq!(
            named("file:///srv/lake/", &visit),
            ("file".into(), "/srv/lake/hub/visit".into())
        );
        assert_eq!(
            named("s3://bucket/a/b/", &raw),
            ("s3://bucket".into(), "a/b/raw/his.t_jz".into())
        );
        assert_eq!(named("gs://bucket/", &visit), ("gs://bucket".into(), "hub/visit".into()));
    }
}
