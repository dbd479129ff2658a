//! The book's appendix "Node's channel, behaviour by behaviour" and the tests agree: every behaviour has a row, every
//! row a test or a reason, and no test is left out of its rows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The behaviours are numbered from 1 to this.
const BEHAVIOURS: u32 = 65;

/// The text of every Rust file in `directory` and below.
fn sources(directory: &Path) -> String {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.map(|path| match path.extension() {
        _ if path.is_dir() => sources(&path),
        Some(extension) if extension == "rs" => fs::read_to_string(&path).unwrap(),
        _ => String::new(),
    });
    texts.collect()
}

/// The name of the function that begins in `line`, or of the test that is a row of a table: `b13_a_line: …`.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("async ");
    let function = line.strip_prefix("fn ");
    let (name, rest) = function.unwrap_or(line).split_once(if function.is_some() { '(' } else { ':' })?;
    let is_name = name.chars().all(|character| character.is_alphanumeric() || character == '_');
    let is_row = !rest.starts_with(':') && numbers(name).next().is_some();
    (is_name && (function.is_some() || is_row)).then_some(name)
}

/// The numbers that `name` begins with: 13 and 14 for `b13_b14_a_line`.
fn numbers(name: &str) -> impl Iterator<Item = u32> {
    name.split('_').map_while(|part| part.strip_prefix('b')?.parse().ok())
}

#[test]
fn every_behaviour_has_a_row_and_every_row_a_test_or_a_reason() {
    // Cargo runs tests in the folder of their package.
    let page = fs::read_to_string("../book/src/appendix-node-channel.md").unwrap();
    let source = sources(Path::new("tests")) + &sources(Path::new("src"));
    let tests: BTreeSet<&str> = source.lines().filter_map(name).collect();
    let (mut behaviours, mut named) = (Vec::new(), BTreeSet::new());
    for line in page.lines().filter(|line| line.starts_with("| B")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, node, ours, last] = cells[..] else {
            panic!("not `| B1 | Node | ours | tests |`: {line}")
        };
        assert!(!node.is_empty() && !ours.is_empty(), "an empty cell: {line}");
        let number: u32 = number[1..].parse().expect(line);
        behaviours.push(number);
        // The names of the tests stand between backticks.
        let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(
            !names.is_empty() || last.contains("no test: "),
            "B{number} has no test and no reason (`no test: …`)"
        );
        for name in names {
            assert!(tests.contains(name), "B{number} names a test that does not exist: {name}");
            named.insert((number, name));
        }
    }
    behaviours.sort_unstable();
    assert_eq!(behaviours, (1..=BEHAVIOURS).collect::<Vec<_>>(), "every behaviour has one row");
    for name in tests {
        for number in numbers(name) {
            assert!(named.contains(&(number, name)), "B{number} does not name its test {name}");
        }
    }
}
