//! The kinds of lists that meet as sets: options, texts, references, people, files, and what means the
//! same on both sides.

use std::cmp::Ordering;
use std::marker::PhantomData;

use super::set::Elements;
use super::{Counterpart, Counterparts, LensContext, Unmappable};
use crate::link::Side;
use crate::value::{Choice, FileRef, FileSource, Person, Reference, Value};

/// Options through pairs; ids stay with their side.
pub(super) struct Options<'a> {
    pub(super) context: &'a LensContext<'a>,
    /// The side that holds names as plain texts, if one does.
    pub(super) list: Option<Side>,
}

impl Elements for Options<'_> {
    type Element = Choice;
    const EXPECTED: &'static str = "list of options";

    fn elements(&self, side: Side, value: &Value) -> Option<Vec<Choice>> {
        match value {
            Value::Choices(choices) if self.list != Some(side) => {
                let choices = choices.iter();
                let present = choices.map(|choice| self.context.present(side, choice, false));
                Some(present.collect())
            }
            Value::List(names) if self.list == Some(side) => {
                let names = names.iter().map(Choice::named);
                let present = names.map(|choice| self.context.present(side, &choice, true));
                Some(present.collect())
            }
            _ => None,
        }
    }

    fn counterpart(&self, side: Side, choice: &Choice) -> Result<Option<Choice>, Unmappable> {
        let list = self.list == Some(side.other());
        self.context.counterpart(side, choice, list).map(Some)
    }

    fn offered(&self, to: Side, name: Choice) -> Result<Choice, Unmappable> {
        self.context.offered(to, &name, self.list == Some(to))
    }

    fn compare(a: &Choice, b: &Choice) -> Ordering {
        a.name.cmp(&b.name)
    }

    fn value(&self, side: Side, choices: Vec<Choice>) -> Value {
        if self.list == Some(side) {
            Value::list(
                choices
                    .into_iter()
                    .map(|choice| choice.name.into())
                    .collect(),
            )
        } else {
            Value::choices(choices)
        }
    }
}

/// Texts, the same on both sides.
pub(super) struct Texts;

impl Elements for Texts {
    type Element = String;
    const EXPECTED: &'static str = "list of texts";

    fn elements(&self, _: Side, value: &Value) -> Option<Vec<String>> {
        match value {
            Value::List(texts) => Some(texts.clone()),
            _ => None,
        }
    }

    fn counterpart(&self, _: Side, text: &String) -> Result<Option<String>, Unmappable> {
        Ok(Some(text.clone()))
    }

    fn offered(&self, _: Side, text: String) -> Result<String, Unmappable> {
        Ok(text)
    }

    fn compare(a: &String, b: &String) -> Ordering {
        a.cmp(b)
    }

    fn value(&self, _: Side, texts: Vec<String>) -> Value {
        Value::list(texts)
    }
}

/// References through pairs of records. One to a record that is not tracked has no counterpart.
pub(super) struct References<'a>(pub(super) &'a LensContext<'a>);

impl Elements for References<'_> {
    type Element = Reference;
    const EXPECTED: &'static str = "list of references";
    // A join table has none.
    const ORDERED: bool = false;

    fn elements(&self, _: Side, value: &Value) -> Option<Vec<Reference>> {
        match value {
            Value::References(references) => Some(references.clone()),
            _ => None,
        }
    }

    fn counterpart(
        &self,
        side: Side,
        reference: &Reference,
    ) -> Result<Option<Reference>, Unmappable> {
        let target = reference.key();
        match look_up(self.0.records, side, target) {
            Counterpart::Known(key) => Ok(Some(Reference::new(key.clone()))),
            Counterpart::Untracked => Ok(None),
            Counterpart::Waiting => Err(Unmappable::Waiting {
                side,
                target: target.clone(),
            }),
        }
    }

    fn offered(&self, _: Side, reference: Reference) -> Result<Reference, Unmappable> {
        Ok(reference)
    }

    fn compare(a: &Reference, b: &Reference) -> Ordering {
        a.cmp(b)
    }

    fn value(&self, _: Side, references: Vec<Reference>) -> Value {
        Value::references(references)
    }
}

/// People by e-mail address. Somebody without one, or whom the other side does not know, has no
/// counterpart.
pub(super) struct People<'a> {
    pub(super) context: &'a LensContext<'a>,
    /// The side that holds addresses as plain texts, if one does.
    pub(super) list: Option<Side>,
}

