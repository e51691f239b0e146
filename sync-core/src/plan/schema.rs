//! Commands that change a schema: which are wanted, and which of them a guard holds back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::document::CommandId;
use super::guards::{Guard, Refusal};
use crate::link::{LensContext, LinkSpec, OptionPairs, Side, Sides};
use crate::port::Description;
use crate::schema::{FieldId, FieldIds, SchemaChange};
use crate::value::Digest;

/// Why a schema is to be changed. Ids are public and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SchemaRule {
    /// An option was renamed on the other side.
    S01,
    /// A record holds an option that is not there yet, and the policy adds it.
    S02,
    /// A field is called otherwise on the side whose names count.
    S03,
    /// The collection is called otherwise on the side whose name counts.
    S04,
    /// A person asked for it.
    S05,
}

impl SchemaRule {
    /// Why, in a sentence for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::S01 => "renamed on the other side",
            Self::S02 => "a record holds an option that is not there yet",
            Self::S03 => "the field is called so on the other side",
            Self::S04 => "the collection is called so on the other side",
            Self::S05 => "asked for",
        }
    }
}

impl fmt::Display for SchemaRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One change of one side's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaCommand {
    /// The side.
    pub side: Side,
    /// Why.
    pub rule: SchemaRule,
    /// The pair of fields it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldId>,
    /// What is changed.
    pub change: SchemaChange,
}

/// A schema command as it stands in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSchemaCommand {
    /// Its name, by which a person approves it.
    pub id: CommandId,
    /// Digest of what it does to which side.
    pub digest: Digest,
    /// The command.
    #[serde(flatten)]
    pub command: SchemaCommand,
}

impl SchemaCommand {
    /// Digest of what the command does; the rule that asks for it may differ.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of_json(&(self.side, &self.change))
    }

    /// What is done, in words that follow the name of the side.
    pub fn sentence(&self, described: &Sides<Description>) -> String {
        let schema = &described[self.side].schema;
        let name = |id: &FieldId| {
            let field = schema.field(id);
            field.map_or(id.as_str(), |field| &field.name).to_owned()
        };
        self.change.sentence(name)
    }
}

/// Options that records need and a side does not offer, by side and pair of fields.
pub type WantedOptions = BTreeSet<(Side, FieldId, String)>;

/// What decides about schema commands.
#[derive(Clone, Copy, Debug)]
pub struct SchemaContext<'a> {
    /// The link.
    pub spec: &'a LinkSpec,
    /// Schema and capabilities of both sides.
    pub described: &'a Sides<Description>,
    /// Which option is which, by pair of fields.
    pub options: &'a BTreeMap<FieldId, OptionPairs>,
    /// Options that records wait for.
    pub wanted: &'a WantedOptions,
    /// What a person asks for.
    pub asked: &'a Sides<Vec<SchemaChange>>,
}

/// Everything that is to be changed about the schemas: what is so already is left out, and what a
/// side cannot do or the link does not let flow to it.
pub fn plan_schema(context: &SchemaContext<'_>) -> Vec<SchemaCommand> {
    let mut commands = Vec::new();
    renamed_options(context, &mut commands);
    added_options(context, &mut commands);
    names(context, &mut commands);
    for side in Side::BOTH {
        commands.extend(context.asked[side].iter().map(|change| SchemaCommand {
            side,
            rule: SchemaRule::S05,
            field: None,
            change: change.clone(),
        }));
    }
    let direction = context.spec.policy.direction;
    commands.retain(|command| {
        let Description {
            schema,
            capabilities,
        } = &context.described[command.side];
        capabilities.alter && direction.flows_to(command.side) && !command.change.holds_in(schema)
    });
    // Additions first, what takes values away last.
    commands.sort_by_key(|command| (command.change.is_destructive(), command.side));
    commands
}

fn renamed_options(context: &SchemaContext<'_>, commands: &mut Vec<SchemaCommand>) {
    for mapped in &context.spec.mapping.fields {
        let Some(pairs) = context.options.get(mapped.name()) else {
            continue;
        };
        let offered = LensContext::of(context.described, mapped).options;
        for renamed in pairs.renamed(offered) {
            let side = renamed.side.other();
            commands.push(SchemaCommand {
                side,
                rule: SchemaRule::S01,
                field: Some(mapped.name().clone()),
                change: SchemaChange::RenameOption {
                    field: mapped.ids[side].clone(),
                    option: renamed.there,
                    name: renamed.name,
                },
            });
        }
    }
}

/// One command per field, whatever the number of options.
fn added_options(context: &SchemaContext<'_>, commands: &mut Vec<SchemaCommand>) {
    let mut by_field: BTreeMap<(Side, &FieldId), Vec<String>> = BTreeMap::new();
    for (side, field, name) in context.wanted {
        let names = by_field.entry((*side, field)).or_default();
        names.push(name.clone());
    }
    for ((side, name), names) in by_field {
        let Some(mapped) = context.spec.mapping.field(name) else {
            continue;
        };
        commands.push(SchemaCommand {
            side,
            rule: SchemaRule::S02,
            field: Some(name.clone()),
            change: SchemaChange::AddOptions {
                field: mapped.ids[side].clone(),
                names,
            },
        });
    }
}

