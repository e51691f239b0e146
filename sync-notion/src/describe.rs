//! The schema of a data source in the core's words. Reading values is `decode`.

use notion_sync_client::object::{
    DataSource, OptionSchema, PropertyConfig, PropertySchema, PropertyType, RelationKind,
    RelationSchema, plain_text,
};
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Relation, Schema};
use notion_sync_core::value::Choice;

use crate::peer::place;

/// Field that shows a page's id, dashed.
pub const ID: &str = "_id";
/// Field that shows a page's address.
pub const URL: &str = "_url";
/// Field that shows when a page was made, to the minute.
pub const CREATED: &str = "_created";
/// Field that shows when a page was last edited, to the minute.
pub const EDITED: &str = "_edited";

/// Most pieces of a text in one request, and UTF-16 units in each (NOTION_API 5).
pub(crate) const MAX_RUNS: u32 = 100;
pub(crate) const MAX_RUN_UTF16: usize = 2_000;
/// Most options in one request.
pub(crate) const MAX_OPTIONS: u32 = 100;
/// Longest name of an option.
const MAX_OPTION_UTF16: u32 = 100;

/// The fields of the page object itself, then one per property in the server's order.
pub(crate) fn schema(source: &DataSource) -> Schema {
    let page_fields = [
        (ID, FieldType::Text),
        (URL, FieldType::Url),
        (CREATED, FieldType::Date),
        (EDITED, FieldType::Date),
    ];
    let page_fields = page_fields.into_iter().map(|(id, ty)| Field {
        id: FieldId::new(id),
        name: id.to_owned(),
        ty,
        access: Access::Computed,
        limits: Limits::default(),
    });
    Schema {
        title: plain_text(&source.title),
        fields: page_fields
            .chain(source.properties.iter().map(field))
            .collect(),
    }
}

/// What a request calls a property: by its id, which no rename touches. Notion takes names in the same
/// place, so where another property is called like that id, as a text called `title` is, by its name.
pub(crate) fn called<'a>(
    id: &'a str,
    name: &'a str,
    mut names: impl Iterator<Item = &'a str>,
) -> &'a str {
    match names.any(|other| other == id && other != name) {
        true => name,
        false => id,
    }
}

/// As [`called`], of a field of a schema.
pub(crate) fn called_in<'a>(schema: &'a Schema, field: &'a Field) -> &'a str {
    let names = schema.fields.iter().map(|other| other.name.as_str());
    called(field.id.as_str(), &field.name, names)
}

fn field(property: &PropertySchema) -> Field {
    let (ty, access) = kind(property);
    Field {
        id: FieldId::new(property.id.as_str()),
        name: property.name.clone(),
        limits: limits(&ty, access),
        ty,
        access,
    }
}

fn kind(property: &PropertySchema) -> (FieldType, Access) {
    use Access::{Computed, Unsupported, Writable};
    let other = || FieldType::Other(property.kind.as_str().to_owned());
    match (&property.kind, &property.config) {
        (PropertyType::Title, _) => (FieldType::Title, Writable),
        (PropertyType::RichText, _) => (FieldType::RichText, Writable),
        (PropertyType::Number, _) => (FieldType::Number, Writable),
        (PropertyType::Checkbox, _) => (FieldType::Checkbox, Writable),
        (PropertyType::Date, _) => (FieldType::Date, Writable),
        (PropertyType::Url, _) => (FieldType::Url, Writable),
        (PropertyType::Email, _) => (FieldType::Email, Writable),
        (PropertyType::PhoneNumber, _) => (FieldType::Phone, Writable),
        (PropertyType::Select, PropertyConfig::Select { options }) => {
            (FieldType::Select(choices(options)), Writable)
        }
        (PropertyType::MultiSelect, PropertyConfig::MultiSelect { options }) => {
            (FieldType::MultiSelect(choices(options)), Writable)
        }
        (PropertyType::Status, PropertyConfig::Status { options, .. }) => {
            (FieldType::Status(choices(options)), Writable)
        }
        // An option list that cannot be read whole cannot be written against.
        (PropertyType::Select | PropertyType::MultiSelect | PropertyType::Status, _) => {
            (other(), Unsupported)
        }
        (PropertyType::CreatedTime | PropertyType::LastEditedTime, _) => {
            (FieldType::Date, Computed)
        }
        (PropertyType::UniqueId, _) => (FieldType::Text, Computed),
        // Read, and not written yet.
        (PropertyType::Relation, PropertyConfig::Relation(config)) => match relation(config) {
            Some(relation) => (FieldType::Relation(relation), Unsupported),
            None => (other(), Unsupported),
        },
        (PropertyType::People, _) => (FieldType::People, Unsupported),
        (PropertyType::Files, _) => (FieldType::Files, Unsupported),
        (
            PropertyType::Formula
            | PropertyType::Rollup
            | PropertyType::CreatedBy
            | PropertyType::LastEditedBy
            | PropertyType::Button
            | PropertyType::Verification,
            _,
        ) => (other(), Computed),
        _ => (other(), Unsupported),
    }
}

