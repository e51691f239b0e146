//! Edits against trash and restore.

use super::*;

#[tokio::test]
async fn race_06_notion_trashes_what_the_table_edits_before_a_run() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
    world.trash("one", true);
    world.run().await;
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_07_notion_trashes_between_reading_and_writing_an_edit() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
    meanwhile(&world, |world| world.trash("one", true)).await;
    world.run().await;
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_08_notion_edits_what_the_table_trashes_before_a_run() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.edit("one", number(4));
    world.run().await;
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_09_notion_edits_between_reading_and_trashing() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    meanwhile(&world, |world| world.edit("one", number(4))).await;
    world.run().await;
    lives_with(&world, "one", 4).await;
    let trashed = |entry: &notion_sync_sim::LedgerEntry| {
        entry.body.as_ref().unwrap()["in_trash"] == json!(true)
    };
    assert!(
        !world.writes().iter().any(trashed),
        "it was read just before"
    );
}

#[tokio::test]
async fn race_10_the_table_is_edited_between_reading_and_trashing_its_row() {
    let world = agreed(&["one", "two"], None).await;
    world.trash("one", true);
    meanwhile(&world, |world| {
        world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
    })
    .await;
    world.run().await;
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_11_both_trash() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    meanwhile(&world, |world| world.trash("one", true)).await;
    world.run().await;
    assert_eq!(world.page("one")["in_trash"], json!(true));
    assert_eq!(
        (world.value("one", "_trashed"), world.live_rows()),
        (1.into(), 1)
    );
    world.quiet().await;
}

#[tokio::test]
async fn race_12_notion_restores_between_reading_and_trashing_the_row() {
    let world = agreed(&["one", "two"], None).await;
    world.trash("one", true);
    meanwhile(&world, |world| world.trash("one", false)).await;
    world.run().await;
    assert_eq!(world.page("one")["in_trash"], json!(false));
    assert_eq!(world.live_rows(), 2);
    world.quiet().await;
}

#[tokio::test]
async fn race_13_both_restore() {
    let world = agreed(&["one", "two"], None).await;
    world.trash("one", true);
    world.run().await;
    world.sql("UPDATE Tasks SET _trashed = 0 WHERE Name = 'one'");
    world.trash("one", false);
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 0, "{report:?}");
    assert_eq!(world.page("one")["in_trash"], json!(false));
    assert_eq!((world.live_rows(), world.writes()), (2, Vec::new()));
    world.quiet().await;
}

#[tokio::test]
async fn race_14_the_table_restores_and_edits_a_row_while_a_run_writes_another() {
    let world = agreed(&["one", "two"], None).await;
    world.trash("one", true);
    world.run().await;
    world.sql("UPDATE Tasks SET Count = 1 WHERE Name = 'two'");
    let person = Arc::clone(&world);
    let restore = move || {
        person.sql("UPDATE Tasks SET _trashed = 0, Count = 4 WHERE Name = 'one'");
    };
    world.run_while(planned, restore).await;
    world.run().await;
    lives_with(&world, "one", 4).await;
}
