//! Changes of a schema, as a peer is asked for them.

use serde::{Deserialize, Serialize};

use super::{FieldId, FieldType, Schema};
use crate::value::Choice;

/// One change of a collection's schema. The first five add or rename and take nothing away; the
/// last three take values away, see [`SchemaChange::is_destructive`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SchemaChange {
    /// A new field; the id is the peer's to choose, so it goes by name.
    AddField {
        /// Name people see.
        name: String,
        /// What it holds.
        ty: FieldType,
    },
    /// A new name for a field, whose id stays.
    RenameField {
        /// Which field.
        field: FieldId,
        /// The name it gets.
        name: String,
    },
    /// Options added to an option field; those it has are kept.
    AddOptions {
        /// Which field.
        field: FieldId,
        /// Names of the new options.
        names: Vec<String>,
    },
    /// A new name for an option, whose id and whose records stay.
    RenameOption {
        /// Which field.
        field: FieldId,
        /// The option as it is.
        option: Choice,
        /// The name it gets.
        name: String,
    },
    /// A new name for the collection.
    SetTitle {
        /// The name it gets.
        title: String,
    },
    /// A field and all its values go.
    RemoveField {
        /// Which field.
        field: FieldId,
    },
    /// An option goes, and from every value that holds it.
    RemoveOption {
        /// Which field.
        field: FieldId,
        /// The option.
        option: Choice,
    },
    /// A field holds something else, and its values become that or nothing.
    RetypeField {
        /// Which field.
        field: FieldId,
        /// What it shall hold.
        ty: FieldType,
    },
}

impl SchemaChange {
    /// Whether values go with it. Such a change is carried out only in a run that approves
    /// `DestructiveSchema`.
    pub fn is_destructive(&self) -> bool {
        matches!(
            self,
            Self::RemoveField { .. } | Self::RemoveOption { .. } | Self::RetypeField { .. }
        )
    }

    /// What is done, in words; `name` says what people call a field.
    pub fn sentence(&self, name: impl Fn(&FieldId) -> String) -> String {
        match self {
            Self::AddField { name, ty } => format!("add the {} field {name:?}", ty.name()),
            Self::RenameField { field, name: to } => {
                format!("rename the field {:?} to {to:?}", name(field))
            }
            Self::AddOptions { field, names } => {
                let options: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
                format!("add to {:?}: {}", name(field), options.join(", "))
            }
            Self::RenameOption {
                field,
                option,
                name: to,
            } => format!(
                "rename the option {:?} of {:?} to {to:?}",
                option.name,
                name(field)
            ),
            Self::SetTitle { title } => format!("call the collection {title:?}"),
            Self::RemoveField { field } => {
                format!("remove the field {:?} and all its values", name(field))
            }
            Self::RemoveOption { field, option } => format!(
                "remove the option {:?} of {:?}, also from every record",
                option.name,
                name(field)
            ),
            Self::RetypeField { field, ty } => {
                format!("make {:?} a {} field", name(field), ty.name())
            }
        }
    }

    /// Whether a schema is as the change would make it.
    pub fn holds_in(&self, schema: &Schema) -> bool {
        let options = |field: &FieldId| {
            let field = schema.field(field);
            field.and_then(|field| field.ty.options()).unwrap_or(&[])
        };
        match self {
            Self::AddField { name, ty } => schema
                .by_name(name)
                .is_some_and(|field| field.ty.name() == ty.name()),
            Self::RenameField { field, name } => {
                schema.field(field).is_some_and(|field| field.name == *name)
            }
            Self::AddOptions { field, names } => {
                let has = |name: &String| options(field).iter().any(|option| option.name == *name);
                names.iter().all(has)
            }
            Self::RenameOption {
                field,
                option,
                name,
            } => options(field).iter().any(|now| {
                let same = now.id.is_none() || option.id.is_none() || now.id == option.id;
                same && now.name == *name
            }),
            Self::SetTitle { title } => schema.title == *title,
            Self::RemoveField { field } => schema.field(field).is_none(),
            Self::RemoveOption { field, option } => {
                !options(field).iter().any(|now| now.is_same(option))
            }
            Self::RetypeField { field, ty } => schema
                .field(field)
                .is_some_and(|field| field.ty.name() == ty.name()),
        }
    }
}
