//! What people do to the file itself: rename, drop, add. Refused with a sentence, never taken for
//! an edit of the values.

mod common;

use common::linked::Linked;
use common::{World, field, link, refusal, rows, schema};
use futures::executor::block_on;
use notion_sync_core::link::{LinkId, Side};
use notion_sync_core::pair::PairId;
use notion_sync_core::port::{CommandKind, Effect, Outcome};
use notion_sync_core::schema::{Access, FieldId, FieldType, Schema};
use notion_sync_core::value::{RichText, Value};
use notion_sync_sqlite::{SqliteStore, StoreOptions};

fn align(world: &World, schema: &Schema) -> Result<(), String> {
    let marker = FieldId::new("m1");
    let aligned = block_on(world.replica.align(schema, Some(&marker), true));
    aligned.map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_renamed_or_dropped_column_is_not_an_edit_that_clears_it() {
    for sql in [
        "ALTER TABLE tasks RENAME COLUMN Note TO Remark",
        "ALTER TABLE tasks RENAME COLUMN _url TO address",
    ] {
        let mut world = World::new();
        world.pull("one", "3");
        world.person().execute_batch(sql).unwrap();
        let error = align(&world, &schema()).unwrap_err();
        assert!(error.contains("name it back"), "{error}");
    }
}

#[test]
fn a_dropped_table_is_not_made_again_with_row_numbers_of_other_records() {
    let mut world = World::new();
    world.pull("one", "3");
    world
        .person()
        .execute_batch("ALTER TABLE tasks RENAME TO mine")
        .unwrap();
    let error = align(&world, &schema()).unwrap_err();
    assert!(error.contains("dropped or renamed by hand"), "{error}");
    world
        .person()
        .execute_batch("ALTER TABLE mine RENAME TO tasks")
        .unwrap();
    assert_eq!(align(&world, &schema()), Ok(()));
}

#[test]
fn e14_a_column_that_a_person_added_stays_theirs() {
    for column in ["Priv TEXT", "Priv TEXT AS (Name || '!')"] {
        let world = World::new();
        let add = format!("ALTER TABLE tasks ADD COLUMN {column}");
        world.person().execute_batch(&add).unwrap();
        let mut grown = schema();
        grown
            .fields
            .push(field("x1", "Priv", FieldType::RichText, Access::Writable));
        let marker = FieldId::new("m1");
        let mapping = block_on(world.replica.align(&grown, Some(&marker), true)).unwrap();
        let mapped = mapping.field(&FieldId::new("x1")).unwrap();
        assert_ne!(mapped.ids.right.as_str(), "Priv", "{column}");
    }
}

#[test]
fn a_retyped_property_gets_a_column_without_old_values_each_time() {
    let world = World::new();
    let marker = FieldId::new("m1");
    let column = |ty: FieldType| {
        let mut retyped = schema();
        retyped
            .fields
            .iter_mut()
            .find(|field| field.id.as_str() == "p1")
            .unwrap()
            .ty = ty;
        let mapping = block_on(world.replica.align(&retyped, Some(&marker), true)).unwrap();
        mapping.field(&FieldId::new("p1")).unwrap().clone()
    };
    let number = column(FieldType::Number);
    let url = column(FieldType::Url);
    let again = column(FieldType::Number);
    assert_ne!(number.ids.right, url.ids.right);
    assert_ne!(
        number.ids.right, again.ids.right,
        "the first column holds values of back then"
    );
    // What was settled with one column says nothing about another, though the lens is the same.
    assert_eq!(number.lens, url.lens);
    assert_ne!(number.tag(), url.tag());
}

#[test]
fn a_unique_index_is_refused_because_replace_would_delete_rows_unseen() {
    let world = World::new();
    let person = world.person();
    person
        .execute_batch("CREATE UNIQUE INDEX u ON tasks(Name)")
        .unwrap();
    assert!(
        align(&world, &schema())
            .unwrap_err()
            .contains("use a plain index")
    );
    person
        .execute_batch("DROP INDEX u; CREATE INDEX u ON tasks(Name)")
        .unwrap();
    assert_eq!(align(&world, &schema()), Ok(()));
}

#[test]
fn a_row_number_of_ones_own_does_not_use_up_all_others() {
    let world = World::new();
    let person = world.person();
    let sql = "INSERT INTO tasks(_row, Name) VALUES (9007199254740991, 'x')";
    assert_eq!(
        refusal(&person, sql),
        "leave _row empty: it is counted here"
    );
    person
        .execute_batch("INSERT INTO tasks(Name) VALUES ('y')")
        .unwrap();
}

#[test]
fn another_programs_file_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.sqlite");
    let person = rusqlite::Connection::open(&path).unwrap();
    person
        .execute_batch("CREATE TABLE log(a); CREATE VIEW changes AS SELECT a FROM log")
        .unwrap();
    let store = SqliteStore::open(&path, StoreOptions::default()).unwrap();
    let replica = store.replica(&link()).build();
    let error = block_on(replica.align(&schema(), None, true))
        .unwrap_err()
        .to_string();
    assert!(error.contains("choose another file"), "{error}");
    assert_eq!(
        rows(&person, "SELECT name FROM sqlite_master ORDER BY 1"),
        ["changes", "log"]
    );
}

