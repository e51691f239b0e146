//! What a lost request of an undo leads to once it arrives: the two sides stay apart, as they were to.

use serde::{Deserialize, Serialize};

use super::{Base, BaseField, Presence, SideState};
use crate::link::{Mapping, Side, Sides};
use crate::record::Lifecycle;
use crate::schema::FieldId;
use crate::value::Value;

/// A command of an undo that was sent, and of which nobody knows whether it arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Undoing {
    /// The side that it writes to.
    on: Side,
    /// Whether the other side is held once the record here is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    holds: bool,
    /// Fields whose sides do not agree once it arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    apart: Vec<Apart>,
}

/// A field that a command of an undo leaves apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Apart {
    /// What the sides hold once it arrived.
    at: BaseField,
    /// What is settled then.
    settled: Option<BaseField>,
    /// Whether the field is parked then. If not, a person is asked.
    parked: bool,
}

impl Base {
    /// A command that takes these fields of a side back, or its record, was sent, and whether it
    /// arrives is not known. Where the other side was to stay as it is, how they stand now is
    /// remembered: until it arrives the two agree, and are settled so.
    pub fn may_yet_undo<'v>(
        &mut self,
        mapping: &Mapping,
        on: Side,
        trashes: bool,
        fields: impl IntoIterator<Item = (&'v FieldId, Sides<Value>)>,
    ) {
        let from = on.other();
        let apart = fields.into_iter().filter_map(|(name, values)| {
            let field = mapping.field(name)?;
            let parked = self.parked(field) == Some(&values);
            let settled = self.field(field);
            let returns = settled.is_some_and(|settled| settled[from].is_same(&values[from]));
            (parked || !returns).then(|| Apart {
                settled: settled.map(|settled| BaseField::of(field, settled.clone())),
                at: BaseField::of(field, values),
                parked,
            })
        });
        let apart: Vec<_> = apart.collect();
        let holds = trashes && self.held == Some(from);
        if holds || !apart.is_empty() {
            self.undoing = Some(Undoing { on, holds, apart });
        }
    }

