//! What helps a command on that is not through: one typed remedy per reason.

use serde::Serialize;

use super::{Intent, IntentState};
use crate::port::{CommandKind, RejectionKind};

/// What a person can do about a command, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NextStep {
    /// Nothing: it is sent, or looked up, again by itself.
    Wait,
    /// The peer does not let us.
    Share,
    /// The peer will not take this value.
    ChangeValue,
    /// The peer takes the change and shows none of it.
    Unlock,
    /// Somebody kept writing, or the peer kept refusing, until the attempts were used up.
    TryAgain,
    /// Nobody can look up whether a record was made.
    Decide,
}

impl NextStep {
    /// All, for enumeration.
    pub const ALL: [Self; 6] = [
        Self::Wait,
        Self::Share,
        Self::ChangeValue,
        Self::Unlock,
        Self::TryAgain,
        Self::Decide,
    ];

    /// In a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "nothing: a later run goes on by itself",
            Self::Share => {
                "share the record with the connection; a later run tries again by itself"
            }
            Self::ChangeValue => {
                "change the value, or mend what the message says; `resolve ID --not-sent` tries the \
                 same once more"
            }
            Self::Unlock => {
                "look whether the record is locked or a rule takes the change back, then \
                 `resolve ID --not-sent`"
            }
            Self::TryAgain => "`resolve ID --not-sent` tries it again from what is there then",
            Self::Decide => {
                "look whether the record was made, then `resolve ID --created URL` or \
                 `resolve ID --not-sent`"
            }
        }
    }
}

impl Intent {
    /// What helps it on; `None` once it is settled or dropped.
    pub fn next_step(&self) -> Option<NextStep> {
        let is_denied = self.is_denied();
        Some(match self.state {
            IntentState::Settled | IntentState::Dropped => return None,
            IntentState::Planned if is_denied => NextStep::Share,
            IntentState::Planned => NextStep::Wait,
            IntentState::Attempting | IntentState::Ambiguous => {
                let unproven = self.command.kind == CommandKind::Create
                    && self.marker.is_none()
                    && self.command.key.is_none();
                if unproven {
                    NextStep::Decide
                } else {
                    NextStep::Wait
                }
            }
            IntentState::Dead if is_denied => NextStep::Share,
            IntentState::Dead => match self.refusal {
                Some(RejectionKind::Invalid) => NextStep::ChangeValue,
                Some(_) => NextStep::TryAgain,
                None => NextStep::Unlock,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::tests::intent;
    use crate::record::Key;

    const REFUSALS: [Option<RejectionKind>; 5] = [
        None,
        Some(RejectionKind::Invalid),
        Some(RejectionKind::NotFound),
        Some(RejectionKind::Denied),
        Some(RejectionKind::Conflict),
    ];

    #[test]
    fn every_command_that_is_not_through_has_a_next_step_and_every_step_a_command() {
        let mut steps = Vec::new();
        for state in IntentState::ALL {
            for refusal in REFUSALS {
                let step = intent(state, refusal).next_step();
                let is_over = matches!(state, IntentState::Settled | IntentState::Dropped);
                assert_eq!(step.is_none(), is_over, "{state:?} {refusal:?}");
                if state == IntentState::Dead {
                    assert_ne!(
                        step,
                        Some(NextStep::Wait),
                        "a dead letter waits for a person"
                    );
                }
                steps.extend(step);
            }
        }
        let mut told = std::collections::BTreeSet::new();
        for step in NextStep::ALL {
            assert!(steps.contains(&step), "{step:?}");
            assert!(!step.as_str().is_empty());
            assert!(told.insert(step.as_str()), "told twice: {step:?}");
        }
    }

    #[test]
    fn a_command_the_peer_does_not_let_through_asks_to_be_let_in_whether_it_goes_on_or_not() {
        for refusal in [RejectionKind::NotFound, RejectionKind::Denied] {
            for state in [IntentState::Planned, IntentState::Dead] {
                let step = intent(state, Some(refusal)).next_step();
                assert_eq!(step, Some(NextStep::Share), "{state:?} {refusal:?}");
            }
        }
        let refused = intent(IntentState::Dead, Some(RejectionKind::Conflict));
        assert_eq!(refused.next_step(), Some(NextStep::TryAgain));
        let invalid = intent(IntentState::Dead, Some(RejectionKind::Invalid));
        assert_eq!(invalid.next_step(), Some(NextStep::ChangeValue));
        let undone = intent(IntentState::Dead, None);
        assert_eq!(undone.next_step(), Some(NextStep::Unlock));
    }

    #[test]
    fn f13_a_person_is_asked_only_about_a_create_that_neither_a_key_nor_a_marker_can_find() {
        for state in [IntentState::Attempting, IntentState::Ambiguous] {
            let lost = intent(state, None);
            assert_eq!(lost.next_step(), Some(NextStep::Decide));
            let mut keyed = lost.clone();
            keyed.command.key = Some(Key::durable("k"));
            let mut marked = lost.clone();
            marked.marker = Some("m".into());
            let mut patch = lost;
            patch.command.kind = CommandKind::Patch;
            for found in [keyed, marked, patch] {
                assert_eq!(found.next_step(), Some(NextStep::Wait), "{found:?}");
            }
        }
    }
}
