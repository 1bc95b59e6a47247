//! What a night's loads may not be: short of a row, or short of too many refused ones.
//!
//! Judged are all loads since the published version of each source table, not only this run's:
//! what one night was refused for, a later night that reads on does not wash away.

use std::collections::BTreeMap;

use hub_domain::run::{Reconciled, TableLoad};
use hub_domain::snapshot::AuditResult;
use hub_lake::{Lake, LakeError, TableId};

use super::{AuditError, AuditRequest, blocking};
use crate::extract::{self, KeyFaults, LOAD_METADATA, RETRY_METADATA, Recovered, SourceConfig};

/// One refused row never stops a night by its share: in a small load it is a large one.
const ALWAYS_ALLOWED: u64 = 1;

/// Check ids.
pub(super) const SHARE: &str = "quarantine:share";
pub(super) const KEY: &str = "quarantine:key";
const ACCOUNTED: &str = "accounted:rows";
const RECONCILE: &str = "reconcile:";

/// Which refused rows a night may have.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// Largest share of a load.
    pub max_share: f64,
    /// Sources, with limits of their own.
    pub sources: &'a BTreeMap<String, SourceConfig>,
    /// Tables, as `source.table`, whose refused rows the operator accepts this night.
    pub accepted: &'a [String],
}

/// Results of every source table that changed since it was published.
pub(super) async fn checks(request: &AuditRequest<'_>) -> Result<Vec<AuditResult>, AuditError> {
    let mut results = reconciled(request.loads);
    for (key, now) in &request.built.versions {
        let id = TableId::parse(key);
        let TableId::Raw { source, table } = &id else { continue };
        let shown = request.published.and_then(|published| published.tables.get(key));
        let since = shown.map_or(0, |version| version + 1);
        let pending = pending(request.lake, &id, since, *now).await?;
        results.extend(request.gate.judge(source, table, &pending));
        results.extend(differences(request, &id, &pending).await?);
    }
    Ok(results)
}

/// One result per load.
fn reconciled(loads: &[TableLoad]) -> Vec<AuditResult> {
    let result = |load: &TableLoad| {
        let accounted = load.rows_loaded + load.rows_rejected();
        let table = format!("raw/{}.{}", load.source, load.table);
        blocking(&table, ACCOUNTED.to_owned(), load.rows_read.abs_diff(accounted))
    };
    loads.iter().map(result).collect()
}

/// One result per amount that was compared, worst load first.
async fn differences(
    request: &AuditRequest<'_>,
    id: &TableId,
    pending: &Pending,
) -> Result<Vec<AuditResult>, AuditError> {
    let mut results: BTreeMap<String, AuditResult> = BTreeMap::new();
    for (version, load) in &pending.loads {
        let told = |load: &TableLoad| {
            (load.source.clone(), load.table.clone(), load.rows_read, load.duration_ms)
        };
        let same = |known: &&TableLoad| !known.reconciled.is_empty() && told(known) == told(load);
        let compared = match request.loads.iter().find(same) {
            Some(known) => known.reconciled.clone(),
            None => extract::compared(request.lake, id, *version)
                .await
                .map_err(|cause| AuditError::Unreconciled { table: id.key(), cause })?,
        };
        for Reconciled { amount, source, lake } in compared {
            let differs = source != lake;
            let check = match differs {
                true => format!("{RECONCILE}{amount}:{source}->{lake}"),
                false => format!("{RECONCILE}{amount}"),
            };
            let result = blocking(&id.key(), check, u64::from(differs));
            let known = results.entry(amount).or_insert_with(|| result.clone());
            if differs {
                *known = result;
            }
        }
    }
    Ok(results.into_values().collect())
}

/// Amount, source and lake, when `check` is a difference.
pub(super) fn told_difference(check: &str) -> Option<(&str, &str, &str)> {
    let (amount, sides) = check.strip_prefix(RECONCILE)?.rsplit_once(':')?;
    let (source, lake) = sides.split_once("->")?;
    Some((amount, source, lake))
}

/// What landed in a table since it was published.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pending {
    /// With the version each was committed as, the newest first.
    loads: Vec<(u64, TableLoad)>,
    recovered: Recovered,
}

/// Loads of the versions from `since` to `now`; one that replaced the table ends the search.
async fn pending(lake: &Lake, id: &TableId, since: u64, now: u64) -> Result<Pending, AuditError> {
    let failed = |cause: LakeError| AuditError::Lake {
        table: id.key(),
        what: cause.to_string(),
        cause: Box::new(cause),
    };
    let (handle, mut pending) = (lake.table(id), Pending::default());
    for version in (since..=now).rev() {
        let metadata = handle.commit_metadata(version).await.map_err(failed)?;
        if let Some(text) = metadata.get(RETRY_METADATA) {
            let more: Recovered = serde_json::from_str(text).unwrap_or_default();
            pending.recovered.rows += more.rows;
            pending.recovered.key_faults += more.key_faults;
        }
        let load = metadata.get(LOAD_METADATA).map(|text| serde_json::from_str(text));
        let Some(Ok(load)) = load else { continue };
        let load: TableLoad = load;
        let whole = load.mode == "full";
        pending.loads.push((version, load));
        if whole {
            break;
        }
    }
    Ok(pending)
}

