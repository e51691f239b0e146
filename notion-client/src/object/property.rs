//! The value of a property on a page, as it is read. Decoded on demand from its raw JSON.

use serde_json::value::RawValue;

use super::rich_text::RichText;
use super::shared::{Color, HostedUrl, tagged};
use super::user::{Person, User};
use crate::id::{OptionId, PageId};
use crate::json::{DecodeError, Fields, Json, items, open_enum};
use crate::number::Number;

open_enum! {
    /// The type of a property.
    PropertyType {
        Title = "title",
        RichText = "rich_text",
        Number = "number",
        Select = "select",
        MultiSelect = "multi_select",
        Status = "status",
        Date = "date",
        People = "people",
        Files = "files",
        Checkbox = "checkbox",
        Url = "url",
        Email = "email",
        PhoneNumber = "phone_number",
        Relation = "relation",
        Rollup = "rollup",
        Formula = "formula",
        UniqueId = "unique_id",
        CreatedTime = "created_time",
        LastEditedTime = "last_edited_time",
        CreatedBy = "created_by",
        LastEditedBy = "last_edited_by",
        Button = "button",
        Verification = "verification",
        Place = "place",
    }
}

impl PropertyType {
    /// Whether a page's value of this type can be written at all. `verification` can on wiki pages only.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !matches!(
            self,
            Self::Rollup
                | Self::Formula
                | Self::UniqueId
                | Self::CreatedTime
                | Self::LastEditedTime
                | Self::CreatedBy
                | Self::LastEditedBy
                | Self::Button
                | Self::Unknown(_)
        )
    }

    fn is_known(word: &str) -> bool {
        !matches!(Self::from(word), Self::Unknown(_))
    }
}

/// The value of a property on a page.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PropertyValue {
    /// The title.
    Title(Vec<RichText>),
    /// Rich text.
    RichText(Vec<RichText>),
    /// A number with its exact literal.
    Number(Option<Number>),
    /// One option.
    Select(Option<SelectOption>),
    /// Several options.
    MultiSelect(Vec<SelectOption>),
    /// One option of a status.
    Status(Option<SelectOption>),
    /// A date or a range, texts untouched.
    Date(Option<DateValue>),
    /// People and groups. Answers may leave out those beyond 25.
    People(Vec<Person>),
    /// Files.
    Files(Vec<FileValue>),
    /// A checkbox.
    Checkbox(bool),
    /// A URL.
    Url(Option<String>),
    /// An e-mail address.
    Email(Option<String>),
    /// A phone number.
    PhoneNumber(Option<String>),
    /// Pages of another data source.
    Relation(Relation),
    /// A computed summary of related pages.
    Rollup(Rollup),
    /// A computed value.
    Formula(Formula),
    /// A number the data source gives every page.
    UniqueId(UniqueId),
    /// When the page was made; minutes are the finest.
    CreatedTime(String),
    /// When the page was last edited; minutes are the finest.
    LastEditedTime(String),
    /// Who made the page.
    CreatedBy(User),
    /// Who last edited the page.
    LastEditedBy(User),
    /// A button; it has no value.
    Button,
    /// The verification of a wiki page.
    Verification(Option<Verification>),
    /// A place.
    Place(Option<Place>),
    /// A type without a name here. Kept, and never to be written back.
    Unknown {
        /// The type.
        kind: String,
        /// The whole property value as it came.
        raw: Json,
    },
}

