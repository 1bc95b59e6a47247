//! The demo's logins: one that sees the group, one that sees a site. Their keys are kept beside
//! the demo, readable by its owner only, so that a second start can show them again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use hub_domain::principal::Principal;

use crate::app::App;
use crate::cli::keys;

/// Site of the second login.
const SITE: &str = "DL-HZ-YM";

/// A user with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) key: String,
}

/// The demo's logins, made when they are missing.
pub(super) async fn ensure(app: &App, dir: &Path) -> anyhow::Result<Vec<Login>> {
    let path = dir.join("logins");
    if let Ok(text) = fs::read_to_string(&path) {
        let known = text.lines().filter_map(|line| {
            let (user, key) = line.split_once(' ')?;
            Some(Login { user: user.to_owned(), key: key.to_owned() })
        });
        return Ok(known.collect());
    }
    let mut logins = Vec::new();
    let principals = [Principal::group("ceo"), Principal::site("manager", [SITE.to_owned()])];
    for principal in principals {
        let key = keys::create(app, &principal).await?;
        logins.push(Login { user: principal.user, key });
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    for login in &logins {
        writeln!(file, "{} {}", login.user, login.key).context("cannot keep the logins")?;
    }
    Ok(logins)
}
