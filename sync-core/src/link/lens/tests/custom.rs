//! Lenses a program brings along, and the check that catches a bad one.

use super::*;
use crate::link::{MappedField, Mapping};
use crate::schema::FieldId;

/// Words in capitals on the right; with a fault, if one is asked for.
struct Shout(Option<Law>);

impl CustomLens for Shout {
    fn name(&self) -> &str {
        "shout"
    }

    fn version(&self) -> u32 {
        1
    }

    fn agree(&self, _: &LensContext<'_>, left: &Value, right: &Value) -> bool {
        left.display().to_uppercase() == right.display()
    }

    fn repair(
        &self,
        _: &LensContext<'_>,
        to: Side,
        source: &Value,
        old: Option<&Value>,
    ) -> Result<Value, Unmappable> {
        let text = source.display();
        let capitals = text.to_uppercase();
        Ok(match (self.0, to) {
            (Some(Law::Canonical), _) if text.is_empty() => Value::Text(text),
            (Some(Law::Correct), Side::Right) => Value::text(text),
            (_, Side::Right) => Value::text(capitals),
            _ if text != capitals => {
                return Err(Unmappable::Refused(format!("{text:?} is not in capitals")));
            }
            (Some(Law::Keep), Side::Left) => Value::text(text),
            // Words that were there keep their letters.
            (_, Side::Left) => {
                let old = old.map(Value::display).unwrap_or_default();
                let kept = |word: &str| {
                    let mut old = old.split(' ').filter(|old| old.to_uppercase() == *word);
                    old.next().unwrap_or(word).to_owned()
                };
                Value::text(text.split(' ').map(kept).collect::<Vec<_>>().join(" "))
            }
        })
    }
}

fn samples() -> Sides<Vec<Value>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| Value::text(*text)).collect();
    Sides::new(
        texts(&["", "Ada", "say hi"]),
        texts(&["", "ADA", "SAY NO", "no"]),
    )
}

/// Letters of the words that both sides have.
fn letters(side: Side, value: &Value, source: &Value) -> Vec<String> {
    let source = source.display();
    let heard = |word: &&str| source.split(' ').any(|loud| loud == word.to_uppercase());
    match side {
        Side::Left => {
            let value = value.display();
            value.split(' ').filter(heard).map(str::to_owned).collect()
        }
        Side::Right => Vec::new(),
    }
}

#[test]
fn a_lens_of_the_programs_own_that_keeps_the_laws_passes() {
    let lens = Lens::custom(Arc::new(Shout(None)));
    let checked = check_laws(&lens, &LensContext::default(), &samples(), letters).unwrap();
    assert!(checked.repaired > 20, "{checked:?}");
    assert!(checked.refused > 0, "{checked:?}");
}

#[test]
fn each_broken_law_is_named_with_the_values_that_show_it() {
    for law in [Law::Correct, Law::Keep, Law::Canonical] {
        let lens = Lens::custom(Arc::new(Shout(Some(law))));
        let broken = check_laws(&lens, &LensContext::default(), &samples(), letters).unwrap_err();
        assert_eq!(broken.law, law, "{broken}");
        assert!(samples()[broken.to.other()].contains(&broken.source_value));
    }
}

#[test]
fn a_lens_read_from_a_mapping_writes_nothing_until_its_code_is_supplied() {
    let lens = Lens::custom(Arc::new(Shout(None)));
    let json = serde_json::to_string(&lens).unwrap();
    assert_eq!(json, r#"{"custom":{"name":"shout","version":1}}"#);
    let read: Lens = serde_json::from_str(&json).unwrap();
    assert_eq!((&read, read.tag()), (&lens, lens.tag()));
    let context = LensContext::default();
    let (left, right) = (Value::text("a"), Value::text("A"));
    assert!(!read.agree(&context, &left, &right));
    assert_eq!(
        read.repair(&context, Side::Right, &left, None),
        Err(Unmappable::NotSupplied {
            name: "shout".into()
        })
    );
    let mut mapping = Mapping {
        fields: vec![MappedField::new(
            Sides::new(FieldId::new("a"), FieldId::new("b")),
            read,
        )],
        ..Mapping::default()
    };
    let code: Arc<dyn CustomLens> = Arc::new(Shout(None));
    mapping.supply([&code]);
    assert!(mapping.fields[0].lens.agree(&context, &left, &right));
}

/// A lens that says nothing, under a name and a version.
struct Silent(&'static str, u32);

impl CustomLens for Silent {
    fn name(&self) -> &str {
        self.0
    }

    fn version(&self) -> u32 {
        self.1
    }

    fn agree(&self, _: &LensContext<'_>, _: &Value, _: &Value) -> bool {
        true
    }

    fn repair(
        &self,
        _: &LensContext<'_>,
        _: Side,
        source: &Value,
        _: Option<&Value>,
    ) -> Result<Value, Unmappable> {
        Ok(source.clone())
    }
}

#[test]
fn a_lens_is_the_same_by_name_and_version_and_takes_no_other_code() {
    let read = |name: &str| -> Custom {
        serde_json::from_value(serde_json::json!({"name": name, "version": 1})).unwrap()
    };
    let agrees = |lens: &Custom| {
        let (left, right) = (Value::text("a"), Value::text("b"));
        lens.agree(&LensContext::default(), &left, &right)
    };
    for (name, version, is_its_own) in [
        ("shout", 1, true),
        ("shout", 2, false),
        ("whisper", 1, false),
    ] {
        let code: Arc<dyn CustomLens> = Arc::new(Silent(name, version));
        let mut lens = read("shout");
        assert_eq!(
            Custom::new(Arc::clone(&code)) == lens,
            is_its_own,
            "{name} {version}"
        );
        lens.supply(&code);
        assert_eq!(agrees(&lens), is_its_own, "{name} {version}");
        assert_eq!(
            (lens.name(), format!("{lens:?}")),
            ("shout", "Custom(shout 1)".into())
        );
    }
}
