//! The project that ships with the hub: every file of `schema/` and `queries/` holds together.

use std::path::Path;

use hub_domain::project::{Problem, ProjectFiles};
use hub_lake::Contracts;

use crate::Registry;

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

#[tokio::test]
async fn the_shipped_project_plans() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut project = ProjectFiles::default();
    for folder in ["schema", "queries"] {
        read(&root, &root.join(folder), &mut project);
    }
    let told = |problems: Vec<Problem>| {
        problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    };
    let contracts = Contracts::load(&project).map_err(told).unwrap_or_else(|all| panic!("{all}"));
    let registry =
        Registry::load(&project, &contracts).map_err(told).unwrap_or_else(|all| panic!("{all}"));
    registry.plan_all(&contracts).await.map_err(told).unwrap_or_else(|all| panic!("{all}"));
    assert!(!registry.nodes.is_empty());
}
