//! Section `project`, and the reading of `schema/` and `queries/` from disk or from the binary.

use std::path::{Path, PathBuf};

use hub_domain::project::{Problem, ProjectFiles};
use rust_embed::RustEmbed;
use schemars::JsonSchema;
use serde::Deserialize;

/// `project:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectConfig {
    /// Folder of contracts.
    pub schema: PathBuf,
    /// Folder of queries and definitions.
    pub queries: PathBuf,
}

#[derive(RustEmbed)]
#[folder = "schema"]
struct Schema;

#[derive(RustEmbed)]
#[folder = "queries"]
struct Queries;

/// The project's files: from the configured folders, or the set built into the binary.
///
/// # Errors
/// A problem for a folder that cannot be read.
pub fn load_project(
    config: Option<&ProjectConfig>,
    base: &Path,
) -> Result<ProjectFiles, Vec<Problem>> {
    let mut project = ProjectFiles::default();
    match config {
        None => {
            embedded::<Schema>("schema", &mut project);
            embedded::<Queries>("queries", &mut project);
        }
        Some(config) => {
            for (name, folder) in [("schema", &config.schema), ("queries", &config.queries)] {
                let folder = base.join(folder);
                read(&folder, name, &mut project).map_err(|source| {
                    vec![Problem {
                        file: folder.display().to_string(),
                        line: 0,
                        what: format!("cannot read the project folder: {source}"),
                        hint: Some(format!("set `project.{name}`, or leave `project` out")),
                    }]
                })?;
            }
        }
    }
    Ok(project)
}

fn embedded<E: RustEmbed>(prefix: &str, project: &mut ProjectFiles) {
    for path in E::iter().filter(|path| is_definition(path)) {
        let Some(file) = E::get(&path) else { continue };
        let text = String::from_utf8_lossy(&file.data).into_owned();
        project.files.insert(format!("{prefix}/{path}"), text);
    }
}

fn is_definition(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".sql")
}

fn read(folder: &Path, prefix: &str, project: &mut ProjectFiles) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &name, project)?;
        } else if is_definition(&name) {
            project.files.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}