impl PropertyValue {
    /// Decodes `{id, type, [type]: …}`, the value of one entry of a page's `properties`.
    ///
    /// # Errors
    /// [`DecodeError`] when a known type does not have its shape. A type without a name here is `Unknown`, not an error.
    pub fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("property", raw.get())?;
        let (kind, value) = tagged("property", &fields, PropertyType::is_known)?;
        let typed = PropertyType::from(kind.as_str());
        if let PropertyType::Unknown(_) = typed {
            return Ok(Self::Unknown {
                kind,
                raw: raw.into(),
            });
        }
        let value = value
            .ok_or_else(|| DecodeError::new(format!("property {kind}"), "its value is missing"))?;
        Self::decode_value(&typed, value, &fields)
    }

    fn decode_value(
        kind: &PropertyType,
        raw: &RawValue,
        fields: &Fields<'_>,
    ) -> Result<Self, DecodeError> {
        let text = || decode::<Option<String>>("property text", raw);
        Ok(match kind {
            PropertyType::Title => Self::Title(runs(raw)?),
            PropertyType::RichText => Self::RichText(runs(raw)?),
            PropertyType::Number => Self::Number(decode("property number", raw)?),
            PropertyType::Select => Self::Select(nullable(raw, SelectOption::decode)?),
            PropertyType::MultiSelect => Self::MultiSelect(each(raw, SelectOption::decode)?),
            PropertyType::Status => Self::Status(nullable(raw, SelectOption::decode)?),
            PropertyType::Date => Self::Date(nullable(raw, DateValue::decode)?),
            PropertyType::People => Self::People(each(raw, |raw| Ok(Person::decode(raw)))?),
            PropertyType::Files => Self::Files(each(raw, |raw| Ok(FileValue::decode(raw)))?),
            PropertyType::Checkbox => Self::Checkbox(decode("property checkbox", raw)?),
            PropertyType::Url => Self::Url(text()?),
            PropertyType::Email => Self::Email(text()?),
            PropertyType::PhoneNumber => Self::PhoneNumber(text()?),
            PropertyType::Relation => Self::Relation(Relation {
                pages: each(raw, |raw| {
                    Fields::parse("relation", raw.get())?.required("relation", "id")
                })?,
                has_more: fields.optional("relation", "has_more")?,
            }),
            PropertyType::Rollup => Self::Rollup(Rollup::decode(raw)?),
            PropertyType::Formula => Self::Formula(Formula::decode(raw)?),
            PropertyType::UniqueId => Self::UniqueId(UniqueId::decode(raw)?),
            PropertyType::CreatedTime => Self::CreatedTime(decode("property created_time", raw)?),
            PropertyType::LastEditedTime => {
                Self::LastEditedTime(decode("property last_edited_time", raw)?)
            }
            PropertyType::CreatedBy => Self::CreatedBy(User::decode(raw)?),
            PropertyType::LastEditedBy => Self::LastEditedBy(User::decode(raw)?),
            PropertyType::Button => Self::Button,
            PropertyType::Verification => Self::Verification(nullable(raw, Verification::decode)?),
            PropertyType::Place => Self::Place(nullable(raw, Place::decode)?),
            PropertyType::Unknown(kind) => Self::Unknown {
                kind: kind.to_string(),
                raw: raw.into(),
            },
        })
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> PropertyType {
        match self {
            Self::Title(_) => PropertyType::Title,
            Self::RichText(_) => PropertyType::RichText,
            Self::Number(_) => PropertyType::Number,
            Self::Select(_) => PropertyType::Select,
            Self::MultiSelect(_) => PropertyType::MultiSelect,
            Self::Status(_) => PropertyType::Status,
            Self::Date(_) => PropertyType::Date,
            Self::People(_) => PropertyType::People,
            Self::Files(_) => PropertyType::Files,
            Self::Checkbox(_) => PropertyType::Checkbox,
            Self::Url(_) => PropertyType::Url,
            Self::Email(_) => PropertyType::Email,
            Self::PhoneNumber(_) => PropertyType::PhoneNumber,
            Self::Relation(_) => PropertyType::Relation,
            Self::Rollup(_) => PropertyType::Rollup,
            Self::Formula(_) => PropertyType::Formula,
            Self::UniqueId(_) => PropertyType::UniqueId,
            Self::CreatedTime(_) => PropertyType::CreatedTime,
            Self::LastEditedTime(_) => PropertyType::LastEditedTime,
            Self::CreatedBy(_) => PropertyType::CreatedBy,
            Self::LastEditedBy(_) => PropertyType::LastEditedBy,
            Self::Button => PropertyType::Button,
            Self::Verification(_) => PropertyType::Verification,
            Self::Place(_) => PropertyType::Place,
            Self::Unknown { kind, .. } => PropertyType::Unknown(kind.as_str().into()),
        }
    }

    /// Whether a page's answer may have left out part of this value, so that only the property-item endpoint has all of
    /// it: 25 references are the most an answer holds, and only relations say so.
    #[must_use]
    pub fn may_be_truncated(&self) -> bool {
        const SHOWN: usize = 25;
        match self {
            Self::Relation(relation) => relation.has_more.unwrap_or(relation.pages.len() >= SHOWN),
            Self::People(people) => people.len() >= SHOWN,
            Self::Title(runs) | Self::RichText(runs) => {
                let mention =
                    |run: &&RichText| matches!(run.kind, super::RichTextKind::Mention { .. });
                runs.iter().filter(mention).count() >= SHOWN
            }
            _ => false,
        }
    }
}

/// An option as a page holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectOption {
    /// The id; stable across renames. Missing inside some computed values.
    pub id: Option<OptionId>,
    /// The name.
    pub name: String,
    /// The colour, which belongs to the schema.
    pub color: Color,
}

