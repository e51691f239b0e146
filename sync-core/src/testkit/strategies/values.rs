//! Values of every kind, cells, records, schemas.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use crate::record::{Cell, Key, Lifecycle, Rank, Record, Timestamp, Version};
use crate::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use crate::value::{
    Choice, DateValue, Digest, FileRef, Number, Person, Place, RawJson, Reference, RichText, Run,
    RunKind, Style, Value,
};

/// Any number: small and large integers, many digits, exponents.
pub fn number() -> BoxedStrategy<Number> {
    let written = "-?[0-9]{1,25}(\\.[0-9]{1,25})?(e-?[0-9]{1,3})?";
    prop_oneof![
        3 => (-3_i64..4).prop_map(Number::from),
        1 => any::<i64>().prop_map(Number::from),
        1 => written.prop_filter_map("a number", |text| text.parse().ok()),
    ]
    .boxed()
}

/// Days, instants with all sorts of offsets, ranges of either.
pub fn date() -> BoxedStrategy<DateValue> {
    let day = (1_i32..9999, 1..13, 1..29)
        .prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
    let time = (
        0..24,
        0..60,
        0..60,
        0..1000,
        -14..15,
        prop_oneof![Just(0), Just(30), Just(45)],
    );
    let point = prop_oneof![
        day.clone(),
        (day, time).prop_map(|(day, (hour, minute, second, milli, offset, minutes))| {
            let sign = if offset < 0 { '-' } else { '+' };
            let offset = i32::abs(offset);
            format!(
                "{day}T{hour:02}:{minute:02}:{second:02}.{milli:03}{sign}{offset:02}:{minutes:02}"
            )
        }),
    ];
    let text = (point.clone(), proptest::option::weighted(0.2, point));
    text.prop_filter_map("a date", |(start, end)| match end {
        Some(end) => format!("{start}/{end}").parse().ok(),
        None => start.parse().ok(),
    })
    .boxed()
}

