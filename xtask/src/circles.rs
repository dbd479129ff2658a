//! `cargo xtask circles`: no module imports what in the end imports it.

use clap::{ArgMatches, Command};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use workshop::failure::Failure;
use workshop::run::workspace;
use workshop::ui::arguments;
use workshop::ui::terminal::say;

/// The text of each module, such as `run::spec`.
type Modules = BTreeMap<String, String>;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "circles",
        "Names modules that import each other in a circle",
        "Example:\n  cargo xtask circles\n\n\
         It reads the paths that begin with `crate` or `super` in workshop/src and xtask/src. Modules that declare others do not \
         import them. Folders may not form a circle either. Exit status 1 when there is one.",
    )
}

/// Reads both packages.
pub fn run(_: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let mut circles = Vec::new();
    for package in ["workshop", "xtask"] {
        let cannot = |error| Failure::input(format!("cannot read the sources of {package}: {error}"));
        let mut modules = Modules::new();
        for file in steps::sources(&root.join(package)).map_err(cannot)? {
            let text = fs::read_to_string(root.join(package).join(&file)).map_err(cannot)?;
            let name = file.with_extension("").display().to_string().replace('/', "::");
            modules.insert(name.trim_start_matches("src::").to_owned(), text);
        }
        circles.extend(circle(&modules).map(|circle| format!("{package}: {}", circle.join(" -> "))));
    }
    circles.iter().for_each(say);
    if circles.is_empty() { Ok(()) } else { Err(Failure::work("modules import each other in a circle")) }
}

/// A circle of folders, or else of modules.
fn circle(modules: &Modules) -> Option<Vec<String>> {
    (1..=3).find_map(|depth| {
        let folder = |module: &str| module.split("::").take(depth).collect::<Vec<_>>().join("::");
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for module in modules.keys() {
            let of_folder = imports.entry(folder(module)).or_default();
            of_folder
                .extend(imported(module, modules).map(|to| folder(to)).filter(|to| *to != folder(module)));
        }
        // What imports nothing but such modules is in no circle.
        while let Some(free) = imports.keys().find(|name| imports[*name].is_empty()).cloned() {
            imports.remove(&free);
            imports.values_mut().for_each(|of| _ = of.remove(&free));
        }
        let mut way = vec![imports.keys().next()?];
        loop {
            let next = imports[way[way.len() - 1]].first()?;
            let begin = way.iter().position(|passed| *passed == next);
            way.push(next);
            if let Some(begin) = begin {
                return Some(way.into_iter().skip(begin).cloned().collect());
            }
        }
    })
}

/// The modules that a module names, but for its tests.
fn imported<'a>(module: &str, modules: &'a Modules) -> impl Iterator<Item = &'a String> {
    let program = modules[module].split("mod tests {").next().unwrap_or_default();
    let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(str::chars).filter(|letter| !letter.is_whitespace()).collect();
    let above = module.rsplit_once("::").map_or(String::new(), |(above, _)| format!("{above}::"));
    let mut named = Vec::new();
    for (word, base) in [("crate::", ""), ("super::", above.as_str())] {
        for rest in code.split(word).skip(1) {
            // `folder::{one, two}`, or a single path.
            let (folder, list) = rest.split_at(path(rest).len());
            let list = list.strip_prefix('{').and_then(|list| list.split('}').next()).unwrap_or_default();
            named.extend(list.split(',').map(|name| format!("{base}{folder}{}::", path(name))));
        }
    }
    let is_in = |named: &str, module: &String| named.starts_with(&format!("{module}::"));
    named.into_iter().filter_map(move |named| {
        modules.keys().filter(|module| is_in(&named, module)).max_by_key(|module| module.len())
    })
}

/// The path that a text begins with.
fn path(text: &str) -> &str {
    text.split(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::circle;

    fn found(sources: [(&str, &str); 3]) -> Option<String> {
        let modules = sources.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        circle(&modules).map(|circle| circle.join(" -> "))
    }

    #[test]
    fn a_circle_of_modules_or_of_folders_is_named() {
        let verb = ("verbs::check", "use crate::run::{\n    interrupt,\n    spec::Run,\n};");
        let spec = (
            "run::spec",
            "mod child;\nuse super::interrupt;\n#[cfg(test)]\nmod tests {\n use crate::verbs::check;",
        );
        let interrupt = |text| ("run::interrupt", text);
        assert_eq!(found([verb, spec, interrupt("// crate::run::spec")]), None);
        let circle = Some("run::interrupt -> run::spec -> run::interrupt".to_owned());
        assert_eq!(found([verb, spec, interrupt("fn f() {\n    crate::run::spec::run();\n}")]), circle);
        assert_eq!(
            found([verb, spec, interrupt("use crate::verbs;\nuse crate::verbs::check;")]),
            Some("run -> verbs -> run".into())
        );
    }
}