impl SelectOption {
    fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("option", raw.get())?;
        Ok(Self {
            id: fields.optional("option", "id")?,
            name: fields.required("option", "name")?,
            color: fields.soft("color").unwrap_or(Color::Default),
        })
    }
}

/// A date, a time or a range, its texts as they came: a date without a time stays one, an offset stays what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateValue {
    /// `2026-06-15`, or a time with offset such as `2026-06-15T14:30:00.000-04:00`.
    pub start: String,
    /// The same for the end of a range.
    pub end: Option<String>,
    /// The time zone's name. Answers have been seen to always leave it null.
    pub time_zone: Option<String>,
}

impl DateValue {
    pub(crate) fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("date", raw.get())?;
        Ok(Self {
            start: fields.required("date", "start")?,
            end: fields.optional("date", "end")?,
            time_zone: fields.optional("date", "time_zone")?,
        })
    }
}

/// A file of a files property.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileValue {
    /// Its name.
    pub name: Option<String>,
    /// Where it is.
    pub source: FileSource,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSource {
    /// At Notion.
    Hosted {
        /// The signed URL.
        url: HostedUrl,
        /// When the signature ends.
        expiry_time: Option<String>,
    },
    /// Elsewhere.
    External {
        /// The URL, as it was given.
        url: String,
    },
    /// Something else.
    Unknown {
        /// The kind.
        kind: String,
        /// All of it.
        raw: Json,
    },
}

impl FileValue {
    fn decode(raw: &RawValue) -> Self {
        let fields = Fields::parse("file", raw.get()).ok();
        let name = fields.as_ref().and_then(|fields| fields.string("name"));
        let source = fields
            .as_ref()
            .and_then(FileSource::decode)
            .unwrap_or_else(|| FileSource::Unknown {
                kind: fields
                    .as_ref()
                    .and_then(|fields| fields.string("type"))
                    .unwrap_or_default(),
                raw: raw.into(),
            });
        Self { name, source }
    }
}

impl FileSource {
    fn decode(fields: &Fields<'_>) -> Option<Self> {
        let (kind, raw) = tagged("file", fields, |key| matches!(key, "file" | "external")).ok()?;
        let inner = Fields::parse("file", raw?.get()).ok()?;
        let url = inner.string("url")?;
        match kind.as_str() {
            "file" => Some(Self::Hosted {
                url: HostedUrl::new(url),
                expiry_time: inner.string("expiry_time"),
            }),
            "external" => Some(Self::External { url }),
            _ => None,
        }
    }
}

/// Pages of another data source. Empty also when that data source is not shared with the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// The pages, at most 25 in a page's answer.
    pub pages: Vec<PageId>,
    /// Whether there are more, where the answer says so.
    pub has_more: Option<bool>,
}

open_enum! {
    /// How a rollup summarises.
    RollupFunction {
        Count = "count",
        CountValues = "count_values",
        Empty = "empty",
        NotEmpty = "not_empty",
        Unique = "unique",
        ShowUnique = "show_unique",
        PercentEmpty = "percent_empty",
        PercentNotEmpty = "percent_not_empty",
        Sum = "sum",
        Average = "average",
        Median = "median",
        Min = "min",
        Max = "max",
        Range = "range",
        EarliestDate = "earliest_date",
        LatestDate = "latest_date",
        DateRange = "date_range",
        Checked = "checked",
        Unchecked = "unchecked",
        PercentChecked = "percent_checked",
        PercentUnchecked = "percent_unchecked",
        CountPerGroup = "count_per_group",
        PercentPerGroup = "percent_per_group",
        ShowOriginal = "show_original",
    }
}

/// A summary of related pages.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rollup {
    /// How it was made.
    pub function: Option<RollupFunction>,
    /// What came out.
    pub result: RollupResult,
}

/// What a rollup came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RollupResult {
    /// A number.
    Number(Option<Number>),
    /// A date.
    Date(Option<DateValue>),
    /// The values themselves.
    Array(Vec<PropertyValue>),
    /// More pages of the item list have to be read first.
    Incomplete,
    /// The API cannot compute it. Not zero, not empty.
    Unsupported,
    /// Something else.
    Unknown {
        /// The kind.
        kind: String,
        /// The whole rollup as it came.
        raw: Json,
    },
}

