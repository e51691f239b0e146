//! The schema changes under a run.

use super::*;

fn alter(world: &World, properties: Value) {
    let source = &world.data_source;
    world.sim.alter_as_person(source, &properties).unwrap();
}

#[tokio::test]
async fn race_15_a_property_is_renamed_between_reading_and_writing_it() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Notes = 'ours'");
    meanwhile(&world, |world| {
        alter(world, json!({ "Notes": { "name": "Remarks" } }))
    })
    .await;
    world.run().await;
    assert_eq!(words(&world.page("one"), "Remarks"), "ours");
    assert_eq!(world.writes().len(), 1);
    world.quiet().await;
}

#[tokio::test]
async fn race_16_a_property_is_removed_between_reading_and_writing_it() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Notes = 'ours', Count = 1");
    meanwhile(&world, |world| alter(world, json!({ "Notes": null }))).await;
    world.sql("UPDATE Tasks SET Count = 2");
    world.run().await;
    assert_eq!(world.text("one", "Notes").as_deref(), Some("ours"), "kept");
    assert_eq!(world.held("one", "Count"), json!(2), "the rest goes on");
}

#[tokio::test]
async fn race_17_a_property_is_retyped_between_reading_and_writing_it() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Notes = 'ours', Count = 1");
    meanwhile(&world, |world| {
        alter(world, json!({ "Notes": { "number": {} } }))
    })
    .await;
    world.sql("UPDATE Tasks SET Count = 2");
    let report = world.run().await;
    assert_eq!(
        world.text("one", "Notes").as_deref(),
        Some("ours"),
        "{report:?}"
    );
    assert_eq!(
        world.held("one", "Notes"),
        Value::Null,
        "no text in a number"
    );
    assert_eq!(world.held("one", "Count"), json!(2), "the rest goes on");
}

#[tokio::test]
async fn race_18_an_option_is_removed_between_reading_and_writing_it() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Pick = 'High', Count = 1");
    let left =
        json!({ "Pick": { "select": { "options": [{ "name": "Low" }, { "name": "Mid" }] } } });
    let report = meanwhile(&world, |world| alter(world, left)).await;
    assert_eq!(guards(&report), [Guard::Rejected], "{report:?}");
    // Once the fields are read again, the one field waits and the rest goes on.
    world.pass(Duration::from_secs(3_600));
    let report = world.run().await;
    assert_eq!(guards(&report), [Guard::OptionPolicy], "{report:?}");
    assert_eq!(world.held("one", "Count"), json!(1));
    assert_eq!(world.held("one", "Pick"), Value::Null, "not made again");
    assert_eq!(world.text("one", "Pick").as_deref(), Some("High"), "kept");
}

#[tokio::test]
async fn race_19_a_property_is_added_and_filled_between_reading_and_writing() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Count = 1");
    meanwhile(&world, |world| {
        alter(world, json!({ "Owner": { "rich_text": {} } }));
        world.edit("one", json!({ "Owner": rich_text("Ada") }));
    })
    .await;
    world.pass(Duration::from_secs(7_200));
    world.sql("UPDATE Tasks SET Count = 2");
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(2));
    assert_eq!(world.text("one", "Owner").as_deref(), Some("Ada"));
    world.quiet().await;
}
