//! The book, `docs/algorithm/README.md`, names every rule and every guard by a situation a person can
//! meet. It cannot lag: what it leaves out fails here.

use super::{FieldRule, Guard, RowRule};

const BOOK: &str = include_str!("../../../docs/algorithm/README.md");

/// The variants of an enum, as its source lists them.
fn variants(source: &str, name: &str) -> Vec<String> {
    let start = source.find(&format!("pub enum {name} {{")).unwrap();
    let body = source[start..].lines().skip(1);
    let body = body.take_while(|line| *line != "}");
    let names = body.filter_map(|line| line.trim().strip_suffix(','));
    names.map(str::to_owned).collect()
}

fn listed<T: std::fmt::Debug>(all: &[T]) -> Vec<String> {
    all.iter().map(|one| format!("{one:?}")).collect()
}

#[test]
fn every_list_of_rules_and_guards_is_whole() {
    let rows = variants(include_str!("rows.rs"), "RowRule");
    assert_eq!(listed(&RowRule::ALL), rows);
    let fields = variants(include_str!("fields.rs"), "FieldRule");
    assert_eq!(listed(&FieldRule::ALL), fields);
    let guards = variants(include_str!("guards.rs"), "Guard");
    assert_eq!(listed(&Guard::ALL), guards);
}

#[test]
fn p11_the_book_names_every_rule_and_every_guard_in_a_situation() {
    let situations = BOOK.lines().filter(|line| line.starts_with("| "));
    let rules = situations.filter_map(|line| line.rsplit('|').nth(1));
    let cells: Vec<(bool, Vec<&str>)> = rules
        .map(|cell| {
            let words = cell.split([' ', ',']).filter(|word| !word.is_empty());
            (cell.contains("guard"), words.collect())
        })
        .collect();
    let stands = |name: &String, as_guard: bool| {
        let mut cells = cells.iter();
        cells.any(|(guard, words)| (*guard || !as_guard) && words.contains(&name.as_str()))
    };
    let rules = listed(&RowRule::ALL).into_iter();
    let rules = rules.chain(listed(&FieldRule::ALL));
    let missing: Vec<String> = rules.filter(|id| !stands(id, false)).collect();
    assert!(missing.is_empty(), "rules without a situation: {missing:?}");
    let guards = listed(&Guard::ALL).into_iter();
    let missing: Vec<String> = guards.filter(|id| !stands(id, true)).collect();
    assert!(
        missing.is_empty(),
        "guards without a situation: {missing:?}"
    );
}

#[test]
fn p11_whatever_is_decided_or_refused_has_a_sentence_for_people() {
    let reasons = RowRule::ALL.map(RowRule::reason).into_iter();
    let reasons = reasons.chain(FieldRule::ALL.map(FieldRule::reason));
    for sentence in reasons.chain(Guard::ALL.map(Guard::remedy)) {
        let is_one = sentence.len() > 8 && !sentence.ends_with('.');
        assert!(is_one, "{sentence:?}");
    }
}
