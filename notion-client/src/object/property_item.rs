//! The answers of the property-item endpoint: the whole of a value that a page's answer may cut.

use serde_json::value::RawValue;

use super::property::{PropertyType, PropertyValue, Relation, Rollup, RollupResult};
use super::rich_text::RichText;
use super::user::Person;
use crate::id::{Cursor, PageId, PropertyId};
use crate::json::{DecodeError, Fields};
use crate::paging::{Decoded, Item, List};

/// One answer of the property-item endpoint.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PropertyItems {
    /// A type that has one value: the same as on the page.
    Single(Box<PropertyItem>),
    /// A page of elements: title, rich text, people, relation, rollup.
    List(Box<PropertyItemList>),
}

/// A page of elements.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PropertyItemList {
    /// The elements.
    pub list: List<PropertyItem>,
    /// The property.
    pub id: Option<PropertyId>,
    /// Its type.
    pub kind: PropertyType,
    /// For a rollup, what it has come to so far; final on the last page.
    pub rollup: Option<Rollup>,
}

/// One element, or a single value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PropertyItem {
    /// The property's id: elements have none of their own.
    pub id: Option<PropertyId>,
    /// The value.
    pub value: ItemValue,
}

/// What an item holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ItemValue {
    /// A run of a title.
    Title(RichText),
    /// A run of rich text.
    RichText(RichText),
    /// One of the people.
    People(Person),
    /// One of the related pages.
    Relation(PageId),
    /// A whole value, of any other type.
    Whole(Box<PropertyValue>),
}

impl PropertyItems {
    /// Decodes an answer of `GET pages/{id}/properties/{property}`.
    ///
    /// # Errors
    /// [`DecodeError`] when it is neither an item nor a list of them.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let fields = Fields::parse("property item", text)?;
        match fields.text("object").as_deref() {
            Some("list") => {
                let head: Option<Fields<'_>> =
                    fields.optional("property item list", "property_item")?;
                let kind = head
                    .as_ref()
                    .and_then(|head| head.string("type"))
                    .unwrap_or_default();
                let rollup = head
                    .as_ref()
                    .and_then(|head| head.present("rollup"))
                    .map(Rollup::decode)
                    .transpose()?;
                Ok(Self::List(Box::new(PropertyItemList {
                    list: List::decode(text, |text| PropertyItem::decode(text).map(Decoded::Full))?,
                    id: head.as_ref().and_then(|head| head.soft("id")),
                    kind: PropertyType::from(kind.as_str()),
                    rollup,
                })))
            }
            Some("property_item") => {
                PropertyItem::decode(text).map(|item| Self::Single(Box::new(item)))
            }
            _ => Err(DecodeError::new(
                "property item",
                "`object` is neither `list` nor `property_item`",
            )),
        }
    }

    /// Where the list goes on.
    #[must_use]
    pub fn next_cursor(&self) -> Option<&Cursor> {
        match self {
            Self::Single(_) => None,
            Self::List(page) => page.list.next_cursor.as_ref(),
        }
    }
}

impl PropertyItem {
    fn decode(text: &str) -> Result<Self, DecodeError> {
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|error| DecodeError::json("property item", &error))?;
        let fields = Fields::parse("property item", text)?;
        let kind = fields.text("type").unwrap_or_default();
        // Lists hold one element where a page holds an array.
        let element = fields
            .present(&kind)
            .filter(|raw| raw.get().starts_with('{'));
        let value = match (&*kind, element) {
            ("title", Some(raw)) => ItemValue::Title(RichText::decode(raw)),
            ("rich_text", Some(raw)) => ItemValue::RichText(RichText::decode(raw)),
            ("people", Some(raw)) => ItemValue::People(Person::decode(raw)),
            ("relation", Some(raw)) => ItemValue::Relation(
                Fields::parse("relation", raw.get())?.required("relation", "id")?,
            ),
            _ => ItemValue::Whole(Box::new(PropertyValue::decode(raw)?)),
        };
        Ok(Self {
            id: fields.soft("id"),
            value,
        })
    }
}