impl Elements for People<'_> {
    type Element = Person;
    const EXPECTED: &'static str = "list of people";

    fn elements(&self, side: Side, value: &Value) -> Option<Vec<Person>> {
        let people: Vec<Person> = match value {
            Value::People(people) if self.list != Some(side) => people.clone(),
            Value::List(emails) if self.list == Some(side) => {
                emails.iter().map(Person::with_email).collect()
            }
            _ => return None,
        };
        // Somebody a side knows by id is the same person when written as an address.
        let known = |person: Person| match (person.id(), person.email()) {
            (None, Some(email)) => self.called(side, email).unwrap_or(person),
            _ => person,
        };
        Some(people.into_iter().map(known).collect())
    }

    fn counterpart(&self, side: Side, person: &Person) -> Result<Option<Person>, Unmappable> {
        let known = self.context.people[side].and_then(|people| people.person(person));
        let email = known.unwrap_or(person).email();
        // One for one: of two with one address only the one who is found by it.
        let found = email.filter(|email| self.called(side, email).as_ref() == Some(person));
        Ok(found.and_then(|email| self.called(side.other(), email)))
    }

    fn offered(&self, _: Side, person: Person) -> Result<Person, Unmappable> {
        Ok(person)
    }

    fn compare(a: &Person, b: &Person) -> Ordering {
        a.cmp(b)
    }

    fn value(&self, side: Side, people: Vec<Person>) -> Value {
        if self.list == Some(side) {
            let emails = people.iter().filter_map(Person::email);
            Value::list(emails.map(str::to_owned).collect())
        } else {
            Value::people(people)
        }
    }
}

impl People<'_> {
    /// Who has this address on a side: a plain list takes any, a directory only those in it.
    fn called(&self, side: Side, email: &str) -> Option<Person> {
        match self.context.people[side] {
            Some(people) if self.list != Some(side) => people.by_email(email).cloned(),
            _ => Some(Person::with_email(email)),
        }
    }
}

/// Files: what stands at an address a person wrote is the same everywhere, bytes through pairs.
pub(super) struct Files<'a>(pub(super) &'a LensContext<'a>);

impl Elements for Files<'_> {
    type Element = FileRef;
    const EXPECTED: &'static str = "list of files";

    fn elements(&self, _: Side, value: &Value) -> Option<Vec<FileRef>> {
        match value {
            Value::Files(files) => Some(files.clone()),
            _ => None,
        }
    }

    fn counterpart(&self, side: Side, file: &FileRef) -> Result<Option<FileRef>, Unmappable> {
        if let FileSource::External(_) = file.source {
            return Ok(Some(file.clone()));
        }
        match look_up(self.0.files, side, &file.source) {
            Counterpart::Known(source) => Ok(Some(FileRef {
                name: file.name.clone(),
                source: source.clone(),
            })),
            Counterpart::Untracked => Ok(None),
            Counterpart::Waiting => Err(Unmappable::WaitingForFile {
                side,
                name: file.name.clone(),
            }),
        }
    }

    fn offered(&self, _: Side, file: FileRef) -> Result<FileRef, Unmappable> {
        Ok(file)
    }

    fn compare(a: &FileRef, b: &FileRef) -> Ordering {
        a.cmp(b)
    }

    fn value(&self, _: Side, files: Vec<FileRef>) -> Value {
        Value::files(files)
    }
}

/// People by their ids, or files by their places, where both sides know them by the same.
pub(super) struct Shared<T>(PhantomData<T>);

impl<T> Shared<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

/// An element of a list that may be [`Shared`].
pub(super) trait Sharable: Ord + Clone {
    /// What a list of them is called.
    const LIST: &'static str;
    /// The elements of a list of them.
    fn of(value: &Value) -> Option<&[Self]>;
    /// A list of them.
    fn list(elements: Vec<Self>) -> Value;
}

impl Sharable for Person {
    const LIST: &'static str = "list of people";

    fn of(value: &Value) -> Option<&[Self]> {
        match value {
            Value::People(people) => Some(people),
            _ => None,
        }
    }

    fn list(people: Vec<Self>) -> Value {
        Value::people(people)
    }
}

impl Sharable for FileRef {
    const LIST: &'static str = "list of files";

    fn of(value: &Value) -> Option<&[Self]> {
        match value {
            Value::Files(files) => Some(files),
            _ => None,
        }
    }

    fn list(files: Vec<Self>) -> Value {
        Value::files(files)
    }
}

impl<T: Sharable> Elements for Shared<T> {
    type Element = T;
    const EXPECTED: &'static str = T::LIST;

    fn elements(&self, _: Side, value: &Value) -> Option<Vec<T>> {
        T::of(value).map(<[T]>::to_vec)
    }

    fn counterpart(&self, _: Side, element: &T) -> Result<Option<T>, Unmappable> {
        Ok(Some(element.clone()))
    }

    fn offered(&self, _: Side, element: T) -> Result<T, Unmappable> {
        Ok(element)
    }

    fn compare(a: &T, b: &T) -> Ordering {
        a.cmp(b)
    }

    fn value(&self, _: Side, elements: Vec<T>) -> Value {
        T::list(elements)
    }
}

fn look_up<'a, T: Ord + Clone>(
    known: Option<&'a Counterparts<T>>,
    side: Side,
    here: &T,
) -> Counterpart<&'a T> {
    known.map_or(Counterpart::Untracked, |known| known.of(side, here))
}