/// What a relation points at; `None` where Notion does not say.
fn relation(config: &RelationSchema) -> Option<Relation> {
    let mirror = match &config.kind {
        RelationKind::Dual {
            synced_property: Some(property),
            ..
        } => Some(FieldId::new(property.as_str())),
        _ => None,
    };
    Some(Relation {
        target: place(config.data_source?),
        mirror,
    })
}

fn choices(options: &[OptionSchema]) -> Vec<Choice> {
    options
        .iter()
        .map(|option| Choice::with_id(option.id.as_str(), option.name.clone()))
        .collect()
}

fn limits(ty: &FieldType, access: Access) -> Limits {
    let mut limits = Limits::default();
    if access != Access::Writable {
        return limits;
    }
    match ty {
        FieldType::Title | FieldType::RichText => {
            limits.max_utf16 = Some(MAX_RUNS * MAX_RUN_UTF16 as u32);
            limits.max_runs = Some(MAX_RUNS);
        }
        FieldType::Url => limits.max_utf16 = Some(2_000),
        FieldType::Email | FieldType::Phone => limits.max_utf16 = Some(200),
        FieldType::Number => limits.floats = true,
        FieldType::MultiSelect(_) => limits.max_items = Some(MAX_OPTIONS),
        _ => {}
    }
    if ty.options().is_some() {
        limits.option_utf16 = Some(MAX_OPTION_UTF16);
        limits.option_without = Some(',');
    }
    limits
}

/// Whether a page's property of this kind is what the schema says the field holds. A property that
/// was retyped since must not pass for a value of the old type.
pub(crate) fn holds(ty: &FieldType, access: Access, kind: &PropertyType) -> bool {
    match (ty, access) {
        (FieldType::Date, Access::Computed) => {
            matches!(
                kind,
                PropertyType::CreatedTime | PropertyType::LastEditedTime
            )
        }
        (FieldType::Text, _) => *kind == PropertyType::UniqueId,
        _ => ty.name() == kind.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(properties: &str) -> Schema {
        let text = format!(
            r#"{{"object":"data_source","id":"1b2c3d4e00004000800000000000a001","title":[{{"type":"text","text":{{"content":"Tasks"}},"plain_text":"Tasks"}}],"properties":{{{properties}}}}}"#
        );
        schema(&DataSource::decode(&text).unwrap())
    }

    #[test]
    fn page_fields_come_first_and_ids_stay_encoded() {
        let schema = described(
            r#""Name":{"id":"title","name":"Name","type":"title","title":{}},"N":{"id":"f%5C%5C%3Ap","name":"N","type":"number","number":{"format":"number"}}"#,
        );
        let ids: Vec<&str> = schema
            .fields
            .iter()
            .map(|field| field.id.as_str())
            .collect();
        assert_eq!(ids, [ID, URL, CREATED, EDITED, "title", r"f%5C%5C%3Ap"]);
        assert_eq!(schema.title, "Tasks");
        assert_eq!(schema.fields[4].limits.max_utf16, Some(200_000));
    }

    #[test]
    fn access_by_type() {
        for (kind, access) in [
            ("rich_text", Access::Writable),
            ("select", Access::Writable),
            ("formula", Access::Computed),
            ("unique_id", Access::Computed),
            ("created_time", Access::Computed),
            ("relation", Access::Unsupported),
            ("people", Access::Unsupported),
            ("files", Access::Unsupported),
            ("place", Access::Unsupported),
            ("hologram", Access::Unsupported),
        ] {
            let schema = described(&format!(
                r#""X":{{"id":"x","name":"X","type":"{kind}","{kind}":{{"expression":"1"}}}}"#
            ));
            let field = &schema.fields[4];
            assert_eq!(field.access, access, "{kind}");
            let ty = PropertyType::from(kind);
            assert!(holds(&field.ty, field.access, &ty), "{kind}");
        }
    }
}
