//! The project that ships with the hub: every file of `schema/` and `queries/` holds together.

use std::path::Path;

use hub_domain::project::{Problem, ProjectFiles};
use hub_lake::Contracts;

use super::fixture::{config, lines};
use crate::{Registry, build_context};

fn read(root: &Path, folder: &Path, project: &mut ProjectFiles) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(root, &path, project);
        } else if let (Ok(name), Ok(text)) =
            (path.strip_prefix(root), std::fs::read_to_string(&path))
        {
            project.files.insert(name.display().to_string(), text);
        }
    }
}

fn shipped() -> ProjectFiles {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut project = ProjectFiles::default();
    for folder in ["schema", "queries"] {
        read(&root, &root.join(folder), &mut project);
    }
    project
}

#[tokio::test]
async fn the_shipped_project_plans() {
    let project = shipped();
    let told = |problems: Vec<Problem>| {
        problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    };
    let contracts = Contracts::load(&project).map_err(told).unwrap_or_else(|all| panic!("{all}"));
    let registry =
        Registry::load(&project, &contracts).map_err(told).unwrap_or_else(|all| panic!("{all}"));
    registry.plan_all(&contracts).await.map_err(told).unwrap_or_else(|all| panic!("{all}"));
    assert!(!registry.nodes.is_empty());
}

/// What the source said of four nodes: group 1, brands 2 and 3, site 4 and its department 5. On
/// 5 February the site moves to brand 3; later a correction of another column, a second word on
/// the same day, and a department that is gone.
const SAID: &[&str] = &[
    "(1, null, 1, 'G', '2026-01-01', 1, false)",
    "(2, 1, 2, 'X', '2026-01-01', 2, false)",
    "(3, 1, 2, 'Y', '2026-01-01', 3, false)",
    "(4, 2, 3, 'S', '2026-01-10', 4, false)",
    "(5, 4, 4, 'S-D', '2026-01-20', 5, false)",
    "(4, 2, 3, 'S', '2026-02-05', 6, false)",
    "(4, 3, 3, 'S', '2026-02-05', 7, false)",
    "(4, 3, 3, 'S', '2026-02-09', 8, false)",
    "(5, 4, 4, 'S-D', '2026-02-20', 9, true)",
];

/// Site and department rows of the history made from the first `count` things said.
async fn history(count: usize) -> Vec<String> {
    let context = build_context(&config()).expect("a context");
    let said = format!(
        "create view raw.his_t_org_history as select cast(a as bigint) as jgid, \
         cast(b as bigint) as sjid, cast(c as bigint) as jgjb, d as jgbm, d as jgmc, \
         cast(null as bigint) as jglx, cast(null as bigint) as ywx, '上海' as cs, \
         arrow_cast(e || 'T01:00:00Z', 'Timestamp(Microsecond, Some(\"UTC\"))') as xgsj, \
         arrow_cast(e || 'T20:00:00Z', 'Timestamp(Microsecond, Some(\"UTC\"))') as _extracted_at, \
         cast(f as bigint) as _load_seq, g as _deleted from (values {}) as t(a, b, c, d, e, f, g)",
        SAID[..count].join(", ")
    );
    context.sql(&said).await.expect("a view").collect().await.expect("made");
    let sql = &shipped().files["queries/staging/his/org_unit_history.sql"];
    let sql = format!(
        "select org_unit_id, brand_id, valid_from, valid_to from ({sql}) \
         where org_unit_id like 'S%' order by 1, 3"
    );
    lines(&context.sql(&sql).await.expect("plans").collect().await.expect("runs"))
}

#[tokio::test]
async fn the_organisation_has_a_history() {
    assert_eq!(history(5).await, ["S-D|X|1900-01-01|NULL", "S|X|1900-01-01|NULL"]);
    let moved = [
        "S-D|X|1900-01-01|2026-02-04",
        "S-D|Y|2026-02-05|NULL",
        "S|X|1900-01-01|2026-02-04",
        "S|Y|2026-02-05|NULL",
    ];
    assert_eq!(history(7).await, moved);
    assert_eq!(history(8).await, moved, "nothing kept here changed on the ninth");
    let mut gone = moved;
    gone[1] = "S-D|Y|2026-02-05|2026-02-19";
    assert_eq!(history(9).await, gone);
    assert_eq!(history(9).await, gone, "made twice, the same");
}
