//! Relations, people and files: JSON arrays that read and write naturally, and views to join on.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::linked::{Linked, place};
use common::{field, refusal, rows};
use futures::executor::block_on;
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, Field, FieldType, Limits, Relation};
use notion_sync_core::value::{Digest, FileRef, Person, Reference, Value};

fn relation(id: &str, name: &str, target: &str) -> Field {
    let to = Relation {
        target: place(target),
        mirror: None,
    };
    field(id, name, FieldType::Relation(to), Access::Writable)
}

fn title() -> Field {
    field("title", "Name", FieldType::Title, Access::Writable)
}

/// Tasks that refer to projects, to each other and to a collection that nobody keeps.
fn tasks_and_projects() -> Linked {
    Linked::new(&[
        (
            "Tasks",
            vec![
                title(),
                relation("p", "Project", "Projects"),
                relation("b", "Blocked by", "Tasks"),
                relation("c", "Client", "Clients"),
            ],
        ),
        (
            "Projects",
            vec![title(), relation("l", "Lead task", "Tasks")],
        ),
    ])
}

fn refers(keys: &[&Key]) -> Value {
    Value::references(
        keys.iter()
            .map(|key| Reference::new((*key).clone()))
            .collect(),
    )
}

fn named(name: &str) -> (&'static str, Value) {
    ("title", Value::text(name))
}

#[test]
fn a_relation_is_an_array_of_rows_and_a_view_to_join_on() {
    let world = tasks_and_projects();
    let project = world.sources[1].person_creates(&[named("House")]);
    let roof = world.sources[0].person_creates(&[named("Roof"), ("p", refers(&[&project]))]);
    let door = world.sources[0].person_creates(&[named("Door"), ("b", refers(&[&roof]))]);
    world.settle();
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT Name, Project, \"Blocked by\", _state FROM tasks ORDER BY _row"
        ),
        ["Roof|[1]||clean", "Door||[1]|clean"]
    );
    assert_eq!(
        rows(
            &person,
            "SELECT _row, position, target_row, target_title FROM tasks__Project"
        ),
        ["1|0|1|House"]
    );
    // Back to nothing, and to two; the other side follows, and the view with it.
    person
        .execute_batch(
            "UPDATE tasks SET Project = NULL WHERE Name = 'Roof';
             UPDATE tasks SET \"Blocked by\" = '[2,1]' WHERE Name = 'Door';",
        )
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &roof, "p"), Value::Empty);
    let mut both = match world.value(0, &door, "b") {
        Value::References(all) => all,
        other => panic!("{other:?}"),
    };
    both.sort();
    let mut expected = vec![Reference::new(roof.clone()), Reference::new(door.clone())];
    expected.sort();
    assert_eq!(both, expected);
    assert!(rows(&person, "SELECT * FROM tasks__Project").is_empty());
}

