//! The book's appendix "Node's channel, behaviour by behaviour" and the tests agree: every behaviour has a row, every
//! row a test or a reason, and no test is left out of its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The behaviours are numbered from 1 to this.
const BEHAVIOURS: u32 = 65;

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The last cell of each row, by the number in the first one, and what is wrong with the numbers.
fn rows(page: &str) -> (BTreeMap<u32, String>, Vec<String>) {
    let (mut rows, mut problems) = (BTreeMap::new(), Vec::new());
    for line in page.lines().filter(|line| line.starts_with("| B")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells[0].trim_start_matches('B').parse::<u32>();
        match (number, &cells[1..]) {
            (Ok(number), [node, ours, tests]) if !node.is_empty() && !ours.is_empty() => {
                if rows.insert(number, (*tests).to_owned()).is_some() {
                    problems.push(format!("B{number} has two rows"));
                }
            }
            _ => problems.push(format!("this row is not `| B<number> | Node | ours | tests |`: {line}")),
        }
    }
    for number in 1..=BEHAVIOURS {
        if !rows.contains_key(&number) {
            problems.push(format!("B{number} has no row"));
        }
    }
    for number in rows.keys().filter(|number| !(1..=BEHAVIOURS).contains(*number)) {
        problems.push(format!("B{number} is no behaviour"));
    }
    (rows, problems)
}

/// The text of every Rust file in `directory` and below, comments left out.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
                text += line;
                text += "\n";
            }
        }
    }
    text
}

/// The names of all functions in `source`.
fn functions(source: &str) -> BTreeSet<&str> {
    let is_part_of_a_name = |character: char| character.is_alphanumeric() || character == '_';
    source
        .lines()
        .filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "))
        .filter_map(|rest| rest.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(is_part_of_a_name))
        .collect()
}

/// The numbers that `name` begins with: 13 and 14 for `b13_b14_a_line`.
fn numbers(name: &str) -> impl Iterator<Item = u32> {
    name.split('_').map_while(|part| part.strip_prefix('b')?.parse().ok())
}

/// What `cell` has between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Everything on which `page` and the tests in `source` do not agree.
fn problems(page: &str, source: &str) -> Vec<String> {
    let functions = functions(source);
    let (rows, mut problems) = rows(page);
    for (number, cell) in &rows {
        if quoted(cell).next().is_none() && !cell.contains("no test: ") {
            problems.push(format!("B{number} names neither a test nor a reason (`no test: …`)"));
        }
        for name in quoted(cell).filter(|name| !functions.contains(name)) {
            problems.push(format!("B{number} names a test that does not exist: {name}"));
        }
    }
    for name in &functions {
        for number in numbers(name) {
            if !rows.get(&number).is_some_and(|cell| quoted(cell).any(|quoted| quoted == *name)) {
                problems.push(format!("B{number} does not name its test {name}"));
            }
        }
    }
    problems
}

#[test]
fn every_behaviour_has_a_row_and_every_row_a_test_or_a_reason() {
    let page = fs::read_to_string(path("../book/src/appendix-node-channel.md")).unwrap();
    let mut source = sources(&path("tests")) + &sources(&path("src"));
    source += &fs::read_to_string(path("../tests/08-channel.rs")).unwrap();
    let problems = problems(&page, &source);
    assert!(problems.is_empty(), "appendix-node-channel.md:\n{}", problems.join("\n"));
}

#[test]
fn what_does_not_agree_is_found() {
    let page: String = (1..=BEHAVIOURS)
        .map(|number| match number {
            2 => String::new(),
            3 => "| B3 | Node | ours | nothing |\n".to_owned(),
            4 => "| B4 | Node | ours |\n".to_owned(),
            5 => "| B5 | Node | ours | `b05_gone` |\n".to_owned(),
            6 => "| B6 | Node | ours | `b06_b07_there` |\n".to_owned(),
            8 => "| B8 | Node | ours | no test: why |\n| B8 | Node | ours | no test: why |\n".to_owned(),
            9 => "| B9 | Node | ours | `b09_the` |\n".to_owned(),
            _ => format!("| B{number} | Node | ours | no test: why |\n"),
        })
        .chain(["| B66 | Node | ours | no test: why |\n".to_owned()])
        .collect();
    let source = "#[test]\nfn b06_b07_there() {\nfn b09_there() {\nfn bare() {}";
    assert_eq!(
        problems(&page, source),
        [
            "this row is not `| B<number> | Node | ours | tests |`: | B4 | Node | ours |",
            "B8 has two rows",
            "B2 has no row",
            "B4 has no row",
            "B66 is no behaviour",
            "B3 names neither a test nor a reason (`no test: …`)",
            "B5 names a test that does not exist: b05_gone",
            "B9 names a test that does not exist: b09_the",
            "B7 does not name its test b06_b07_there",
            "B9 does not name its test b09_there",
        ]
    );
}
