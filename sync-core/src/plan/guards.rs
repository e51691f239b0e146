//! Guards: named reasons to refuse a class of commands. Each clears when its cause is gone.

use serde::{Deserialize, Serialize};

use super::pair::PlannedCommand;
use crate::link::{MaxDelete, Side, Sides};
use crate::pair::PairId;
use crate::schema::FieldId;

/// A named reason to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Guard {
    /// Too many deletes for one side and day.
    MaxDelete,
    /// A side that keeps no trash would lose a record for good, and the policy does not let it.
    HardDelete,
    /// More than half of a side would be patched at once.
    AllChanged,
    /// Records would be trashed only because the filter or the mapping changed.
    FilterOrMappingChanged,
    /// A field is written back and forth between the same two values.
    Flapping,
    /// A command would carry what is outside the link's mapping, direction or filter.
    Isolation,
    /// The run has sent as many commands as it was allowed to.
    Budget,
    /// A side that had records shows none at all.
    EmptySide,
    /// The scan did not cover the collection: nothing is known about what it did not return.
    Coverage,
    /// The target is not as it was when the command was planned.
    StaleBase,
    /// The peer does not let us: never taken for a delete.
    Permission,
    /// A value the peer would refuse.
    ValueLimits,
    /// A value without an image on the other side.
    LossyWrite,
    /// The peer refused this very command before; it is not sent again until something changes.
    Rejected,
    /// The two sides of a field point at collections that are not each other's.
    RelationTarget,
    /// A record with the marker of a create whose request was lost, beside the one that its pair has.
    LateDuplicate,
    /// A mapped field was retyped, retargeted or vanished: nothing of it propagates (rule F15).
    SchemaDrift,
    /// A schema change would take values away, and nobody approved that.
    DestructiveSchema,
    /// An option the other side does not offer, and the policy does not add.
    OptionPolicy,
    /// Many values of a field that could be read before cannot be read any more: nothing of the
    /// field propagates.
    DecodeDrift,
    /// Another run has taken the link over: this one stops.
    Lease,
}

super::decided::list_all!(
    Guard: MaxDelete, HardDelete, AllChanged, FilterOrMappingChanged, Flapping, Isolation, Budget, EmptySide,
    Coverage, StaleBase, Permission, ValueLimits, LossyWrite, Rejected, RelationTarget,
    LateDuplicate, SchemaDrift, DestructiveSchema, OptionPolicy, DecodeDrift, Lease
);

impl Guard {
    /// How a person lets it pass, or what removes its cause.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::MaxDelete => {
                "look at the plan; if the deletes are right, allow that many with --max-deletes N"
            }
            Self::HardDelete => {
                "delete the record there yourself, name what marks records as deleted there, or let the \
                 policy delete for good (`Policy::hard_deletes`)"
            }
            Self::EmptySide => {
                "check that the side is the right one; if it is meant to be empty, allow it with --max-deletes N"
            }
            Self::AllChanged => {
                "look at the plan; if so many changes are right, approve them for one run with --approve all-changed"
            }
            Self::FilterOrMappingChanged => {
                "look at the plan; if these records shall go, approve it for one run with --approve \
                 filter-or-mapping-changed, or go back to the former filter"
            }
            Self::Flapping => {
                "look for two programs that take back each other's edits; it goes on by itself after \
                 a day, or for one run with --approve flapping"
            }
            Self::Isolation => "nothing: the command is dropped, and planned again if it may be",
            Self::Budget => "run again: the rest goes out then",
            Self::Coverage => "run again; deletes are only seen by a scan that ends complete",
            Self::StaleBase => "nothing: it is planned again from what is there now",
            Self::Permission => "share the page or data source with the connection, then run again",
            Self::ValueLimits => "shorten the value",
            Self::LossyWrite => "choose a value the other side knows",
            Self::RelationTarget => {
                "link the collections the field points at in the same store, or take the field out of \
                 the mapping"
            }
            Self::LateDuplicate => {
                "compare the two records and move the one you do not want to the trash"
            }
            Self::Lease => "nothing: the other run goes on; let one program at a time sync a link",
            Self::Rejected => "change the value, or mend what the message says",
            Self::SchemaDrift => {
                "map the field anew, or approve it as it is now for one run with --approve schema-drift; \
                 its values then meet as on first sight"
            }
            Self::DestructiveSchema => {
                "look at the plan; if these values may go, approve it for one run with --approve \
                 destructive-schema"
            }
            Self::OptionPolicy => {
                "use an option the other side has, add it there, or let the policy add options"
            }
            Self::DecodeDrift => {
                "look at the field on that side, and update the program if Notion changed; it clears \
                 when the values can be read again"
            }
        }
    }
}

/// Something a guard refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which guard.
    pub guard: Guard,
    /// The pair, if it is about one.
    pub pair: Option<PairId>,
    /// The side that would have been written to.
    pub side: Option<Side>,
    /// The pair of fields, if it is about one.
    pub field: Option<FieldId>,
    /// Why, in a sentence, with threshold and actual number where there are such.
    pub reason: String,
    /// How many commands it holds back.
    pub count: u64,
}

impl Refusal {
    /// Whether this is a guard's word on the sum that holds back such a command.
    pub fn holds_back(&self, command: &PlannedCommand) -> bool {
        let kind = match self.guard {
            Guard::MaxDelete | Guard::EmptySide => command.takes_away(),
            Guard::FilterOrMappingChanged => command.is_leaving(),
            Guard::AllChanged => command.is_change(),
            _ => false,
        };
        kind && self.pair.is_none() && self.side == Some(command.side)
    }
}

