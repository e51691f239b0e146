//! The schema of a data source: its properties and their settings, as they are read.

use serde_json::value::RawValue;

use super::property::{PropertyType, RollupFunction};
use super::shared::{Color, tagged};
use crate::id::{DataSourceId, DatabaseId, OptionId, PropertyId};
use crate::json::{DecodeError, Fields, Json, items, open_enum};

/// A property of a data source.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PropertySchema {
    /// The id, which stays.
    pub id: PropertyId,
    /// The name, which people change. Unique in its data source.
    pub name: String,
    /// What people wrote about it.
    pub description: Option<String>,
    /// The type.
    pub kind: PropertyType,
    /// The settings of the type.
    pub config: PropertyConfig,
    /// The whole entry as it came.
    pub raw: Json,
}

/// The settings of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertyConfig {
    /// A type without settings.
    Plain,
    /// How a number is shown; it does not change the value.
    Number {
        /// The format.
        format: NumberFormat,
    },
    /// The options of a select.
    Select {
        /// In the order people see.
        options: Vec<OptionSchema>,
    },
    /// The options of a multi-select.
    MultiSelect {
        /// In the order people see.
        options: Vec<OptionSchema>,
    },
    /// The options of a status and their groups.
    Status {
        /// In the order people see.
        options: Vec<OptionSchema>,
        /// To-do, in progress, complete.
        groups: Vec<StatusGroup>,
    },
    /// What a relation points to.
    Relation(RelationSchema),
    /// What a rollup summarises.
    Rollup(RollupSchema),
    /// What a formula computes.
    Formula {
        /// The expression.
        expression: String,
    },
    /// What stands before a unique id.
    UniqueId {
        /// The prefix.
        prefix: Option<String>,
    },
    /// Settings this crate cannot read. `PropertySchema::raw` has them.
    Unknown,
}

/// An option in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionSchema {
    /// The id, which stays.
    pub id: OptionId,
    /// The name. Unique without regard to case; no commas.
    pub name: String,
    /// The colour.
    pub color: Color,
    /// What people wrote about it.
    pub description: Option<String>,
}

/// A group of status options.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusGroup {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The colour.
    pub color: Color,
    /// Its options.
    pub option_ids: Vec<OptionId>,
}

/// What a relation points to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationSchema {
    /// The data source it points to.
    pub data_source: Option<DataSourceId>,
    /// Its database.
    pub database: Option<DatabaseId>,
    /// Whether the other side has a mirror.
    pub kind: RelationKind,
}

/// Whether a relation has a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelationKind {
    /// One-way.
    Single,
    /// Two-way.
    Dual {
        /// The mirror property in the data source it points to.
        synced_property: Option<PropertyId>,
        /// The mirror's name.
        synced_name: Option<String>,
    },
    /// Something else.
    Unknown(String),
}

/// What a rollup summarises.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RollupSchema {
    /// How.
    pub function: Option<RollupFunction>,
    /// Along which relation.
    pub relation_property: Option<PropertyId>,
    /// Which property there.
    pub rollup_property: Option<PropertyId>,
}

impl PropertySchema {
    /// Decodes one entry of a data source's `properties`. Settings that cannot be read become
    /// [`PropertyConfig::Unknown`].
    ///
    /// # Errors
    /// [`DecodeError`] when id or type is missing.
    pub fn decode(key: &str, raw: &RawValue) -> Result<Self, DecodeError> {
        let fields = Fields::parse("property schema", raw.get())?;
        let known = |word: &str| !matches!(PropertyType::from(word), PropertyType::Unknown(_));
        let (kind, value) = tagged("property schema", &fields, known)?;
        let kind = PropertyType::from(kind.as_str());
        Ok(Self {
            id: fields.required("property schema", "id")?,
            name: fields.string("name").unwrap_or_else(|| key.to_owned()),
            description: fields.string("description"),
            config: value
                .and_then(|raw| config(&kind, raw))
                .unwrap_or(PropertyConfig::Unknown),
            kind,
            raw: raw.into(),
        })
    }
}

