//! The configuration file `clinichub.yaml`: its sections, how it is read, and the environment.
//!
//! This is the only place that reads the environment. Unknown keys are errors; `${NAME}` is
//! replaced from the environment and `${file:PATH}` from a file, and what was replaced never
//! prints.

mod alerts;
mod auth;
mod expand;
mod lake;
mod lineage;
mod nightly;
mod project;
mod quarantine;
mod retention;
mod secret;
mod server;
mod sites;
mod validate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use hub_domain::project::Problem;
use hub_domain::site_day::SiteDays;
use hub_pipeline::extract::SourceConfig;
use schemars::JsonSchema;
use serde::Deserialize;

pub use alerts::{AlertsConfig, HookConfig};
pub use auth::AuthConfig;
pub use lake::{LakeConfig, StateConfig, store_options};
pub use lineage::LineageConfig;
pub use nightly::{Missed, NightlyConfig};
pub use project::{ProjectConfig, load_project};
pub use quarantine::QuarantineConfig;
pub use retention::{RetentionConfig, UpkeepConfig};
pub use secret::Secret;
pub use server::{LimitsConfig, MetricsConfig, ServerConfig};
pub use sites::SiteConfig;

/// `clinichub.yaml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Tenant id.
    pub group: String,
    /// IANA zone of the clinics; business days and source wall clocks are read in it.
    #[serde(default = "shanghai")]
    pub timezone: String,
    /// Sites whose days are cut otherwise, by org code. A change takes effect with the next night.
    #[serde(default)]
    pub sites: BTreeMap<String, SiteConfig>,
    /// Where the tables live.
    pub lake: LakeConfig,
    /// Where operational state lives.
    pub state: StateConfig,
    /// Where `schema/` and `queries/` are; the set built into the binary when absent.
    #[serde(default)]
    pub project: Option<ProjectConfig>,
    /// Source systems by id.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceConfig>,
    /// The nightly job.
    #[serde(default)]
    pub nightly: NightlyConfig,
    /// Listening and request limits.
    #[serde(default)]
    pub server: ServerConfig,
    /// Who may sign in, and how.
    #[serde(default)]
    pub auth: AuthConfig,
    /// What is kept of refused rows, and how many a night may have.
    #[serde(default)]
    pub quarantine: QuarantineConfig,
    /// Where alerts are sent.
    #[serde(default)]
    pub alerts: AlertsConfig,
    /// Who is told where data came from and went (OpenLineage); nobody when absent.
    #[serde(default)]
    pub lineage: Option<LineageConfig>,
    /// Folder of the file; relative paths start there.
    #[serde(skip)]
    pub base: PathBuf,
}

fn shanghai() -> String {
    "Asia/Shanghai".to_owned()
}

/// Why a configuration cannot be used: every problem, as `file:line: what` with a hint.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Invalid(pub Vec<Problem>);

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// Every problem found, with file and line.
    pub fn load(path: &Path) -> Result<Self, Invalid> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        Self::load_with(path, &|name| std::env::var(name).ok())
    }

    /// As [`Config::load`], with the environment given.
    ///
    /// # Errors
    /// Every problem found, with file and line.
    pub fn load_with(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let file = path.display().to_string();
        let problem = |line, what: String, hint: &str| {
            let hint = (!hint.is_empty()).then(|| hint.to_owned());
            Invalid(vec![Problem { file: file.clone(), line, what, hint }])
        };
        let text = std::fs::read_to_string(path).map_err(|source| {
            problem(0, format!("cannot read the configuration: {source}"), "check `--config`")
        })?;
        let text = expand::expand(&text, env)
            .map_err(|error| problem(error.line, error.what, "set it, or write the value"))?;
        let mut config: Self = serde_saphyr::from_str(&text).map_err(|error| {
            let line = error.location().map_or(0, |at| at.line());
            problem(line, expand::first_line(&error.to_string()), "see `clinichub schema config`")
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        config.base = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let problems = validate::problems(&config, &file, &text);
        if !problems.is_empty() {
            return Err(Invalid(problems));
        }
        let base = &config.base;
        let sources = std::mem::take(&mut config.sources);
        config.sources =
            sources.into_iter().map(|(id, source)| (id, source.resolved(base))).collect();
        Ok(config)
    }

    /// The zone of the clinics.
    ///
    /// # Errors
    /// A sentence, when `timezone` names no zone.
    pub fn zone(&self) -> Result<Tz, String> {
        self.timezone.parse().map_err(|_| format!("`{}` is no time zone", self.timezone))
    }

    /// Sites that cut their days otherwise.
    ///
    /// # Errors
    /// A sentence, when a zone or an hour is none.
    pub fn site_days(&self) -> Result<SiteDays, String> {
        let zone = self.zone()?;
        let day = |(site, config): (&String, &SiteConfig)| {
            let day = config.day(zone).map_err(|what| format!("site `{site}`: {what}"))?;
            Ok((site.clone(), day))
        };
        self.sites.iter().map(day).collect()
    }

    /// The configuration's JSON Schema.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

#[cfg(test)]
mod tests;
