//! Sites that cut their days in another zone or at another hour than midnight.

use chrono::NaiveTime;
use chrono_tz::Tz;
use hub_domain::site_day::SiteDay;
use schemars::JsonSchema;
use serde::Deserialize;

/// How one site cuts its business days.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// IANA zone of its clocks; the deployment's when absent.
    #[serde(default)]
    pub timezone: Option<String>,
    /// What its clocks show when a day starts, such as `05:00`; midnight when absent.
    #[serde(default)]
    pub day_starts: Option<String>,
}

impl SiteConfig {
    /// The day of the site in a deployment of zone `zone`.
    ///
    /// # Errors
    /// A sentence, when the zone or the hour is none.
    pub fn day(&self, zone: Tz) -> Result<SiteDay, String> {
        let zone = match &self.timezone {
            Some(name) => name.parse().map_err(|_| format!("`{name}` is no time zone"))?,
            None => zone,
        };
        let starts = match &self.day_starts {
            Some(text) => NaiveTime::parse_from_str(text, "%H:%M")
                .map_err(|_| format!("`{text}` is no hour such as `05:00`"))?,
            None => NaiveTime::MIN,
        };
        Ok(SiteDay { zone, starts })
    }
}
