//! Schema commands: carried out before anything else, seen to hold by reading the schema again.
//!
//! They need no outbox: each says what shall be, and whether it is so is read from the schema. One
//! whose answer was lost is planned again or found to hold.

use super::cycle::Cycle;
use super::{RunError, RunOutcome};
use crate::link::Side;
use crate::plan::{
    Guard, ListedSchemaCommand, Plan, Refusal, SchemaCommand, SchemaContext, SchemaRule,
    WantedOptions, hold_destructive, plan_schema,
};
use crate::port::{Altered, Call, LinkMemory, Outcome, PeerErrorKind};
use crate::schema::SchemaChange;

/// Schema changes remembered per link.
const REMEMBERED: usize = 100;

impl Cycle<'_> {
    /// Adds what is to be changed about the schemas to a plan.
    pub(super) fn plan_schema(&self, plan: &mut Plan, wanted: &WantedOptions) {
        if self.scope.is_some() {
            // A run about some records, as an undo, leaves the schemas alone.
            return;
        }
        let context = SchemaContext {
            spec: &self.engine.spec,
            described: &self.described,
            options: &self.memory.options,
            wanted,
            asked: &self.options.schema,
        };
        let mut commands = plan_schema(&context);
        commands.retain(|command| self.options.direction.flows_to(command.side));
        plan.add_schema(commands);
    }

    /// The guard DestructiveSchema, unless a person lets it pass in this run.
    pub(super) fn held_schema(&self, plan: &Plan) -> Vec<Refusal> {
        if self.options.approved.contains(&Guard::DestructiveSchema) {
            return Vec::new();
        }
        let commands: Vec<_> = plan.schema.iter().map(|listed| &listed.command).collect();
        hold_destructive(&commands, &self.described, &self.engine.spec.names)
    }

    /// Carries out those of a plan's schema commands that may be. Returns whether a schema changed, or
    /// turned out to be another one: then everything is planned again.
    pub(super) async fn alter(
        &mut self,
        commands: &[ListedSchemaCommand],
    ) -> Result<bool, RunError> {
        let mut moved = false;
        for side in Side::BOTH {
            let approved = self.options.approved.contains(&Guard::DestructiveSchema);
            let of_side = commands.iter().filter(|listed| {
                let command = &listed.command;
                command.side == side
                    && (approved || !command.change.is_destructive())
                    && !self.altered.contains(&listed.digest)
                    && self.may_alter(listed)
            });
            let listed: Vec<ListedSchemaCommand> = of_side.cloned().collect();
            if !listed.is_empty() {
                moved |= self.alter_side(side, &listed).await?;
            }
        }
        if moved {
            self.attend_to_mapping().await?;
        } else if !commands.is_empty() {
            // A rename that was tried in vain is settled as two names.
            self.pair_options();
        }
        Ok(moved)
    }

    async fn alter_side(
        &mut self,
        side: Side,
        listed: &[ListedSchemaCommand],
    ) -> Result<bool, RunError> {
        self.stop_if_asked()?;
        let changes: Vec<SchemaChange> = listed
            .iter()
            .map(|listed| listed.command.change.clone())
            .collect();
        let expect = self.described[side].schema.version();
        let before = self.described[side].schema.clone();
        let call = Call::new(&self.options.cancel);
        let answer = self.engine.peers[side]
            .alter(&call, &expect, &changes)
            .await;
        let outcomes = match answer {
            Ok(outcomes) => outcomes,
            Err(error) if error.is_fatal() || error.kind == PeerErrorKind::Cancelled => {
                return Err(error.into());
            }
            Err(error) => {
                self.report.problem(RunOutcome::Partial, error.to_string());
                Vec::new()
            }
        };
        // Whatever was answered: what holds is what can be read.
        self.describe_again(side).await?;
        let now = self.described[side].schema.clone();
        let name = self.engine.spec.names[side].clone();
        let mut outcomes = outcomes.into_iter();
        for listed in listed {
            let outcome = outcomes.next();
            if matches!(outcome, Some(Outcome::Stale(_))) && !listed.command.change.holds_in(&now) {
                // Planned again over the schema as it is.
                self.report.raise(Guard::StaleBase, 1);
                continue;
            }
            // Tried once a run.
            self.altered.insert(listed.digest);
            let sentence = listed.command.change.sentence(|id| {
                let field = before.field(id).or_else(|| now.field(id));
                field.map_or(id.as_str(), |field| &field.name).to_owned()
            });
            if listed.command.change.holds_in(&now) {
                self.note_altered(listed);
                continue;
            }
            let why = match outcome {
                Some(Outcome::Rejected(rejection)) => rejection.message,
                Some(Outcome::Done(_)) => "it was answered as done and does not show".into(),
                _ => "it did not arrive".into(),
            };
            self.refused_schema.push(Refusal {
                guard: Guard::Rejected,
                pair: None,
                side: Some(side),
                field: listed.command.field.clone(),
                reason: format!("{name} did not {sentence}: {why}"),
                count: 1,
            });
        }
        Ok(now != before)
    }

    fn note_altered(&mut self, listed: &ListedSchemaCommand) {
        let command = &listed.command;
        self.report.altered[command.side] += 1;
        let altered = Altered {
            run: self.run_id(),
            side: command.side,
            rule: command.rule.to_string(),
            change: command.change.clone(),
        };
        remember(&mut self.memory, altered);
    }

    /// Whether a change was tried in this run.
    pub(super) fn was_tried(&self, side: Side, change: SchemaChange) -> bool {
        let (rule, field) = (SchemaRule::S01, None);
        let command = SchemaCommand {
            side,
            rule,
            field,
            change,
        };
        self.altered.contains(&command.digest())
    }

    /// Whether a schema command may be carried out: of a saved plan only what was approved.
    fn may_alter(&self, listed: &ListedSchemaCommand) -> bool {
        let approved = self.approved.as_ref();
        approved.is_none_or(|approved| approved.wants(listed.digest))
    }
}

fn remember(memory: &mut LinkMemory, altered: Altered) {
    memory.altered.push(altered);
    let more = memory.altered.len().saturating_sub(REMEMBERED);
    memory.altered.drain(..more);
}
