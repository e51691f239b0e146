//! Pages move to another data source.

use super::*;

/// Another data source with the same properties; the connection sees it, and nothing syncs it.
fn elsewhere(world: &World) -> String {
    world
        .sim
        .create_data_source("Archive", &common::schema())
        .unwrap()
}

/// Both copies stay as they are, and the row says why nothing of it flows.
async fn is_detached(world: &World, page: &str, before: &Value) {
    let told = "SELECT state || ': ' || reason FROM sync_rows WHERE _id = '";
    let told = world.cell(&format!("{told}{page}'"));
    let expected = "parked: moved to another collection: both copies stay";
    assert_eq!(told, expected.to_owned().into());
    let there = world.sim.page(page).unwrap();
    assert_eq!(there["in_trash"], json!(false));
    assert_eq!(held(&there, "Count"), held(before, "Count"));
    assert_eq!(world.number("SELECT count(*) FROM Tasks"), 2);
    world.quiet().await;
}

#[tokio::test]
async fn race_34_a_page_is_moved_before_a_run_and_its_row_edited() {
    let world = agreed(&["one", "two"], None).await;
    let (before, archive) = (world.page("one"), elsewhere(&world));
    let page = world.id("one");
    world.sim.move_as_person(&page, &archive).unwrap();
    world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
    world.run().await;
    assert_eq!(world.writes(), Vec::new());
    assert_eq!(world.live_rows(), 2);
    is_detached(&world, &page, &before).await;
}

/// A title is a title everywhere, so Notion takes it: that one write is not undone, and the next
/// is not sent.
#[tokio::test]
async fn race_35_a_page_is_moved_between_reading_and_writing() {
    let world = agreed(&["one", "two"], None).await;
    let (before, archive) = (world.page("one"), elsewhere(&world));
    let page = world.id("one");
    world.sql("UPDATE Tasks SET Name = 'ours' WHERE Name = 'one'");
    let moved = page.clone();
    let report = meanwhile(&world, move |world| {
        world.sim.move_as_person(&moved, &archive).unwrap();
    })
    .await;
    assert_eq!((report.waiting, world.writes().len()), (0, 1));
    is_detached(&world, &page, &before).await;
    world.sql("UPDATE Tasks SET Name = 'ours again', Count = 4 WHERE Name = 'ours'");
    is_detached(&world, &page, &before).await;
    assert_eq!(words(&world.sim.page(&page).unwrap(), "Name"), "ours");
}

#[tokio::test]
async fn race_36_a_page_is_moved_between_reading_and_trashing() {
    let world = agreed(&["one", "two"], None).await;
    let (before, archive) = (world.page("one"), elsewhere(&world));
    let page = world.id("one");
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    let moved = page.clone();
    meanwhile(&world, move |world| {
        world.sim.move_as_person(&moved, &archive).unwrap();
    })
    .await;
    assert_eq!(world.writes(), Vec::new());
    is_detached(&world, &page, &before).await;
}

#[tokio::test]
async fn race_37_a_page_is_moved_away_and_back() {
    // Notion does not say whether a move counts as an edit.
    for move_is_edit in [true, false] {
        let world = agreed(&["one", "two"], None).await;
        let mut knobs = Knobs::default();
        knobs.move_is_edit = move_is_edit;
        world.sim.set_knobs(knobs);
        let (page, archive) = (world.id("one"), elsewhere(&world));
        world.sim.move_as_person(&page, &archive).unwrap();
        world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
        world.run().await;
        assert_eq!(world.writes(), Vec::new());
        world.sim.move_as_person(&page, &world.data_source).unwrap();
        world.pass(Duration::from_secs(3_600));
        world.run().await;
        lives_with(&world, "one", 4).await;
    }
}

/// A page that is moved and then not shared any more is not taken for deleted either.
#[tokio::test]
async fn race_38_a_page_is_moved_to_where_the_connection_does_not_see_it() {
    let world = agreed(&["one", "two", "three"], None).await;
    let (page, archive) = (world.id("one"), elsewhere(&world));
    world.sim.share(&archive, false).unwrap();
    world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
    let (moved, there) = (page.clone(), archive.clone());
    meanwhile(&world, move |world| {
        world.sim.move_as_person(&moved, &there).unwrap();
    })
    .await;
    world.pass(Duration::from_secs(3_600));
    let report = world.run().await;
    assert_eq!(guards(&report), [Guard::Permission], "{report:?}");
    assert_eq!((world.writes(), world.live_rows()), (Vec::new(), 3));
    world.sim.share(&archive, true).unwrap();
    world.pass(Duration::from_secs(3_600));
    world.run().await;
    let told = world.cell("SELECT state FROM sync_rows");
    assert_eq!(told, "parked".to_owned().into(), "found where it is");
}