fn config(kind: &PropertyType, raw: &RawValue) -> Option<PropertyConfig> {
    let fields = Fields::parse("settings", raw.get()).ok()?;
    let options = || list(&fields, "options", option);
    Some(match kind {
        PropertyType::Unknown(_) => return None,
        PropertyType::Number => PropertyConfig::Number {
            format: fields.soft("format").unwrap_or(NumberFormat::Number),
        },
        PropertyType::Select => PropertyConfig::Select {
            options: options()?,
        },
        PropertyType::MultiSelect => PropertyConfig::MultiSelect {
            options: options()?,
        },
        PropertyType::Status => PropertyConfig::Status {
            options: options()?,
            groups: list(&fields, "groups", group)?,
        },
        PropertyType::Relation => PropertyConfig::Relation(relation(&fields)),
        PropertyType::Rollup => PropertyConfig::Rollup(RollupSchema {
            function: fields.soft("function"),
            relation_property: fields.soft("relation_property_id"),
            rollup_property: fields.soft("rollup_property_id"),
        }),
        PropertyType::Formula => PropertyConfig::Formula {
            expression: fields.string("expression")?,
        },
        PropertyType::UniqueId => PropertyConfig::UniqueId {
            prefix: fields.string("prefix"),
        },
        _ => PropertyConfig::Plain,
    })
}

/// All or nothing: an option list is written back as a whole, so half of one must not look like all of it.
fn list<T>(
    fields: &Fields<'_>,
    key: &str,
    with: impl Fn(&Fields<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(raw) = fields.present(key) else {
        return Some(Vec::new());
    };
    items("settings", raw)
        .ok()?
        .into_iter()
        .map(|raw| with(&Fields::parse("settings", raw.get()).ok()?))
        .collect()
}

fn option(fields: &Fields<'_>) -> Option<OptionSchema> {
    Some(OptionSchema {
        id: fields.soft("id")?,
        name: fields.string("name")?,
        color: fields.soft("color").unwrap_or(Color::Default),
        description: fields.string("description"),
    })
}

fn group(fields: &Fields<'_>) -> Option<StatusGroup> {
    Some(StatusGroup {
        id: fields.string("id")?,
        name: fields.string("name")?,
        color: fields.soft("color").unwrap_or(Color::Default),
        option_ids: fields.soft("option_ids").unwrap_or_default(),
    })
}

fn relation(fields: &Fields<'_>) -> RelationSchema {
    let dual: Option<Fields<'_>> = fields.soft("dual_property");
    let kind = match (fields.text("type").as_deref(), dual) {
        (Some("dual_property") | None, Some(dual)) => RelationKind::Dual {
            synced_property: dual.soft("synced_property_id"),
            synced_name: dual.string("synced_property_name"),
        },
        (Some("dual_property"), None) => RelationKind::Dual {
            synced_property: None,
            synced_name: None,
        },
        (Some("single_property") | None, _) => RelationKind::Single,
        (Some(other), _) => RelationKind::Unknown(other.to_owned()),
    };
    RelationSchema {
        data_source: fields.soft("data_source_id"),
        database: fields.soft("database_id"),
        kind,
    }
}

open_enum! {
    /// How a number is shown.
    NumberFormat {
        Number = "number",
        NumberWithCommas = "number_with_commas",
        Percent = "percent",
        Dollar = "dollar",
        AustralianDollar = "australian_dollar",
        CanadianDollar = "canadian_dollar",
        SingaporeDollar = "singapore_dollar",
        Euro = "euro",
        Pound = "pound",
        Yen = "yen",
        Ruble = "ruble",
        Rupee = "rupee",
        Won = "won",
        Yuan = "yuan",
        Real = "real",
        Lira = "lira",
        Rupiah = "rupiah",
        Franc = "franc",
        HongKongDollar = "hong_kong_dollar",
        NewZealandDollar = "new_zealand_dollar",
        Krona = "krona",
        NorwegianKrone = "norwegian_krone",
        MexicanPeso = "mexican_peso",
        Rand = "rand",
        NewTaiwanDollar = "new_taiwan_dollar",
        DanishKrone = "danish_krone",
        Zloty = "zloty",
        Baht = "baht",
        Forint = "forint",
        Koruna = "koruna",
        Shekel = "shekel",
        ChileanPeso = "chilean_peso",
        PhilippinePeso = "philippine_peso",
        Dirham = "dirham",
        ColombianPeso = "colombian_peso",
        Riyal = "riyal",
        Ringgit = "ringgit",
        Leu = "leu",
        ArgentinePeso = "argentine_peso",
        UruguayanPeso = "uruguayan_peso",
        PeruvianSol = "peruvian_sol",
        VietnameseDong = "vietnamese_dong",
        PakistaniRupee = "pakistani_rupee",
        NigerianNaira = "nigerian_naira",
        Bitcoin = "bitcoin",
    }
}