    /// What is agreed on once such a command is seen to have arrived, if it is. It writes all of its
    /// fields at once: as long as one of them holds what was settled, another is a person's word.
    pub fn once_undone(&self, mapping: &Mapping, sides: &Sides<SideState>) -> Option<Self> {
        let Undoing { on, holds, apart } = self.undoing.as_ref()?;
        let mut base = self.clone();
        base.undoing = None;
        let there = &sides[*on];
        let trashed = match (&there.presence, &there.shadow) {
            (Presence::Deleted(_), _) => true,
            (Presence::Present, Some(shadow)) => shadow.lifecycle == Lifecycle::Trashed,
            _ => false,
        };
        if *holds {
            if trashed && self.lifecycle != Lifecycle::Trashed {
                base.hold(on.other());
            }
            return trashed.then_some(base);
        }
        let mut arrived = false;
        for Apart {
            at,
            settled,
            parked,
        } in apart
        {
            let field = mapping.field(&at.name);
            let Some(field) = field.filter(|field| field.tag() == at.lens) else {
                continue;
            };
            let shows = |side: Side| sides[side].value(&field.ids[side]);
            let (Some(now), Some(other)) = (shows(*on), shows(on.other())) else {
                return None;
            };
            if now.is_same(&at.values[*on]) && other.is_same(&at.values[on.other()]) {
                match settled {
                    Some(settled) => base.put(settled.clone()),
                    None => base.unsettle(&at.name),
                }
                if *parked {
                    base.park(field, at.values.clone());
                }
                arrived = true;
            } else if (self.field(field)).is_some_and(|settled| now.is_same(&settled[*on])) {
                return None;
            }
        }
        arrived.then_some(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Lens, MappedField};
    use crate::port::Proof;
    use crate::record::{Cell, Key, Record};

    fn mapping(lens: &Lens) -> Mapping {
        let field =
            |id| MappedField::new(Sides::new(FieldId::new(id), FieldId::new(id)), lens.clone());
        Mapping {
            fields: vec![field("title"), field("notes")],
            ..Mapping::default()
        }
    }

    fn both(left: &str, right: &str) -> Sides<Value> {
        Sides::new(Value::text(left), Value::text(right))
    }

    /// A base of title and notes, both settled at this.
    fn settled(mapping: &Mapping, left: &str, right: &str) -> Base {
        let mut base = Base::default();
        settle(&mut base, mapping, left, right);
        base
    }

    /// As the next look does, which finds that the two sides still agree.
    fn settle(base: &mut Base, mapping: &Mapping, left: &str, right: &str) {
        for field in &mapping.fields {
            base.settle(field, both(left, right));
        }
    }

    /// Two sides with this title and these notes.
    fn showing(title: [&str; 2], notes: [&str; 2]) -> Sides<SideState> {
        Sides::from_fn(|side| {
            let at = usize::from(side == Side::Right);
            let cells = [("title", title[at]), ("notes", notes[at])];
            let cells =
                cells.map(|(id, text)| (FieldId::new(id), Cell::Complete(Value::text(text))));
            SideState::seen(Record {
                key: Key::durable("k"),
                lifecycle: Lifecycle::Live,
                version: None,
                edited_at: None,
                rank: None,
                cells: cells.into_iter().collect(),
            })
        })
    }

    /// Whether a request to the left that leads to these titles is remembered.
    fn remembers(base: &Base, trashes: bool, title: Option<[&str; 2]>) -> bool {
        let mapping = mapping(&Lens::Identity);
        let name = FieldId::new("title");
        let fields = title.map(|[left, right]| (&name, both(left, right)));
        let mut after = base.clone();
        after.may_yet_undo(&mapping, Side::Left, trashes, fields);
        after != *base
    }

    #[test]
    fn r40_a_lost_request_is_remembered_if_it_sets_the_two_sides_apart() {
        let mapping = mapping(&Lens::Identity);
        let base = settled(&mapping, "a", "b");
        assert!(!remembers(&base, false, Some(["x", "b"])), "both return");
        assert!(
            remembers(&base, false, Some(["x", "c"])),
            "a person is asked"
        );
        let mut parked = base.clone();
        parked.park(&mapping.fields[0], both("x", "b"));
        assert!(remembers(&parked, false, Some(["x", "b"])));
        assert!(!remembers(&parked, false, Some(["y", "b"])));
    }

    #[test]
    fn r40_a_lost_trash_is_remembered_if_the_other_side_is_to_stay() {
        let mut base = Base::default();
        assert!(!remembers(&base, true, None));
        base.hold(Side::Left);
        assert!(!remembers(&base, true, None));
        base.hold(Side::Right);
        assert!(remembers(&base, true, None));
        assert!(!remembers(&base, false, None));
    }

    /// The right is to stay; the next look found both alive.
    #[test]
    fn r40_the_other_side_is_held_once_the_record_is_gone() {
        let mapping = mapping(&Lens::Identity);
        let mut base = Base::default();
        base.hold(Side::Right);
        base.may_yet_undo(&mapping, Side::Left, true, []);
        base.settle_lifecycle(Lifecycle::Live);
        let shown = |presence: Presence, lifecycle: Lifecycle| {
            let mut sides = showing(["a", "a"], ["n", "n"]);
            sides.left.presence = presence;
            if let Some(shadow) = &mut sides.left.shadow {
                shadow.lifecycle = lifecycle;
            }
            sides
        };
        let (live, trashed) = (Lifecycle::Live, Lifecycle::Trashed);
        let gone = Presence::Deleted(Proof::TrashFlag);
        for (sides, arrived) in [
            (shown(Presence::Present, live), false),
            (shown(Presence::Gone, trashed), false),
            (shown(Presence::Present, trashed), true),
            (shown(gone, live), true),
        ] {
            let after = base.once_undone(&mapping, &sides);
            assert_eq!(after.is_some(), arrived);
            let held = after.map(|after| (after.held(), after.undoing));
            assert_eq!(held, arrived.then_some((Some(Side::Right), None)));
        }
        // By then people trashed both: nothing is left to hold.
        base.settle_lifecycle(trashed);
        let sides = shown(Presence::Present, trashed);
        let after = base.once_undone(&mapping, &sides);
        assert_eq!(after.map(|after| after.held()), Some(None));
    }

    /// The title was edited on the right, and is taken back on the left; the notes too.
    #[test]
    fn f17_the_two_sides_are_apart_once_the_request_has_arrived_as_a_whole() {
        let identity = mapping(&Lens::Identity);
        let mut base = settled(&identity, "a", "a");
        base.park(&identity.fields[0], both("a", "b"));
        let fields = identity
            .fields
            .iter()
            .map(|field| (field.name(), both("a", "b")));
        base.may_yet_undo(&identity, Side::Left, false, fields);
        settle(&mut base, &identity, "b", "b");
        let arrived = |mapping: &Mapping, sides: &Sides<SideState>| {
            let after = base.once_undone(mapping, sides)?;
            let of = |field: &MappedField| {
                let settled = after.field(field).map(|settled| settled.left.display());
                (settled, after.parked(field).is_some())
            };
            Some([of(&mapping.fields[0]), of(&mapping.fields[1])])
        };
        let back = || (Some("a".to_owned()), true);
        let asked = || (Some("a".to_owned()), false);
        let as_it_is = || (Some("b".to_owned()), false);
        let (was, is) = (["a", "b"], ["b", "b"]);
        for (title, notes, after) in [
            (is, is, None),
            (was, was, Some([back(), asked()])),
            // Of one alone, the other still as it was settled: a person's word.
            (was, is, None),
            (is, was, None),
            // Somebody wrote over the other since.
            (was, ["x", "b"], Some([back(), as_it_is()])),
            (["a", "x"], was, Some([as_it_is(), asked()])),
            (["x", "b"], ["a", "x"], None),
        ] {
            let sides = showing(title, notes);
            assert_eq!(arrived(&identity, &sides), after, "{title:?} {notes:?}");
        }
        let mut hidden = showing(was, was);
        hidden.right.presence = Presence::Gone;
        assert_eq!(arrived(&identity, &hidden), None);
        // Through another lens than it was sent through it says nothing.
        assert_eq!(arrived(&mapping(&Lens::Choices), &showing(was, was)), None);
    }
}
