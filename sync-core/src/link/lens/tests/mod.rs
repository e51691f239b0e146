//! Names both sides know, and the values every lens is tested with.

mod custom;
mod examples;
mod laws;
mod merges;

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::record::Key;
use crate::value::{
    Choice, FileRef, FileSource, HostedUrl, Number, Person, Reference, RichText, Run, Style,
};

/// What the lenses of these tests may look at. Thing `n` below 6 is on both sides, 6 waits, 7 is
/// not tracked.
struct Names {
    options: Vec<Choice>,
    records: Counterparts<Key>,
    people: Directory,
    files: Counterparts<FileSource>,
}

static NAMES: LazyLock<Names> = LazyLock::new(Names::new);

impl Names {
    fn new() -> Self {
        let both = |n: u8| (n < 6).then_some(n);
        let key = |side: Side| move |n| reference(side, n).key().clone();
        let source = |side: Side| move |n| file(side, n).source;
        let pairs = || (0..7_u8).flat_map(|n| [(n, Some(n), both(n)), (n, both(n), Some(n))]);
        Self {
            options: (0..6).map(option).collect(),
            records: Counterparts::new(pairs().map(|(_, left, right)| {
                Sides::new(left.map(key(Side::Left)), right.map(key(Side::Right)))
            })),
            people: Directory::new(
                (0..7).map(|n| Person::with_id(format!("u{n}")).reached_at(email(n))),
            ),
            files: Counterparts::new(pairs().map(|(_, left, right)| {
                Sides::new(left.map(source(Side::Left)), right.map(source(Side::Right)))
            })),
        }
    }

    fn context(&self) -> LensContext<'_> {
        LensContext {
            pairs: None,
            options: Sides::new(Some(&self.options), None),
            records: Some(&self.records),
            people: Sides::new(Some(&self.people), None),
            files: Some(&self.files),
        }
    }
}

fn option(n: u8) -> Choice {
    Choice::with_id(format!("o{n}"), format!("option {n}"))
}

fn reference(side: Side, n: u8) -> Reference {
    Reference::new(Key::durable(format!("{side:?} {n}")))
}

fn email(n: u8) -> String {
    format!("p{n}@x.org")
}

fn file(side: Side, n: u8) -> FileRef {
    match side {
        Side::Left => FileRef {
            name: format!("{n}.png"),
            source: FileSource::Hosted(HostedUrl::new(&format!("https://s3/{n}?sign"))),
        },
        Side::Right => FileRef::blob(format!("{n}.png"), Digest::of(&[n])),
    }
}

/// The list a lens about lists holds on a side for these things.
fn list(lens: &Lens, side: Side, things: &[u8]) -> Value {
    let things = things.iter().copied();
    let plain = |list: &Option<Side>| *list == Some(side);
    match lens {
        Lens::Choices if side == Side::Left => Value::choices(things.map(option).collect()),
        Lens::Choices => Value::choices(things.map(|n| Choice::named(option(n).name)).collect()),
        Lens::Tags { list } if *list == side => {
            Value::list(things.map(|n| option(n).name.into()).collect())
        }
        Lens::Tags { .. } => Value::choices(things.map(option).collect()),
        Lens::List { .. } => Value::list(things.map(|n| n.to_string()).collect()),
        Lens::References => Value::references(things.map(|n| reference(side, n)).collect()),
        Lens::People { list } if plain(list) => Value::list(things.map(email).collect()),
        Lens::People { .. } if side == Side::Left => Value::people(
            things
                .map(|n| Person::with_id(format!("u{n}")).called(email(n)))
                .collect(),
        ),
        Lens::People { .. } => {
            Value::people(things.map(|n| Person::with_email(email(n))).collect())
        }
        Lens::Files => Value::files(things.map(|n| file(side, n)).collect()),
        Lens::Shared => Value::files(things.map(|n| file(Side::Left, n)).collect()),
        _ => panic!("{lens:?} is not about lists"),
    }
}

/// Every lens that merges.
fn list_lenses() -> Vec<Lens> {
    vec![
        Lens::Choices,
        // The left side offers options; a list of texts stands on the right.
        Lens::Tags { list: Side::Right },
        Lens::List { ordered: false },
        Lens::List { ordered: true },
        Lens::References,
        Lens::People { list: None },
        Lens::People {
            list: Some(Side::Right),
        },
        Lens::Files,
        Lens::Shared,
    ]
}

fn rich_text() -> impl Strategy<Value = Value> {
    let run = ("[ a-cé]{0,4}", any::<bool>()).prop_map(|(text, bold)| Run {
        style: Style {
            bold,
            ..Style::default()
        },
        ..Run::plain(text)
    });
    prop::collection::vec(run, 0..5).prop_map(|runs| Value::rich_text(RichText::new(runs)))
}

fn one_of(texts: &[&str], value: impl Fn(&str) -> Value + 'static) -> BoxedStrategy<Value> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    prop_oneof![
        1 => Just(Value::Empty),
        5 => prop::sample::select(texts).prop_map(move |text| value(&text)),
    ]
    .boxed()
}

fn numbers() -> BoxedStrategy<Value> {
    let numbers = [
        "3",
        "0.1",
        "-2",
        "9007199254740993",
        "9007199254740992",
        "1e400",
        "1e-400",
        "0",
    ];
    one_of(&numbers, |text| {
        Value::Number(text.parse::<Number>().unwrap())
    })
}