/// Runs of words in all looks, mentions and equations.
pub fn rich_text() -> BoxedStrategy<RichText> {
    let color = proptest::option::weighted(0.2, Just("red".to_owned()));
    let link = proptest::option::weighted(0.2, Just("https://example.org/".to_owned()));
    let style = (any::<[bool; 5]>(), color, link).prop_map(|(on, color, link)| Style {
        bold: on[0],
        italic: on[1],
        strikethrough: on[2],
        underline: on[3],
        code: on[4],
        color,
        link,
    });
    let style = prop_oneof![3 => Just(Style::default()), 1 => style];
    let kind = prop_oneof![
        8 => Just(RunKind::Text),
        1 => Just(RunKind::Equation),
        1 => Just(RunKind::Mention(RawJson::new(r#"{"type":"date"}"#))),
    ];
    let run = (text(), style, kind).prop_map(|(text, style, kind)| Run { text, style, kind });
    vec(run, 0..4).prop_map(RichText::new).boxed()
}

/// One of a few options, with or without an id.
pub fn choice() -> BoxedStrategy<Choice> {
    let name = prop_oneof![
        Just("Low"),
        Just("High"),
        Just("comma, \"quoted\""),
        Just("ü")
    ];
    let named = (name, any::<bool>()).prop_map(|(name, known)| match known {
        true => Choice::with_id(format!("id-{name}"), name),
        false => Choice::named(name),
    });
    named.boxed()
}

/// References to a few records.
pub fn references() -> BoxedStrategy<Value> {
    let key = prop_oneof![Just("k1"), Just("k2"), Just("k3")];
    let reference = key.prop_map(|key| Reference::new(Key::durable(key)));
    vec(reference, 0..4).prop_map(Value::references).boxed()
}

/// People known by id or by address.
pub fn people() -> BoxedStrategy<Value> {
    let person = prop_oneof![
        Just(Person::with_id("u1").called("Ada")),
        Just(Person::with_id("u2").reached_at("b@example.org")),
        Just(Person::with_email("C@example.org")),
    ];
    vec(person, 0..3).prop_map(Value::people).boxed()
}

/// Files elsewhere, hosted by the peer, or known by their bytes.
pub fn files() -> BoxedStrategy<Value> {
    let file = prop_oneof![
        Just(FileRef::external("a.txt", "https://example.org/a.txt")),
        Just(FileRef::hosted(
            "b.png",
            "https://files.example.org/b.png?signed=1"
        )),
        Just(FileRef::blob("c.pdf", Digest::of(b"c"))),
    ];
    vec(file, 0..3).prop_map(Value::files).boxed()
}

/// JSON documents.
pub fn json() -> BoxedStrategy<Value> {
    let text = prop_oneof![Just("null"), Just(r#"{"b":1.0,"a":[2]}"#), Just("\"x\"")];
    text.prop_filter_map("JSON", |text| text.parse().ok().map(Value::Json))
        .boxed()
}

fn place() -> BoxedStrategy<Value> {
    (number(), number())
        .prop_map(|(lat, lon)| Value::place(Place::new(lat, lon)))
        .boxed()
}

fn list() -> BoxedStrategy<Value> {
    vec(text(), 0..3).prop_map(Value::list).boxed()
}

/// A value of any kind, in canonical form.
pub fn value() -> BoxedStrategy<Value> {
    let raw = prop_oneof![Just("null"), Just("[1,{}]"), Just(r#"{"b":1.0,"a":2}"#)];
    prop_oneof![
        2 => Just(Value::Empty),
        3 => text().prop_map(Value::text),
        2 => rich_text().prop_map(Value::rich_text),
        2 => number().prop_map(Value::Number),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => choice().prop_map(Value::Choice),
        1 => vec(choice(), 0..4).prop_map(Value::choices),
        1 => date().prop_map(Value::Date),
        1 => references(),
        1 => people(),
        1 => files(),
        1 => json(),
        1 => place(),
        1 => list(),
        1 => raw.prop_map(|text| Value::Raw(RawJson::new(text))),
    ]
    .boxed()
}

/// A value that a field of this type can hold, the empty one included.
pub fn value_of(ty: &FieldType) -> BoxedStrategy<Value> {
    let options = |options: &[Choice]| match options {
        [] => choice(),
        some => proptest::sample::select(some.to_vec()).boxed(),
    };
    let full = match ty {
        FieldType::Title | FieldType::RichText => rich_text().prop_map(Value::rich_text).boxed(),
        FieldType::Text | FieldType::Url | FieldType::Email | FieldType::Phone => {
            text().prop_map(Value::text).boxed()
        }
        FieldType::Number => number().prop_map(Value::Number).boxed(),
        FieldType::Checkbox => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldType::Select(all) | FieldType::Status(all) => {
            options(all).prop_map(Value::Choice).boxed()
        }
        FieldType::MultiSelect(all) => vec(options(all), 0..4).prop_map(Value::choices).boxed(),
        FieldType::Date => date().prop_map(Value::Date).boxed(),
        FieldType::Relation(_) => references(),
        FieldType::People | FieldType::CreatedBy | FieldType::LastEditedBy => people(),
        FieldType::Files => files(),
        FieldType::Json => json(),
        FieldType::Place => place(),
        FieldType::List => list(),
        FieldType::CreatedTime | FieldType::LastEditedTime => date().prop_map(Value::Date).boxed(),
        FieldType::Body
        | FieldType::Uuid
        | FieldType::UniqueId
        | FieldType::Formula
        | FieldType::Rollup => text().prop_map(Value::text).boxed(),
        FieldType::Verification | FieldType::Other(_) => {
            Just(Value::Raw(RawJson::new("{}"))).boxed()
        }
    };
    prop_oneof![1 => Just(Value::Empty), 4 => full].boxed()
}

/// A cell: mostly complete, sometimes with one of the gaps.
pub fn cell() -> BoxedStrategy<Cell> {
    prop_oneof![
        8 => value().prop_map(Cell::Complete),
        1 => value().prop_map(Cell::Truncated),
        1 => Just(Cell::Inaccessible),
        1 => Just(Cell::Unsupported(RawJson::new(r#"{"odd":true}"#))),
        1 => Just(Cell::Unread),
        1 => Just(Cell::Missing),
    ]
    .boxed()
}

/// A record with this key and cells for some of these fields.
pub fn record(key: Key, fields: &[FieldId]) -> BoxedStrategy<Record> {
    let lifecycle = prop_oneof![
        6 => Just(Lifecycle::Live),
        1 => Just(Lifecycle::Archived),
        2 => Just(Lifecycle::Trashed),
    ];
    let version = proptest::option::weighted(0.2, Just(Version("v1".into())));
    let cells = proptest::sample::subsequence(fields.to_vec(), 0..=fields.len());
    let cells = cells.prop_flat_map(|fields| {
        let filled = fields.into_iter().map(|field| (Just(field), cell()));
        filled.collect::<Vec<_>>()
    });
    let edited = proptest::option::of((0..9_i64).prop_map(Timestamp));
    let rank = proptest::option::weighted(0.8, (0..5_u8).prop_map(|at| Rank::new(at.to_string())));
    (lifecycle, version, edited, rank, cells)
        .prop_map(move |(lifecycle, version, edited_at, rank, cells)| Record {
            key: key.clone(),
            lifecycle,
            version,
            edited_at,
            rank,
            cells: cells.into_iter().collect(),
        })
        .boxed()
}

/// A field of any type and access.
pub fn field(id: FieldId) -> BoxedStrategy<Field> {
    let options = || btree_set("[a-d]{1,2}", 0..4);
    let named = |names: std::collections::BTreeSet<String>| -> Vec<Choice> {
        let options = names.into_iter();
        options
            .map(|name| Choice::with_id(format!("id-{name}"), name))
            .collect()
    };
    let plain = vec![
        FieldType::Title,
        FieldType::RichText,
        FieldType::Text,
        FieldType::Number,
        FieldType::Checkbox,
        FieldType::Date,
        FieldType::Url,
        FieldType::Email,
        FieldType::Phone,
        FieldType::Other("formula".into()),
    ];
    let ty = prop_oneof![
        10 => proptest::sample::select(plain),
        1 => options().prop_map(move |names| FieldType::Select(named(names))),
        1 => options().prop_map(move |names| FieldType::Status(named(names))),
        1 => options().prop_map(move |names| FieldType::MultiSelect(named(names))),
    ];
    let access = prop_oneof![
        6 => Just(Access::Writable),
        1 => Just(Access::Computed),
        1 => Just(Access::Unsupported),
    ];
    let limits = proptest::option::weighted(0.2, 1_u32..100).prop_map(|most| Limits {
        max_utf16: most,
        ..Limits::default()
    });
    (ty, access, limits, text())
        .prop_map(move |(ty, access, limits, name)| Field {
            id: id.clone(),
            name,
            ty,
            access,
            limits,
        })
        .boxed()
}

/// A schema of up to six fields with ids `f0`, `f1`, ….
pub fn schema() -> BoxedStrategy<Schema> {
    let fields = (0..7_usize).prop_flat_map(|count| {
        let fields = (0..count).map(|at| field(FieldId::new(format!("f{at}"))));
        fields.collect::<Vec<_>>()
    });
    (text(), fields)
        .prop_map(|(title, fields)| Schema { title, fields })
        .boxed()
}

/// Words: mostly few different ones, so that values are equal often; sometimes anything.
pub(super) fn text() -> BoxedStrategy<String> {
    prop_oneof![
        6 => proptest::sample::select(vec!["", "a", "b", "two words", "ü\u{1f600}", "quote\"s\nand lines"])
            .prop_map(str::to_owned),
        1 => "\\PC{0,20}",
    ]
    .boxed()
}
