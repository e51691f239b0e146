//! A plan as a document: what it was made over, names for its records and commands, approval, and
//! reading it back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::pair::{PlannedCommand, PlannedField};
use super::summary::{Plan, PlanItem};
use crate::link::{LinkId, LinkSpec, Mapping, Side, Sides};
use crate::pair::PairState;
use crate::port::{CommandKind, Description, Opened, Serial};
use crate::record::{Key, Timestamp};
use crate::schema::{FieldId, Schema, SchemaVersion};
use crate::value::{Digest, Value};

/// Version of the plan's JSON that this build writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;

/// What a plan was made over: it is carried out only where this still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOver {
    /// The link.
    pub link: LinkId,
    /// The store, 32 hexadecimal digits; all zero where there was none yet.
    #[serde(with = "lineage")]
    pub lineage: u128,
    /// The store's last commit. Told, not compared: every run commits what it observes.
    pub serial: Serial,
    /// The mapping and its lenses.
    pub mapping: Digest,
    /// The schema of each side. Told, not compared: see `fields`.
    pub schemas: Sides<SchemaVersion>,
    /// Kind and access of every mapped field, by its name in the mapping; `None` where a side
    /// lacks it.
    pub fields: BTreeMap<FieldId, Sides<Option<Digest>>>,
    /// The moment of planning.
    pub at: Timestamp,
}

impl PlannedOver {
    /// What a plan made now is made over.
    pub fn new(
        spec: &LinkSpec,
        described: &Sides<Description>,
        opened: &Opened,
        at: Timestamp,
    ) -> Self {
        Self {
            lineage: opened.lineage,
            serial: opened.serial,
            at,
            ..Self::of(spec, described)
        }
    }

    /// What plans of this link are made over, in no store and at no time yet: digests of mapping
    /// and schemas, which one engine needs once.
    pub(crate) fn of(spec: &LinkSpec, described: &Sides<Description>) -> Self {
        let schemas = described.as_ref().map(|side| &side.schema);
        Self {
            link: spec.id.clone(),
            lineage: 0,
            serial: Serial::default(),
            mapping: spec.mapping.digest(),
            schemas: schemas.map(Schema::version),
            fields: field_kinds(&spec.mapping, &schemas),
            at: Timestamp::default(),
        }
    }
}

/// Kind and access of every mapped field. Names and options stay out: a rename changes no value,
/// and an option that is gone changes what is planned.
pub(crate) fn field_kinds(
    mapping: &Mapping,
    schemas: &Sides<&Schema>,
) -> BTreeMap<FieldId, Sides<Option<Digest>>> {
    let kinds = mapping.fields.iter().map(|mapped| {
        let kind = Sides::from_fn(|side| {
            let field = schemas[side].field(&mapped.ids[side])?;
            Some(Digest::of_json(&(field.ty.name(), field.access)))
        });
        (mapped.name().clone(), kind)
    });
    kinds.collect()
}

/// A record as a plan names it: by the keys its peers gave it. A new one has a key on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordName {
    /// The record's title, for people.
    pub label: String,
    /// Its keys.
    pub keys: Sides<Option<Key>>,
}

/// The keys of a pair, as far as it has any.
pub(crate) fn keys_of(pair: &PairState) -> Sides<Option<Key>> {
    pair.sides.as_ref().map(|side| side.key.clone())
}

/// The name of a command inside its plan, by which a person approves it: `12-9f3c01ab`, its number
/// and a short digest of what it says, so that a number never approves another plan's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId {
    number: u64,
    tag: u32,
}

impl CommandId {
    /// The name of the command with this number, from 1, and this digest.
    pub(super) fn new(number: u64, digest: Digest) -> Self {
        let tag = u32::try_from(digest.short() & u64::from(u32::MAX)).unwrap_or(0);
        Self { number, tag }
    }

    /// The same number with the tag of another digest.
    pub(super) fn with_digest(self, digest: Digest) -> Self {
        Self::new(self.number, digest)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.number, self.tag)
    }
}

/// The text is not the name of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a command; it looks like 12-9f3c01ab and stands beside it in the plan")]
pub struct ParseCommandIdError;

impl FromStr for CommandId {
    type Err = ParseCommandIdError;

    fn from_str(text: &str) -> Result<Self, ParseCommandIdError> {
        let (number, tag) = text.split_once('-').ok_or(ParseCommandIdError)?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if tag.len() != 8 || !digits(tag) || !digits(number) {
            return Err(ParseCommandIdError);
        }
        Ok(Self {
            number: number.parse().map_err(|_| ParseCommandIdError)?,
            tag: u32::from_str_radix(tag, 16).map_err(|_| ParseCommandIdError)?,
        })
    }
}