fn dates() -> BoxedStrategy<Value> {
    let dates = [
        "2026-06-15",
        "2026-06-15T14:30:00+09:00",
        "2026-06-15T14:30:00+09:00[Asia/Tokyo]",
        "2026-06-15T14:30:00+09:00[Asia/Seoul]",
        "2026-06-15T05:30:00Z",
        "2026-06-15T05:30:00.0004Z",
        "2026-06-15T05:30:07Z",
        "1955-06-15T05:30:07Z",
        "2026-06-15/2026-06-16",
        "2026-06-15T05:30:00Z/2026-06-15T06:30:00Z",
    ];
    one_of(&dates, |text| Value::Date(text.parse().unwrap()))
}

fn texts(texts: &[&str]) -> BoxedStrategy<Value> {
    one_of(texts, |text| Value::text(text))
}

/// A lens, and for each side values of the kind it knows there.
fn cases() -> impl Strategy<Value = (Lens, Sides<Vec<Value>>)> {
    let of = |lens: Lens, left: BoxedStrategy<Value>, right: BoxedStrategy<Value>| {
        let some = |values| prop::collection::vec(values, 1..4);
        (Just(lens), some(left), some(right))
            .prop_map(|(lens, left, right)| (lens, Sides::new(left, right)))
            .boxed()
    };
    let sided =
        |lens: &dyn Fn(Side) -> Lens, there: BoxedStrategy<Value>, other: BoxedStrategy<Value>| {
            let right = of(lens(Side::Right), other.clone(), there.clone());
            prop_oneof![of(lens(Side::Left), there, other), right].boxed()
        };
    let plain = || "[ a-cé]{0,12}".prop_map(Value::text).boxed();
    let rich = || prop_oneof![rich_text(), plain()].boxed();
    let truth = || prop_oneof![Just(Value::Empty), any::<bool>().prop_map(Value::Bool)].boxed();
    let decimals = || texts(&["3", "3.00", "0.1", "1e2", "abc", " 7"]);
    let uuids = || {
        texts(&[
            "0192f3a1-7c4e-7b1a-9d55-0242ac120002",
            "0192F3A17C4E7B1A9D550242AC120002",
            "{0192f3a1-7c4e-7b1a-9d55-0242ac120003}",
            "é192f3a17c4e7b1a9d550242ac12000",
            "no",
        ])
    };
    let bodies = || {
        texts(&[
            "a\nb\n",
            "a\r\nb\r\n",
            "a\rb",
            "a\n\r\nc",
            "a",
            "\n",
            "\r\n",
        ])
    };
    let documents = || {
        one_of(&["{}", r#"{"a":1.0,"b":[]}"#, "null"], |text| {
            Value::Json(text.parse().unwrap())
        })
    };
    let json_texts = || {
        let texts = ["{}", r#"{ "b":[],"a":1 }"#, "null", "{", " "];
        one_of(&texts, |text| Value::rich_text(RichText::plain_text(text)))
    };
    let choices = |with_id: bool| {
        one_of(&["option 0", "option 1", "option 9"], move |name| {
            let known = (0..6).map(option).find(|option| option.name == name);
            Value::Choice(known.filter(|_| with_id).unwrap_or(Choice::named(name)))
        })
    };
    let precision =
        || prop::sample::select(vec![DatePrecision::Minute, DatePrecision::Millisecond]);
    let dated = move |lens: fn(Side, DatePrecision) -> Lens| {
        let some = || prop::collection::vec(dates(), 1..4);
        let side = prop::sample::select(Side::BOTH.to_vec());
        (side, precision(), some(), some())
            .prop_map(move |(on, precision, left, right)| {
                (lens(on, precision), Sides::new(left, right))
            })
            .boxed()
    };
    let lists = prop::sample::select(list_lenses()).prop_flat_map(|lens| {
        let some = |side: Side| {
            let lens = lens.clone();
            let things = prop::collection::vec(0..9_u8, 0..6);
            let value = things.prop_map(move |things| list(&lens, side, &things));
            prop::collection::vec(value, 1..4)
        };
        let (left, right) = (some(Side::Left), some(Side::Right));
        (Just(lens), left, right).prop_map(|(lens, left, right)| (lens, Sides::new(left, right)))
    });
    let constant = |on| Lens::Constant {
        on,
        value: Value::text("a"),
    };
    let scalars = prop_oneof![
        of(Lens::Identity, numbers(), numbers()),
        of(Lens::Body, bodies(), bodies()),
        of(Lens::Uuid, uuids(), uuids()),
        of(Lens::Checkbox, truth(), truth()),
        of(Lens::Choice, choices(true), choices(false)),
        sided(&|rich| Lens::Words { rich }, rich(), plain()),
        sided(&|text| Lens::Decimal { text }, decimals(), numbers()),
        sided(&|text| Lens::FloatDigits { text }, decimals(), numbers()),
        sided(&|on| Lens::Float { on }, numbers(), numbers()),
        sided(
            &|document| Lens::Json { document },
            documents(),
            json_texts()
        ),
        sided(&constant, texts(&["a", "b"]), plain()),
        sided(&|from| Lens::Projection { from }, plain(), plain()),
    ];
    prop_oneof![
        4 => scalars,
        1 => dated(|_, precision| Lens::Date { precision }),
        1 => dated(|on, _| Lens::Day { on }),
        1 => dated(|on, precision| Lens::Moment { on, precision }),
        4 => lists,
    ]
}
