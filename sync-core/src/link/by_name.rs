//! A mapping made from two schemas: fields of one name are one field, their types choose the lens.

use super::{Lens, MappedField, Mapping, Side, Sides};
use crate::schema::{Access, Field, FieldType, Schema};
use crate::value::DatePrecision;

impl Mapping {
    /// Pairs of fields that people call by one name and that both sides write: `Due date`, `due_date`
    /// and `due-date` are one name. Where two fields of a side read the same, one called exactly as the
    /// other side's is meant. Fields without counterpart, and pairs for which [`Lens::between_fields`]
    /// knows nothing, stay out; [`Mapping::fields`] tells what is in.
    pub fn by_name(left: &Schema, right: &Schema) -> Self {
        let pairs = left.fields.iter().filter_map(|field| {
            let other = counterpart(field, left, right)?;
            let writable = |field: &Field| field.access == Access::Writable;
            let both = writable(field) && writable(other);
            let lens = Lens::between_fields(field, other).filter(|_| both)?;
            let ids = Sides::new(field.id.clone(), other.id.clone());
            Some(MappedField::new(ids, lens))
        });
        Self {
            fields: pairs.collect(),
            ..Self::default()
        }
    }
}

/// The field over there of the same name, if nobody can mistake which.
fn counterpart<'a>(field: &Field, own: &Schema, other: &'a Schema) -> Option<&'a Field> {
    let exact = |schema: &'a Schema| {
        let mut called = schema.fields.iter().filter(|f| f.name == field.name);
        called.next().filter(|_| called.next().is_none())
    };
    if let Some(exact) = exact(other) {
        return Some(exact);
    }
    let name = plain(&field.name);
    let alike = |schema: &Schema| {
        let fields = schema.fields.iter();
        fields.filter(|field| plain(&field.name) == name).count()
    };
    if alike(own) != 1 || alike(other) != 1 {
        return None;
    }
    other.fields.iter().find(|field| plain(&field.name) == name)
}

/// A name as people read it: words in lower case.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| c.is_whitespace() || c == '_' || c == '-');
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

impl Lens {
    /// The lens between these fields: the one [between their types](Self::between), and where one of
    /// them keeps numbers as floats ([`Limits::floats`](crate::schema::Limits::floats)) the other's
    /// further digits are no difference.
    pub fn between_fields(left: &Field, right: &Field) -> Option<Self> {
        let lens = Self::between(&left.ty, &right.ty)?;
        let floats = Sides::new(left.limits.floats, right.limits.floats);
        let numbers = left.ty == FieldType::Number && right.ty == FieldType::Number;
        Some(match lens {
            Self::Identity if numbers && floats.left != floats.right => Self::Float {
                on: if floats.left { Side::Left } else { Side::Right },
            },
            Self::Decimal { text } if floats[text.other()] => Self::FloatDigits { text },
            lens => lens,
        })
    }

    /// The lens between fields of these types; `None` where values of one cannot be held by the other
    /// without a choice that is a person's. Dates meet to the minute, as Notion keeps them.
    pub fn between(left: &FieldType, right: &FieldType) -> Option<Self> {
        use FieldType::{
            Checkbox, Date, Json, List, MultiSelect, Number, RichText, Select, Status, Text, Title,
            Uuid,
        };
        Some(match (left, right) {
            (left, right) if is_rich(left) && is_rich(right) => Self::Identity,
            (left, right) if is_rich(left) && is_plain(right) => Self::Words { rich: Side::Left },
            (left, right) if is_plain(left) && is_rich(right) => Self::Words { rich: Side::Right },
            (Uuid, Uuid | Text) | (Text, Uuid) => Self::Uuid,
            (left, right) if is_plain(left) && is_plain(right) => Self::Identity,
            (Number, Number) => Self::Identity,
            (Number, Text) => Self::Decimal { text: Side::Right },
            (Text, Number) => Self::Decimal { text: Side::Left },
            (Checkbox, Checkbox) => Self::Checkbox,
            (Select(_) | Status(_), Select(_) | Status(_)) => Self::Choice,
            (MultiSelect(_), MultiSelect(_)) => Self::Choices,
            (MultiSelect(_), List) => Self::Tags { list: Side::Right },
            (List, MultiSelect(_)) => Self::Tags { list: Side::Left },
            (List, List) => Self::List { ordered: true },
            (Date, Date) => Self::Date {
                precision: DatePrecision::Minute,
            },
            (Json, Json) => Self::Identity,
            (Json, Text | Title | RichText) => Self::Json {
                document: Side::Left,
            },
            (Text | Title | RichText, Json) => Self::Json {
                document: Side::Right,
            },
            _ => return None,
        })
    }
}

/// Texts that may be formatted.
fn is_rich(ty: &FieldType) -> bool {
    matches!(ty, FieldType::Title | FieldType::RichText)
}