impl Serialize for CommandId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CommandId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A command as it stands in a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListedCommand {
    /// Its name.
    pub id: CommandId,
    /// Digest of what it does to which record, cells that are left out included, rules not.
    pub digest: Digest,
    /// How many fields of a create are left out. Plans of today leave out none, see
    /// [`Plan::unlisted`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// The command.
    #[serde(flatten)]
    pub command: PlannedCommand,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One field of a command, as far as equality of commands goes.
pub(crate) type FieldContent<'a> = (&'a FieldId, Option<&'a Value>, Option<&'a Value>, &'a Value);

/// Two commands are the same when they do the same to the same record: side, kind, keys, and of
/// each field source, expected and desired value. The rule that asks for it may differ.
pub(crate) fn digest_content<'a>(
    side: Side,
    kind: CommandKind,
    keys: &Sides<Option<Key>>,
    fields: impl Iterator<Item = FieldContent<'a>>,
    holding: &[(FieldId, Value)],
) -> Digest {
    let fields: Vec<FieldContent<'a>> = fields.collect();
    Digest::of_json(&(side, kind, keys, fields, holding))
}

impl PlannedCommand {
    /// Digest of what the command does to the record with these keys.
    pub(crate) fn digest(&self, keys: &Sides<Option<Key>>) -> Digest {
        let fields = self.fields.iter().map(PlannedField::content);
        digest_content(self.side, self.kind, keys, fields, &self.holding)
    }
}

impl PlannedField {
    fn content(&self) -> FieldContent<'_> {
        let (source, expected) = (self.source.as_ref(), self.expected.as_ref());
        (&self.name, source, expected, &self.desired)
    }
}

/// Which commands of a plan may be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Every one.
    All,
    /// These.
    Only(BTreeSet<CommandId>),
}

impl Approval {
    /// Whether a command may be carried out.
    pub fn allows(&self, id: CommandId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&id),
        }
    }
}

/// A text is not a plan that this program can use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Written by a later version.
    #[error("the plan has format {found}, this program knows up to {known}; update the program")]
    Newer {
        /// Format found.
        found: u32,
        /// Format known.
        known: u32,
    },
    /// Not a plan at all.
    #[error("not a saved plan")]
    Malformed(#[from] serde_json::Error),
    /// A command does not say what it said when it was planned.
    #[error("command {0} of the plan was changed by hand; plan again and save that")]
    Altered(CommandId),
}

impl Plan {
    /// Reads a saved plan and proves that every command still is the one that was planned. Fields
    /// this version does not know are passed over.
    ///
    /// # Errors
    /// [`PlanError`] where the text is no plan, a newer one, or was changed by hand.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let Head { format } = serde_json::from_str(text)?;
        if format > FORMAT {
            return Err(PlanError::Newer {
                found: format,
                known: FORMAT,
            });
        }
        let plan: Self = serde_json::from_str(text)?;
        match plan.altered() {
            Some(id) => Err(PlanError::Altered(id)),
            None => Ok(plan),
        }
    }

    /// Names the whole plan: a digest of its canonical JSON, in which lineage and serial of the
    /// store stand.
    pub fn id(&self) -> Digest {
        Digest::of_json(self)
    }

    /// Every name by which something of the plan is approved, in order.
    pub fn ids(&self) -> impl Iterator<Item = CommandId> {
        let schema = self.schema.iter().map(|listed| listed.id);
        let listed = self.listed().map(|(_, listed)| listed.id);
        schema
            .chain(listed)
            .chain(self.unlisted.iter().map(|creates| creates.id))
    }

    /// Every command with its record, in order. Creates beyond the first 1,000 are not among them,
    /// see [`Plan::unlisted`].
    pub fn listed(&self) -> impl Iterator<Item = (&PlanItem, &ListedCommand)> {
        let commands = |item| Self::of_item(item);
        self.items.iter().flat_map(commands)
    }

    fn of_item(item: &PlanItem) -> impl Iterator<Item = (&PlanItem, &ListedCommand)> {
        item.commands.iter().map(move |listed| (item, listed))
    }

    /// The first command that does not say what its name was made of.
    fn altered(&self) -> Option<CommandId> {
        let mut schema = self.schema.iter();
        let altered = schema.find(|listed| {
            let digest = listed.command.digest();
            digest != listed.digest || CommandId::new(listed.id.number, digest) != listed.id
        });
        if let Some(listed) = altered {
            return Some(listed.id);
        }
        let mut listed = self.listed();
        let altered = listed.find(|(item, listed)| {
            let digest = digest_of(item, listed);
            digest != listed.digest || listed.id.with_digest(digest) != listed.id
        });
        let mut unlisted = self.unlisted.iter();
        altered
            .map(|(_, listed)| listed.id)
            .or_else(|| Some(unlisted.find(|creates| !creates.is_as_planned())?.id))
    }
}

/// What a listed command does, from what it says; where cells are left out, its digest is all
/// there is.
pub(crate) fn digest_of(item: &PlanItem, listed: &ListedCommand) -> Digest {
    if listed.left_out > 0 {
        listed.digest
    } else {
        listed.command.digest(&item.record.keys)
    }
}

/// Refuses a newer format also where a plan is read as part of another document.
pub(super) fn known_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let found = u32::deserialize(deserializer)?;
    if found > FORMAT {
        let newer = PlanError::Newer {
            found,
            known: FORMAT,
        };
        return Err(serde::de::Error::custom(newer));
    }
    Ok(found)
}

/// A lineage as hexadecimal digits: JSON numbers of that size get lost on the way.
mod lineage {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        lineage: &u128,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{lineage:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}
