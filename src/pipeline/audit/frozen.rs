//! Tables that stayed as they were because their source's columns drifted: readers may see the
//! night, operators have to know.

use hub_domain::run::{LoadStatus, TableLoad};
use hub_domain::snapshot::AuditResult;

/// The check of a frozen table.
const FROZEN: &str = "schema:frozen";

/// One finding per frozen table; none of them blocks.
pub(super) fn tables(loads: &[TableLoad]) -> Vec<AuditResult> {
    let frozen = loads.iter().filter(|load| load.status == LoadStatus::Frozen);
    let finding = |load: &TableLoad| AuditResult {
        table: format!("raw/{}.{}", load.source, load.table),
        check: FROZEN.to_owned(),
        failures: 1,
        blocking: false,
    };
    frozen.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_table_is_told_and_does_not_stop_the_night() {
        let loaded = TableLoad { source: "his".into(), table: "a".into(), ..TableLoad::default() };
        let frozen = TableLoad { status: LoadStatus::Frozen, table: "b".into(), ..loaded.clone() };
        let found = tables(&[loaded, frozen]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].table.as_str(), found[0].failures), ("raw/his.b", 1));
        assert!(crate::audit::passes(&found));
    }
}
