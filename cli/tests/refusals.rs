//! What a run could not do: every line names the record and the field, says why in the words of whoever
//! refused, and what helps.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

/// Lines of what was said, the one with this part and the next.
#[track_caller]
fn lines<'a>(said: &'a common::Said, part: &str) -> (&'a str, &'a str) {
    let mut lines = said.out.lines().skip_while(|line| !line.contains(part));
    match (lines.next(), lines.next()) {
        (Some(line), Some(next)) => (line.trim(), next.trim()),
        _ => panic!("nothing of {part:?} in {said:#?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_notion_refused_is_told_with_record_field_its_words_and_what_helps() {
    let world = World::pulled(&["Book the venue", "two"]).await;
    let refuse = || {
        let refusal = Fault::Status {
            status: 400,
            code: Some("validation_error".into()),
            message: Some("body failed validation: the number is too odd.".into()),
            retry_after: None,
            reason: None,
        };
        let rule = FaultRule::next(refusal).method("PATCH");
        world.sim.inject(rule.path(&world.id("Book the venue")));
    };
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'Book the venue'");
    refuse();
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'Book the venue'");
    for words in [&["run"][..], &["run"], &["plan"]] {
        let said = world.say(words);
        let (line, help) = lines(&said, "refused (Rejected)");
        let named = format!(
            "refused (Rejected) \"Book the venue\" (row {row}), Count: Notion refused it: "
        );
        assert!(line.starts_with(&named), "{line}");
        assert!(line.contains("the number is too odd"), "{line}");
        assert_eq!(
            help,
            "what helps: change the value, or mend what the message says"
        );
    }
    let told = world.say(&["run", "--json"]).json();
    let report = &told["links"][0]["report"];
    let pair = report["refusals"][0]["pair"].to_string();
    let record = &report["records"][&pair];
    assert_eq!(record["label"], "Book the venue");
    assert_eq!(record["keys"]["right"]["durable"], row.as_str());
    let field = report["refusals"][0]["field"].as_str().unwrap();
    assert_eq!(report["field_names"][field], "Count");
    refuse();
    world.sql("UPDATE Tasks SET Count = 4, Notes = 'x' WHERE Name = 'Book the venue'");
    let said = world.run();
    let (line, _) = lines(&said, "refused (Rejected)");
    let named = format!(
        "refused (Rejected) \"Book the venue\" (row {row}): Notion refused it (Count, Notes): "
    );
    assert!(line.starts_with(&named), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_has_no_image_is_told_with_its_record_and_names_its_field_once() {
    let world = World::pulled(&["one"]).await;
    world.edit(
        "one",
        json!({ "Due": { "date": { "start": "2026-06-15" } } }),
    );
    world.run().code(0);
    // Past what the triggers look at: as a column of an older file may have it.
    world
        .person()
        .execute_batch(
            "UPDATE _sync_gate SET applying = 1; UPDATE Tasks SET Pick = 'Never heard of';
             UPDATE _sync_gate SET applying = 0;",
        )
        .unwrap();
    let said = world.say(&["run", "--full"]);
    let (line, help) = lines(&said, "refused (OptionPolicy)");
    assert!(
        line.starts_with("refused (OptionPolicy) \"one\" (row 1): \"Pick\" on Notion"),
        "{line}"
    );
    assert!(help.starts_with("what helps: use an option"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_unknown_outcome_is_told_with_its_record_and_what_helps() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    let lost = FaultRule::next(Fault::DropAfterCommit);
    world.sim.inject(lost.method("POST").path("/v1/pages"));
    let said = world.run().code(1);
    let (line, help) = lines(&said, "command ");
    assert!(line.contains(", \"new\" (row 2): "), "{line}");
    assert!(help.contains("notion-sync resolve"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_title_is_told_by_its_row() {
    let world = World::pulled(&["one"]).await;
    world.edit("one", json!({ "Name": { "title": [] } }));
    world.run().code(0);
    world.sim.clear_ledger();
    let page = world.sim.pages(&world.data_source).unwrap().remove(0);
    let id = page["id"].as_str().unwrap();
    world
        .sim
        .edit_as_person(id, &json!({ "Notes": common::rich_text("theirs") }))
        .unwrap();
    world.sql("UPDATE Tasks SET Notes = 'ours'");
    world.run().code(3);
    let said = world.say(&["conflicts"]).code(3);
    said.says("row 1");
    said.says("Notes");
    said.says("notion: theirs");
    said.says("sqlite: ours");
}
