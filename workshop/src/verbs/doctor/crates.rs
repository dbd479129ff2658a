//! Which crates of Cargo.lock are on this machine.

use serde_json::{Map, Value};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// How many missing crates are named.
const NAMED: usize = 8;

/// Where cargo takes crates from.
enum Place {
    /// Each is a file that was downloaded once.
    Cache(PathBuf),
    /// Each is a folder that somebody brought along: `cargo vendor`.
    Vendored(PathBuf),
}

/// Says which crates are missing, and where they belong. `None` when all are here.
pub fn missing(root: &Path) -> Option<String> {
    let place = Place::of(root);
    let all = named_in_lock(root);
    let missing: Vec<String> = all
        .iter()
        .filter(|(name, version)| !place.holds(name, version))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let mut names = missing.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match missing.len() {
        0 => return None,
        count if count > NAMED => names += &format!(" and {} more", count - NAMED),
        _ => {}
    }
    let how = match &place {
        Place::Cache(folder) => {
            format!("They belong in {}: with a network, `cargo fetch` gets them.", folder.display())
        }
        Place::Vendored(folder) => format!(
            "They belong in {0}, where .cargo/config.toml sends cargo: copy them from whoever has them, or make the \
             folder anew with `cargo vendor --locked {0}`, with a network and without these lines in the configuration.",
            folder.display()
        ),
    };
    Some(format!("{} of {} crates are missing: {names}. {how}", missing.len(), all.len()))
}

/// The crates of Cargo.lock that are not part of the workspace: name and version.
fn named_in_lock(root: &Path) -> Vec<(String, String)> {
    let lock = table(&root.join("Cargo.lock"));
    let packages = lock.get("package").and_then(Value::as_array).cloned().unwrap_or_default();
    let from_elsewhere = packages.iter().filter(|package| package.get("source").is_some());
    let text = |package: &Value, field: &str| Some(package.get(field)?.as_str()?.to_owned());
    from_elsewhere.filter_map(|package| Some((text(package, "name")?, text(package, "version")?))).collect()
}

impl Place {
    fn of(root: &Path) -> Self {
        let configuration = table(&root.join(".cargo/config.toml"));
        let sources = configuration.get("source").and_then(Value::as_object).cloned().unwrap_or_default();
        let directory = sources.values().find_map(|source| source.get("directory")?.as_str());
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        match directory {
            Some(directory) => Self::Vendored(root.join(directory)),
            None => Self::Cache(
                home.unwrap_or_else(|| env::home_dir().unwrap_or_default().join(".cargo"))
                    .join("registry/cache"),
            ),
        }
    }

    fn holds(&self, name: &str, version: &str) -> bool {
        match self {
            // One folder for each registry.
            Self::Cache(cache) => {
                let registries = fs::read_dir(cache).into_iter().flatten().flatten();
                let file = format!("{name}-{version}.crate");
                registries.into_iter().any(|registry| registry.path().join(&file).is_file())
            }
            // The version is in the folder's name when there are several.
            Self::Vendored(folder) => {
                [name.to_owned(), format!("{name}-{version}")].iter().any(|crate_folder| {
                    let manifest = table(&folder.join(crate_folder).join("Cargo.toml"));
                    manifest.get("package").and_then(|package| package.get("version")?.as_str())
                        == Some(version)
                })
            }
        }
    }
}

/// A file of TOML. One that cannot be read says nothing.
fn table(path: &Path) -> Map<String, Value> {
    fs::read_to_string(path).ok().and_then(|text| basic_toml::from_str(&text).ok()).unwrap_or_default()
}