#[test]
fn a_row_made_here_can_be_referred_to_before_its_page_exists_in_circles_too() {
    let world = tasks_and_projects();
    world.settle();
    let person = world.person();
    person
        .execute_batch(
            "BEGIN;
             INSERT INTO projects (Name) VALUES ('House');
             INSERT INTO tasks (Name, Project) VALUES ('Roof', json_array(last_insert_rowid()));
             INSERT INTO tasks (Name, \"Blocked by\") VALUES ('Door', '[1]');
             UPDATE tasks SET \"Blocked by\" = '[2]' WHERE Name = 'Roof';
             UPDATE projects SET \"Lead task\" = '[1]';
             COMMIT;",
        )
        .unwrap();
    assert_eq!(
        rows(
            &person,
            "SELECT Name, Project, \"Blocked by\", _state FROM tasks ORDER BY _row"
        ),
        ["Roof|[1]|[2]|pending", "Door||[1]|pending"],
        "reads show what waits at once"
    );
    world.settle();
    let (roof, door) = (world.titled(0, "Roof"), world.titled(0, "Door"));
    let house = world.titled(1, "House");
    assert_eq!(world.value(0, &roof, "p"), refers(&[&house]));
    assert_eq!(world.value(0, &roof, "b"), refers(&[&door]));
    assert_eq!(world.value(0, &door, "b"), refers(&[&roof]));
    assert_eq!(world.value(1, &house, "l"), refers(&[&roof]));
    assert_eq!(
        world.sources[0].live().len() + world.sources[1].live().len(),
        3
    );
    assert_eq!(
        rows(&person, "SELECT DISTINCT _state FROM tasks"),
        ["clean"]
    );
}

#[test]
fn what_is_no_row_of_the_related_table_is_refused_at_once() {
    let world = tasks_and_projects();
    world.settle();
    let person = world.person();
    person
        .execute_batch("INSERT INTO tasks (Name) VALUES ('Roof')")
        .unwrap();
    for (written, sentence) in [
        (
            "'[7]'",
            "Project refers to a row that projects does not have",
        ),
        (
            "'[\"no-such-id\"]'",
            "Project refers to a row that projects does not have",
        ),
        (
            "'House'",
            "Project takes a JSON array of rows of projects, by _row or _id, like [1,2]",
        ),
        (
            "'[null]'",
            "Project takes a JSON array of rows of projects, by _row or _id, like [1,2]",
        ),
    ] {
        assert_eq!(
            refusal(&person, &format!("UPDATE tasks SET Project = {written}")),
            sentence
        );
        let insert = format!("INSERT INTO tasks (Name, Project) VALUES ('x', {written})");
        assert_eq!(refusal(&person, &insert), sentence);
    }
    assert_eq!(
        refusal(&person, "UPDATE tasks SET Client = '[1]'"),
        "Client is a relation to a collection that is not in this file (sync that one too) and \
         cannot be edited"
    );
}

#[test]
fn a_relation_that_is_only_read_joins_by_the_ids_it_shows() {
    let mut link = relation("p", "Project", "Projects");
    link.access = Access::Unsupported;
    let id = field("_id", "_id", FieldType::Text, Access::Computed);
    let world = Linked::new(&[
        ("Tasks", vec![title(), link]),
        ("Projects", vec![id, title()]),
    ]);
    let house = world.sources[1].person_creates(&[named("House"), ("_id", Value::text("page-1"))]);
    let known = Reference::new(Key::durable("page-1"));
    let unknown = Reference::new(Key::durable("page-9"));
    world.sources[0].person_creates(&[
        named("Roof"),
        ("p", Value::references(vec![known, unknown])),
    ]);
    world.settle();
    assert_eq!(
        rows(
            &world.person(),
            "SELECT target_row, target_id, target_title FROM tasks__Project ORDER BY 1"
        ),
        ["|page-9|", "1|page-1|House"],
        "{house}"
    );
}

#[test]
fn a_relation_to_a_collection_outside_the_file_shows_its_keys_and_is_filled_in_when_that_comes() {
    let mut world = tasks_and_projects();
    let client = Key::durable("0192f3a1-7c4e-7b1a-9d55-0242ac120002");
    let roof = world.sources[0].person_creates(&[named("Roof"), ("c", refers(&[&client]))]);
    world.settle();
    let person = world.person();
    assert_eq!(
        rows(&person, "SELECT Client FROM tasks"),
        [format!("[\"{client}\"]")]
    );
    assert_eq!(
        rows(&person, "SELECT _row, target_id FROM tasks__Client"),
        [format!("1|{client}")]
    );
    // Now the collection is kept here as well.
    let clients = Linked::new(&[("Clients", vec![title()])]).sources.remove(0);
    let ada = clients.person_creates(&[named("Ada")]);
    world.sources.push(clients);
    world.edits(0, &roof, "c", refers(&[&ada]));
    world.settle();
    assert_eq!(rows(&person, "SELECT Client FROM tasks"), ["[1]"]);
    assert_eq!(
        rows(&person, "SELECT target_title FROM tasks__Client"),
        ["Ada"]
    );
    person
        .execute_batch("UPDATE tasks SET Client = NULL")
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &roof, "c"), Value::Empty);
}

fn people_and_files() -> Linked {
    let mut team = field("t", "Team", FieldType::People, Access::Writable);
    team.limits = Limits {
        max_items: Some(3),
        ..Limits::default()
    };
    Linked::new(&[(
        "Tasks",
        vec![
            title(),
            team,
            field("f", "Files", FieldType::Files, Access::Writable),
        ],
    )])
}

fn ada() -> Person {
    Person::with_id("u1").called("Ada").reached_at("ada@x.org")
}

