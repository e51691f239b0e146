//! What a lens may look at beside the two values: names on both sides, and which means which.

use std::borrow::Borrow;

use super::OptionPairs;
use crate::link::{MappedField, Side, Sides};
use crate::port::Description;
use crate::record::Key;
use crate::value::{Choice, FileSource, Person};

/// Names that meet: of options, records, people and files. Lenses are pure; whatever they know
/// beyond the values stands here. The default knows nothing: no record is tracked, any option and
/// any address is welcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct LensContext<'a> {
    /// The options each side offers; `None` where any name is welcome.
    pub options: Sides<Option<&'a [Choice]>>,
    /// Which option of one side is which of the other; by equal names where there is nothing.
    pub pairs: Option<&'a OptionPairs>,
    /// Which record of one side is which of the other, for references.
    pub records: Option<&'a Counterparts<Key>>,
    /// The people each side knows; `None` where any e-mail address is welcome.
    pub people: Sides<Option<&'a Directory>>,
    /// Which file of one side holds the bytes of which of the other.
    pub files: Option<&'a Counterparts<FileSource>>,
}

impl<'a> LensContext<'a> {
    /// What two schemas say about a pair of fields: the options they offer.
    pub(crate) fn of(described: &'a Sides<Description>, field: &MappedField) -> Self {
        let offered = |side: Side| {
            let Description {
                schema,
                capabilities,
            } = &described[side];
            let field = schema.field(&field.ids[side]);
            (!capabilities.free_options)
                .then(|| field.and_then(|field| field.ty.options()).unwrap_or(&[]))
        };
        Self {
            options: Sides::from_fn(offered),
            ..Self::default()
        }
    }
}

/// Which of one side is which of the other: at most one for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterparts<T> {
    /// Per side, sorted: one of that side, and which it is on the other side, if it is there yet.
    known: Sides<Vec<(T, Option<T>)>>,
}

/// What is known of one thing's counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counterpart<T> {
    /// This one.
    Known(T),
    /// It will have one, and has none yet.
    Waiting,
    /// It is not tracked: it has none and will not get one.
    Untracked,
}

impl<T: Ord + Clone> Counterparts<T> {
    /// Collects pairs. One with nothing on a side waits for its counterpart there. Of several
    /// pairs with the same thing on a side only the first counts.
    pub fn new(pairs: impl IntoIterator<Item = Sides<Option<T>>>) -> Self {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let sorted = |side: Side| {
            let here = |pair: &Sides<Option<T>>| pair[side].clone();
            let mut known: Vec<_> = pairs
                .iter()
                .filter_map(|pair| Some((here(pair)?, pair[side.other()].clone())))
                .collect();
            // Stable: of equal ones the first stays first.
            known.sort_by(|a, b| a.0.cmp(&b.0));
            known.dedup_by(|later, first| later.0 == first.0);
            known
        };
        Self {
            known: Sides::from_fn(sorted),
        }
    }

    /// The counterpart of one thing of `side`.
    pub fn of<Q: Ord + ?Sized>(&self, side: Side, here: &Q) -> Counterpart<&T>
    where
        T: Borrow<Q>,
    {
        let found = |side: Side, name: &Q| {
            let known = &self.known[side];
            let at = known.binary_search_by(|(one, _)| one.borrow().cmp(name));
            at.ok().map(|at| known[at].1.as_ref())
        };
        match found(side, here) {
            None => Counterpart::Untracked,
            Some(None) => Counterpart::Waiting,
            // Claimed by two, it belongs to the first alone.
            Some(Some(there)) => match found(side.other(), there.borrow()) {
                Some(Some(back)) if back.borrow() == here => Counterpart::Known(there),
                _ => Counterpart::Untracked,
            },
        }
    }
}

/// The people a side knows, found by who they are and by e-mail address.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    sorted: Vec<Person>,
    by_email: Vec<(String, Person)>,
}

impl Directory {
    /// Collects people. Of the same person, and of several with one address, the first counts.
    pub fn new(people: impl IntoIterator<Item = Person>) -> Self {
        let mut sorted: Vec<Person> = people.into_iter().collect();
        let address = |person: &Person| Some((person.email()?.to_owned(), person.clone()));
        let mut by_email: Vec<_> = sorted.iter().filter_map(address).collect();
        by_email.sort_by(|a, b| a.0.cmp(&b.0));
        by_email.dedup_by(|later, first| later.0 == first.0);
        sorted.sort();
        sorted.dedup();
        Self { sorted, by_email }
    }

    /// What is known of somebody.
    pub fn person(&self, who: &Person) -> Option<&Person> {
        let at = self.sorted.binary_search(who).ok()?;
        self.sorted.get(at)
    }

    /// Who has this address, given in lower case.
    pub fn by_email(&self, email: &str) -> Option<&Person> {
        let found = |(known, _): &(String, Person)| known.as_str().cmp(email);
        let at = self.by_email.binary_search_by(found).ok()?;
        self.by_email.get(at).map(|(_, person)| person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counterparts_are_found_from_both_sides_and_one_for_one() {
        let pair = |left: &str, right: &str| {
            let name = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Sides::new(name(left), name(right))
        };
        let known = Counterparts::new([
            pair("b", "2"),
            pair("a", "1"),
            pair("c", ""),
            pair("", "4"),
            pair("d", "1"),
        ]);
        let left = |name: &str| known.of(Side::Left, name);
        assert_eq!(left("a"), Counterpart::Known(&"1".to_owned()));
        assert_eq!(left("b"), Counterpart::Known(&"2".to_owned()));
        assert_eq!(left("c"), Counterpart::Waiting);
        assert_eq!(left("d"), Counterpart::Untracked, "1 belongs to a");
        assert_eq!(left("e"), Counterpart::Untracked);
        assert_eq!(
            known.of(Side::Right, "1"),
            Counterpart::Known(&"a".to_owned())
        );
        assert_eq!(known.of(Side::Right, "4"), Counterpart::Waiting);
    }

    #[test]
    fn a_directory_finds_by_identity_and_by_address() {
        let ada = Person::with_id("u1").reached_at("Ada@x.org").called("Ada");
        let known = Directory::new([ada.clone(), Person::with_id("u2").reached_at("ada@x.org")]);
        let found = known.person(&Person::with_id("u1")).unwrap();
        assert_eq!(
            (found.name(), found.email()),
            (Some("Ada"), Some("ada@x.org"))
        );
        assert_eq!(known.by_email("ada@x.org"), Some(&ada));
        assert_eq!(known.by_email("eve@x.org"), None);
    }
}