#[test]
fn titles_that_sqlite_keeps_for_itself_still_get_a_table() {
    for (title, table) in [
        ("SQLite notes", "t_sqlite_notes"),
        ("json each", "t_json_each"),
    ] {
        let store = SqliteStore::in_memory().unwrap();
        let replica = store.replica(&LinkId::new(title)).build();
        let titled = Schema {
            title: title.into(),
            ..schema()
        };
        block_on(replica.align(&titled, None, true)).unwrap();
        let link = LinkId::new(title);
        assert_eq!(
            block_on(store.table_of(&link)).unwrap().as_deref(),
            Some(table)
        );
    }
}

#[test]
fn what_is_remembered_of_a_written_row_is_what_stands_in_it_whatever_triggers_people_have() {
    let shouts = |event: &str| {
        format!(
            "CREATE TRIGGER \"mine {event}\" AFTER {event} ON Tasks
             BEGIN UPDATE tasks SET Name = upper(Name) WHERE _row = NEW._row; END;"
        )
    };
    for triggers in [
        String::new(),
        shouts("INSERT"),
        shouts("UPDATE OF Name, _trashed"),
    ] {
        let mut world = World::new();
        world.person().execute_batch(&triggers).unwrap();
        let (id, row) = world.pull("one", "3.50");
        let is_remembered = |after: &str| {
            let stands = world.scan(None).0.remove(0);
            let shadow = world.pair(id).sides.right.shadow;
            assert_eq!(shadow, Some(stands), "{after}: {triggers}");
        };
        is_remembered("made");
        let mut command = world.patch(row, "Name", None, Value::text("two"));
        for kind in [CommandKind::Patch, CommandKind::Trash, CommandKind::Untrash] {
            command.kind = kind;
            let effect = Effect {
                pair: PairId(id),
                side: Side::Right,
                command: command.clone(),
                then: Vec::new(),
            };
            let outcomes = world.commit(Vec::new(), vec![effect]);
            assert!(matches!(outcomes[..], [Outcome::Done(_)]), "{outcomes:?}");
            is_remembered(&format!("{kind:?}"));
        }
    }
}