/// Names of fields and of the collection, where the policy says whose count.
fn names(context: &SchemaContext<'_>, commands: &mut Vec<SchemaCommand>) {
    let policy = &context.spec.policy;
    if let Some(from) = policy.field_names {
        let side = from.other();
        let stable = context.described[side].capabilities.field_ids == FieldIds::Stable;
        for mapped in context.spec.mapping.fields.iter().filter(|_| stable) {
            let named = |side: Side| context.described[side].schema.field(&mapped.ids[side]);
            let (Some(theirs), Some(ours)) = (named(from), named(side)) else {
                continue;
            };
            // What the peer itself named, as a page's address, has no other name.
            let own = theirs.id.as_str().starts_with('_') || ours.id.as_str().starts_with('_');
            if !own {
                commands.push(SchemaCommand {
                    side,
                    rule: SchemaRule::S03,
                    field: Some(mapped.name().clone()),
                    change: SchemaChange::RenameField {
                        field: ours.id.clone(),
                        name: theirs.name.clone(),
                    },
                });
            }
        }
    }
    if let Some(from) = policy.title {
        let title = context.described[from].schema.title.clone();
        if !title.is_empty() {
            commands.push(SchemaCommand {
                side: from.other(),
                rule: SchemaRule::S04,
                field: None,
                change: SchemaChange::SetTitle { title },
            });
        }
    }
}

/// The guard DestructiveSchema: what takes values away waits for a person's word.
pub fn hold_destructive(
    commands: &[&SchemaCommand],
    described: &Sides<Description>,
    names: &Sides<String>,
) -> Vec<Refusal> {
    let destructive = commands
        .iter()
        .filter(|command| command.change.is_destructive());
    let refusals = destructive.map(|command| Refusal {
        guard: Guard::DestructiveSchema,
        pair: None,
        side: Some(command.side),
        field: command.field.clone(),
        reason: format!(
            "values would be lost on {}: {}",
            names[command.side],
            command.sentence(described)
        ),
        count: 1,
    });
    refusals.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Lens, LinkId, MappedField, Mapping, Policy};
    use crate::port::{Capabilities, PlaceId};
    use crate::schema::{Access, Field, FieldType, Limits, Schema};

    #[test]
    fn p11_every_schema_rule_has_its_name_and_a_sentence_of_its_own() {
        use SchemaRule as S;
        let mut told = BTreeSet::new();
        for (rule, id) in [
            (S::S01, "S01"),
            (S::S02, "S02"),
            (S::S03, "S03"),
            (S::S04, "S04"),
            (S::S05, "S05"),
        ] {
            assert_eq!(rule.to_string(), id);
            let sentence = rule.reason();
            assert!(
                sentence.len() >= "asked for".len() && !sentence.ends_with('.'),
                "{sentence:?}"
            );
            assert!(told.insert(sentence), "told twice: {sentence:?}");
        }
    }

    #[test]
    fn p11_a_schema_command_names_the_field_as_people_know_it_on_its_side() {
        let described = |name: &str| Description {
            schema: Schema {
                title: "T".into(),
                fields: vec![Field {
                    id: FieldId::new("f"),
                    name: name.into(),
                    ty: FieldType::Text,
                    access: Access::Writable,
                    limits: Limits::default(),
                }],
            },
            capabilities: Capabilities::local(),
        };
        let described = Sides::new(described("Notes"), described("Remarks"));
        let command = SchemaCommand {
            side: Side::Right,
            rule: SchemaRule::S03,
            field: Some(FieldId::new("f")),
            change: SchemaChange::RenameField {
                field: FieldId::new("f"),
                name: "Notes".into(),
            },
        };
        let told = command.sentence(&described);
        assert_eq!(told, "rename the field \"Remarks\" to \"Notes\"");
    }

    /// What a peer named itself, as a page's address, has no other name.
    #[test]
    fn s03_a_field_takes_the_name_of_the_side_that_counts_unless_a_peer_named_it_itself() {
        let described = |id: &str, name: &str| Description {
            schema: Schema {
                title: "T".into(),
                fields: vec![Field {
                    id: FieldId::new(id),
                    name: name.into(),
                    ty: FieldType::Text,
                    access: Access::Writable,
                    limits: Limits::default(),
                }],
            },
            capabilities: Capabilities {
                alter: true,
                field_ids: FieldIds::Stable,
                ..Capabilities::local()
            },
        };
        for (left, right, commands) in [("a", "b", 1), ("_a", "b", 0), ("a", "_b", 0)] {
            let ids = Sides::new(FieldId::new(left), FieldId::new(right));
            let spec = LinkSpec {
                id: LinkId::new("l"),
                places: Sides::new(PlaceId::new("test:l"), PlaceId::new("test:r")),
                names: Sides::new("L".into(), "R".into()),
                mapping: Mapping {
                    fields: vec![MappedField::new(ids, Lens::Identity)],
                    ..Mapping::default()
                },
                filters: Sides::default(),
                policy: Policy {
                    field_names: Some(Side::Left),
                    ..Policy::default()
                },
            };
            let context = SchemaContext {
                spec: &spec,
                described: &Sides::new(described(left, "Notes"), described(right, "Remarks")),
                options: &BTreeMap::new(),
                wanted: &WantedOptions::new(),
                asked: &Sides::default(),
            };
            let planned = plan_schema(&context);
            assert_eq!(planned.len(), commands, "{left} {right}");
        }
    }
}
