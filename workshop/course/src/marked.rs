//! All files of a solution with their marks, and the lesson that comes of them.

use crate::files;
use crate::source::{Gap, Source};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The text of each file. A path begins at the lesson's folder.
pub type Files = BTreeMap<PathBuf, String>;

/// What rustc says about programs that are not written yet. `unused_must_use` is not among it: a learner has
/// to hear of a future that nobody awaits.
const ALLOW: &str = "\
// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]
";

const LIBRARY: &str = "src/lib.rs";

/// A lesson, as its solution describes it.
pub struct Marked {
    name: String,
    manifest: Source,
    /// In the order of their paths.
    sources: Vec<(PathBuf, Source)>,
}

impl Marked {
    /// Reads the solution of the lesson with this name, such as `02-endpoint`.
    ///
    /// # Errors
    /// When a file cannot be read, or its marks do not fit together.
    pub fn read(root: &Path, name: &str) -> Result<Self, String> {
        let folder = root.join("solutions").join(name);
        let read = |file: &Path| {
            let path = folder.join(file);
            let text = fs::read_to_string(&path).map_err(|error| cannot_read(&path, &error))?;
            Source::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
        };
        let mut sources = Vec::new();
        for file in self::sources(&folder).map_err(|error| cannot_read(&folder, &error))? {
            let source = read(&file)?;
            sources.push((file, source));
        }
        Ok(Self { name: name.to_owned(), manifest: read(Path::new("Cargo.toml"))?, sources })
    }

    /// Puts another text in the place of a file, with its marks.
    ///
    /// # Errors
    /// When its marks do not fit together.
    pub fn put(&mut self, file: &Path, text: &str) -> Result<(), String> {
        let source = Source::parse(text)?;
        self.sources.iter_mut().filter(|(name, _)| name == file).for_each(|(_, old)| *old = source.clone());
        Ok(())
    }

    /// The numbers of its steps, in order.
    pub fn steps(&self) -> Vec<u32> {
        let mut steps: Vec<u32> = self.sources.iter().flat_map(|(_, source)| source.steps()).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// The sources with no step solved.
    pub fn starter(&self) -> Files {
        self.written_up_to(0)
    }

    /// The sources with this step and those before it solved.
    pub fn written_up_to(&self, last: u32) -> Files {
        let text = |(file, source): &(PathBuf, Source)| {
            let text = self.renamed(&source.text(|step| step.is_some_and(|step| step <= last)));
            (file.clone(), if self.needs_allowance(file) { with_allowance(&text) } else { text })
        };
        self.written().map(text).collect()
    }

    /// The sources with every step solved.
    pub fn solution(&self) -> Files {
        self.written().map(|(file, source)| (file.clone(), self.renamed(&source.text(|_| true)))).collect()
    }

    /// The sources that the lesson has too. A library without a step is not copied: the lesson uses the solution's.
    fn written(&self) -> impl Iterator<Item = &(PathBuf, Source)> {
        let library = if self.has_given_library() { self.modules_of(Path::new(LIBRARY)) } else { Vec::new() };
        self.sources.iter().filter(move |(file, _)| !library.contains(file))
    }

    fn source(&self, file: &Path) -> Option<&Source> {
        self.sources.iter().find(|(name, _)| name == file).map(|(_, source)| source)
    }

    fn has_step(&self, file: &Path) -> bool {
        self.source(file).is_some_and(|source| source.steps().next().is_some())
    }

    fn has_given_library(&self) -> bool {
        let modules = self.modules_of(Path::new(LIBRARY));
        !modules.is_empty() && !modules.iter().any(|file| self.has_step(file))
    }

    /// A crate's root and the modules that it declares.
    fn modules_of(&self, root: &Path) -> Vec<PathBuf> {
        let Some(source) = self.source(root) else { return Vec::new() };
        let text = source.text(|_| false);
        let modules = text.lines().filter_map(|line| {
            let name = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';')?;
            Some(root.with_file_name(format!("{name}.rs")))
        });
        modules.filter(|file| self.source(file).is_some()).chain([root.to_owned()]).collect()
    }

    /// The lesson's Cargo.toml.
    pub fn manifest(&self) -> String {
        // A dependency on an earlier lesson's solution lies in another folder from here.
        let mut manifest = self.manifest.text(|_| false);
        for digit in 0..10 {
            manifest = manifest.replace(&format!("\"../{digit}"), &format!("\"../../solutions/{digit}"));
        }
        let manifest = self.renamed(&manifest);
        if !self.has_given_library() {
            return manifest;
        }
        let (number, name) = (number_of(&self.name), &self.name);
        let own = format!("solution-{number} = {{ path = \"../../solutions/{name}\" }}");
        manifest.replacen("[dependencies]\n", &format!("[dependencies]\n# What is given\n{own}\n"), 1)
    }

    /// The starter's text of a file, without the allowance, and where in it something is to be written.
    pub fn outline(&self, file: &Path) -> Option<(String, Vec<Gap>)> {
        let source = self.source(file)?;
        let mut gaps = source.gaps();
        for line in gaps.iter_mut().flat_map(|gap| &mut gap.solution) {
            *line = self.renamed(line);
        }
        Some((self.renamed(&source.text(|_| false)), gaps))
    }

