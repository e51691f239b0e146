//! The property types of the API, open to types not known here.

/// The type of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Title,
    RichText,
    Number,
    Select,
    MultiSelect,
    Status,
    Date,
    People,
    Files,
    Checkbox,
    Url,
    Email,
    PhoneNumber,
    Relation,
    Rollup,
    Formula,
    UniqueId,
    CreatedTime,
    LastEditedTime,
    CreatedBy,
    LastEditedBy,
    Button,
    Verification,
    Place,
    Other(Box<str>),
}

const KNOWN: [(Kind, &str); 24] = [
    (Kind::Title, "title"),
    (Kind::RichText, "rich_text"),
    (Kind::Number, "number"),
    (Kind::Select, "select"),
    (Kind::MultiSelect, "multi_select"),
    (Kind::Status, "status"),
    (Kind::Date, "date"),
    (Kind::People, "people"),
    (Kind::Files, "files"),
    (Kind::Checkbox, "checkbox"),
    (Kind::Url, "url"),
    (Kind::Email, "email"),
    (Kind::PhoneNumber, "phone_number"),
    (Kind::Relation, "relation"),
    (Kind::Rollup, "rollup"),
    (Kind::Formula, "formula"),
    (Kind::UniqueId, "unique_id"),
    (Kind::CreatedTime, "created_time"),
    (Kind::LastEditedTime, "last_edited_time"),
    (Kind::CreatedBy, "created_by"),
    (Kind::LastEditedBy, "last_edited_by"),
    (Kind::Button, "button"),
    (Kind::Verification, "verification"),
    (Kind::Place, "place"),
];

impl Kind {
    /// The type with this name on the wire.
    pub(crate) fn parse(name: &str) -> Self {
        KNOWN
            .iter()
            .find(|(_, known)| *known == name)
            .map_or_else(|| Self::Other(name.into()), |(kind, _)| kind.clone())
    }

    /// Its name on the wire.
    pub(crate) fn as_str(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        KNOWN
            .iter()
            .find(|(kind, _)| kind == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether the API lets a request give a page value of this type.
    pub(crate) fn is_writable(&self) -> bool {
        matches!(
            self,
            Self::Title
                | Self::RichText
                | Self::Number
                | Self::Select
                | Self::MultiSelect
                | Self::Status
                | Self::Date
                | Self::People
                | Self::Files
                | Self::Checkbox
                | Self::Url
                | Self::Email
                | Self::PhoneNumber
                | Self::Relation
                | Self::Verification
                | Self::Place
        )
    }

    /// Whether the value follows from the page's own times and authors.
    pub(crate) fn is_bookkeeping(&self) -> bool {
        matches!(
            self,
            Self::CreatedTime | Self::LastEditedTime | Self::CreatedBy | Self::LastEditedBy
        )
    }

    /// Whether the value follows from other values.
    pub(crate) fn is_computed(&self) -> bool {
        matches!(self, Self::Formula | Self::Rollup)
    }

    /// Whether values carry options of the schema.
    pub(crate) fn has_options(&self) -> bool {
        matches!(self, Self::Select | Self::MultiSelect | Self::Status)
    }

    /// Whether an empty value is an empty list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Title
                | Self::RichText
                | Self::MultiSelect
                | Self::People
                | Self::Files
                | Self::Relation
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for (kind, name) in &KNOWN {
            assert_eq!(&Kind::parse(name), kind);
            assert_eq!(kind.as_str(), *name);
        }
        assert_eq!(Kind::parse("location").as_str(), "location");
    }
}
