//! Section `lineage`: who is told where data came from and went.

use std::path::{Path, PathBuf};

use hub_pipeline::lineage::{Lineage, Receiver};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::Secret;

/// `lineage:` One of `url` and `file`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineageConfig {
    /// Address that takes OpenLineage events, such as `https://marquez.example/api/v1/lineage`.
    #[serde(default)]
    pub url: Option<Secret>,
    /// File to which events are appended, one JSON object a line.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Namespace of the jobs; the tenant id when absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Key sent to `url` as `authorization: Bearer …`.
    #[serde(default)]
    pub api_key: Option<Secret>,
}

impl LineageConfig {
    /// What is wrong with the section, and what to do.
    pub(super) fn fault(&self) -> Option<(String, &'static str)> {
        let what = match (&self.url, &self.file) {
            (Some(_), Some(_)) => "`lineage` has both `url` and `file`",
            (None, None) => "`lineage` has neither `url` nor `file`",
            (None, Some(_)) if self.api_key.is_some() => "`lineage.api_key` needs `lineage.url`",
            (Some(url), None) if address(url).is_none() => {
                return Some((
                    "`lineage.url` is no http(s) address without user and password".to_owned(),
                    "write `https://host/api/v1/lineage`, and the key as `api_key`",
                ));
            }
            _ => return None,
        };
        Some((what.to_owned(), "write `url:` or `file:`"))
    }

    /// The section as the nightly uses it; `group` and `base` fill what it leaves out.
    #[must_use]
    pub fn opened(&self, group: &str, base: &Path) -> Option<Lineage> {
        let receiver = match (&self.url, &self.file) {
            (Some(url), _) => Receiver::Http {
                url: address(url)?,
                api_key: self.api_key.as_ref().map(|key| key.expose().to_owned()),
            },
            (None, Some(file)) => Receiver::File(base.join(file)),
            (None, None) => return None,
        };
        Some(Lineage::new(self.namespace.as_deref().unwrap_or(group), receiver))
    }
}

fn address(url: &Secret) -> Option<Url> {
    let url = Url::parse(url.expose()).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (web && url.username().is_empty() && url.password().is_none()).then_some(url)
}
