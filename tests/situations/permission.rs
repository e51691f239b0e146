//! Pages, the data source and the token are taken away.

use super::*;

#[tokio::test]
async fn race_28_a_page_is_unshared_between_reading_and_writing() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET Count = 4");
    let page = world.id("one");
    let taken = page.clone();
    let report = meanwhile(&world, move |world| world.sim.share(&taken, false).unwrap()).await;
    assert!(guards(&report).contains(&Guard::Permission), "{report:?}");
    assert_eq!(world.held("two", "Count"), json!(4), "the rest goes on");
    assert_eq!(
        (world.live_rows(), world.value("one", "Count")),
        (2, 4.into())
    );
    world.run().await;
    world.sim.share(&page, true).unwrap();
    world.pass(Duration::from_secs(3_600));
    world.run().await;
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_29_a_page_is_unshared_and_its_row_trashed() {
    let world = agreed(&["one", "two", "three"], None).await;
    let page = world.id("one");
    world.sim.share(&page, false).unwrap();
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(guards(&report), [Guard::Permission], "{report:?}");
    assert_eq!(world.writes(), Vec::new());
    world.sim.share(&page, true).unwrap();
    world.pass(Duration::from_secs(3_600));
    world.run().await;
    assert_eq!(world.page("one")["in_trash"], json!(true));
    world.quiet().await;
}

#[tokio::test]
async fn race_30_a_page_is_unshared_and_edited_by_a_person_who_still_sees_it() {
    let world = agreed(&["one", "two"], None).await;
    let page = world.id("one");
    world.sim.share(&page, false).unwrap();
    world.sql("UPDATE Tasks SET Notes = 'ours' WHERE Name = 'one'");
    world.edit("one", number(4));
    world.run().await;
    assert_eq!(world.writes(), Vec::new());
    world.sim.share(&page, true).unwrap();
    world.pass(Duration::from_secs(3_600));
    world.run().await;
    assert_eq!(words(&world.page("one"), "Notes"), "ours");
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_31_the_data_source_is_unshared_between_reading_and_writing() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET Count = 4");
    let there = Arc::clone(&world);
    let unshare = move || there.sim.share(&there.data_source, false).unwrap();
    let ended = world.try_run_while(&world.store(), planned, unshare).await;
    assert_eq!(world.writes(), Vec::new(), "{ended:?}");
    assert!(world.try_run().await.is_err(), "it says to share it");
    assert_eq!(world.live_rows(), 2);
    world.sim.share(&world.data_source, true).unwrap();
    world.pass(Duration::from_secs(3_600));
    world.run().await;
    assert_eq!(world.held("two", "Count"), json!(4));
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_32_the_token_is_revoked_between_reading_and_writing() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET Count = 4");
    let there = Arc::clone(&world);
    let revoke = move || there.sim.set_token(there.sim.token(), false);
    match world.try_run_while(&world.store(), planned, revoke).await {
        Err(error) => assert!(error.is_unauthorized(), "{error:?}"),
        Ok(report) => assert_eq!(report.outcome, RunOutcome::Halted, "{report:?}"),
    }
    let told = world.sim.ledger().into_iter();
    assert_eq!(told.filter(|entry| entry.status == Some(401)).count(), 1);
    world.sim.set_token(world.sim.token(), true);
    world.run().await;
    lives_with(&world, "one", 4).await;
}

#[tokio::test]
async fn race_33_a_crash_after_a_write_and_the_page_is_unshared() {
    let world = agreed(&["one", "two"], None).await;
    world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
    let page = world.id("one");
    dies_waiting(&world, lost("PATCH")).await;
    world.sim.share(&page, false).unwrap();
    let report = world.run().await;
    assert_eq!(world.live_rows(), 2, "{report:?}");
    world.sim.share(&page, true).unwrap();
    world.pass(Duration::from_secs(3_600));
    world.run().await;
    assert_eq!(world.writes().len(), 1, "looked up, not repeated");
    lives_with(&world, "one", 4).await;
}