#[test]
fn people_are_written_by_address_and_kept_by_id() {
    let world = people_and_files();
    let eve = Person::with_id("u2").called("Eve").reached_at("eve@x.org");
    let roof = world.sources[0].person_creates(&[
        named("Roof"),
        ("t", Value::people(vec![ada(), eve.clone()])),
    ]);
    world.settle();
    let person = world.person();
    assert_eq!(rows(&person, "SELECT Team FROM tasks"), ["[\"u1\",\"u2\"]"]);
    assert_eq!(
        rows(&person, "SELECT position, id, name, email FROM tasks__Team"),
        ["0|u1|Ada|ada@x.org", "1|u2|Eve|eve@x.org"]
    );
    person
        .execute_batch("UPDATE tasks SET Team = '[\"eve@x.org\"]'")
        .unwrap();
    assert_eq!(rows(&person, "SELECT Team FROM tasks"), ["[\"u2\"]"]);
    world.settle();
    assert_eq!(world.value(0, &roof, "t"), Value::people(vec![eve]));
    // The one side adds, the other takes away: both hold.
    world.edits(
        0,
        &roof,
        "t",
        Value::people(vec![Person::with_id("u2").called("Eve B"), ada()]),
    );
    person
        .execute_batch("UPDATE tasks SET Team = NULL")
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &roof, "t"), Value::people(vec![ada()]));
    // The source told no address of u2 this time: the one that was known stays.
    assert_eq!(
        rows(&person, "SELECT * FROM sync_people WHERE id = 'u2'"),
        ["u2|Eve B|eve@x.org"]
    );
    assert_eq!(
        refusal(&person, "UPDATE tasks SET Team = '[\"bob@x.org\"]'"),
        "Team names somebody who is not in sync_people"
    );
    assert_eq!(
        refusal(
            &person,
            "UPDATE tasks SET Team = '[\"u1\",\"u1\",\"u1\",\"u2\"]'"
        ),
        "Team takes at most 3 elements"
    );
}

#[test]
fn pain_32_files_are_added_and_dropped_and_hosted_ones_stay_without_their_signature() {
    let world = people_and_files();
    let hosted = FileRef::hosted("a.png", "https://s3/a.png?X-Amz-Signature=secret");
    let roof = world.sources[0]
        .person_creates(&[named("Roof"), ("f", Value::files(vec![hosted.clone()]))]);
    world.settle();
    let person = world.person();
    let shown = "[{\"name\":\"a.png\",\"hosted\":\"https://s3/a.png\"}]";
    assert_eq!(rows(&person, "SELECT Files FROM tasks"), [shown]);
    person
        .execute_batch(
            "INSERT INTO files (\"table\", \"column\", _row, name, url)
               VALUES ('tasks', 'Files', 1, 'Plan', 'https://x.org/plan');
             INSERT INTO files (\"table\", \"column\", _row, url)
               VALUES ('tasks', 'Files', 1, 'https://x.org/b.pdf');",
        )
        .unwrap();
    assert_eq!(
        rows(&person, "SELECT position, name, kind, url FROM files"),
        [
            "0|a.png|hosted|https://s3/a.png",
            "1|Plan|external|https://x.org/plan",
            "2|https://x.org/b.pdf|external|https://x.org/b.pdf",
        ]
    );
    world.settle();
    let plan = FileRef::external("Plan", "https://x.org/plan");
    let pdf = FileRef::external("b.pdf", "https://x.org/b.pdf");
    assert_eq!(
        world.value(0, &roof, "f"),
        Value::files(vec![hosted.clone(), plan, pdf.clone()])
    );
    // Two of one cell in one statement.
    person
        .execute_batch("DELETE FROM files WHERE kind = 'hosted' OR name = 'Plan'")
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &roof, "f"), Value::files(vec![pdf]));
    let made_up = "UPDATE tasks SET Files = '[{\"name\":\"x\",\"hosted\":\"https://s3/x\"}]'";
    assert_eq!(
        refusal(&person, made_up),
        "Files can keep or drop files that are hosted, not name new ones; give a url"
    );
    assert!(
        refusal(&person, "UPDATE tasks SET Files = '[{\"url\":3}]'")
            .starts_with("Files takes a JSON array of files")
    );
    assert_eq!(
        refusal(
            &person,
            "INSERT INTO files (\"table\", \"column\", _row, url) VALUES ('tasks', 'Files', 9, 'https://x.org')"
        ),
        "name the table, the column of files and the _row that the file belongs to"
    );
}

