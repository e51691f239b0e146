//! What a value may not be, in SQL: conditions of the triggers, and what people may write for keys.

use super::cells::Form;
use super::column::Column;
use super::names::{literal, quote};
use super::table::Table;
use super::triggers::refuse;

/// When a check runs. What a statement leaves as it is passes, whatever it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Also before an upsert, which may repeat what the row it meets has.
    Insert,
    Update,
}

/// Writes the checks of all columns that take edits.
pub(super) fn write(body: &mut String, table: &Table, moment: Moment) {
    body.push_str(&refuse(
        "_trashed is 1 (in the trash) or 0",
        "NEW._trashed NOT IN (0, 1)",
    ));
    for column in table.own().filter(|column| !column.projected()) {
        Checks {
            table,
            column,
            moment,
            value: format!("NEW.{}", quote(&column.name)),
        }
        .write(body);
    }
}

struct Checks<'a> {
    table: &'a Table,
    column: &'a Column,
    moment: Moment,
    /// The new value.
    value: String,
}

impl Checks<'_> {
    fn write(&self, body: &mut String) {
        let name = &self.column.name;
        let value = &self.value;
        self.refuse(
            body,
            &format!(
                "{name} holds a NUL character, which ends a text in many programs; leave it out"
            ),
            &format!("typeof({value}) = 'text' AND instr({value}, char(0)) > 0"),
        );
        match self.column.form() {
            Form::Text => self.cap_text(body),
            Form::Choice => {
                let wrong = self.wrong_option(value);
                self.refuse(body, &self.no_option(), &format!("{value} <> '' AND {wrong}"));
            }
            Form::Choices => {
                self.refuse_unless_list(body, "names, like [\"a\",\"b\"]", "element.type <> 'text'");
                let wrong = self.wrong_option("element.value");
                self.refuse_element(body, &self.no_option(), &wrong);
                self.cap_items(body);
            }
            Form::Number => self.refuse(
                body,
                &format!("{name} takes a number, like 12, -0.5 or 1e6"),
                &number_is_wrong(value, self.column.limits.floats),
            ),
            Form::Checkbox => self.refuse(
                body,
                &format!("{name} is a checkbox: 1 for yes, 0 for no"),
                &format!("{value} NOT IN (0, 1)"),
            ),
            Form::Date => body.push_str(&date_check(name, value, &self.changed())),
            Form::References => self.write_references(body),
            Form::People => {
                let shape = "people, by id or e-mail address, like [\"ada@example.org\"]";
                self.refuse_unless_list(body, shape, "element.type <> 'text'");
                self.refuse_element(
                    body,
                    &format!("{name} names somebody who is not in sync_people"),
                    "element.value NOT IN (SELECT id FROM _sync_people UNION ALL
      SELECT email FROM _sync_people WHERE email IS NOT NULL)",
                );
                self.cap_items(body);
            }
            Form::Files => self.write_files(body),
            Form::Place => self.refuse(
                body,
                &format!("{name} takes a place, like {{\"lat\":47.1,\"lon\":15.4,\"name\":\"Here\"}}"),
                &format!(
                    "{value} <> '' AND CASE WHEN json_valid({value}) AND json_type({value}) = 'object'
      THEN coalesce(json_type({value}, '$.lat'), '') NOT IN ('integer', 'real')
        OR coalesce(json_type({value}, '$.lon'), '') NOT IN ('integer', 'real')
        OR json_extract({value}, '$.lat') NOT BETWEEN -90 AND 90
        OR json_extract({value}, '$.lon') NOT BETWEEN -180 AND 180
        OR EXISTS (SELECT 1 FROM json_each({value}) WHERE key NOT IN ('lat', 'lon')
          AND (key NOT IN ('name', 'address') OR type <> 'text'))
      ELSE 1 END"
                ),
            ),
            Form::Verification => self.refuse(
                body,
                &format!("{name} takes a verification, like {{\"state\":\"verified\"}} or {{\"state\":\"unverified\"}}"),
                &format!(
                    "{value} <> '' AND CASE WHEN json_valid({value}) AND json_type({value}) = 'object'
      THEN coalesce(json_extract({value}, '$.state'), '') NOT IN ('verified', 'unverified')
        OR EXISTS (SELECT 1 FROM json_each({value}) WHERE key NOT IN ('state', 'date', 'by'))
      ELSE 1 END"
                ),
            ),
            Form::Any => {}
        }
    }

    fn write_references(&self, body: &mut String) {
        let name = &self.column.name;
        let Some(target) = &self.column.target else {
            return;
        };
        let shape = format!("rows of {target}, by _row or _id, like [1,2]");
        self.refuse_unless_list(body, &shape, "element.type NOT IN ('integer', 'text')");
        let table = quote(target);
        self.refuse_element(
            body,
            &format!("{name} refers to a row that {target} does not have"),
            &format!(
                "NOT iif(element.type = 'integer',
      EXISTS (SELECT 1 FROM {table} AS t WHERE t._row = element.value),
      EXISTS (SELECT 1 FROM {table} AS t WHERE t._id = element.value))"
            ),
        );
        self.cap_items(body);
    }

    fn write_files(&self, body: &mut String) {
        let name = &self.column.name;
        let shape =
            "files, like [{\"name\":\"plan.pdf\",\"url\":\"https://example.org/plan.pdf\"}]";
        self.refuse_unless_list(
            body,
            shape,
            "CASE element.type
        WHEN 'text' THEN element.value NOT GLOB 'http*://?*'
        WHEN 'object' THEN (json_extract(element.value, '$.url') IS NULL)
            + (json_extract(element.value, '$.hosted') IS NULL)
            + (json_extract(element.value, '$.blob') IS NULL)
            + (json_extract(element.value, '$.upload') IS NULL) <> 3
          OR EXISTS (SELECT 1 FROM json_each(element.value) AS part WHERE CASE part.key
            WHEN 'upload' THEN part.value NOT IN (SELECT id FROM _sync_uploads)
            ELSE part.key NOT IN ('name', 'url', 'hosted', 'blob') OR part.type <> 'text' END)
        ELSE 1 END",
        );
        // A hosted file is where its host put it: it can be kept or taken away, not made up.
        self.refuse_element(
            body,
            &format!(
                "{name} can keep or drop files that are hosted, not name new ones; give a url"
            ),
            "element.type = 'object' AND json_extract(element.value, '$.url') IS NULL
      AND json_extract(element.value, '$.upload') IS NULL",
        );
        self.cap_items(body);
    }

    /// The value was not there before.
    fn changed(&self) -> String {
        let column = quote(&self.column.name);
        match self.moment {
            Moment::Insert => "1".to_owned(),
            Moment::Update => format!("NEW.{column} IS NOT OLD.{column}"),
        }
    }

    fn refuse(&self, body: &mut String, sentence: &str, condition: &str) {
        let condition = match self.moment {
            Moment::Insert => format!(
                "({condition}) AND NOT EXISTS (SELECT 1 FROM {} AS t
      WHERE (t._id = NEW._id OR t._row = NEW._row) AND t.{} IS NEW.{1})",
                self.table.quoted(),
                quote(&self.column.name)
            ),
            Moment::Update => format!("{} AND ({condition})", self.changed()),
        };
        body.push_str(&refuse(sentence, &condition));
    }

    /// A list is a JSON array, and none of its elements is wrong.
    fn refuse_unless_list(&self, body: &mut String, shape: &str, wrong: &str) {
        let value = &self.value;
        self.refuse(
            body,
            &format!("{} takes a JSON array of {shape}", self.column.name),
            &format!(
                "{value} <> '' AND CASE WHEN json_valid({value})
      THEN CASE WHEN json_type({value}) = 'array'
        THEN EXISTS (SELECT 1 FROM json_each({value}) AS element WHERE {wrong}) ELSE 1 END
      ELSE 1 END"
            ),
        );
    }

    /// Elements that were there before may stay, whatever they are. Nothing is called `old` there:
    /// `OLD."value"` would be a part of it.
    fn refuse_element(&self, body: &mut String, sentence: &str, wrong: &str) {
        let value = format!("nullif({}, '')", self.value);
        let new = match self.moment {
            Moment::Insert => String::new(),
            Moment::Update => {
                let old = format!("nullif(OLD.{}, '')", quote(&self.column.name));
                format!(
                    "\n    AND NOT EXISTS (SELECT 1 FROM json_each(iif(json_valid({old}), {old}, NULL)) AS former
      WHERE former.value IS element.value)"
                )
            }
        };
        self.refuse(
            body,
            sentence,
            &format!("EXISTS (SELECT 1 FROM json_each({value}) AS element WHERE {wrong}{new})"),
        );
    }

    fn no_option(&self) -> String {
        let name = &self.column.name;
        match self.table.any_option {
            true => format!(
                "an option of {name} is at most {} characters long and holds no {:?}",
                self.column.limits.option_utf16.unwrap_or(u32::MAX),
                self.column.limits.option_without.unwrap_or(',')
            ),
            false => format!(
                "{name} has no option of that name; schema_fields lists those it has, and another has to be \
                 added where the options are kept"
            ),
        }
    }

    /// Whether a name is no option that may be written.
    fn wrong_option(&self, name: &str) -> String {
        if self.table.any_option {
            let limits = &self.column.limits;
            let long = limits.option_utf16;
            let long = long.map(|most| format!("length({name}) > {most}"));
            let holds = limits.option_without;
            let holds =
                holds.map(|sign| format!("instr({name}, {}) > 0", literal(&sign.to_string())));
            let wrong: Vec<String> = long.into_iter().chain(holds).collect();
            return match wrong.is_empty() {
                true => "0".to_owned(),
                false => format!("({})", wrong.join(" OR ")),
            };
        }
        format!(
            "NOT EXISTS (SELECT 1 FROM _sync_options AS o WHERE o.tbl = {} AND o.col = {}
      AND o.name = {name})",
            literal(&self.table.name),
            literal(&self.column.name)
        )
    }

    fn cap_text(&self, body: &mut String) {
        if let Some(most) = self.column.limits.max_utf16 {
            // Characters, where the source counts UTF-16 units: what lies between is told by the plan.
            self.refuse(
                body,
                &format!("{} takes at most {most} characters", self.column.name),
                &format!("length({}) > {most}", self.value),
            );
        }
    }

    fn cap_items(&self, body: &mut String) {
        if let Some(most) = self.column.limits.max_items {
            let value = &self.value;
            self.refuse(
                body,
                &format!("{} takes at most {most} elements", self.column.name),
                &format!("{value} <> '' AND json_array_length({value}) > {most}"),
            );
        }
    }
}

