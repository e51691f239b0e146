//! A schema that changes: what is told, what is held back, and when it goes on.

use futures::executor::block_on;

use super::world::{World, is_live, tags, text};
use crate::engine::{Report, RunOptions};
use crate::link::{Lens, Policy, Side};
use crate::plan::{FieldRule, Guard};
use crate::record::{Cell, Key};
use crate::schema::{Access, Field, FieldId, FieldType, Limits, SchemaEvent};
use crate::value::{Choice, RawJson, Value};

fn approving(world: &World, guard: Guard) -> Report {
    let options = RunOptions {
        approved: [guard].into(),
        ..RunOptions::default()
    };
    block_on(world.engine().run(&options)).unwrap()
}

/// Somebody turns a field of Notion into another kind; its values turn with it.
fn retype(world: &World, field: &str, ty: FieldType, values: &[(&Key, Value)]) {
    world.notion.change_schema(|schema| {
        for there in &mut schema.fields {
            if there.id.as_str() == field {
                there.ty = ty.clone();
            }
        }
    });
    for (key, value) in values {
        world.notion.person_sets(key, field, value.clone());
    }
}

fn rule_of(world: &World, key: &Key, field: &str) -> FieldRule {
    let told = block_on(world.engine().explain(Side::Left, key))
        .unwrap()
        .unwrap();
    let mut fields = told.fields.into_iter();
    fields
        .find(|told| told.name.as_str() == field)
        .unwrap()
        .rule
}

fn number(value: i64) -> Value {
    Value::Number(value.into())
}

#[test]
fn f15_of_a_retyped_field_nothing_propagates_until_a_person_approves_it() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("seven"));
    world.settle();
    retype(&world, "notes", FieldType::Number, &[(&page, number(7))]);
    world.notion.person_sets(&page, "title", text("b"));

    let report = world.run();
    assert_eq!(report.raised(Guard::SchemaDrift), 1, "{report:?}");
    assert!(matches!(
        &report.drift[..],
        [drift] if drift.side == Side::Left && matches!(drift.event, SchemaEvent::Retyped { .. })
    ));
    assert_eq!(world.local.value(&row, "notes"), Some(text("seven")));
    assert_eq!(
        world.local.value(&row, "title"),
        Some(text("b")),
        "the rest goes on"
    );
    assert_eq!(rule_of(&world, &page, "notes"), FieldRule::F15);

    // Also an edit of the other side waits, and the guard speaks in every run.
    world.local.person_sets(&row, "notes", text("eight"));
    let report = world.run();
    assert_eq!(report.raised(Guard::SchemaDrift), 1);
    assert!(report.drift.is_empty(), "told once");
    assert_eq!(world.notion.value(&page, "notes"), Some(number(7)));

    // Retyping it back proves nothing: what it held is gone.
    retype(&world, "notes", FieldType::Text, &[(&page, Value::Empty)]);
    let report = world.run();
    assert_eq!(report.raised(Guard::SchemaDrift), 1);
    assert_eq!(world.local.value(&row, "notes"), Some(text("eight")));

    let report = approving(&world, Guard::SchemaDrift);
    assert_eq!(report.raised(Guard::SchemaDrift), 0);
    assert_eq!(
        world.notion.value(&page, "notes"),
        Some(text("eight")),
        "filled, not cleared"
    );
    world.settle();
    world.assert_equal();
}

/// On the side where the field is what it was, an edit is an edit: it does not flow, and it does not
/// go to the trash with its record.
#[test]
fn f15_an_edit_where_the_field_is_what_it_was_outweighs_a_delete() {
    for (edited_here, lives) in [(true, true), (false, false)] {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.notion.person_sets(&page, "notes", text("7"));
        world.settle();
        retype(&world, "notes", FieldType::Number, &[(&page, number(7))]);
        assert_eq!(world.run().raised(Guard::SchemaDrift), 1);
        match edited_here {
            true => world.local.person_sets(&row, "notes", text("8")),
            false => world.notion.person_sets(&page, "notes", number(8)),
        }
        match edited_here {
            true => world.notion.person_trashes(&page, true),
            false => world.local.person_trashes(&row, true),
        }
        world.later(2);
        assert_eq!(is_live(&world.local, &row), lives);
        assert_eq!(is_live(&world.notion, &page), lives);
    }
}

#[test]
fn f15_a_field_mapped_anew_takes_part_again() {
    let mut world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("7"));
    world.settle();
    retype(&world, "notes", FieldType::Number, &[(&page, number(7))]);
    assert_eq!(world.run().raised(Guard::SchemaDrift), 1);
    let fields = &mut world.spec.mapping.fields;
    let notes = fields
        .iter_mut()
        .find(|field| field.name().as_str() == "notes");
    notes.unwrap().lens = Lens::Decimal { text: Side::Right };
    let report = world.run();
    assert_eq!(report.raised(Guard::SchemaDrift), 0, "{report:?}");
    world.local.person_sets(&row, "notes", text("8"));
    world.settle();
    assert_eq!(world.notion.value(&page, "notes"), Some(number(8)));
}

