//! Safe names for tables and columns.

use crate::ddl::RESERVED;

/// An identifier in SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Columns every replica table has, beside those of properties.
pub(crate) const FIXED: [&str; 7] = [
    "_id", "_url", "_trashed", "_created", "_edited", "_state", "_row",
];

/// What the text of a row is called among its columns; it stands in a table of its own.
pub(crate) const BODY: &str = "_body";

/// Names SQLite gives a meaning of its own.
const ROWID: [&str; 3] = ["rowid", "oid", "_rowid_"];

/// A table name after a title: lower case, words joined by `_`, letters of any script.
pub(crate) fn table_name(title: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = String::new();
    for character in title.to_lowercase().chars() {
        if character.is_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    let name: String = name.chars().take(60).collect();
    let name = match name.chars().next() {
        None => "records".to_owned(),
        Some(first) if first.is_numeric() => format!("t_{name}"),
        // Names that belong to SQLite and to its table-valued functions.
        Some(_)
            if ["sqlite", "json_", "pragma_"]
                .iter()
                .any(|own| name.starts_with(own)) =>
        {
            format!("t_{name}")
        }
        Some(_) if RESERVED.contains(&name.as_str()) => format!("{name}_records"),
        Some(_) => name,
    };
    first_free(&name, "_", is_taken)
}

/// A column name after a property's: the name itself where that is possible.
pub(crate) fn column_name(label: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let clean: String = label
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    let clean = clean.trim();
    let name = if clean.is_empty() { "unnamed" } else { clean };
    let reserved = |name: &str| {
        let own = FIXED.iter().chain(&ROWID).chain([&BODY]);
        own.into_iter().any(|fixed| same(fixed, name))
    };
    first_free(name, " ", |name| reserved(name) || is_taken(name))
}

/// Whether two names are one to a reader; SQLite itself folds ASCII only.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

fn first_free(name: &str, joint: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(name) {
        return name.to_owned();
    }
    let mut number = 2_u64;
    loop {
        let numbered = format!("{name}{joint}{number}");
        if !is_taken(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_never_reserved() {
        let free = |_: &str| false;
        assert_eq!(table_name("Tasks & Projects!", free), "tasks_projects");
        assert_eq!(table_name("Aufgäben", free), "aufgäben");
        assert_eq!(table_name("2026", free), "t_2026");
        assert_eq!(table_name("", free), "records");
        assert_eq!(table_name("🎉", free), "records");
        for reserved in RESERVED {
            assert_eq!(table_name(reserved, free), format!("{reserved}_records"));
        }
        assert_eq!(table_name("_sync_pairs", free), "sync_pairs");
        assert_eq!(table_name("sqlite_master", free), "t_sqlite_master");
        assert_eq!(table_name("Tasks", |name| name == "tasks"), "tasks_2");
        assert_eq!(column_name("Due \"date\"", free), "Due \"date\"");
        assert_eq!(column_name("_ID", free), "_ID 2");
        assert_eq!(column_name("RowId", free), "RowId 2");
        assert_eq!(column_name(" \n", free), "unnamed");
        assert_eq!(column_name("Über", |name| same(name, "über")), "Über 2");
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
    }
}
