//! The organisation tree as one principal sees it.
//!
//! `hub.org_unit` is reference data every principal may join; lists of units follow the sites of
//! the principal: its sites, everything below them and the nodes above.

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::org::{OrgLevel, OrgUnit};
use hub_domain::principal::SiteScope;
use hub_domain::{Error, Principal};

use super::Source;
use super::decode::{all, org_unit};

const SQL: &str = "select org_unit_id, level, parent_id, code, name, site_type, business_line, \
                   city from hub.org_unit order by org_unit_id";

/// Visible units, of one level and under one parent when given.
pub(crate) async fn units(
    source: &dyn Source,
    level: Option<OrgLevel>,
    parent_id: Option<&str>,
) -> Result<Vec<OrgUnit>, Error> {
    let units = all(&source.fetch(SQL, Vec::new()).await?, org_unit)?;
    let visible = visible(source.principal(), &units);
    Ok(units
        .into_iter()
        .filter(|unit| visible.contains(&unit.id))
        .filter(|unit| level.is_none_or(|level| unit.level == level))
        .filter(|unit| parent_id.is_none_or(|parent| unit.parent_id.as_deref() == Some(parent)))
        .collect())
}

/// Every unit below `id` and `id` itself; none when it is not visible.
pub(crate) async fn subtree(source: &dyn Source, id: &str) -> Result<Vec<OrgUnit>, Error> {
    let units = units(source, None, None).await?;
    let by_id: BTreeMap<&str, &OrgUnit> = units.iter().map(|u| (u.id.as_str(), u)).collect();
    let inside = |unit: &OrgUnit| ancestors(unit, &by_id).any(|node| node.id == id);
    Ok(units.iter().filter(|unit| inside(unit)).cloned().collect())
}

/// The unit and the nodes above it. Ends at a missing parent, and in a tree that eats its tail.
fn ancestors<'a>(
    unit: &'a OrgUnit,
    by_id: &'a BTreeMap<&str, &'a OrgUnit>,
) -> impl Iterator<Item = &'a OrgUnit> {
    let above = |unit: &&'a OrgUnit| by_id.get(unit.parent_id.as_deref()?).copied();
    std::iter::successors(Some(unit), above).take(by_id.len() + 1)
}

fn visible(principal: &Principal, units: &[OrgUnit]) -> BTreeSet<String> {
    let by_id: BTreeMap<&str, &OrgUnit> = units.iter().map(|u| (u.id.as_str(), u)).collect();
    let mut seen = BTreeSet::new();
    for unit in units {
        if principal.sites == SiteScope::All {
            seen.insert(unit.id.clone());
            continue;
        }
        let chain: Vec<&OrgUnit> = ancestors(unit, &by_id).collect();
        let permitted =
            |node: &&OrgUnit| node.level == OrgLevel::Site && principal.sees_site(&node.code);
        if chain.iter().any(permitted) {
            seen.extend(chain.iter().map(|node| node.id.clone()));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(id: &str, level: OrgLevel, parent: Option<&str>) -> OrgUnit {
        OrgUnit {
            id: id.into(),
            level,
            parent_id: parent.map(str::to_owned),
            code: id.into(),
            name: id.into(),
            site_type: None,
            business_line: None,
            city: None,
        }
    }

    #[test]
    fn a_site_sees_its_departments_and_the_nodes_above() {
        let units = [
            unit("G", OrgLevel::Group, None),
            unit("B1", OrgLevel::Brand, Some("G")),
            unit("B2", OrgLevel::Brand, Some("G")),
            unit("S1", OrgLevel::Site, Some("B1")),
            unit("S2", OrgLevel::Site, Some("B1")),
            unit("D1", OrgLevel::Department, Some("S1")),
            unit("D2", OrgLevel::Department, Some("S2")),
        ];
        let seen = visible(&Principal::site("m", ["S1".to_owned()]), &units);
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), ["B1", "D1", "G", "S1"]);
        assert_eq!(visible(&Principal::group("g"), &units).len(), 7);
        assert!(visible(&Principal::site("n", []), &units).is_empty());
    }
}
