//! Edit against edit.

use super::*;

#[tokio::test]
async fn race_01_both_edit_a_field_before_a_run() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Notes = 'ours'");
    world.edit("one", notes("theirs"));
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    assert_eq!(world.writes(), Vec::new());
    let both = (
        words(&world.page("one"), "Notes"),
        world.text("one", "Notes"),
    );
    assert_eq!(both, ("theirs".into(), Some("ours".into())));
}

#[tokio::test]
async fn race_02_notion_edits_the_field_between_reading_and_a_checked_write() {
    let world = agreed(&["one"], Some(Precheck::Always)).await;
    world.sql("UPDATE Tasks SET Notes = 'ours'");
    let report = meanwhile(&world, |world| world.edit("one", notes("theirs"))).await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    assert_eq!(world.writes(), Vec::new());
    let both = (
        words(&world.page("one"), "Notes"),
        world.text("one", "Notes"),
    );
    assert_eq!(both, ("theirs".into(), Some("ours".into())));
}

#[tokio::test]
async fn race_03_notion_edits_another_field_between_reading_and_writing() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Count = 1");
    meanwhile(&world, |world| world.edit("one", notes("late"))).await;
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(1));
    assert_eq!(world.text("one", "Notes").as_deref(), Some("late"));
    world.quiet().await;
}

#[tokio::test]
async fn race_04_the_table_is_edited_between_reading_and_pulling_into_it() {
    let world = agreed(&["one"], None).await;
    world.edit("one", notes("theirs"));
    let report = meanwhile(&world, |world| {
        world.sql("UPDATE Tasks SET Notes = 'ours', Count = 3");
    })
    .await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    let both = (
        words(&world.page("one"), "Notes"),
        world.text("one", "Notes"),
    );
    assert_eq!(both, ("theirs".into(), Some("ours".into())));
    assert_eq!(world.held("one", "Count"), json!(3), "the rest goes on");
}

#[tokio::test]
async fn race_05_the_table_is_edited_again_after_its_edit_was_sent() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET Count = 1");
    let person = Arc::clone(&world);
    let edit_again = move || {
        person.sql("UPDATE Tasks SET Count = 2");
    };
    world.run_while(applied, edit_again).await;
    world.run().await;
    for name in ["one", "two"] {
        assert_eq!(world.held(name, "Count"), json!(2), "{name}");
        assert_eq!(world.value(name, "Count"), 2.into(), "{name}");
    }
    world.quiet().await;
}
