//! Changes of a data source's schema, for the types the API can create.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::id::{DataSourceId, OptionId, PropertyId};
use crate::object::{Color, NumberFormat, OptionSchema, RollupFunction};

/// A change of one property of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertyChange {
    /// A new property, or other settings for one that exists.
    Set {
        /// The type and its settings.
        config: PropertyConfigWrite,
        /// What to say about it, at most 280 characters.
        description: Option<String>,
    },
    /// Another name. Id and values stay.
    Rename(String),
    /// Takes the property and all its values away. The title cannot be removed.
    Remove,
}

impl PropertyChange {
    /// A new property, or other settings, without a description.
    #[must_use]
    pub fn set(config: PropertyConfigWrite) -> Self {
        Self::Set {
            config,
            description: None,
        }
    }
}

impl Serialize for PropertyChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Remove => serializer.serialize_none(),
            Self::Rename(name) => serializer.collect_map([("name", name)]),
            Self::Set {
                config,
                description,
            } => {
                let mut map = serializer.serialize_map(None)?;
                config.entry(&mut map)?;
                if let Some(description) = description {
                    map.serialize_entry("description", description)?;
                }
                map.end()
            }
        }
    }
}

/// The type of a property and its settings. Types that only the app can create have no form here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertyConfigWrite {
    /// Rich text.
    RichText,
    /// A number.
    Number(NumberFormat),
    /// One option. The list replaces the one there is: what is left out is removed, also from rows.
    Select(Vec<OptionWrite>),
    /// Several options. The list replaces the one there is.
    MultiSelect(Vec<OptionWrite>),
    /// A status; `None` for the default options. The list replaces the one there is.
    Status(Option<Vec<OptionWrite>>),
    /// A date.
    Date,
    /// People.
    People,
    /// Files.
    Files,
    /// A checkbox.
    Checkbox,
    /// A URL.
    Url,
    /// An e-mail address.
    Email,
    /// A phone number.
    PhoneNumber,
    /// Pages of another data source, which has to be shared with the connection.
    Relation {
        /// That data source.
        data_source: DataSourceId,
        /// Whether it gets a mirror property.
        dual: bool,
    },
    /// A summary of related pages.
    Rollup {
        /// Along which relation.
        relation: PropertyId,
        /// Which property there.
        property: PropertyId,
        /// How.
        function: RollupFunction,
    },
    /// A computed value.
    Formula(String),
    /// A number for every page.
    UniqueId {
        /// What stands before it.
        prefix: Option<String>,
    },
    /// When the page was made.
    CreatedTime,
    /// When it was last edited.
    LastEditedTime,
    /// Who made it.
    CreatedBy,
    /// Who last edited it.
    LastEditedBy,
    /// A place.
    Place,
}

impl PropertyConfigWrite {
    fn entry<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        #[derive(Serialize)]
        struct Empty {}
        #[derive(Serialize)]
        struct Options<'a> {
            options: &'a [OptionWrite],
        }
        #[derive(Serialize)]
        struct Relation<'a> {
            data_source_id: &'a DataSourceId,
            #[serde(rename = "type")]
            kind: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            single_property: Option<Empty>,
            #[serde(skip_serializing_if = "Option::is_none")]
            dual_property: Option<Empty>,
        }
        #[derive(Serialize)]
        struct Rollup<'a> {
            relation_property_id: &'a PropertyId,
            rollup_property_id: &'a PropertyId,
            function: &'a RollupFunction,
        }
        let plain = match self {
            Self::Number(format) => return map.serialize_entry("number", &One("format", format)),
            Self::Select(options) => return map.serialize_entry("select", &Options { options }),
            Self::MultiSelect(options) => {
                return map.serialize_entry("multi_select", &Options { options });
            }
            Self::Status(Some(options)) => {
                return map.serialize_entry("status", &Options { options });
            }
            Self::Formula(expression) => {
                return map.serialize_entry("formula", &One("expression", expression));
            }
            Self::UniqueId { prefix } => {
                return map.serialize_entry("unique_id", &One("prefix", prefix));
            }
            Self::Relation { data_source, dual } => {
                let relation = Relation {
                    data_source_id: data_source,
                    kind: if *dual {
                        "dual_property"
                    } else {
                        "single_property"
                    },
                    single_property: (!dual).then_some(Empty {}),
                    dual_property: dual.then_some(Empty {}),
                };
                return map.serialize_entry("relation", &relation);
            }
            Self::Rollup {
                relation,
                property,
                function,
            } => {
                let rollup = Rollup {
                    relation_property_id: relation,
                    rollup_property_id: property,
                    function,
                };
                return map.serialize_entry("rollup", &rollup);
            }
            Self::Status(None) => "status",
            Self::RichText => "rich_text",
            Self::Date => "date",
            Self::People => "people",
            Self::Files => "files",
            Self::Checkbox => "checkbox",
            Self::Url => "url",
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::CreatedTime => "created_time",
            Self::LastEditedTime => "last_edited_time",
            Self::CreatedBy => "created_by",
            Self::LastEditedBy => "last_edited_by",
            Self::Place => "place",
        };
        map.serialize_entry(plain, &Empty {})
    }
}

struct One<'a, T>(&'static str, &'a T);

impl<T: Serialize> Serialize for One<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.0, self.1)])
    }
}

/// An option of an option list. Lists are declarative: send all options there are, by id, and the new ones by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionWrite {
    /// An option that is there and stays as it is. Its name and colour cannot be changed, so they are not sent.
    Keep(OptionId),
    /// A new option.
    New {
        /// The name: unique without regard to case, no commas.
        name: String,
        /// The colour; Notion picks one when absent.
        color: Option<Color>,
        /// What to say about it.
        description: Option<String>,
        /// For a status, the name of its group.
        group: Option<String>,
    },
}

impl OptionWrite {
    /// A new option of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::New {
            name: name.into(),
            color: None,
            description: None,
            group: None,
        }
    }

    /// All options of a list that was read, to be kept: the start of every change of one.
    #[must_use]
    pub fn keep_all(options: &[OptionSchema]) -> Vec<Self> {
        options
            .iter()
            .map(|option| Self::Keep(option.id.clone()))
            .collect()
    }
}

impl Serialize for OptionWrite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Keep(id) => map.serialize_entry("id", id)?,
            Self::New {
                name,
                color,
                description,
                group,
            } => {
                map.serialize_entry("name", name)?;
                if let Some(color) = color {
                    map.serialize_entry("color", color)?;
                }
                if let Some(description) = description {
                    map.serialize_entry("description", description)?;
                }
                if let Some(group) = group {
                    map.serialize_entry("group", group)?;
                }
            }
        }
        map.end()
    }
}

/// The changes of one schema update, by property id as returned, or by name. Properties that are not among them stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaWrites(Vec<(String, PropertyChange)>);

impl SchemaWrites {
    /// No changes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a change, in place of an earlier one with the same key.
    pub fn set(&mut self, key: impl Into<String>, change: PropertyChange) {
        let key = key.into();
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, slot)) => *slot = change,
            None => self.0.push((key, change)),
        }
    }

    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changes and their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PropertyChange)> {
        self.0.iter().map(|(key, change)| (key.as_str(), change))
    }
}

impl Serialize for SchemaWrites {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
