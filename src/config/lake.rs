//! Sections `lake` and `state`: where tables and operational state live.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::retention::RetentionConfig;

/// `lake:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// `file://./lake`, `s3://bucket/prefix`, `gs://…`, `az://…`. Credentials come from the
    /// environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
    pub url: String,
    /// How long published snapshots are kept; for ever when absent.
    #[serde(default)]
    pub retention: Option<RetentionConfig>,
    /// Promises that this hub alone writes to the lake, for stores that do not keep two writers
    /// apart. Then nothing but the lease in `state` keeps two nights from losing each other's
    /// commits.
    #[serde(default)]
    pub single_writer: bool,
}

/// `state:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateConfig {
    /// `sqlite://./state.db`.
    pub url: String,
}

impl LakeConfig {
    /// The address with a relative path made absolute from `base`.
    #[must_use]
    pub fn resolved(&self, base: &Path) -> String {
        resolve(&self.url, "file://", base)
    }
}

impl StateConfig {
    /// The address with a relative path made absolute from `base`.
    #[must_use]
    pub fn resolved(&self, base: &Path) -> String {
        resolve(&self.url, "sqlite://", base)
    }
}

/// Object store options of the environment, by lower-case name.
#[must_use]
pub fn store_options() -> BTreeMap<String, String> {
    std::env::vars()
        .filter(|(name, _)| {
            ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix))
        })
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

fn resolve(url: &str, scheme: &str, base: &Path) -> String {
    match url.strip_prefix(scheme) {
        Some(path) if !path.starts_with('/') => {
            let path = base.join(path.trim_start_matches("./"));
            format!("{scheme}{}", path.display())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_the_file() {
        let lake =
            LakeConfig { url: "file://./lake".into(), retention: None, single_writer: false };
        assert_eq!(lake.resolved(Path::new("/srv/hub")), "file:///srv/hub/lake");
        let cloud =
            LakeConfig { url: "s3://bucket/p".into(), retention: None, single_writer: false };
        assert_eq!(cloud.resolved(Path::new("/srv/hub")), "s3://bucket/p");
    }
}