/// What a written list becomes where people may write something else for the keys in it: rows by
/// their `_id`, people by their address.
pub(super) fn keys(column: &Column) -> Option<String> {
    let value = format!("NEW.{}", quote(&column.name));
    let key = match (column.form(), &column.target) {
        (Form::References, Some(target)) => format!(
            "coalesce(iif(element.type = 'text',
        (SELECT t._row FROM {} AS t WHERE t._id = element.value), NULL), element.value)",
            quote(target)
        ),
        (Form::People, _) => "coalesce(
      (SELECT p.id FROM _sync_people AS p WHERE p.email = element.value ORDER BY p.id LIMIT 1),
      element.value)"
            .to_owned(),
        _ => return None,
    };
    Some(format!(
        "(SELECT json_group_array(one) FROM (
      SELECT {key} AS one FROM json_each({value}) AS element ORDER BY element.key))"
    ))
}

/// Digits may be as many as one likes; where the source keeps floats there has to be one near them.
fn number_is_wrong(value: &str, floats: bool) -> String {
    let largest = "1.7976931348623157e308";
    // Of digits that are not all zero the nearest float may be none, or zero.
    let unlike = match floats {
        true => format!(
            " OR abs(CAST({value} AS REAL)) > {largest}
          OR CAST({value} AS REAL) = 0
            AND substr({value}, 1, instr(lower({value}) || 'e', 'e')) GLOB '*[1-9]*'"
        ),
        false => String::new(),
    };
    format!(
        "CASE typeof({value})
      WHEN 'text' THEN {value} <> '' AND CASE WHEN json_valid({value})
        THEN json_type({value}) NOT IN ('integer', 'real'){unlike} ELSE 1 END
      WHEN 'real' THEN abs({value}) > {largest}
      ELSE typeof({value}) = 'blob' END"
    )
}

