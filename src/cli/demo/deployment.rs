//! The demo's own deployment: its configuration file, and what it was made of.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use hub_demo::DemoSpec;
use hub_lake::Contracts;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, load_project};

/// Names the specification the sources were made by; written once they are whole.
const MADE: &str = "sources/made.json";

/// Column by which HIS tables tell their changes; tables without it are read full.
const CHANGED: &str = "xgsj";
/// HIS tables whose rows disappear between nights.
const DELETING: [&str; 2] = ["t_yy", "t_sfmx"];

/// Refused rows the demo's sources may have: in a small demo they are many.
const DIRTY: &str = "max_quarantine: { share: 0.5, key_faults: accept }";

/// What makes two demos the same.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    people: u64,
    days: u32,
    seed: u64,
    end: NaiveDate,
    nights: u32,
}

impl Kept {
    pub(super) fn of(spec: &DemoSpec) -> Self {
        let DemoSpec { people, days, seed, end, nights } = spec.clone();
        Self { people, days, seed, end, nights }
    }
}

impl Kept {
    /// The specification that makes the same demo again.
    pub(super) fn spec(&self) -> DemoSpec {
        let Self { people, days, seed, end, nights } = *self;
        DemoSpec { people, days, seed, end, nights }
    }
}

/// What the folder's sources were made of, when they are whole.
pub(super) fn spec(dir: &Path) -> anyhow::Result<Option<Kept>> {
    match fs::read_to_string(dir.join(MADE)) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("cannot read the demo's folder"),
    }
}

pub(super) fn is_generated(dir: &Path, spec: &DemoSpec) -> anyhow::Result<bool> {
    Ok(self::spec(dir)? == Some(Kept::of(spec)))
}

pub(super) fn mark_generated(dir: &Path, spec: &DemoSpec) -> anyhow::Result<()> {
    fs::write(dir.join(MADE), serde_json::to_string(&Kept::of(spec))?)?;
    Ok(())
}

/// Writes `clinichub.yaml` unless it is there; its path.
pub(super) fn write(dir: &Path, spec: &DemoSpec, listen: &str) -> anyhow::Result<PathBuf> {
    let path = dir.join("clinichub.yaml");
    if !path.exists() {
        fs::write(&path, text(spec, listen, &sources()?))
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(path)
}

/// The built-in source contracts.
fn sources() -> anyhow::Result<Contracts> {
    let project = load_project(None, Path::new(".")).map_err(Invalid)?;
    Ok(Contracts::load(&project).map_err(Invalid)?)
}

fn text(spec: &DemoSpec, listen: &str, contracts: &Contracts) -> String {
    let his = contracts.sources.get("his").into_iter().flat_map(|source| &source.tables);
    let his = his.map(|(name, table)| {
        let mut options = Vec::new();
        if table.columns.contains_key(CHANGED) {
            options.push(format!("cursor: {{ column: {CHANGED}, lag: 2d }}"));
        }
        if DELETING.contains(&name.as_str()) {
            options.push("deletes: scan".to_owned());
        }
        format!("      {name}: {{ {} }}\n", options.join(", "))
    });
    format!(
        "# Made by `clinichub demo`; usable with every other command.\n\
         group: beirui\n\
         timezone: Asia/Shanghai\n\
         lake: {{ url: \"file://./lake\" }}\n\
         state: {{ url: \"sqlite://./state.db\" }}\n\
         # The demo's people are invented, so its pseudonym key may stand here. Real deployments\n\
         # write ${{NAME}} and keep the key in the environment.\n\
         auth: {{ api_keys: true, pseudonym_key: \"demo-pseudonyms-{seed}\" }}\n\
         # As for pseudonyms: in real deployments this key comes from the environment too.\n\
         quarantine: {{ key: \"demo-quarantine-{seed}\" }}\n\
         server: {{ listen: \"{listen}\" }}\n\
         # These sources are dirty on purpose, keys included; without the limits of\n\
         # `max_quarantine` their nights would not be published.\n\
         sources:\n  \
           his:\n    \
             kind: sqlite\n    \
             path: ./sources/his.db\n    \
             expect: 36h\n    \
             {DIRTY}\n    \
             tables:\n{his}  \
           crm:\n    \
             kind: csv\n    \
             path: ./sources/crm\n    \
             expect: 36h\n    \
             encoding: gb18030\n    \
             {DIRTY}\n  \
           ledger:\n    \
             kind: csv\n    \
             path: ./sources/ledger\n    \
             expect: 36h\n    \
             {DIRTY}\n",
        seed = spec.seed,
        his = his.collect::<String>(),
    )
}