/// What the delete guards look at, per side that would lose records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteFacts {
    /// Deletes this plan wants.
    pub wanted: u64,
    /// Deletes settled in the last 24 hours.
    pub recent: u64,
    /// Live records.
    pub live: u64,
    /// The other side, where the deletes come from, showed no record at all.
    pub source_empty: bool,
}

/// Applies MaxDelete and EmptySide. A refused side deletes nothing.
pub fn check_deletes(
    policy: &MaxDelete,
    names: &Sides<String>,
    facts: &Sides<DeleteFacts>,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for side in Side::BOTH {
        let DeleteFacts {
            wanted,
            recent,
            live,
            source_empty,
        } = facts[side];
        if wanted == 0 {
            continue;
        }
        let threshold = policy.threshold(live.saturating_add(recent));
        let (name, source) = (&names[side], &names[side.other()]);
        let (guard, reason) = if source_empty && policy.approved.is_none() {
            let reason =
                format!("{source} shows no record at all, so {wanted} would be deleted on {name}");
            (Guard::EmptySide, reason)
        } else if recent.saturating_add(wanted) > threshold {
            let reason = format!(
                "{wanted} of {live} records would be deleted on {name}, after {recent} in the \
                 last 24 hours; at most {threshold} are allowed"
            );
            (Guard::MaxDelete, reason)
        } else {
            continue;
        };
        refusals.push(Refusal {
            guard,
            pair: None,
            side: Some(side),
            field: None,
            reason,
            count: wanted,
        });
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RowRule;
    use crate::port::CommandKind;

    fn refused(policy: MaxDelete, facts: DeleteFacts) -> Option<Guard> {
        let names = Sides::new("Notion".to_owned(), "SQLite".to_owned());
        let facts = Sides::new(DeleteFacts::default(), facts);
        check_deletes(&policy, &names, &facts)
            .first()
            .map(|refusal| refusal.guard)
    }

    #[test]
    fn p7_pain_06_mass_deletes_are_refused_small_ones_pass() {
        let policy = MaxDelete::default();
        let facts = |wanted, recent, live| DeleteFacts {
            wanted,
            recent,
            live,
            source_empty: false,
        };
        assert_eq!(refused(policy, facts(5, 0, 40)), None);
        assert_eq!(refused(policy, facts(6, 0, 40)), Some(Guard::MaxDelete));
        assert_eq!(refused(policy, facts(50, 0, 500)), None);
        assert_eq!(refused(policy, facts(51, 0, 500)), Some(Guard::MaxDelete));
        assert_eq!(refused(policy, facts(200, 0, 1_000_000)), None);
        assert_eq!(
            refused(policy, facts(201, 0, 1_000_000)),
            Some(Guard::MaxDelete)
        );
        assert_eq!(
            refused(policy, facts(3, 0, 3)),
            Some(Guard::MaxDelete),
            "never every record"
        );
        assert_eq!(
            refused(policy, facts(1, 5, 35)),
            Some(Guard::MaxDelete),
            "rolling day"
        );
    }

    #[test]
    fn p7_an_empty_side_deletes_nothing_until_a_person_says_so() {
        let facts = DeleteFacts {
            wanted: 2,
            recent: 0,
            live: 100,
            source_empty: true,
        };
        assert_eq!(refused(MaxDelete::default(), facts), Some(Guard::EmptySide));
        let approved = MaxDelete {
            approved: Some(2),
            ..MaxDelete::default()
        };
        assert_eq!(refused(approved, facts), None);
    }

    /// A trash; one because the record left the filter; emptying it for that; an edit; the refresh
    /// of a computed field; a reference that comes late; a create.
    fn commands() -> [PlannedCommand; 7] {
        let command = |kind, rule| PlannedCommand {
            side: Side::Right,
            kind,
            key: None,
            rule,
            fields: Vec::new(),
            holding: Vec::new(),
            projection_only: false,
            completing: false,
        };
        let edit = command(CommandKind::Patch, RowRule::R02);
        let refresh = PlannedCommand {
            projection_only: true,
            ..edit.clone()
        };
        let late = PlannedCommand {
            completing: true,
            ..edit.clone()
        };
        [
            command(CommandKind::Trash, RowRule::R05),
            command(CommandKind::Trash, RowRule::R12),
            command(CommandKind::Patch, RowRule::R12),
            edit,
            refresh,
            late,
            command(CommandKind::Create, RowRule::R20),
        ]
    }

    #[test]
    fn a_guard_on_the_sum_holds_back_its_own_kind_of_command_on_its_own_side() {
        for guard in Guard::ALL {
            let held = match guard {
                Guard::MaxDelete | Guard::EmptySide => {
                    [true, true, true, false, false, false, false]
                }
                Guard::FilterOrMappingChanged => [false, true, true, false, false, false, false],
                Guard::AllChanged => [false, false, true, true, false, false, false],
                _ => [false; 7],
            };
            let refusal = Refusal {
                guard,
                pair: None,
                side: Some(Side::Right),
                field: None,
                reason: String::new(),
                count: 1,
            };
            let holds = |refusal: &Refusal| commands().map(|command| refusal.holds_back(&command));
            assert_eq!(holds(&refusal), held, "{guard:?}");
            let elsewhere = Refusal {
                side: Some(Side::Left),
                ..refusal.clone()
            };
            let of_a_pair = Refusal {
                pair: Some(PairId(1)),
                ..refusal
            };
            for other in [elsewhere, of_a_pair] {
                assert_eq!(holds(&other), [false; 7], "{other:?}");
            }
        }
    }
}