/// Both ends of a range are judged alike. `date()` mends 30 February, so it is compared; older versions
/// of SQLite (3.40 is one) mend it only on the way to another day.
fn date_check(name: &str, value: &str, changed: &str) -> String {
    let day = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]";
    let malformed = literal(&format!(
        "{name} takes a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end"
    ));
    let no_offset = literal(&format!(
        "{name} needs an offset with a time: write 2026-06-15T14:30:00+09:00, or Z for UTC"
    ));
    // What follows the minutes is seconds, `s`, and an offset of `z` characters.
    format!(
        "  SELECT CASE
    WHEN substr(p, 1, 10) NOT GLOB '{day}' OR date(substr(p, 1, 10), '+0 days') IS NOT substr(p, 1, 10)
      THEN RAISE(ABORT, {malformed})
    WHEN length(p) = 10 THEN NULL
    WHEN p NOT GLOB '??????????[Tt ][0-2][0-9]:[0-5][0-9]*' OR substr(p, 12, 2) > '23'
      OR substr(p, 17) GLOB '*[^0-9:.Zz+-]*'
      THEN RAISE(ABORT, {malformed})
    WHEN z = 0 THEN RAISE(ABORT, {no_offset})
    WHEN s NOT IN ('', ':60') AND s NOT GLOB ':[0-5][0-9]'
      AND (s NOT GLOB ':[0-5][0-9].[0-9]*' OR substr(s, 5) GLOB '*[^0-9]*' OR length(s) > 13)
      THEN RAISE(ABORT, {malformed})
    WHEN z > 1 AND (substr(p, 1 - z, 2) > '23' OR z > 3 AND substr(p, -2) > '59')
      THEN RAISE(ABORT, {malformed})
  END FROM (SELECT p, z, substr(p, 17, length(p) - 16 - z) AS s FROM (
    SELECT p, CASE WHEN p GLOB '*[Zz]' THEN 1
      WHEN substr(p, 17) GLOB '*[+-][0-9][0-9]' THEN 3
      WHEN substr(p, 17) GLOB '*[+-][0-9][0-9][0-9][0-9]' THEN 5
      WHEN substr(p, 17) GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN 6 ELSE 0 END AS z
    FROM (
      SELECT trim(CASE WHEN instr({value}, '/') > 0
        THEN substr({value}, 1, instr({value}, '/') - 1) ELSE {value} END) AS p
      UNION ALL SELECT trim(substr({value}, instr({value}, '/') + 1)) WHERE instr({value}, '/') > 0
    )
  )) WHERE {value} <> '' AND {changed};\n"
    )
}