#[test]
fn pain_20_a_field_that_vanished_is_quarantined_and_its_return_clears_nothing() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("kept"));
    world.settle();
    let mut gone = None;
    world.local.change_schema(|schema| {
        let at = schema.fields.iter().position(|field| field.name == "notes");
        gone = at.map(|at| schema.fields.remove(at));
    });
    world.local.person_sets(&row, "notes", Value::Empty);
    assert_eq!(world.run().raised(Guard::SchemaDrift), 1);
    // Approved while it is not there: there is nothing to approve yet.
    assert_eq!(
        approving(&world, Guard::SchemaDrift).raised(Guard::SchemaDrift),
        1
    );
    world
        .local
        .change_schema(|schema| schema.fields.extend(gone.take()));
    assert_eq!(world.run().raised(Guard::SchemaDrift), 1);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("kept")));
    approving(&world, Guard::SchemaDrift);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("kept")));
    assert_eq!(world.local.value(&row, "notes"), Some(text("kept")));
}

#[test]
fn f15_a_delete_is_no_match_for_a_retype_alone() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("7"));
    world.settle();
    retype(&world, "notes", FieldType::Number, &[(&page, number(7))]);
    world.local.person_trashes(&row, true);
    world.run();
    assert_eq!(
        world.notion.record(&page).map(|page| page.lifecycle),
        Some(crate::record::Lifecycle::Trashed),
        "a retype is no edit that a delete has to give way to"
    );
}

#[test]
fn pain_20_a_renamed_field_is_no_drift() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world
        .notion
        .change_schema(|schema| schema.fields[1].name = "Remarks".into());
    world.notion.person_sets(&page, "notes", text("goes on"));
    let report = world.run();
    assert_eq!(report.raised(Guard::SchemaDrift), 0);
    assert!(matches!(&report.drift[0].event, SchemaEvent::Renamed { to, .. } if to == "Remarks"));
    assert_eq!(world.local.value(&row, "notes"), Some(text("goes on")));
}

#[test]
fn pain_26_an_added_option_makes_no_row_worth_a_look() {
    let world = World::new();
    let (page, _) = world.settled_pair();
    world.notion.person_sets(&page, "tags", tags(&["a"]));
    world.settle();
    world.notion.change_schema(|schema| {
        if let FieldType::MultiSelect(options) = &mut schema.fields[2].ty {
            options.push(Choice::with_id("id-e", "e"));
        }
    });
    let plan = world.plan();
    assert_eq!(plan.counts.looked_at, 0);
    assert!(world.run().is_quiet());
}

#[test]
fn a_schema_that_changes_during_a_run_is_taken_in_by_that_run() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    let engine = world.engine();
    // Described a while ago, and changed since.
    world.clock.advance(std::time::Duration::from_secs(5));
    retype(&world, "notes", FieldType::Number, &[(&page, number(7))]);
    world.local.person_sets(&row, "title", text("b"));
    world.local.person_sets(&row, "notes", text("words"));
    let made = world.notion.person_creates(&[("title", text("new"))]);
    let report = block_on(engine.run(&RunOptions::default())).unwrap();
    assert_eq!(report.raised(Guard::SchemaDrift), 1, "{report:?}");
    assert_eq!(world.notion.value(&page, "title"), Some(text("b")));
    assert_eq!(world.notion.value(&page, "notes"), Some(number(7)));
    let copy = world.partner(Side::Left, &made);
    assert_eq!(world.local.value(&copy, "title"), Some(text("new")));
}

#[test]
fn a_field_added_somewhere_else_changes_nothing_and_is_told() {
    let world = World::new();
    world.settled_pair();
    world.notion.change_schema(|schema| {
        schema.fields.push(Field {
            id: FieldId::new("more"),
            name: "More".into(),
            ty: FieldType::Text,
            access: Access::Writable,
            limits: Limits::default(),
        });
    });
    assert_eq!(world.plan().counts.looked_at, 0);
    let report = world.run();
    assert_eq!(report.drift.len(), 1);
    assert!(report.is_quiet());
}

#[test]
fn a_field_whose_values_cannot_be_read_any_more_is_held_until_they_can() {
    let policy = Policy {
        sweep_below_requests: 100,
        ..Policy::default()
    };
    let world = World::with(true, policy);
    let pages: Vec<_> = (0..20)
        .map(|n| {
            let title = text(&format!("page {n}"));
            let notes = text(&format!("notes {n}"));
            world
                .notion
                .person_creates(&[("title", title), ("notes", notes)])
        })
        .collect();
    world.settle();
    let odd = |page: &Key| {
        let raw = Cell::Unsupported(RawJson::new("{}"));
        world.notion.set_cell(page, "notes", raw);
    };
    // A few odd values cost themselves only.
    pages[..5].iter().for_each(odd);
    world
        .notion
        .person_sets(&pages[19], "notes", text("edited"));
    let report = world.run();
    assert_eq!(report.raised(Guard::DecodeDrift), 0);
    let row = world.partner(Side::Left, &pages[19]);
    assert_eq!(world.local.value(&row, "notes"), Some(text("edited")));

    pages[..6].iter().for_each(odd);
    world
        .notion
        .person_sets(&pages[19], "notes", text("misread"));
    world.notion.person_sets(&pages[19], "title", text("title"));
    let report = world.run();
    assert_eq!(report.raised(Guard::DecodeDrift), 6, "{report:?}");
    assert_eq!(world.local.value(&row, "notes"), Some(text("edited")));
    assert_eq!(world.local.value(&row, "title"), Some(text("title")));
    let report = world.run();
    assert_eq!(
        report.raised(Guard::DecodeDrift),
        6,
        "as long as its cause is there"
    );

    for (n, page) in pages[..6].iter().enumerate() {
        world
            .notion
            .person_sets(page, "notes", text(&format!("notes {n}")));
    }
    let report = world.run();
    assert_eq!(report.raised(Guard::DecodeDrift), 0);
    assert_eq!(world.local.value(&row, "notes"), Some(text("misread")));
    world.settle();
}
