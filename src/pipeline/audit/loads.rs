//! Reconciliation of a night's loads: no row read may be neither loaded nor in quarantine.

use hub_domain::run::TableLoad;
use hub_domain::snapshot::AuditResult;

use super::blocking;

/// One result per load.
pub(super) fn reconciled(loads: &[TableLoad]) -> Vec<AuditResult> {
    let result = |load: &TableLoad| {
        let accounted = load.rows_loaded + load.rows_rejected();
        let table = format!("raw/{}.{}", load.source, load.table);
        blocking(&table, "reconcile:rows".to_owned(), load.rows_read.abs_diff(accounted))
    };
    loads.iter().map(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
