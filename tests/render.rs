//! Plans for people: everything a plan holds appears in every form, and no text of it is markup.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use notion_sync::core::engine::{AppliedCommand, AppliedPlan, StaleReason};
use notion_sync::core::plan::Guard;
use notion_sync::{CommandOutcome, Plan, render};
use serde_json::{Value, json};

const HOSTILE: &str =
    "<script>alert(1)</script>\" onload='x' | `code` **bold** [a](b) \u{1b}[2J\u{202e}end";

fn text(text: &str) -> Value {
    json!({ "text": text })
}

fn field(name: &str, expected: Value, desired: Value) -> Value {
    json!({
        "name": name, "target": name, "rule": "F02",
        "source": desired, "expected": expected, "desired": desired,
    })
}

fn command(number: u64, side: &str, kind: &str, rule: &str, fields: Value) -> Value {
    json!({
        "id": format!("{number}-0000000{number}"), "digest": format!("1:{number:032x}"),
        "side": side, "kind": kind, "key": { "durable": format!("key-{number}") }, "rule": rule,
        "fields": fields, "projection_only": kind == "patch" && number == 6,
    })
}

fn item(pair: u64, label: &str, rule: &str, commands: Value) -> Value {
    let keys = json!({ "left": { "durable": format!("page-{pair}") }, "right": null });
    json!({
        "pair": pair, "record": { "label": label, "keys": keys }, "rule": rule,
        "commands": commands,
    })
}

fn empty() -> Value {
    let none = json!({ "left": 0, "right": 0 });
    let schemas = json!({ "left": format!("1:{:032x}", 1), "right": format!("1:{:032x}", 2) });
    json!({
        "format": 1, "title": "Tasks",
        "over": {
            "link": "tasks", "lineage": format!("{:032x}", 7), "serial": 12,
            "mapping": format!("1:{:032x}", 3), "schemas": schemas, "fields": {}, "at": 0,
        },
        "names": { "left": "Notion", "right": "SQLite" },
        "field_names": { "n%3A": "Notes" },
        "items": [], "conflicts": [], "refusals": [],
        "counts": {
            "looked_at": 0, "create": none, "patch": none, "refresh": none, "trash": none,
            "untrash": none, "settle": 0, "waiting": 0,
        },
        "estimate": { "requests": 0, "duration": { "secs": 0, "nanos": 0 } },
    })
}

fn plan_of(json: Value) -> Plan {
    serde_json::from_value(json).unwrap()
}

/// Every kind of command, a guard that holds deletes back, conflicts and refusals.
fn full() -> Plan {
    let mut json = empty();
    let long = |end: &str| text(&format!("{}{end}", "word ".repeat(30)));
    let mut many = command(7, "right", "create", "R20", json!([]));
    many["left_out"] = 12.into();
    json["items"] = json!([
        item(
            1,
            "edited",
            "R02",
            json!([command(
                1,
                "left",
                "patch",
                "R02",
                json!([field("n%3A", text("the old plan"), text("the new plan"))])
            )])
        ),
        item(
            2,
            "made",
            "R20",
            json!([command(
                2,
                "left",
                "create",
                "R20",
                json!([field("n%3A", Value::Null, text("fresh"))])
            )])
        ),
        item(
            3,
            "doomed",
            "R05",
            json!([command(3, "right", "trash", "R05", json!([]))])
        ),
        item(
            4,
            "returned",
            "R09",
            json!([command(4, "left", "untrash", "R09", json!([]))])
        ),
        item(
            5,
            HOSTILE,
            "R02",
            json!([command(
                5,
                "right",
                "patch",
                "R02",
                json!([field("n%3A", long("before"), long(HOSTILE))])
            )])
        ),
        item(
            6,
            "computed",
            "R02",
            json!([command(
                6,
                "right",
                "patch",
                "R02",
                json!([field("n%3A", text("1"), text("2"))])
            )])
        ),
        item(7, "numerous", "R20", json!([many])),
    ]);
    json["others"] = json!({
        "8": { "label": "disputed", "keys": { "left": { "durable": "page-8" }, "right": null } },
        "9": { "label": "lossy", "keys": { "left": null, "right": { "durable": "row-9" } } },
    });
    json["conflicts"] = json!([{
        "pair": 8, "field": "n%3A", "opened_at": 0,
        "base": { "left": text("was"), "right": text("was") },
        "values": { "left": text("theirs"), "right": text("ours") },
    }]);
    let refusal = |guard: &str, pair: Value, side: &str, reason: &str, count: u64| {
        json!({ "guard": guard, "pair": pair, "side": side, "field": null, "reason": reason,
            "count": count })
    };
    json["refusals"] = json!([
        refusal(
            "MaxDelete",
            Value::Null,
            "right",
            "1 of 3 records would be deleted",
            1
        ),
        refusal("LossyWrite", 9.into(), "left", "no option <b>nope</b>", 1),
    ]);
    json["estimate"] = json!({ "requests": 4, "duration": { "secs": 2, "nanos": 0 } });
    plan_of(json)
}

