//! The laws of a [`Peer`](crate::port::Peer).

mod altering;
mod bench;
mod changes;
mod reading;
mod refusing;
mod slices;
mod stopping;
mod writing;

pub use altering::*;
pub use bench::Setup;
pub use changes::*;
pub use reading::*;
pub use refusing::*;
pub use slices::*;
pub use stopping::*;
pub use writing::*;

/// Tests a peer: one test for each law of [`testkit::contract::peer`](crate::testkit::contract::peer),
/// in a module of this name.
///
/// The second argument is a function or closure that makes a fresh world with an empty collection,
/// see [`PeerWorld`](crate::testkit::contract::PeerWorld). A law that the peer's
/// [`Capabilities`](crate::port::Capabilities) rule out passes and prints why it was skipped.
#[macro_export]
macro_rules! peer_contract {
    ($name:ident, $setup:expr) => {
        $crate::__contract_tests! { $name, $setup, peer:
            the_place_is_constant
            the_description_is_stable_and_names_all_that_scans_show
            a_full_scan_shows_every_live_record_once_whatever_the_page
            cells_not_asked_for_are_unread
            fetch_answers_each_key_in_the_order_asked
            a_record_in_the_trash_is_seen_there
            find_is_exact_and_answers_each_value
            one_bad_item_costs_itself

            a_cursor_shows_what_changed_since_its_scan
            a_cursor_can_be_used_twice_and_its_end_shows_nothing_old
            an_edit_during_a_scan_is_in_it_or_in_the_next

            a_record_keeps_its_rank
            a_slice_shows_what_lies_within_it
            records_come_in_order_of_their_ranks
            a_scan_given_up_goes_on_in_a_slice
            changes_can_be_read_in_slices

            a_create_answers_a_key_that_fetch_finds
            a_written_value_reads_back
            a_receipt_shows_what_a_direct_read_shows
            cells_not_named_stay_as_they_are
            empty_clears
            a_value_written_twice_is_written_once
            trash_and_untrash_lead_where_they_say
            outcomes_come_one_per_command_in_order

            an_expected_cell_that_does_not_hold_is_stale
            an_unknown_field_is_rejected_and_nothing_changes
            what_the_place_computes_is_not_changed_by_a_command
            a_command_on_no_record_does_nothing
            one_refused_command_costs_itself
            all_or_nothing_is_that_or_refused
            alter_adds_or_refuses
            a_schema_change_answered_as_done_is_read_back
            a_renamed_option_stays_with_its_records

            a_call_dropped_at_any_await_leaves_nothing_half_done
            a_cancelled_call_is_whole_or_says_so
        }
    };
}