    fn renamed(&self, text: &str) -> String {
        match self.has_given_library() {
            true => program_as_lesson(text, &self.name),
            false => as_lesson(text, &self.name),
        }
    }

    /// Whether this is a crate's root, and a step is to be written in it or in a module that it declares.
    fn needs_allowance(&self, file: &Path) -> bool {
        is_root(file) && self.modules_of(file).iter().any(|file| self.has_step(file))
    }
}

fn is_root(file: &Path) -> bool {
    file == Path::new("src/main.rs") || file == Path::new(LIBRARY)
}

/// The text with the allowance after the header.
fn with_allowance(text: &str) -> String {
    let header: String = text.split_inclusive('\n').take_while(|line| line.starts_with("//!")).collect();
    let rest = text[header.len()..].trim_start_matches('\n');
    format!("{header}\n{ALLOW}\n{rest}")
}

/// A solution's text as it is in the lesson of this name: the solution's names of itself become the lesson's.
pub fn as_lesson(text: &str, name: &str) -> String {
    let number = number_of(name);
    program_as_lesson(text, name).replace(&format!("solution_{number}"), &format!("lesson_{number}"))
}

/// The same, but for the library.
fn program_as_lesson(text: &str, name: &str) -> String {
    let number = number_of(name);
    text.replace(&format!("solution-{number}"), &format!("lesson-{number}"))
        .replace(&format!("solutions/{name}"), &format!("lessons/{name}"))
}

fn number_of(name: &str) -> &str {
    name.split('-').next().unwrap_or_default()
}

/// A starter's text without what asks rustc to be quiet.
pub fn without_allowance(text: &str) -> String {
    text.replacen(&format!("{ALLOW}\n"), "", 1)
}

/// The Rust sources in a package's `src`, which may be missing, in order. A name that begins with a dot is an editor's lock or copy.
///
/// # Errors
/// When a folder cannot be read.
pub fn sources(package: &Path) -> io::Result<Vec<PathBuf>> {
    let files = match files::below(&package.join("src")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let is_hidden =
        |file: &Path| file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let is_rust = |file: &Path| file.extension().is_some_and(|extension| extension == "rs");
    let sources = files.into_iter().filter(|file| is_rust(file) && !is_hidden(file));
    Ok(sources.map(|file| Path::new("src").join(file)).collect())
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(sources: &[(&str, &str)]) -> Marked {
        let manifest =
            "[package]\nname = \"solution-02\"\n\n[dependencies]\nmail = { path = \"../01-one\" }\n";
        let source = |(file, text): &(&str, &str)| (PathBuf::from(file), Source::parse(text).unwrap());
        let sources = sources.iter().map(source).collect();
        Marked { name: "02-two".into(), manifest: Source::parse(manifest).unwrap(), sources }
    }

    const MAIN: &str = "//! Runs `solution-02`.\n\nuse solution_02::two;\n\nfn main() {\n    // ANCHOR: step_1 todo!(\"1: print\")\n    \
                        println!(\"{}\", two());\n    // ANCHOR_END: step_1\n}\n";

    #[test]
    fn a_library_in_which_nothing_is_to_be_written_is_not_copied() {
        let lesson = lesson(&[
            ("src/main.rs", MAIN),
            ("src/lib.rs", "pub mod two;\n"),
            ("src/two.rs", "pub fn two() -> u32 {\n    2\n}\n"),
        ]);
        let expected = format!(
            "//! Runs `lesson-02`.\n\n{ALLOW}\nuse solution_02::two;\n\nfn main() {{\n    todo!(\"1: print\")\n}}\n"
        );
        assert_eq!(lesson.starter(), Files::from([("src/main.rs".into(), expected)]));
        let manifest = "[package]\nname = \"lesson-02\"\n\n[dependencies]\n# What is given\n\
                        solution-02 = { path = \"../../solutions/02-two\" }\n\
                        mail = { path = \"../../solutions/01-one\" }\n";
        assert_eq!(lesson.manifest(), manifest);
    }

    #[test]
    fn a_crate_in_which_something_is_to_be_written_asks_rustc_to_be_quiet() {
        let main = "use solution_02::two;\n\nfn main() {\n    println!(\"{}\", two());\n}\n";
        let step = "pub fn two() -> u32 {\n    // ANCHOR: step_2 todo!(\"2: two\")\n    2\n    // ANCHOR_END: step_2\n}\n";
        let library = ("src/lib.rs", "//! Two.\n\npub mod two;\n");
        let lesson = lesson(&[("src/main.rs", main), library, ("src/two.rs", step)]);
        let starter = lesson.starter();
        let text = |file: &str| starter[Path::new(file)].as_str();
        assert_eq!(text("src/main.rs"), main.replace("solution", "lesson"));
        assert_eq!(text("src/lib.rs"), format!("//! Two.\n\n{ALLOW}\npub mod two;\n"));
        assert_eq!(without_allowance(text("src/lib.rs")), library.1);
        assert_eq!(text("src/two.rs"), "pub fn two() -> u32 {\n    todo!(\"2: two\")\n}\n");
        assert!(lesson.manifest().starts_with("[package]\nname = \"lesson-02\"\n"));
        assert!(!lesson.manifest().contains("solution-02"));
    }
}
