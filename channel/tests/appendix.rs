//! The book's appendix "Node's channel, behaviour by behaviour" and the tests agree: every behaviour has a row, every
//! row a test or a reason, and no test is left out of its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The behaviours are numbered from 1 to this.
const BEHAVIOURS: u32 = 65;

/// The last cell of each row, by the number in the first one, and what is wrong with the numbers.
fn rows(page: &str) -> (BTreeMap<u32, String>, Vec<String>) {
    let (mut rows, mut problems) = (BTreeMap::new(), Vec::new());
    for line in page.lines().filter(|line| line.starts_with("| B")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells[0].trim_start_matches('B').parse::<u32>();
        match (number, &cells[1..]) {
            (Ok(number @ 1..=BEHAVIOURS), [node, ours, tests]) if !node.is_empty() && !ours.is_empty() => {
                if rows.insert(number, (*tests).to_owned()).is_some() {
                    problems.push(format!("B{number} has two rows"));
                }
            }
            _ => problems.push(format!("this row is not `| B<number> | Node | ours | tests |`: {line}")),
        }
    }
    let missing = (1..=BEHAVIOURS).filter(|number| !rows.contains_key(number));
    problems.extend(missing.map(|number| format!("B{number} has no row")));
    (rows, problems)
}

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

/// What `cell` has between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Everything on which `page` and the tests in `source` do not agree.
fn problems(page: &str, source: &str) -> Vec<String> {
    let tests: BTreeSet<&str> = source.lines().filter_map(name).collect();
    let (rows, mut problems) = rows(page);
    for (number, cell) in &rows {
        if quoted(cell).next().is_none() && !cell.contains("no test: ") {
            problems.push(format!("B{number} names neither a test nor a reason (`no test: …`)"));
        }
        for name in quoted(cell).filter(|name| !tests.contains(name)) {
            problems.push(format!("B{number} names a test that does not exist: {name}"));
        }
    }
    for name in &tests {
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
    // Cargo runs tests in the folder of their package.
    let page = fs::read_to_string("../book/src/appendix-node-channel.md").unwrap();
    let problems = problems(&page, &(sources(Path::new("tests")) + &sources(Path::new("src"))));
    assert!(problems.is_empty(), "appendix-node-channel.md:\n{}", problems.join("\n"));
}

#[test]
fn what_does_not_agree_is_found() {
    let page: String = (1..=BEHAVIOURS + 1)
        .map(|number| match number {
            2 => String::new(),
            3 => "| B3 | Node | ours | nothing |\n".to_owned(),
            4 => "| B4 | Node | ours |\n".to_owned(),
            5 => "| B5 | Node | ours | `b05_gone` |\n".to_owned(),
            6 => "| B6 | Node | ours | `b06_b07_there` |\n".to_owned(),
            8 => "| B8 | Node | ours | no test: why |\n".repeat(2),
            9 => "| B9 | Node | ours | `b09_the` |\n".to_owned(),
            _ => format!("| B{number} | Node | ours | no test: why |\n"),
        })
        .collect();
    let source = "#[test]\nfn b06_b07_there() {\n    b09_there: ECHO,\nfn bare() {}\n// fn b10_gone() {";
    assert_eq!(
        problems(&page, source),
        [
            "this row is not `| B<number> | Node | ours | tests |`: | B4 | Node | ours |",
            "B8 has two rows",
            "this row is not `| B<number> | Node | ours | tests |`: | B66 | Node | ours | no test: why |",
            "B2 has no row",
            "B4 has no row",
            "B3 names neither a test nor a reason (`no test: …`)",
            "B5 names a test that does not exist: b05_gone",
            "B9 names a test that does not exist: b09_the",
            "B7 does not name its test b06_b07_there",
            "B9 does not name its test b09_there",
        ]
    );
}
