//! A process dies, and something happens before the next one.

use super::*;

#[tokio::test]
async fn race_20_a_crash_before_anything_is_sent_and_edits_on_both_sides() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Count = 1");
    dies_at(&world, planned).await;
    assert_eq!(world.writes(), Vec::new());
    world.edit("one", notes("theirs"));
    world.sql("UPDATE Tasks SET Count = 2");
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(2));
    assert_eq!(world.text("one", "Notes").as_deref(), Some("theirs"));
    assert_eq!(world.writes().len(), 1);
    world.quiet().await;
}

#[tokio::test]
async fn race_21_a_crash_while_waiting_to_send_and_another_edit_of_the_field() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Count = 1");
    dies_waiting(&world, vec![to("PATCH", "/v1/pages/", status(429))]).await;
    assert_eq!(world.writes(), Vec::new());
    world.sql("UPDATE Tasks SET Count = 2");
    world.run().await;
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(2));
    assert_eq!(world.value("one", "Count"), 2.into());
    world.quiet().await;
}

#[tokio::test]
async fn race_22_a_crash_after_a_write_and_an_edit_of_another_field_in_notion() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Count = 1");
    dies_waiting(&world, lost("PATCH")).await;
    assert_eq!(world.writes().len(), 1, "it arrived");
    world.edit("one", notes("theirs"));
    world.run().await;
    assert_eq!(world.writes().len(), 1, "and is not sent again");
    assert_eq!(world.text("one", "Notes").as_deref(), Some("theirs"));
    world.quiet().await;
}

#[tokio::test]
async fn race_23_a_crash_after_a_write_and_an_edit_of_the_field_in_notion() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Notes = 'ours'");
    dies_waiting(&world, lost("PATCH")).await;
    world.edit("one", notes("theirs"));
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    let both = (
        words(&world.page("one"), "Notes"),
        world.text("one", "Notes"),
    );
    assert_eq!(both, ("theirs".into(), Some("ours".into())));
    assert_eq!(world.writes().len(), 1, "not written over");
}

#[tokio::test]
async fn race_24_a_crash_after_a_write_and_an_edit_of_the_field_in_the_table() {
    let world = agreed(&["one"], None).await;
    world.sql("UPDATE Tasks SET Count = 1");
    dies_waiting(&world, lost("PATCH")).await;
    world.sql("UPDATE Tasks SET Count = 2");
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 0, "{report:?}");
    assert_eq!(world.held("one", "Count"), json!(2));
    assert_eq!(world.writes().len(), 2);
    world.quiet().await;
}

async fn with_a_new_row() -> Arc<World> {
    let mut world = World::pulled(&["one"]).await;
    world.marker = true;
    world.sql("INSERT INTO Tasks (Name, Count) VALUES ('new', 1)");
    Arc::new(world)
}

#[tokio::test]
async fn race_25_a_crash_after_a_create_and_an_edit_of_the_row() {
    let world = with_a_new_row().await;
    dies_waiting(&world, lost("POST")).await;
    assert_eq!(world.pages("new").len(), 1, "it arrived");
    world.sql("UPDATE Tasks SET Count = 2 WHERE Name = 'new'");
    world.run().await;
    world.run().await;
    assert_eq!(world.pages("new").len(), 1);
    assert_eq!(world.held("new", "Count"), json!(2));
    assert_eq!(world.live_rows(), 2);
    world.quiet().await;
}

#[tokio::test]
async fn race_26_a_crash_after_a_create_and_a_trash_of_the_page() {
    let world = with_a_new_row().await;
    dies_waiting(&world, lost("POST")).await;
    world.trash("new", true);
    for _ in 0..3 {
        world.run().await;
        world.pass(Duration::from_secs(600));
    }
    // What lies in the trash is in no query: the row is made again, and is there once.
    let pages = world.pages("new");
    let live = pages.iter().filter(|page| page["in_trash"] == json!(false));
    let live: Vec<&Value> = live.collect();
    assert_eq!((live.len(), world.live_rows()), (1, 2));
    assert_eq!(world.text("new", "_id").as_deref(), live[0]["id"].as_str());
    world.quiet().await;
}

#[tokio::test]
async fn race_27_a_crash_after_a_trash_and_a_restore_in_notion() {
    let world = agreed(&["one", "two", "three"], None).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    let mut faults = lost("PATCH");
    // It is read once just before.
    faults[1] = faults[1].clone().skip(1);
    dies_waiting(&world, faults).await;
    assert_eq!(world.page("one")["in_trash"], json!(true), "it arrived");
    world.trash("one", false);
    world.run().await;
    assert_eq!(world.page("one")["in_trash"], json!(false));
    assert_eq!((world.live_rows(), world.writes().len()), (3, 1));
    world.quiet().await;
}