/// Puts the answers for one property together into its whole value. Pure; the walk is the caller's.
#[derive(Clone, Debug, Default)]
pub struct PropertyAssembly {
    single: Option<PropertyValue>,
    kind: Option<PropertyType>,
    items: Vec<ItemValue>,
    rollup: Option<Rollup>,
    odd: bool,
    open: bool,
}

impl PropertyAssembly {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next answer.
    pub fn push(&mut self, answer: PropertyItems) {
        self.open = answer.next_cursor().is_some();
        match answer {
            PropertyItems::Single(item) => match item.value {
                ItemValue::Whole(value) => self.single = Some(*value),
                other => self.items.push(other),
            },
            PropertyItems::List(page) => {
                self.kind = Some(page.kind);
                self.rollup = page.rollup.or(self.rollup.take());
                for item in page.list.results {
                    match item {
                        Item::Ok(item) => self.items.push(item.value),
                        Item::Partial(_) | Item::Odd(_) => self.odd = true,
                    }
                }
            }
        }
    }

    /// The whole value.
    ///
    /// # Errors
    /// [`DecodeError`] when an element was odd, the last answer was not the end, or the elements do not fit the type: a
    /// value that is not whole must not look like one.
    pub fn finish(self) -> Result<PropertyValue, DecodeError> {
        let bad = |problem: &'static str| Err(DecodeError::new("property items", problem));
        if self.open {
            return bad("the list goes on");
        }
        if self.odd {
            return bad("an element could not be read");
        }
        if let Some(value) = self.single {
            return Ok(value);
        }
        let Some(kind) = self.kind else {
            return bad("no answer was read");
        };
        let count = self.items.len();
        let items = self.items.into_iter();
        let value = match kind {
            PropertyType::Title => PropertyValue::Title(
                items
                    .filter_map(|item| {
                        if let ItemValue::Title(run) = item {
                            Some(run)
                        } else {
                            None
                        }
                    })
                    .collect(),
            ),
            PropertyType::RichText => PropertyValue::RichText(
                items
                    .filter_map(|item| {
                        if let ItemValue::RichText(run) = item {
                            Some(run)
                        } else {
                            None
                        }
                    })
                    .collect(),
            ),
            PropertyType::People => PropertyValue::People(
                items
                    .filter_map(|item| {
                        if let ItemValue::People(one) = item {
                            Some(one)
                        } else {
                            None
                        }
                    })
                    .collect(),
            ),
            PropertyType::Relation => PropertyValue::Relation(Relation {
                pages: items
                    .filter_map(|item| {
                        if let ItemValue::Relation(page) = item {
                            Some(page)
                        } else {
                            None
                        }
                    })
                    .collect(),
                has_more: Some(false),
            }),
            PropertyType::Rollup => {
                let Some(mut rollup) = self.rollup else {
                    return bad("the rollup has no result");
                };
                if let RollupResult::Array(values) = &mut rollup.result {
                    *values = items
                        .map(|item| match item {
                            ItemValue::Title(run) => PropertyValue::Title(vec![run]),
                            ItemValue::RichText(run) => PropertyValue::RichText(vec![run]),
                            ItemValue::People(one) => PropertyValue::People(vec![one]),
                            ItemValue::Relation(page) => PropertyValue::Relation(Relation {
                                pages: vec![page],
                                has_more: Some(false),
                            }),
                            ItemValue::Whole(value) => *value,
                        })
                        .collect();
                }
                return Ok(PropertyValue::Rollup(rollup));
            }
            _ => return bad("a list of a type that has none"),
        };
        let kept = match &value {
            PropertyValue::Title(runs) | PropertyValue::RichText(runs) => runs.len(),
            PropertyValue::People(people) => people.len(),
            PropertyValue::Relation(relation) => relation.pages.len(),
            _ => count,
        };
        if kept == count {
            Ok(value)
        } else {
            bad("the elements are of several types")
        }
    }
}
