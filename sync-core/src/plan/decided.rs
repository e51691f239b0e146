//! Which rules decided something on this thread: counted for the simulation, which has to show that
//! it meets every one. Compiled in for tests only; no decision depends on it.

#[cfg(any(test, feature = "testkit"))]
pub(crate) use counted::{field, row, take};

#[cfg(not(any(test, feature = "testkit")))]
pub(crate) const fn row(_: super::RowRule) {}

#[cfg(not(any(test, feature = "testkit")))]
pub(crate) const fn field(_: super::FieldRule) {}

#[cfg(any(test, feature = "testkit"))]
mod counted {
    use std::cell::Cell;

    use crate::plan::{FieldRule, RowRule};

    const ROWS: usize = RowRule::ALL.len();
    const FIELDS: usize = FieldRule::ALL.len();

    thread_local! {
        static DECIDED_ROWS: [Cell<u64>; ROWS] = const { [const { Cell::new(0) }; ROWS] };
        static DECIDED_FIELDS: [Cell<u64>; FIELDS] = const { [const { Cell::new(0) }; FIELDS] };
    }

    pub(crate) fn row(rule: RowRule) {
        DECIDED_ROWS.with(|rows| rows[rule as usize].update(|count| count + 1));
    }

    pub(crate) fn field(rule: FieldRule) {
        DECIDED_FIELDS.with(|fields| fields[rule as usize].update(|count| count + 1));
    }

    /// How often each rule decided since this was last asked, those that never did left out.
    pub(crate) fn take() -> Decided {
        let rows = DECIDED_ROWS.with(|rows| rows.each_ref().map(Cell::take));
        let fields = DECIDED_FIELDS.with(|fields| fields.each_ref().map(Cell::take));
        let rows = RowRule::ALL.into_iter().zip(rows);
        let fields = FieldRule::ALL.into_iter().zip(fields);
        Decided {
            rows: rows.filter(|(_, count)| *count > 0).collect(),
            fields: fields.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// Decisions by rule.
    pub(crate) struct Decided {
        pub(crate) rows: Vec<(RowRule, u64)>,
        pub(crate) fields: Vec<(FieldRule, u64)>,
    }
}

/// Lists every variant of an enumeration as `ALL`, in order. One that is missing does not compile.
macro_rules! list_all {
    ($name:ident: $($variant:ident),* $(,)?) => {
        impl $name {
            /// All, in order.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];
        }
        const _: fn($name) = |one| match one { $($name::$variant)|* => {} };
        const _: () = {
            let mut at = 0;
            while at < $name::ALL.len() {
                assert!($name::ALL[at] as usize == at, "not in the order of their making");
                at += 1;
            }
        };
    };
}
pub(crate) use list_all;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FieldRule, RowRule};

    #[test]
    fn each_decision_is_counted_once_by_its_rule_until_somebody_asks() {
        take();
        for rule in [RowRule::R02, RowRule::R05, RowRule::R02] {
            row(rule);
        }
        for rule in [FieldRule::F06, FieldRule::F02, FieldRule::F06] {
            field(rule);
        }
        let decided = take();
        assert_eq!(decided.rows, [(RowRule::R02, 2), (RowRule::R05, 1)]);
        assert_eq!(decided.fields, [(FieldRule::F02, 1), (FieldRule::F06, 2)]);
        let decided = take();
        assert_eq!((decided.rows, decided.fields), (vec![], vec![]));
    }
}