#[test]
fn a_file_is_uploaded_by_path_or_as_bytes_and_known_by_its_digest() {
    let world = people_and_files();
    let roof = world.sources[0].person_creates(&[named("Roof")]);
    world.settle();
    let person = world.person();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.txt");
    let put = "INSERT INTO files (\"table\", \"column\", _row, name, path, bytes)
               VALUES ('tasks', 'Files', 1, ?1, ?2, ?3)";
    person
        .execute(put, (None::<&str>, path.to_str(), None::<&[u8]>))
        .unwrap();
    person
        .execute(put, ("b.bin", None::<&str>, Some(b"bytes")))
        .unwrap();
    assert_eq!(
        rows(&person, "SELECT position, name, kind FROM files"),
        ["0|plan.txt|upload", "1|b.bin|upload"]
    );
    // The file is not there yet: the cell waits whole, and says why.
    world.run();
    assert_eq!(world.value(0, &roof, "f"), Value::Empty);
    assert!(rows(&person, "SELECT problem FROM files")[0].contains("cannot be read"));
    std::fs::write(&path, "plan").unwrap();
    world.settle();
    let (plan, bytes) = (Digest::of(b"plan"), Digest::of(b"bytes"));
    assert_eq!(
        world.value(0, &roof, "f"),
        Value::files(vec![
            FileRef::blob("plan.txt", plan),
            FileRef::blob("b.bin", bytes)
        ])
    );
    assert_eq!(rows(&person, "SELECT _state FROM tasks"), ["clean"]);
    let read = |digest| block_on(world.store.blob(digest)).unwrap();
    assert_eq!(read(plan).as_deref(), Some(&b"plan"[..]));
    assert_eq!(read(bytes).as_deref(), Some(&b"bytes"[..]));
    std::fs::write(&path, "another").unwrap();
    assert_eq!(read(plan), None, "not what was meant");
    assert_eq!(
        refusal(
            &person,
            "UPDATE tasks SET Files = '[{\"name\":\"x\",\"upload\":9}]'"
        ),
        "Files takes a JSON array of files, like \
         [{\"name\":\"plan.pdf\",\"url\":\"https://example.org/plan.pdf\"}]"
    );
}

#[test]
fn a_renamed_type_or_value_column_of_the_related_table_disturbs_no_check() {
    // Names that the checks use themselves.
    let world = Linked::new(&[
        ("Tasks", vec![title(), relation("p", "value", "Kinds")]),
        (
            "Kinds",
            vec![
                title(),
                field("v", "value", FieldType::Number, Access::Writable),
                field("y", "type", FieldType::RichText, Access::Writable),
                field("k", "key", FieldType::RichText, Access::Writable),
            ],
        ),
    ]);
    world.settle();
    let person = world.person();
    person
        .execute_batch(
            "INSERT INTO kinds (Name, value, type, key) VALUES ('a', 5, 'text', 'k');
             INSERT INTO tasks (Name, value) VALUES ('x', '[1]');",
        )
        .unwrap();
    assert!(refusal(&person, "UPDATE tasks SET value = '[5]'").contains("does not have"));
    world.settle();
    let (task, kind) = (world.titled(0, "x"), world.titled(1, "a"));
    assert_eq!(world.value(0, &task, "p"), refers(&[&kind]));
}

#[test]
fn a_view_of_ones_own_that_is_called_like_a_list_stays() {
    let title = || field("title", "Name", FieldType::Title, Access::Writable);
    let world = Linked::new(&[("Tasks", vec![title()])]);
    world.settle();
    let person = world.person();
    person
        .execute_batch("CREATE VIEW tasks__Labels AS SELECT 'mine' AS x")
        .unwrap();
    let labels = FieldType::MultiSelect(Vec::new());
    world.sources[0].change_schema(|schema| {
        let labels = field("l", "Labels", labels, Access::Writable);
        schema.fields.push(labels);
    });
    for _ in 0..2 {
        world.settle();
        assert_eq!(rows(&person, "SELECT * FROM tasks__Labels"), ["mine"]);
        assert_eq!(
            rows(&person, "SELECT count(*) FROM sync_tasks__Labels"),
            ["0"]
        );
    }
}
