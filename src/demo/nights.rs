//! Advances the sources to the next night: exports are rewritten file by file, then one SQLite
//! transaction applies the hospital's changes and records the night. Repeating is harmless.
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::Error;
use crate::sink::nights_folder;
use crate::sqlite::{hospital, sqlite_error};
use crate::table::{Source, TABS, Tab};

/// The night whose state the sources of `dir` hold, from 1.
///
/// # Errors
/// When the hospital database cannot be read.
pub fn current_night(dir: &Path) -> Result<u32, Error> {
    let path = dir.join("sources").join("his.db");
    let fail = sqlite_error(&path);
    let link =
        Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(&fail)?;
    link.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fail)
}

/// Applies what the sources of `dir` learn before night `night` (from 2). A night already
/// applied is left alone; an interrupted one is finished by calling again.
///
/// # Errors
/// When a night is skipped, or a source file cannot be read or written.
pub fn advance(dir: &Path, night: u32) -> Result<(), Error> {
    let current = current_night(dir)?;
    if night <= current {
        return Ok(());
    }
    if night != current + 1 {
        return Err(Error::Night { asked: night, current });
    }
    let pending = nights_folder(dir);
    let changes = pending.join(format!("{night}.db"));
    if !changes.exists() {
        return Err(Error::Spec {
            reason: format!("no changes are stored for night {night}"),
            hint: "the demo was made with fewer nights",
        });
    }
    for source in [Source::Crm, Source::Ledger] {
        let folder = pending.join(night.to_string()).join(source.name());
        if folder.exists() {
            patch_folder(&folder, &dir.join("sources").join(source.name()), source)?;
        }
    }
    apply(&dir.join("sources").join("his.db"), &changes, night)
}

fn apply(his: &Path, changes: &Path, night: u32) -> Result<(), Error> {
    let fail = sqlite_error(his);
    let mut link = Connection::open(his).map_err(&fail)?;
    let address = changes.to_string_lossy().into_owned();
    link.execute("ATTACH ?1 AS night", [address]).map_err(&fail)?;
    let transaction = link.transaction().map_err(&fail)?;
    for tab in hospital() {
        let name = tab.name();
        let contract = tab.contract();
        let joined: Vec<String> = contract
            .key
            .iter()
            .map(|at| &contract.columns[*at].name)
            .map(|key| format!("old.{key} = new.{key}"))
            .collect();
        let joined = joined.join(" AND ");
        let first = &contract.columns[contract.key[0]].name;
        let sql = format!(
            "DELETE FROM main.{name} WHERE rowid IN (SELECT old.rowid FROM night.{name} new \
             CROSS JOIN main.{name} old ON {joined}); \
             INSERT INTO main.{name} SELECT * FROM night.{name}; \
             DELETE FROM main.{name} WHERE {first} IN \
             (SELECT key FROM night.removed WHERE tab = '{name}');"
        );
        transaction.execute_batch(&sql).map_err(&fail)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version={night}")).map_err(&fail)?;
    transaction.commit().map_err(&fail)
}

fn patch_folder(from: &Path, into: &Path, source: Source) -> Result<(), Error> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(from)
        .map_err(Error::file(from))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::file(from))?
        .into_iter()
        .map(|entry| entry.path())
        .collect();
    names.sort();
    std::fs::create_dir_all(into).map_err(Error::file(into))?;
    for patch in names {
        let Some(name) = patch.file_name() else { continue };
        if let Some(tab) = table_of(source, &name.to_string_lossy()) {
            patch_file(&patch, &into.join(name), tab)?;
        }
    }
    Ok(())
}

/// The table an export file belongs to: its name without a trailing month.
fn table_of(source: Source, file: &str) -> Option<Tab> {
    let stem = file.strip_suffix(".csv")?;
    let name = match stem.rsplit_once('_') {
        Some((name, month)) if month.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => stem,
    };
    TABS.iter().copied().find(|tab| tab.source() == source && tab.name() == name)
}

/// Replaces rows by key and appends new ones, in a new file that takes the old one's place.
fn patch_file(patch: &Path, target: &Path, tab: Tab) -> Result<(), Error> {
    let key = &tab.contract().key;
    let mut lines = read_lines(patch)?.into_iter();
    let head = lines.next().unwrap_or_default();
    let fresh: Vec<Vec<u8>> = lines.collect();
    let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
    for (at, line) in fresh.iter().enumerate() {
        by_key.insert(key_of(line, key), at);
    }
    let mut used = vec![false; fresh.len()];
    let part = target.with_extension("csv.part");
    let file = File::create(&part).map_err(Error::file(&part))?;
    let mut out = BufWriter::new(file);
    let old = if target.exists() { read_lines(target)? } else { vec![head] };
    for line in old {
        let replacement = by_key.get(&key_of(&line, key)).copied().filter(|at| !used[*at]);
        let text = match replacement {
            Some(at) => {
                used[at] = true;
                &fresh[at]
            }
            None => &line,
        };
        out.write_all(text).map_err(Error::file(&part))?;
    }
    for (at, line) in fresh.iter().enumerate() {
        if !used[at] {
            out.write_all(line).map_err(Error::file(&part))?;
        }
    }
    let file = out.into_inner().map_err(|err| Error::file(&part)(err.into_error()))?;
    file.sync_all().map_err(Error::file(&part))?;
    std::fs::rename(&part, target).map_err(Error::file(target))
}

fn read_lines(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let file = File::open(path).map_err(Error::file(path))?;
    let mut reader = BufReader::new(file);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).map_err(Error::file(path))? == 0 {
            return Ok(lines);
        }
        lines.push(line);
    }
}

/// Key cells of a line. Commas never occur inside keys, nor as trail bytes of GB18030.
fn key_of(line: &[u8], key: &[usize]) -> Vec<u8> {
    let trimmed: &[u8] = line.strip_suffix(b"\r\n").unwrap_or(line);
    let cells: Vec<&[u8]> = trimmed.split(|byte| *byte == b',').collect();
    let mut joined = Vec::new();
    for at in key {
        joined.extend_from_slice(cells.get(*at).copied().unwrap_or_default());
        joined.push(b'\n');
    }
    joined
}
