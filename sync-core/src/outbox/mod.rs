//! The outbox: intents made durable before they have an effect, and the only way they move on.
//!
//! Pure. The store keeps intents, the engine feeds events, [`IntentState::after`] decides.

mod backoff;
mod next_step;

pub use backoff::Backoff;
pub use next_step::NextStep;

use serde::{Deserialize, Serialize};

use crate::link::Side;
use crate::pair::PairId;
use crate::plan::RowRule;
use crate::port::{Command, CommandKind, Rejection, RejectionKind};
use crate::record::Timestamp;
use crate::schema::FieldId;
use crate::value::Value;

/// Names an intent within its link. Never reused; nothing is ever de-duplicated by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub u64);

/// A command on its way to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its name.
    pub id: IntentId,
    /// The pair it settles.
    pub pair: PairId,
    /// The side it writes to.
    pub side: Side,
    /// Rule that asked for it.
    pub rule: String,
    /// What is sent.
    pub command: Command,
    /// Where each written value comes from.
    pub fields: Vec<IntentField>,
    /// The marker written with a create, where the owner allowed a marker field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Where it stands.
    pub state: IntentState,
    /// How often it left.
    pub attempts: u32,
    /// When it last left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted_at: Option<Timestamp>,
    /// Why it is where it is, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether it is written on a person's behalf and settles nothing by itself: the next look
    /// finds what it led to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edit: bool,
    /// Not to be sent before; `None` if at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// How the peer last refused it; `None` if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RejectionKind>,
    /// When it became final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Intent {
    /// Whether it empties the counterpart of a record that left the link's filter.
    pub fn is_clearing(&self) -> bool {
        self.command.kind == CommandKind::Patch && self.rule == RowRule::R12.to_string()
    }

    /// Whether the peer did not show the record that it is for, or does not let us write it.
    pub fn is_denied(&self) -> bool {
        matches!(
            self.refusal,
            Some(RejectionKind::NotFound | RejectionKind::Denied)
        )
    }

    /// Whether it trashes a record or empties it.
    pub fn takes_away(&self) -> bool {
        self.command.kind == CommandKind::Trash || self.is_clearing()
    }
}

/// One field of an intent: settled on proof that `desired` arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentField {
    /// The pair of fields.
    pub name: FieldId,
    /// The value on the side it comes from; `None` if writing it does not settle the field yet.
    pub source: Option<Value>,
    /// What the target held; `None` where nothing was known.
    pub expected: Option<Value>,
    /// What the target shall hold.
    pub desired: Value,
}

/// Where an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// Durable, never sent.
    Planned,
    /// About to be sent, or sent and unanswered.
    Attempting,
    /// Sent, outcome unknown: looked up, never blindly repeated.
    Ambiguous,
    /// Verified by reading back. Final.
    Settled,
    /// Refused by the peer or out of attempts: a dead letter with a next step. Final, until it is
    /// discarded.
    Dead,
    /// Withdrawn before it had any effect; the planner decides afresh. Final.
    Dropped,
}

/// What happened to an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentEvent {
    /// It is about to leave.
    Attempt,
    /// The peer's state shows the desired values.
    Verified,
    /// The peer certainly did nothing, and it may be sent again.
    NotApplied,
    /// No telling whether it was applied.
    OutcomeUnknown,
    /// The peer refused for good, or the attempts are used up.
    Refused,
    /// The world changed; plan again.
    Withdraw,
}

/// An event that cannot happen in this state: a bug in the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an intent that is {state:?} cannot take {event:?}")]
pub struct IllegalTransition {
    /// Where the intent stood.
    pub state: IntentState,
    /// What was said to happen.
    pub event: IntentEvent,
}

impl IntentState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Planned,
        Self::Attempting,
        Self::Ambiguous,
        Self::Settled,
        Self::Dead,
        Self::Dropped,
    ];

    /// The state after an event. The first settlement wins: final states absorb late verdicts.
    ///
    /// # Errors
    /// [`IllegalTransition`] for events that no correct engine feeds.
    pub fn after(self, event: IntentEvent) -> Result<Self, IllegalTransition> {
        use IntentEvent as E;
        use IntentState as S;
        match (self, event) {
            // A dead letter goes when its cause is gone or a person says so.
            (S::Dead, E::Withdraw) => Ok(S::Dropped),
            (S::Settled | S::Dead | S::Dropped, E::Attempt) => {
                Err(IllegalTransition { state: self, event })
            }
            (S::Settled | S::Dead | S::Dropped, _) => Ok(self),
            (S::Planned, E::Attempt) => Ok(S::Attempting),
            (S::Planned, E::Withdraw) => Ok(S::Dropped),
            (S::Planned, E::Refused) => Ok(S::Dead),
            (S::Planned, _) => Err(IllegalTransition { state: self, event }),
            (S::Attempting | S::Ambiguous, E::Verified) => Ok(S::Settled),
            (S::Attempting | S::Ambiguous, E::NotApplied) => Ok(S::Planned),
            (S::Attempting | S::Ambiguous, E::OutcomeUnknown) => Ok(S::Ambiguous),
            (S::Attempting | S::Ambiguous, E::Refused) => Ok(S::Dead),
            (S::Attempting | S::Ambiguous, E::Withdraw) => Ok(S::Dropped),
            (S::Attempting | S::Ambiguous, E::Attempt) => {
                Err(IllegalTransition { state: self, event })
            }
        }
    }

    /// Whether nothing more can happen to it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Dead | Self::Dropped)
    }

    /// Whether it may have had an effect that nobody has verified (rule F13).
    pub fn is_unresolved(self) -> bool {
        matches!(self, Self::Attempting | Self::Ambiguous)
    }
}