#[test]
fn what_was_edited_while_a_trigger_was_missing_is_found_once_it_is_made_anew() {
    let title = || field("title", "Name", FieldType::Title, Access::Writable);
    let world = Linked::new(&[("Tasks", vec![title()])]);
    let source = &world.sources[0];
    let made =
        ["one", "two", "three"].map(|name| source.person_creates(&[("title", Value::text(name))]));
    world.settle();
    let person = world.person();
    for event in [
        "before_insert",
        "after_insert",
        "before_update",
        "after_update",
        "before_delete",
    ] {
        let drop = format!("DROP TRIGGER _sync_tasks_{event}");
        person.execute_batch(&drop).unwrap();
    }
    person
        .execute_batch(
            "UPDATE tasks SET Name = 'first' WHERE Name = 'one';
             DELETE FROM tasks WHERE Name = 'two';
             INSERT INTO tasks (Name) VALUES ('new');",
        )
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &made[0], "title").display(), "first");
    assert_eq!(world.value(0, &made[2], "title").display(), "three");
    world.titled(0, "new");
    let live = source.live();
    assert_eq!(live.len(), 3, "{live:?}");
    assert!(live.iter().all(|record| record.key != made[1]));
    // One that is missing is enough, and all are there again.
    person
        .execute_batch("DROP TRIGGER _sync_tasks_before_update; UPDATE tasks SET Name = 'third' WHERE Name = 'three'")
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &made[2], "title").display(), "third");
    assert!(refusal(&person, "DELETE FROM tasks").contains("_trashed"));
}

#[test]
fn a_column_that_left_the_sync_takes_no_edits_and_lets_go_of_those_that_waited() {
    let world = Linked::new(&[(
        "Tasks",
        vec![
            field("title", "Name", FieldType::Title, Access::Writable),
            field("o", "Owner", FieldType::RichText, Access::Writable),
        ],
    )]);
    let source = &world.sources[0];
    let owner = ("o", Value::rich_text(RichText::plain_text("Ann")));
    source.person_creates(&[("title", Value::text("one")), owner]);
    world.settle();
    let person = world.person();
    person
        .execute_batch("UPDATE tasks SET Owner = 'Bob'")
        .unwrap();
    source.change_schema(|schema| schema.fields.retain(|field| field.name != "Owner"));
    world.settle();
    let shown = "SELECT Name, Owner, _state FROM tasks";
    assert_eq!(rows(&person, shown), ["one|Bob|clean"]);
    assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
    for statement in [
        "UPDATE tasks SET Owner = 'Cid'",
        "INSERT INTO tasks (Name, Owner) VALUES ('two', 'Cid')",
    ] {
        let said = refusal(&person, statement);
        assert!(said.contains("Owner is gone from its source"), "{said}");
    }
    person
        .execute_batch("UPDATE tasks SET Name = 'first', Owner = Owner")
        .unwrap();
    world.settle();
    assert_eq!(rows(&person, shown), ["first|Bob|clean"]);
    // Who wants it gone drops it together with what names it; a run makes the triggers anew.
    let events = ["before_insert", "after_insert", "before_update"];
    let drops = events.map(|event| format!("DROP TRIGGER _sync_tasks_{event};"));
    person
        .execute_batch(&format!(
            "{} ALTER TABLE tasks DROP COLUMN Owner",
            drops.concat()
        ))
        .unwrap();
    world.settle();
    person
        .execute_batch("UPDATE tasks SET Name = 'second'")
        .unwrap();
    world.settle();
    world.titled(0, "second");
    // It is listed no more, and its property may come back, in a column of its own.
    let listed = "SELECT \"column\", editable FROM schema_fields WHERE field_id = 'o'";
    assert_eq!(rows(&person, listed), [""; 0]);
    let owner = field("o", "Owner", FieldType::RichText, Access::Writable);
    source.change_schema(|schema| schema.fields.push(owner));
    world.settle();
    assert_eq!(rows(&person, listed), ["Owner 2|1"]);
    person
        .execute_batch("UPDATE tasks SET \"Owner 2\" = 'Eve'")
        .unwrap();
    world.settle();
    let record = world.titled(0, "second");
    assert_eq!(world.value(0, &record, "o").display(), "Eve");
}