impl Gate<'_> {
    fn judge(&self, source: &str, table: &str, pending: &Pending) -> Vec<AuditResult> {
        if pending.loads.is_empty() {
            return Vec::new();
        }
        let limits = self.sources.get(source).map(|config| config.max_quarantine(table));
        let limits = limits.unwrap_or_default();
        let name = format!("{source}.{table}");
        let blocks = !self.accepted.contains(&name);
        let sum = |count: fn(&TableLoad) -> u64| {
            pending.loads.iter().map(|(_, load)| count(load)).sum::<u64>()
        };
        let refused = sum(|load| load.rejected_new).saturating_sub(pending.recovered.rows);
        let faults = sum(|load| load.key_faults).saturating_sub(pending.recovered.key_faults);
        let share = limits.share.unwrap_or(self.max_share);
        let allowed = (sum(|load| load.rows_read) as f64 * share).floor() as u64;
        let over = if refused > allowed.max(ALWAYS_ALLOWED) { refused } else { 0 };
        let keys = limits.key_faults.unwrap_or_default() == KeyFaults::Block;
        let result = |check: &str, failures, blocking| AuditResult {
            table: format!("raw/{name}"),
            check: check.to_owned(),
            failures,
            blocking,
        };
        vec![result(SHARE, over, blocks), result(KEY, faults, blocks && keys)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(rows_read: u64, rejected_new: u64, key_faults: u64) -> TableLoad {
        TableLoad { rows_read, rejected_new, key_faults, ..TableLoad::default() }
    }

    fn stopped(gate: &Gate<'_>, loads: Vec<TableLoad>, recovered: u64) -> Vec<&'static str> {
        let recovered = Recovered { rows: recovered, key_faults: 0 };
        let loads = (0..).zip(loads).collect();
        let results = gate.judge("his", "t_jz", &Pending { loads, recovered });
        let hit = |check| results.iter().any(|r| r.check == check && r.failures > 0 && r.blocking);
        [SHARE, KEY].into_iter().filter(|check| hit(*check)).collect()
    }

    #[test]
    fn every_row_read_is_accounted_for() {
        let mut load = TableLoad {
            source: "his".into(),
            table: "t_jz".into(),
            rows_read: 10,
            rows_loaded: 7,
            ..TableLoad::default()
        };
        load.rejected.insert("zero_date".into(), 3);
        assert_eq!(reconciled(std::slice::from_ref(&load))[0].failures, 0);
        load.rows_loaded = 8;
        let result = &reconciled(&[load])[0];
        assert_eq!((result.failures, result.blocking), (1, true));
        assert_eq!(result.table, "raw/his.t_jz");
    }

    #[test]
    fn a_share_or_a_key_stops_the_night() {
        let sources = BTreeMap::new();
        let gate = Gate { max_share: 0.005, sources: &sources, accepted: &[] };
        assert_eq!(stopped(&gate, vec![load(1_000, 5, 0)], 0), [""; 0], "0.5 % may be");
        assert_eq!(stopped(&gate, vec![load(1_000, 6, 0)], 0), [SHARE]);
        assert_eq!(stopped(&gate, vec![load(3, 1, 0)], 0), [""; 0], "one row may be");
        assert_eq!(stopped(&gate, vec![load(3, 2, 0)], 0), [SHARE]);
        assert_eq!(stopped(&gate, vec![load(100_000, 1, 1)], 0), [KEY]);
        let nights = || vec![load(100, 1, 0), load(100, 9, 0)];
        assert_eq!(stopped(&gate, nights(), 0), [SHARE], "an unpublished night still counts");
        assert_eq!(stopped(&gate, nights(), 9), [""; 0], "recovered rows do not");
        let accepted = ["his.t_jz".to_owned()];
        let gate = Gate { accepted: &accepted, ..gate };
        assert_eq!(stopped(&gate, vec![load(10, 9, 9)], 0), [""; 0]);
    }

    #[test]
    fn a_table_may_have_limits_of_its_own() {
        let section = "{ kind: csv, path: /d, max_quarantine: { share: 0.5 }, \
                       tables: { t_jz: { max_quarantine: { key_faults: accept } } } }";
        let config = serde_saphyr::from_str(section).expect("a section");
        let sources = BTreeMap::from([("his".to_owned(), config)]);
        let gate = Gate { max_share: 0.005, sources: &sources, accepted: &[] };
        assert_eq!(stopped(&gate, vec![load(10, 5, 5)], 0), [""; 0]);
        assert_eq!(stopped(&gate, vec![load(10, 6, 0)], 0), [SHARE]);
    }
}