impl Intent {
    /// Feeds an event.
    ///
    /// # Errors
    /// See [`IntentState::after`].
    pub fn apply(&mut self, event: IntentEvent) -> Result<(), IllegalTransition> {
        self.state = self.state.after(event)?;
        Ok(())
    }

    /// Notes a refusal as the reason for where the intent stands.
    pub fn note_rejection(&mut self, rejection: &Rejection) {
        self.note = Some(rejection.message.clone());
        self.refusal = Some(rejection.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Command;

    /// A create that left once, without a marker.
    pub(super) fn intent(state: IntentState, refusal: Option<RejectionKind>) -> Intent {
        Intent {
            id: IntentId(1),
            pair: PairId(1),
            side: Side::Left,
            rule: "R02".into(),
            command: Command {
                kind: CommandKind::Create,
                key: None,
                cells: Vec::new(),
                holding: Vec::new(),
            },
            fields: Vec::new(),
            marker: None,
            state,
            attempts: 1,
            attempted_at: None,
            note: None,
            edit: false,
            due_at: None,
            refusal,
            ended_at: None,
        }
    }

    const EVENTS: [IntentEvent; 6] = [
        IntentEvent::Attempt,
        IntentEvent::Verified,
        IntentEvent::NotApplied,
        IntentEvent::OutcomeUnknown,
        IntentEvent::Refused,
        IntentEvent::Withdraw,
    ];

    #[test]
    fn e4_first_settlement_wins_whatever_comes_later() {
        for state in [
            IntentState::Settled,
            IntentState::Dead,
            IntentState::Dropped,
        ] {
            let late = [
                IntentEvent::Verified,
                IntentEvent::NotApplied,
                IntentEvent::OutcomeUnknown,
                IntentEvent::Refused,
            ];
            for event in late {
                assert_eq!(state.after(event), Ok(state));
            }
            assert!(state.after(IntentEvent::Attempt).is_err());
        }
    }

    /// Every history of four events: what is final stays what it is, whatever comes later. Only a
    /// dead letter can still be discarded.
    #[test]
    fn e4_no_history_leads_out_of_a_final_state() {
        let mut histories = vec![(IntentState::Planned, None)];
        for _ in 0..4 {
            let mut longer = Vec::new();
            for (state, settled) in histories {
                for event in EVENTS {
                    let Ok(next) = state.after(event) else {
                        continue;
                    };
                    if let Some(settled) = settled {
                        let discarded =
                            (settled, event) == (IntentState::Dead, IntentEvent::Withdraw);
                        assert!(
                            next == settled || discarded,
                            "{settled:?} {event:?} {next:?}"
                        );
                    }
                    longer.push((next, next.is_final().then_some(next)));
                }
            }
            histories = longer;
        }
        for state in IntentState::ALL
            .into_iter()
            .filter(|state| state.is_final())
        {
            assert!(
                histories.iter().any(|(_, settled)| *settled == Some(state)),
                "{state:?}"
            );
        }
    }

    #[test]
    fn e3_nothing_settles_that_never_left() {
        assert!(IntentState::Planned.after(IntentEvent::Verified).is_err());
    }

    #[test]
    fn f13_unresolved_is_what_can_still_turn_out_to_have_had_an_effect() {
        for state in IntentState::ALL {
            let verifiable = state.after(IntentEvent::Verified).is_ok() && !state.is_final();
            assert_eq!(state.is_unresolved(), verifiable, "{state:?}");
        }
    }

    #[test]
    fn an_intent_moves_with_an_event_and_stays_where_it_is_with_an_illegal_one() {
        let mut sent = intent(IntentState::Planned, None);
        assert!(sent.apply(IntentEvent::Verified).is_err());
        assert_eq!(sent.state, IntentState::Planned);
        sent.apply(IntentEvent::Attempt).unwrap();
        assert_eq!(sent.state, IntentState::Attempting);
    }

    #[test]
    fn p11_a_refused_intent_tells_the_peers_reason() {
        let mut refused = intent(IntentState::Attempting, None);
        refused.note_rejection(&Rejection {
            kind: RejectionKind::Invalid,
            message: "too long".into(),
        });
        assert_eq!(refused.note.as_deref(), Some("too long"));
        assert_eq!(refused.refusal, Some(RejectionKind::Invalid));
    }

    #[test]
    fn r12_only_a_patch_for_a_record_that_left_the_filter_empties_its_counterpart() {
        for rule in RowRule::ALL {
            for kind in [CommandKind::Create, CommandKind::Patch, CommandKind::Trash] {
                let mut written = intent(IntentState::Planned, None);
                written.rule = rule.to_string();
                written.command.kind = kind;
                let leaves = rule == RowRule::R12;
                let expected = leaves && kind == CommandKind::Patch;
                assert_eq!(written.is_clearing(), expected, "{rule} {kind:?}");
            }
        }
    }

    #[test]
    fn e1_every_unfinished_state_has_a_way_out() {
        for state in IntentState::ALL
            .into_iter()
            .filter(|state| !state.is_final())
        {
            assert!(
                EVENTS
                    .iter()
                    .any(|event| state.after(*event).is_ok_and(IntentState::is_final))
            );
        }
    }
}
