//! The laws of a [`Store`](crate::port::Store).

mod bench;
mod commits;
mod effects;
mod histories;
mod leases;

pub use bench::Setup;
pub use commits::*;
pub use effects::*;
pub use histories::*;
pub use leases::*;

/// Tests a store: one test for each law of [`testkit::contract::store`](crate::testkit::contract::store),
/// in a module of this name.
///
/// The second argument is a function or closure that makes a fresh world with an empty store, see
/// [`StoreWorld`](crate::testkit::contract::StoreWorld). Laws about what the world does not offer
/// (reopening, a colocated side) pass and print that they were skipped. Random histories obey
/// `PROPTEST_CASES`.
#[macro_export]
macro_rules! store_contract {
    ($name:ident, $setup:expr) => {
        $crate::__contract_tests! { $name, $setup, store:
            random_histories_read_as_in_the_reference
            pages_of_any_size_yield_every_row_once_in_order
            a_link_nobody_knows_is_empty
            links_do_not_see_each_other
            opening_to_read_writes_nothing
            a_slice_answers_those_whose_rank_lies_in_it
            a_link_made_for_other_places_is_refused

            the_serial_grows_by_one_with_each_commit
            a_commit_that_expects_another_serial_changes_nothing
            ids_are_never_handed_out_again
            digests_are_of_what_is_there
            intents_are_read_until_they_are_final
            a_decision_counts_for_the_values_it_was_about
            a_commit_dropped_at_any_await_is_whole_or_nothing
            what_was_committed_survives_the_process

            a_second_taker_waits_until_the_lease_is_given_back
            a_later_fence_ends_an_earlier_one
            a_fence_is_for_one_link

            an_effect_is_done_and_remembered_with_its_commit
            an_effect_gives_way_to_a_person_who_was_faster
            an_effect_on_an_edited_row_leaves_the_pair_dirty
            a_refused_effect_costs_itself
            a_commit_that_fails_has_no_effect
        }
    };
}
