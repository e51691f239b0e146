use super::*;

mod kept;

fn read(kind: &str, value: &str) -> Cell {
    let raw = format!(r#"{{"id":"x%3A","type":"{kind}","{kind}":{value}}}"#);
    cell(&PropertyType::from(kind), &raw)
}

fn complete(kind: &str, value: &str) -> Value {
    match read(kind, value) {
        Cell::Complete(value) => value,
        other => panic!("{kind} {value}: {other:?}"),
    }
}

#[test]
fn numbers_are_exact_and_three_stays_three() {
    for (literal, text) in [
        ("3", "3"),
        ("3.0", "3"),
        ("9007199254740993", "9007199254740993"),
        ("-0.10", "-0.1"),
        ("1e21", "1000000000000000000000"),
    ] {
        assert_eq!(
            complete("number", literal),
            Value::Number(text.parse().unwrap())
        );
    }
    assert_eq!(complete("number", "null"), Value::Empty);
    assert!(matches!(read("number", "\"3\""), Cell::Unsupported(_)));
}

#[test]
fn pain_15_dates_keep_their_offset_and_days_stay_days() {
    for (start, text) in [
        ("2026-06-15", "2026-06-15"),
        ("2026-06-15T14:30:00.000+09:00", "2026-06-15T14:30:00+09:00"),
        ("2026-06-15T14:30:00.000+00:00", "2026-06-15T14:30:00+00:00"),
    ] {
        let value = format!(r#"{{"start":"{start}","end":null,"time_zone":null}}"#);
        assert_eq!(complete("date", &value), Value::Date(text.parse().unwrap()));
    }
    assert_eq!(complete("date", "null"), Value::Empty);
    for odd in [
        r#"{"start":"soon","end":null,"time_zone":null}"#,
        r#"{"start":"2026-06-15T14:30:00","end":null,"time_zone":"Asia/Tokyo"}"#,
    ] {
        assert!(matches!(read("date", odd), Cell::Unsupported(_)), "{odd}");
    }
}

#[test]
fn empties_are_empty() {
    for (kind, value) in [
        ("title", "[]"),
        ("rich_text", "[]"),
        ("select", "null"),
        ("status", "null"),
        ("multi_select", "[]"),
        ("url", "null"),
        ("email", "\"\""),
        ("phone_number", "null"),
        ("people", "[]"),
        ("files", "[]"),
        ("relation", "[]"),
        ("place", "null"),
        ("verification", "null"),
        ("button", "{}"),
        ("unique_id", r#"{"prefix":"T","number":null}"#),
        ("formula", r#"{"type":"string","string":null}"#),
    ] {
        assert_eq!(complete(kind, value), Value::Empty, "{kind}");
    }
    assert_eq!(complete("checkbox", "false"), Value::Bool(false));
}

#[test]
fn computed_values_are_typed_or_kept_raw() {
    assert_eq!(
        complete("unique_id", r#"{"prefix":"TASK","number":42}"#),
        Value::text("TASK-42")
    );
    assert_eq!(
        complete("formula", r#"{"type":"boolean","boolean":true}"#),
        Value::Bool(true)
    );
    assert_eq!(
        complete("rollup", r#"{"type":"number","number":7,"function":"sum"}"#),
        Value::Number(7.into())
    );
    // Who made a page is somebody, as in people.
    for kind in ["created_by", "last_edited_by"] {
        let ada = complete(kind, r#"{"object":"user","id":"u1","name":"Ada"}"#);
        assert_eq!(ada, Value::people(vec![Person::with_id("u1")]), "{kind}");
        assert_eq!(ada.display(), "Ada");
        assert_eq!(complete(kind, "null"), Value::Empty);
    }
    let verified = r#"{"state":"verified","date":{"start":"2026-06-15","end":null},"verified_by":{"object":"user","id":"u1"}}"#;
    let verification = Verification {
        state: VerificationState::Verified,
        date: Some("2026-06-15".parse().unwrap()),
        by: Some(Person::with_id("u1")),
    };
    assert_eq!(
        complete("verification", verified),
        Value::verification(verification)
    );
    let nobody = r#"{"state":"unverified","date":null,"verified_by":null}"#;
    assert_eq!(complete("verification", nobody), Value::Empty);
    // A date that would lose its zone stays as it came.
    let zoned = r#"{"state":"verified","date":{"start":"2026-06-15T10:00:00","end":null,"time_zone":"Asia/Tokyo"},"verified_by":null}"#;
    assert_eq!(complete("verification", zoned), Value::Raw(clean(zoned)));
    for (kind, value) in [
        ("formula", r#"{"type":"unsupported","unsupported":{}}"#),
        ("rollup", r#"{"type":"incomplete","incomplete":{}}"#),
        ("hologram", "{}"),
        ("checkbox", "null"),
        ("select", "[]"),
    ] {
        assert!(matches!(read(kind, value), Cell::Unsupported(_)), "{kind}");
    }
}

#[test]
fn related_pages_people_and_files_are_lists() {
    let page = "1b2c3d4e-0000-4000-8000-00000000a001";
    assert_eq!(
        complete("relation", &format!(r#"[{{"id":"{page}"}}]"#)).display(),
        page
    );
    let ada = r#"{"object":"user","id":"u1","name":"Ada","type":"person","person":{"email":"Ada@x.org"},"avatar_url":null}"#;
    let group = r#"{"object":"group","id":"g1","name":"All"}"#;
    let bare = r#"{"object":"user","id":"u2"}"#;
    let people = complete("people", &format!("[{ada},{group},{bare}]"));
    assert_eq!(people.display(), "Ada, All, u2");
    assert!(format!("{people:?}").contains("Person(id u1)"));
    let external = r#"{"name":"Plan","type":"external","external":{"url":"https://x.org/?p=1"}}"#;
    let hosted = r#"{"name":"a.png","type":"file","file":{"url":"https://s3/a.png?X-Amz-Signature=s","expiry_time":"2026-01-01T00:00:00Z"}}"#;
    assert_eq!(
        complete("files", &format!("[{external},{hosted}]")),
        Value::files(vec![
            FileRef::external("Plan", "https://x.org/?p=1"),
            FileRef::hosted("a.png", "https://s3/a.png"),
        ])
    );
    let odd = r#"[{"name":"x","type":"hologram","hologram":{}}]"#;
    assert!(matches!(read("files", odd), Cell::Unsupported(_)));
}

#[test]
fn pain_01_cut_values_are_never_whole() {
    let id = r#"{"id":"1b2c3d4e-0000-4000-8000-00000000a001"}"#;
    let raw = format!(r#"{{"id":"r","type":"relation","relation":[{id}],"has_more":true}}"#);
    assert!(matches!(
        cell(&PropertyType::Relation, &raw),
        Cell::Truncated(Value::References(_))
    ));
    let many = vec![id; 25].join(",");
    assert!(matches!(
        read("people", &format!("[{many}]")),
        Cell::Truncated(_)
    ));
    let mention = r#"{"type":"mention","mention":{"type":"user","user":{"id":"1b2c3d4e-0000-4000-8000-00000000a001"}},"plain_text":"@A"}"#;
    let many = vec![mention; 25].join(",");
    assert!(matches!(
        read("rich_text", &format!("[{many}]")),
        Cell::Truncated(Value::RichText(_))
    ));
}

#[test]
fn e11_no_signed_url_in_any_value() {
    let signed = "https://prod-files.s3.us-west-2.amazonaws.com/a/b.png?X-Amz-Signature=s3cret&X-Amz-Expires=3600";
    let file = format!(
        r#"[{{"name":"b","type":"file","file":{{"url":"{signed}","expiry_time":"2026-01-01T00:00:00.000Z"}}}}]"#
    );
    for (kind, value) in [
        ("files", file.clone()),
        (
            "rollup",
            format!(
                r#"{{"type":"array","array":[{{"type":"files","files":{file}}}],"function":"show_original"}}"#
            ),
        ),
        ("hologram", format!(r#"{{"deep":[{{"x":"{signed}"}}]}}"#)),
        (
            "formula",
            format!(r#"{{"type":"string","string":"{signed}"}}"#),
        ),
        ("created_by", format!(r#"{{"avatar_url":"{signed}"}}"#)),
        (
            "rich_text",
            format!(
                r#"[{{"type":"mention","mention":{{"type":"custom_emoji","custom_emoji":{{"url":"{signed}"}}}},"plain_text":":x:"}}]"#
            ),
        ),
    ] {
        let cell = read(kind, &value);
        let shown = serde_json::to_string(&cell).unwrap();
        assert!(
            !shown.contains("s3cret") && !shown.contains("expiry_time"),
            "{kind}: {shown}"
        );
    }
}

#[test]
fn the_order_of_members_does_not_matter() {
    let expected = Cell::Complete(Value::Number(3.into()));
    for raw in [
        r#"{"id":"x","type":"number","number":3}"#,
        r#"{"number":3,"type":"number","id":"x"}"#,
        r#"{"id":"x","type":"number","number":3,"hint":4}"#,
        r#"{ "id": "x", "type": "number", "number": 3 }"#,
    ] {
        assert_eq!(cell(&PropertyType::Number, raw), expected, "{raw}");
    }
}