/// Texts that are words only.
fn is_plain(ty: &FieldType) -> bool {
    matches!(
        ty,
        FieldType::Text | FieldType::Url | FieldType::Email | FieldType::Phone | FieldType::Uuid
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{FieldId, Limits};

    fn schema(fields: &[(&str, FieldType)]) -> Schema {
        let fields = fields.iter().map(|(name, ty)| Field {
            id: FieldId::new(format!("id of {name}")),
            name: (*name).to_owned(),
            ty: ty.clone(),
            access: Access::Writable,
            limits: Limits::default(),
        });
        Schema {
            title: "t".into(),
            fields: fields.collect(),
        }
    }

    fn mapped(left: &[(&str, FieldType)], right: &[(&str, FieldType)]) -> Vec<String> {
        let mapping = Mapping::by_name(&schema(left), &schema(right));
        let fields = mapping.fields.iter();
        fields
            .map(|field| format!("{}={}", field.ids.left, field.ids.right).replace("id of ", ""))
            .collect()
    }

    #[test]
    fn one_name_is_one_field_however_it_is_written() {
        let text = FieldType::Text;
        let left = [
            ("Due date", text.clone()),
            ("Über uns", text.clone()),
            ("Alone", text.clone()),
        ];
        let right = [
            ("über-uns", text.clone()),
            ("due_date", text.clone()),
            ("other", text),
        ];
        assert_eq!(
            mapped(&left, &right),
            ["Due date=due_date", "Über uns=über-uns"]
        );
    }

    #[test]
    fn of_two_that_read_the_same_none_is_guessed() {
        let text = FieldType::Text;
        let two = [("name", text.clone()), ("Name", text.clone())];
        assert_eq!(mapped(&[("NAME", text.clone())], &two), [""; 0]);
        assert_eq!(mapped(&two, &[("NAME", text.clone())]), [""; 0]);
        assert_eq!(mapped(&[("Name", text)], &two), ["Name=Name"]);
    }

    #[test]
    fn what_a_side_computes_is_not_mapped() {
        let left = schema(&[("n", FieldType::Number)]);
        let mut right = left.clone();
        assert_eq!(Mapping::by_name(&left, &right).fields.len(), 1);
        right.fields[0].access = Access::Computed;
        assert_eq!(Mapping::by_name(&left, &right).fields, []);
        assert_eq!(Mapping::by_name(&right, &left).fields, []);
    }

    #[test]
    fn a_side_that_keeps_floats_is_met_as_finely_as_floats_are() {
        let exact = schema(&[("n", FieldType::Number), ("t", FieldType::Text)]);
        let mut floats = exact.clone();
        floats.fields[0].limits.floats = true;
        let lens = |left: &Schema, right: &Schema| {
            let mapping = Mapping::by_name(left, right);
            mapping.fields.into_iter().map(|field| field.lens).next()
        };
        assert_eq!(lens(&exact, &exact), Some(Lens::Identity));
        assert_eq!(lens(&floats, &floats), Some(Lens::Identity));
        assert_eq!(lens(&floats, &exact), Some(Lens::Float { on: Side::Left }));
        assert_eq!(lens(&exact, &floats), Some(Lens::Float { on: Side::Right }));
    }

    #[test]
    fn types_choose_the_lens_and_both_directions_mirror() {
        use FieldType::*;
        let options = || Vec::new();
        let minute = DatePrecision::Minute;
        for (left, right, lens) in [
            (Title, Text, Some(Lens::Words { rich: Side::Left })),
            (RichText, Url, Some(Lens::Words { rich: Side::Left })),
            (RichText, Title, Some(Lens::Identity)),
            (Email, Text, Some(Lens::Identity)),
            (Uuid, Text, Some(Lens::Uuid)),
            (Number, Text, Some(Lens::Decimal { text: Side::Right })),
            (Checkbox, Checkbox, Some(Lens::Checkbox)),
            (Select(options()), Status(options()), Some(Lens::Choice)),
            (
                MultiSelect(options()),
                MultiSelect(options()),
                Some(Lens::Choices),
            ),
            (
                MultiSelect(options()),
                List,
                Some(Lens::Tags { list: Side::Right }),
            ),
            (Date, Date, Some(Lens::Date { precision: minute })),
            (
                RichText,
                Json,
                Some(Lens::Json {
                    document: Side::Right,
                }),
            ),
            (Select(options()), Text, None),
            (Number, Checkbox, None),
            (People, Text, None),
        ] {
            assert_eq!(Lens::between(&left, &right), lens, "{left:?} {right:?}");
            let mirrored = lens.map(|lens| match lens {
                Lens::Words { rich } => Lens::Words { rich: rich.other() },
                Lens::Decimal { text } => Lens::Decimal { text: text.other() },
                Lens::Tags { list } => Lens::Tags { list: list.other() },
                Lens::Json { document } => Lens::Json {
                    document: document.other(),
                },
                same => same,
            });
            assert_eq!(Lens::between(&right, &left), mirrored, "{right:?} {left:?}");
        }
    }
}
