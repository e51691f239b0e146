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
        let is_denied = matches!(
            self.refusal,
            Some(RejectionKind::NotFound | RejectionKind::Denied)
        );
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
    use crate::link::Side;
    use crate::outbox::IntentId;
    use crate::pair::PairId;
    use crate::port::Command;

    const REFUSALS: [Option<RejectionKind>; 5] = [
        None,
        Some(RejectionKind::Invalid),
        Some(RejectionKind::NotFound),
        Some(RejectionKind::Denied),
        Some(RejectionKind::Conflict),
    ];

    fn intent(state: IntentState, refusal: Option<RejectionKind>) -> Intent {
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
        for step in NextStep::ALL {
            assert!(steps.contains(&step), "{step:?}");
            assert!(!step.as_str().is_empty());
        }
    }
}
