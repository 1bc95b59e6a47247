//! What can be said against a configuration before anything is opened.

use std::collections::BTreeSet;

use croner::Cron;
use hub_domain::project::Problem;
use hub_pipeline::notify::Hook;

use super::{Config, expand};

/// Shortest key of pseudonyms and of sealed rows.
const KEY_LETTERS: usize = 16;

/// Every problem of `config`, which was read from `file` with content `text`.
pub(super) fn problems(config: &Config, file: &str, text: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |key: &str, what: String, hint: &str| {
        let line = expand::line_of_key(text, key);
        found.push(Problem { file: file.to_owned(), line, what, hint: Some(hint.to_owned()) });
    };
    if let Err(what) = config.zone() {
        say("timezone", what, "use a name such as `Asia/Shanghai`");
    }
    if let Ok(zone) = config.zone() {
        for (site, own) in &config.sites {
            if let Err(what) = own.day(zone) {
                let hint = "write `{ timezone: Asia/Urumqi, day_starts: \"05:00\" }`";
                say("sites", format!("site `{site}`: {what}"), hint);
            }
        }
    }
    if !config.state.url.starts_with("sqlite://") {
        let what = "`state.url` is no SQLite address".to_owned();
        say("state", what, "write `sqlite://./state.db`; other databases are not supported yet");
    }
    let key = config.auth.pseudonym_key.as_ref().map_or("", |key| key.expose());
    if key.chars().count() < KEY_LETTERS {
        let what = format!("`auth.pseudonym_key` has fewer than {KEY_LETTERS} characters");
        say("auth", what, "set it to random characters, such as `${HUB_PSEUDONYM_KEY}`");
    }
    for (what, hint) in config.quarantine.faults(KEY_LETTERS) {
        say("quarantine", what, hint);
    }
    if let Some(cron) = &config.nightly.cron
        && let Err(error) = cron.parse::<Cron>()
    {
        say("nightly", format!("`nightly.cron`: `{cron}`: {error}"), "write five fields");
    }
    if let Some((what, hint)) = config.nightly.fault() {
        say("nightly", what, hint);
    }
    let mut ids = BTreeSet::new();
    for hook in &config.alerts.hooks {
        if !ids.insert(&hook.id) {
            say("alerts", format!("two hooks are called `{}`", hook.id), "give each its own id");
        }
        let (url, secret) = (hook.url.expose(), hook.secret.expose());
        if let Err(error) = Hook::new(&hook.id, url, secret, hook.allow_private) {
            say("alerts", error.to_string(), "write an http(s) address and a `whsec_…` secret");
        }
    }
    if let Some((what, hint)) = config.lineage.as_ref().and_then(|lineage| lineage.fault()) {
        say("lineage", what, hint);
    }
    for (id, source) in &config.sources {
        for fault in source.faults() {
            say(id, format!("source `{id}`: {}", fault.what), &fault.hint);
        }
    }
    found
}
