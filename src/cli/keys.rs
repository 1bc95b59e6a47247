//! `clinichub keys`: who may sign in.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use hub_domain::org::OrgLevel;
use hub_domain::ports::ReadSession;
use hub_domain::principal::{Principal, Role, SiteScope};
use hub_domain::snapshot::SnapshotPick;

use super::table::table;
use super::{ConfigArgs, Usage, print};
use crate::app::App;

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes a key and prints it, alone on the last line; it cannot be shown again.
    Create {
        #[command(flatten)]
        config: ConfigArgs,
        /// Login name.
        #[arg(long)]
        user: String,
        /// `group` sees everything, `site` its own sites.
        #[arg(long)]
        role: String,
        /// Org codes of the sites of a `site` role, separated by commas.
        #[arg(long, value_delimiter = ',')]
        sites: Vec<String>,
    },
    /// All keys, without their secrets.
    List(ConfigArgs),
    /// Revokes a key by its public part.
    Revoke {
        /// Public part, as `list` shows it.
        id: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

pub(super) async fn run(command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Create { config, user, role, sites } => {
            let principal = principal(user, &role, sites)?;
            let app = config.open().await?;
            check_sites(&app, &principal).await?;
            print(&create(&app, &principal).await?);
        }
        KeysCommand::List(config) => {
            let keys = config.open().await?.state.list_keys().await?;
            let rows: Vec<Vec<String>> = keys
                .into_iter()
                .map(|key| {
                    let sites = match &key.principal.sites {
                        SiteScope::All => "*".to_owned(),
                        SiteScope::Only(sites) => {
                            sites.iter().cloned().collect::<Vec<_>>().join(",")
                        }
                    };
                    let (user, role) = (key.principal.user, key.principal.role.name());
                    let revoked = key.revoked_at.unwrap_or_default();
                    vec![key.id, user, role.to_owned(), sites, key.created_at, revoked]
                })
                .collect();
            print(&table(&["id", "user", "role", "sites", "created at", "revoked at"], &rows));
        }
        KeysCommand::Revoke { id, config } => {
            if !config.open().await?.state.revoke_key(&id).await? {
                bail!("no live key `{id}`\n  hint: see `clinichub keys list`");
            }
            print(&format!("revoked `{id}`"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a key from the system's randomness.
pub(super) async fn create(app: &App, principal: &Principal) -> anyhow::Result<String> {
    let mut random = [0_u8; 24];
    getrandom::fill(&mut random).map_err(anyhow::Error::msg).context("no randomness")?;
    Ok(app.state.create_key(principal, random).await?)
}

fn principal(user: String, role: &str, sites: Vec<String>) -> Result<Principal, Usage> {
    let wrong = |what: &str| Err(Usage(what.to_owned()));
    match (Role::parse(role), sites.is_empty()) {
        (None, _) => wrong(&format!("unknown role `{role}`\n  hint: use `group` or `site`")),
        (Some(Role::Group), false) => wrong("a `group` role has no `--sites`"),
        (Some(Role::Site), true) => wrong("a `site` role needs `--sites`"),
        (Some(Role::Group), true) => Ok(Principal::group(user)),
        (Some(Role::Site), false) => Ok(Principal::site(user, sites)),
    }
}

/// A mistyped site would make a login that sees nothing: refuse it once sites are known.
async fn check_sites(app: &App, principal: &Principal) -> anyhow::Result<()> {
    let SiteScope::Only(sites) = &principal.sites else { return Ok(()) };
    if app.lake.latest().await?.is_none() {
        return Ok(());
    }
    let session = app.engine.open(&Principal::group("operator"), SnapshotPick::Latest).await?;
    let known = session.org_units(Some(OrgLevel::Site), None).await?;
    let known: Vec<String> = known.into_iter().map(|unit| unit.code).collect();
    match sites.iter().find(|site| !known.contains(site)) {
        None => Ok(()),
        Some(site) => {
            let hint = known.join("`, `");
            Err(Usage(format!("no site `{site}`\n  hint: the sites are `{hint}`")).into())
        }
    }
}