fn at(text: &str, part: &str) -> usize {
    text.find(part)
        .unwrap_or_else(|| panic!("no {part:?} in {text}"))
}

type Render = fn(&Plan) -> String;

const FORMS: [(&str, Render); 4] = [
    ("text", render::text),
    ("markdown", render::markdown),
    ("html", render::html),
    ("json", |plan| render::json(plan).unwrap()),
];

#[test]
fn every_command_conflict_and_refusal_appears_in_every_form() {
    let plan = full();
    for (form, render) in FORMS {
        let shown = render(&plan);
        for (item, listed) in plan.listed() {
            let id = listed.id.to_string();
            assert!(shown.contains(&id), "{id} in {form}: {shown}");
            let label = item.record.label.split(['<', '"']).next().unwrap();
            assert!(shown.contains(label), "{label} in {form}");
            assert!(shown.contains(&listed.command.rule.to_string()), "{form}");
        }
        for part in ["disputed", "was", "theirs", "ours"] {
            assert!(shown.contains(part), "{part} in {form}: {shown}");
        }
        for part in ["MaxDelete", "1 of 3 records would be deleted"] {
            assert!(shown.contains(part), "{part} in {form}: {shown}");
        }
        for part in ["LossyWrite", "no option"] {
            assert!(shown.contains(part), "{part} in {form}: {shown}");
        }
        for part in ["Notes", "fresh", "12", "Notion", "SQLite"] {
            assert!(shown.contains(part), "{part} in {form}: {shown}");
        }
    }
}

#[test]
fn the_verdict_comes_first_and_counts_what_would_go_where() {
    let plan = full();
    let verdict = "3 changes would go to Notion, 2 to SQLite; 1 computed value would be \
                   refreshed; 1 delete is held back by MaxDelete; 1 conflict would wait for a \
                   person; 1 is refused.";
    assert_eq!(render::verdict(&plan), verdict);
    assert!(render::text(&plan).starts_with(&format!("Tasks: {verdict} About 4 requests, 2 s.")));
    let html = render::html(&plan);
    assert!(at(&html, verdict) < at(&html, "<article"));
}

#[test]
fn an_empty_plan_says_so_in_every_form() {
    let plan = plan_of(empty());
    assert_eq!(render::text(&plan), "Tasks: Nothing to do.\n");
    assert_eq!(render::markdown(&plan), "## Tasks\n\nNothing to do.\n");
    assert!(render::html(&plan).contains("Nothing to do."));
}

#[test]
fn deletes_come_first_with_the_sentence_of_the_guard_that_holds_them() {
    let plan = full();
    for (form, render) in &FORMS[..3] {
        let shown = render(&plan);
        // Past the verdict and the counts.
        let body = &shown[at(&shown, "doomed")..];
        for later in ["edited", "made", "returned", "disputed"] {
            assert!(at(&shown, "doomed") < at(&shown, later), "{form}: {shown}");
        }
        let next = body.find("edited").unwrap();
        assert!(
            body[..next].contains("1 of 3 records would be deleted"),
            "{form}: {body}"
        );
    }
}