impl Rollup {
    pub(crate) fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("rollup", raw.get())?;
        let (kind, value) = tagged("rollup", &fields, |key| {
            matches!(key, "number" | "date" | "array")
        })?;
        let result = match (kind.as_str(), value) {
            ("number", Some(value)) => RollupResult::Number(decode("rollup number", value)?),
            ("date", Some(value)) => RollupResult::Date(nullable(value, DateValue::decode)?),
            ("array", Some(value)) => RollupResult::Array(each(value, |raw| {
                // An odd element costs itself.
                Ok(
                    PropertyValue::decode(raw).unwrap_or_else(|_| PropertyValue::Unknown {
                        kind: String::new(),
                        raw: raw.into(),
                    }),
                )
            })?),
            ("incomplete", _) => RollupResult::Incomplete,
            ("unsupported", _) => RollupResult::Unsupported,
            _ => RollupResult::Unknown {
                kind,
                raw: raw.into(),
            },
        };
        Ok(Self {
            function: fields.soft("function"),
            result,
        })
    }
}

/// What a formula came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Formula {
    /// A text.
    String(Option<String>),
    /// A number.
    Number(Option<Number>),
    /// A truth value.
    Boolean(Option<bool>),
    /// A date.
    Date(Option<DateValue>),
    /// The API cannot compute it. Not zero, not empty.
    Unsupported,
    /// Something else.
    Unknown {
        /// The kind.
        kind: String,
        /// The whole formula as it came.
        raw: Json,
    },
}

impl Formula {
    fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("formula", raw.get())?;
        let (kind, value) = tagged("formula", &fields, |key| {
            matches!(key, "string" | "number" | "boolean" | "date")
        })?;
        Ok(match (kind.as_str(), value) {
            ("string", Some(value)) => Self::String(decode("formula string", value)?),
            ("number", Some(value)) => Self::Number(decode("formula number", value)?),
            ("boolean", Some(value)) => Self::Boolean(decode("formula boolean", value)?),
            ("date", Some(value)) => Self::Date(nullable(value, DateValue::decode)?),
            ("unsupported", _) => Self::Unsupported,
            _ => Self::Unknown {
                kind,
                raw: raw.into(),
            },
        })
    }
}

/// A number the data source gives every page, never to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UniqueId {
    /// What stands before it.
    pub prefix: Option<String>,
    /// The number.
    pub number: Option<Number>,
}

impl UniqueId {
    fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("unique_id", raw.get())?;
        Ok(Self {
            prefix: fields.optional("unique_id", "prefix")?,
            number: fields.optional("unique_id", "number")?,
        })
    }
}

open_enum! {
    /// Whether a wiki page is verified.
    VerificationState {
        Verified = "verified",
        Expired = "expired",
        Unverified = "unverified",
    }
}

/// The verification of a wiki page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Whether it is verified.
    pub state: VerificationState,
    /// For how long.
    pub date: Option<DateValue>,
    /// By whom.
    pub verified_by: Option<User>,
}

impl Verification {
    fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("verification", raw.get())?;
        Ok(Self {
            state: fields.required("verification", "state")?,
            date: fields.present("date").map(DateValue::decode).transpose()?,
            verified_by: fields
                .present("verified_by")
                .and_then(|raw| User::decode(raw).ok()),
        })
    }
}

/// A place on earth.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Latitude, -90 to 90.
    pub lat: Number,
    /// Longitude, -180 to 180.
    pub lon: Number,
    /// Its name.
    pub name: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// Its id at Amazon.
    pub aws_place_id: Option<String>,
    /// Its id at Google.
    pub google_place_id: Option<String>,
}

impl Place {
    /// A place by its coordinates.
    #[must_use]
    pub fn at(lat: Number, lon: Number) -> Self {
        Self {
            lat,
            lon,
            name: None,
            address: None,
            aws_place_id: None,
            google_place_id: None,
        }
    }

    fn decode(raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("place", raw.get())?;
        Ok(Self {
            lat: fields.required("place", "lat")?,
            lon: fields.required("place", "lon")?,
            name: fields.string("name"),
            address: fields.string("address"),
            aws_place_id: fields.string("aws_place_id"),
            google_place_id: fields.string("google_place_id"),
        })
    }
}

fn decode<'a, T: serde::Deserialize<'a>>(
    what: &'static str,
    raw: &'a RawValue,
) -> Result<T, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|error| DecodeError::json(what, &error))
}

fn nullable<T>(
    raw: &RawValue,
    with: impl FnOnce(&RawValue) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if raw.get() == "null" {
        Ok(None)
    } else {
        with(raw).map(Some)
    }
}

fn each<T>(
    raw: &RawValue,
    with: impl FnMut(&RawValue) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    items("property list", raw)?.into_iter().map(with).collect()
}

pub(crate) fn runs(raw: &RawValue) -> Result<Vec<RichText>, DecodeError> {
    each(raw, |raw| Ok(RichText::decode(raw)))
}