#[test]
fn text_of_records_is_never_markup() {
    let plan = full();
    let html = render::html(&plan);
    for live in [
        "<script",
        "</script",
        "<b>nope",
        "onload='x' |\"",
        "\u{1b}",
        "\u{202e}",
    ] {
        assert!(!html.contains(live), "{live:?}");
    }
    assert!(html.contains("&lt;script&gt;"));
    let markdown = render::markdown(&plan);
    for live in [
        "<script", "<b>", "`code`", "**bold**", "[a](b)", "\u{1b}", "\u{202e}",
    ] {
        assert!(!markdown.contains(live), "{live:?} in {markdown}");
    }
    for row in markdown.lines().filter(|line| line.starts_with('|')) {
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 7, "six columns: {row}");
    }
    let text = render::text(&plan);
    let obeyed = |c: &char| c.is_control() && *c != '\n' || *c == '\u{202e}';
    assert_eq!(text.chars().find(obeyed), None);
}

#[test]
fn hostile_names_of_sides_fields_and_the_collection_are_text_too() {
    let mut json = serde_json::to_value(full()).unwrap();
    json["title"] = HOSTILE.into();
    json["names"] = json!({ "left": HOSTILE, "right": HOSTILE });
    json["field_names"]["n%3A"] = HOSTILE.into();
    json["conflicts"][0]["values"]["left"] = text(HOSTILE);
    json["refusals"][0]["reason"] = HOSTILE.into();
    let plan = plan_of(json);
    for (form, render) in &FORMS[..3] {
        let shown = render(&plan);
        for live in ["\u{1b}", "\u{202e}"] {
            assert!(!shown.contains(live), "{live:?} in {form}");
        }
        if *form != "text" {
            assert!(!shown.contains("<script"), "{form}: {shown}");
        }
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_forbids_it() {
    let html = render::html(&full());
    assert!(html.starts_with("<!DOCTYPE html>"));
    assert!(html.contains("Content-Security-Policy\" content=\"default-src 'none';"));
    for elsewhere in [
        "http://",
        "https://",
        "src=",
        "url(",
        "@import",
        "<link",
        "javascript:",
    ] {
        assert!(!html.contains(elsewhere), "{elsewhere}");
    }
    assert!(html.contains("color-scheme: light dark"));
    assert!(html.contains("prefers-color-scheme: dark"));
    assert!(html.contains("@media print"));
}

#[test]
fn neighbouring_words_that_are_new_are_marked_as_one() {
    let mut json = empty();
    let fields = json!([field("n%3A", Value::Null, text("three new words"))]);
    json["items"] = json!([item(
        1,
        "made",
        "R20",
        json!([command(1, "left", "create", "R20", fields)])
    )]);
    assert!(render::html(&plan_of(json)).contains("<dd><ins>three new words</ins></dd>"));
}

#[test]
fn the_page_shows_words_that_go_and_come_and_counts_that_filter() {
    let html = render::html(&full());
    assert!(
        html.contains("the <del>old</del><ins>new</ins> plan"),
        "{html}"
    );
    for (class, number) in [("trash", 1), ("create", 2), ("change", 2), ("conflict", 1)] {
        let label = format!("value=\"{class}\" id=\"show-{class}\"");
        let rest = &html[at(&html, &label)..];
        let rest = &rest[..at(rest, "</label>")];
        assert!(rest.contains(&format!("<b>{number}</b>")), "{rest}");
        let cards = html.matches("<article class=\"card ").count();
        assert_eq!(cards, 9);
    }
}

#[test]
fn several_plans_stand_on_one_page() {
    let (full, empty) = (full(), plan_of(empty()));
    let html = render::html_of_all(&[&full, &empty]);
    assert_eq!(html.matches("<html").count(), 1);
    assert_eq!(html.matches("<h1>").count(), 2);
}

#[test]
fn a_long_value_is_cut_between_characters_where_the_difference_still_shows() {
    let mut json = empty();
    let (before, after) = (
        format!("{}old", "ä".repeat(99)),
        format!("{}new", "ä".repeat(99)),
    );
    let fields = json!([field("n%3A", text(&before), text(&after))]);
    json["items"] = json!([item(
        1,
        "long",
        "R02",
        json!([command(1, "left", "patch", "R02", fields)])
    )]);
    let plan = plan_of(json);
    for render in [render::text, render::markdown] {
        let shown = render(&plan);
        assert!(shown.contains("äold → …"), "{shown}");
        assert!(shown.contains("änew"), "{shown}");
        assert!(!shown.contains(&before), "{shown}");
    }
    assert!(render::html(&plan).contains(&format!("<del>{before}</del><ins>{after}</ins>")));
}

#[test]
fn a_change_of_formatting_only_is_told_as_such() {
    let mut json = empty();
    let bold = json!({ "rich_text": [{ "text": "same", "style": { "bold": true } }] });
    let plain = json!({ "rich_text": [{ "text": "same" }] });
    let fields = json!([field("n%3A", plain, bold)]);
    json["items"] = json!([item(
        1,
        "look",
        "R02",
        json!([command(1, "left", "patch", "R02", fields)])
    )]);
    let plan = plan_of(json);
    for (form, render) in &FORMS[..3] {
        let shown = render(&plan);
        assert!(shown.contains("formatting only"), "{form}: {shown}");
    }
}

#[test]
fn text_up_to_a_number_of_commands_counts_the_rest() {
    let plan = full();
    let shown = render::text_up_to(&plan, 2);
    assert!(shown.contains("… and 5 more"), "{shown}");
    assert!(
        shown.contains("doomed") && !shown.contains("numerous"),
        "{shown}"
    );
}

#[test]
fn what_became_of_every_command_is_told() {
    let plan = full();
    let outcomes = [
        CommandOutcome::Applied,
        CommandOutcome::Skipped,
        CommandOutcome::Refused {
            guard: Guard::MaxDelete,
            why: "too many".into(),
        },
        CommandOutcome::Waiting {
            why: "no answer".into(),
        },
        CommandOutcome::Stale {
            why: StaleReason::AlreadySo,
        },
        CommandOutcome::Stale {
            why: StaleReason::SourceChanged(Some(plan.conflicts[0].field.clone())),
        },
        CommandOutcome::Applied,
    ];
    let commands = plan.listed().zip(outcomes);
    let commands = commands.map(|((_, listed), outcome)| AppliedCommand {
        id: listed.id,
        outcome,
    });
    let applied = AppliedPlan {
        plan: plan.id(),
        commands: commands.collect(),
        report: None,
    };
    let shown = render::applied(&plan, &applied);
    assert!(
        shown.starts_with(
            "Tasks: of 7 commands 2 applied, 2 stale, 1 not approved, 1 refused, 1 waiting."
        ),
        "{shown}"
    );
    for part in [
        "too many",
        "no answer",
        "it is so already",
        "\"Notes\" was changed",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains('\u{1b}'));
}

/// What is not listed is counted and named in every form, and told of when it was carried out.
#[test]
fn creates_that_are_not_listed_are_counted_and_named() {
    let mut json = empty();
    json["unlisted"] = json!([{
        "id": "8-0000000a", "side": "right", "count": 998_000,
        "digest": format!("1:{:032x}", 10), "groups": [],
    }]);
    let plan = plan_of(json);
    assert!(!plan.is_empty());
    for shown in [
        render::text(&plan),
        render::markdown(&plan),
        render::html(&plan),
    ] {
        for part in [
            "998000 changes would go to SQLite",
            "create 998000 more records on SQLite",
            "8-0000000a",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
    let outcome = CommandOutcome::Partly {
        applied: 997_000,
        left: 1_000,
        why: "edited since".into(),
    };
    let id = plan.unlisted[0].id;
    let applied = AppliedPlan {
        plan: plan.id(),
        commands: vec![AppliedCommand { id, outcome }],
        report: None,
    };
    let shown = render::applied(&plan, &applied);
    for part in [
        "1 applied in part",
        "997000 applied, 1000 not: edited since",
        "8-0000000a",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
