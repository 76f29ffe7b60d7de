//! The store's contract suite: what every backend has to do.
//!
//! The cases use the public traits and a [`world::Backend`], never a backend's own names. A
//! backend's test file calls `contract!` with an expression that makes an empty place.

pub mod make;
pub mod make_lessons;
pub mod make_messages;
pub mod make_reach;
pub mod make_sync;
pub mod queueing;
pub mod world;

pub mod addresses;
pub mod audit;
pub mod claims;
pub mod commits;
pub mod deliveries;
pub mod devices;
pub mod digests;
pub mod expiry;
pub mod fallback;
pub mod feeds;
pub mod idempotency;
pub mod inbox;
pub mod inbox_model;
pub mod inbox_pages;
pub mod lessons;
pub mod lives;
pub mod message_files;
pub mod messages;
pub mod notices;
pub mod opening;
pub mod outbox;
pub mod people;
pub mod presences;
pub mod races;
pub mod retention;
pub mod revocations;
pub mod schedule;
pub mod sends;
pub mod sync;
pub mod sync_desk;
pub mod sync_model;
pub mod taking_back;
pub mod tallies;
pub mod tampering;
pub mod tenants;
pub mod timeline;
pub mod told;
pub mod topics;
pub mod unreported;

/// Makes a test of every case for one backend.
macro_rules! contract {
    ($backend:expr) => {
        contract!(@of $backend, addresses:
            an_address_reads_back_and_keeps_its_name,
            a_token_that_moves_to_another_user_leaves_the_first,
            a_device_has_one_address_of_a_kind,
            of_too_many_the_one_seen_longest_ago_goes,
            an_address_is_removed_by_its_owner_alone,
        );
        contract!(@of $backend, audit:
            entries_are_numbered_gaplessly_for_each_tenant,
            who_has_a_trail_is_walked_over_once,
            what_changes_nothing_leaves_no_entry,
            filters_choose_entries,
            sealing_makes_one_block_a_tenant_of_at_most_the_limit,
            erased_details_leave_a_chain_that_verifies,
        );
        contract!(@of $backend, claims:
            a_delivery_reads_back_as_it_was_stored,
            a_unit_that_is_refused_leaves_no_delivery,
            the_most_urgent_come_first_then_those_that_waited_longest,
            every_tenant_gets_its_turn,
            each_channel_is_claimed_for_by_itself,
            a_lease_ends_by_itself,
            a_claim_is_settled_once,
            of_claimers_at_once_each_delivery_has_one,
            the_backlog_tells_what_is_due_and_what_waits,
            split_deliveries_stand_beside_the_first,
            what_ended_is_forgotten_by_age_and_within_the_limit,
            a_notification_keeps_how_its_channels_ended,
        );
        contract!(@of $backend, commits:
            a_unit_whose_last_write_is_stale_leaves_nothing,
            guards_are_checked_in_the_transaction,
            one_bad_unit_of_a_group_fails_alone,
            a_unit_may_carry_many_kinds_of_writes,
            a_closed_store_finishes_what_it_took_and_takes_no_more,
        );
        contract!(@of $backend, deliveries:
            a_notification_is_confirmed_once,
            a_write_that_nobody_confirmed_is_counted,
            reading_counts_as_delivered,
            undelivered_ones_are_given_oldest_first,
        );
        contract!(@of $backend, devices:
            what_is_known_of_a_device_only_grows,
            the_devices_of_a_user_are_listed_by_name,
            the_generation_of_a_device_only_grows,
            sessions_add_up_what_their_devices_did,
            activities_are_listed_by_when_they_came,
            what_failed_is_decided_once_more,
            what_waited_for_a_person_is_synced_once_they_said,
        );
        contract!(@of $backend, expiry:
            what_expired_undelivered_is_found_and_given_up_once,
            what_was_read_or_delivered_or_deleted_does_not_fail,
            what_the_all_read_mark_covers_is_settled_without_a_word,
        );
        contract!(@of $backend, fallback:
            the_next_place_is_due_when_the_last_of_a_place_failed,
            a_place_that_arrived_or_may_keeps_the_next_one_waiting,
            what_was_to_come_later_comes_at_once_unless_it_is_held_or_was_tried,
            the_next_place_waits_comes_later_or_is_skipped_as_it_was_told,
            what_waits_for_a_failure_until_a_time_is_skipped_at_once,
            what_is_told_afterwards_holds_only_for_the_state_it_was_told_of,
            a_report_ends_a_claim,
            what_an_overtaken_attempt_gave_is_kept_once,
            what_failed_for_good_can_be_tried_anew,
            what_is_under_way_of_what_is_replaced_is_settled_and_nothing_else_goes_out,
            channels_of_what_is_replaced_say_nothing_about_those_of_the_other,
        );
        contract!(@of $backend, feeds:
            numbers_are_gapless_and_in_commit_order,
            inboxes_and_topics_number_on_their_own,
            heads_come_in_the_order_asked,
            the_replay_sequence_is_the_highest_inbox_number,
        );
        contract!(@of $backend, idempotency:
            the_same_request_again_gets_the_first_answer,
            another_request_with_the_same_key_is_refused,
            scopes_and_tenants_have_their_own_keys,
            a_failed_unit_keeps_no_key,
            of_concurrent_requests_with_one_key_one_takes_effect,
            keys_are_forgotten_by_age_and_within_the_limit,
        );
        contract!(@of $backend, inbox:
            a_notification_reads_back_as_it_was_published,
            a_deleted_notification_leaves_only_a_tombstone,
            reading_twice_is_stale,
            marking_all_read_takes_one_number,
            the_admin_list_filters,
            the_admin_list_pages,
        );
        contract!(@of $backend, inbox_model:
            any_sequence_of_writes_reads_as_a_naive_model_says,
        );
        contract!(@of $backend, inbox_pages:
            newest_gives_the_latest_rows_oldest_first,
            oldest_pages_lead_to_the_head,
            pending_leaves_out_what_is_read_or_delivered,
            a_read_row_moves_to_its_new_number,
            the_all_read_mark_stands_in_its_place,
            an_empty_inbox_gives_an_empty_page,
        );
        contract!(@of $backend, lessons:
            a_lesson_reads_back_and_its_versions_follow_each_other,
            lessons_of_a_class_are_counted_listed_and_end,
            a_blob_is_read_by_its_class_and_by_who_brought_it,
            a_blob_is_forgotten_only_while_nobody_needs_it,
            blobs_of_a_tenant_have_room_together,
            of_writers_at_once_one_makes_each_version,
        );
        contract!(@of $backend, lives:
            a_new_life_skips_every_counter_ahead,
            every_trail_tells_of_a_new_life_and_still_verifies,
            a_feed_made_in_a_new_life_begins_above_every_earlier_one,
            of_two_that_end_the_same_life_one_does,
            the_mark_grows_with_the_trail_and_the_name_stays,
        );
        contract!(@of $backend, notices:
            a_message_leaves_one_notice_for_its_topic,
            who_has_not_read_and_is_not_there_is_to_be_told,
            who_was_told_and_has_not_read_is_told_again_after_the_window,
            members_are_noted_together_or_not_at_all,
            a_notification_takes_the_place_of_an_unread_one,
        );
        contract!(@of $backend, opening:
            reopening_keeps_everything,
            a_store_of_a_newer_version_is_refused,
            migrating_twice_changes_nothing,
        );
        contract!(@of $backend, outbox:
            the_list_filters_and_pages,
            deliveries_come_by_notification_and_place,
            standings_tell_what_was_taken_back_read_or_deleted,
        );
        contract!(@of $backend, people:
            everything_that_is_sealed_is_walked_over_once,
            what_is_kept_of_preferences_outlives_the_person,
            numbers_that_wait_with_deliveries_are_walked_over_and_sealed_anew,
            an_address_is_sealed_anew_unless_it_changed_meanwhile,
            a_profile_reads_back_and_its_versions_follow_each_other,
            whoever_is_met_is_noted_once,
            of_writers_of_one_version_one_is_taken,
            preferences_are_a_users_or_the_tenants,
            a_suppression_holds_for_an_address_until_it_is_lifted,
            suppressions_are_listed_by_channel_and_hash,
            a_number_is_known_by_its_hash,
            recipients_come_with_all_that_a_decision_needs,
            a_deleted_person_leaves_nothing_but_what_they_opted_out_of,
        );
        contract!(@of $backend, presences:
            somebody_is_there_while_at_any_node,
            who_came_and_went_unseen_was_there_and_changed_nothing,
            a_node_that_is_silent_is_gone_with_all_who_were_there,
            who_is_deleted_was_never_there,
        );
        contract!(@of $backend, races:
            eight_writers_and_a_reader_with_a_cursor_miss_nothing,
            a_page_is_one_snapshot_while_rows_move,
            changes_are_heard_in_order_and_only_once,
            a_change_is_heard_only_after_a_read_can_see_it,
        );
        contract!(@of $backend, revocations:
            a_revoked_user_acts_no_more_with_what_was_issued_until_then,
            a_revoked_token_acts_no_more_whenever_it_was_issued,
            a_revoked_caller_is_told_nothing_of_an_earlier_answer,
            a_revocation_ends_what_comes_after_it_in_the_same_group,
            revoking_again_keeps_the_later_time,
            a_lifted_revocation_covers_nothing_and_can_be_made_again,
            others_hear_of_every_change_in_the_order_of_commits,
            revocations_page_newest_first,
            tokens_and_lifted_ones_are_forgotten_by_age_and_users_never,
        );
        contract!(@of $backend, digests:
            what_joins_a_digest_waits_until_the_first_window_ends,
            a_digest_ends_only_as_it_was_read,
            a_digest_goes_on_with_what_is_too_much,
            of_two_workers_one_ends_a_digest_and_none_is_left_out,
        );
        contract!(@of $backend, retention:
            old_notifications_are_forgotten_and_the_horizon_says_so,
            what_is_still_to_go_out_is_not_forgotten,
            inboxes_are_walked_page_by_page,
            sends_are_forgotten_once_they_went_out,
            old_details_are_erased_and_the_chain_verifies,
        );
        contract!(@of $backend, schedule:
            an_event_reads_back_and_lists,
            moments_are_due_by_their_time,
            a_moment_is_told_once,
            what_was_sent_of_what_is_no_more_is_taken_back,
            another_class_was_told_nothing,
            occurrences_are_looked_at_once_and_replaced,
            further_occurrences_are_stored_in_time,
            quizzes_and_calendars_read_back,
        );
        contract!(@of $backend, sends:
            a_send_reads_back_as_it_was_stored,
            each_tenant_gets_its_turn_with_its_oldest_and_newest_sends,
            of_two_workers_one_advances_a_send,
            a_send_that_waits_begins_when_it_is_due,
            a_send_to_one_is_put_off_or_gone_out_or_taken_back,
            a_number_that_waits_with_a_send_is_sealed_anew,
            a_send_that_is_taken_back_takes_what_it_left_for_later_along,
            a_completed_send_moves_no_more,
            a_send_belongs_to_the_tenant_of_its_unit,
        );
        contract!(@of $backend, sync:
            an_operation_is_kept_with_all_that_it_does,
            nothing_crosses_to_another_tenant_or_user,
            an_operation_takes_effect_once,
            operations_of_one_unit_build_on_each_other,
            what_nobody_has_to_see_takes_no_number,
            entities_come_in_the_order_of_their_changes,
            entities_that_are_there_come_in_the_order_of_their_names,
            conflicts_are_listed_by_whose_they_are,
            a_conflict_goes_on_until_it_is_resolved,
            what_is_old_is_forgotten_and_operations_stay_known,
            of_writers_at_once_each_sees_what_the_others_did,
        );
        contract!(@of $backend, sync_desk:
            a_desk_gets_all_that_it_names,
            an_operation_relies_on_where_its_branch_ended,
            the_last_trace_of_what_was_deleted_goes_with_its_time,
            lessons_are_read_in_the_order_of_their_changes,
            memberships_tell_since_when,
        );
        contract!(@of $backend, sync_model:
            any_operations_leave_what_a_naive_model_says,
            of_units_at_once_each_is_taken_or_refused_by_itself,
        );
        contract!(@of $backend, taking_back:
            a_notification_is_taken_back_once_and_stays_in_the_inbox,
            a_send_that_was_taken_back_is_expanded_no_more,
            a_recall_walks_every_notification_of_its_send_once,
        );
        contract!(@of $backend, tallies:
            what_is_uncounted_comes_with_its_notification,
            tenants_are_counted_one_page_after_the_other,
            of_counters_at_once_each_entry_is_added_once,
            a_place_that_moved_adds_nothing,
            sums_are_apart_by_class_day_and_tenant,
        );
        contract!(@of $backend, tampering:
            every_tampering_breaks_the_chain,
            the_chain_of_another_tenant_still_verifies,
        );
        contract!(@of $backend, tenants:
            no_read_shows_anything_of_another_tenant,
            no_write_touches_anything_of_another_tenant,
        );
        contract!(@of $backend, timeline:
            a_timeline_is_the_trail_about_one_notification,
        );
        contract!(@of $backend, told:
            entities_are_told_in_the_order_of_their_numbers_and_once,
            those_who_write_at_once_are_told_in_order,
            what_nobody_has_to_see_or_is_refused_is_not_told,
            a_conflict_is_told_of_when_it_begins_to_wait,
            lessons_are_told_on_the_feed_of_their_class,
            topics_are_told_to_those_who_follow_them,
        );
        contract!(@of $backend, message_files:
            a_file_is_read_by_the_topic_that_it_was_sent_to,
            a_file_is_kept_while_a_message_carries_it,
            a_message_without_its_file_is_not_sent,
            what_a_user_uploads_has_room_together,
        );
        contract!(@of $backend, messages:
            a_message_reads_back_and_keeps_its_place,
            a_change_keeps_a_message_in_its_place,
            messages_page_by_their_numbers,
            messages_that_mention_somebody_are_found_among_many,
            a_device_names_a_message_once,
            what_others_wrote_behind_the_mark_is_unread,
            who_comes_back_begins_behind_what_was_written_meanwhile,
            unread_messages_are_counted_up_to_a_bound,
            a_topic_that_is_made_again_begins_empty,
            members_take_part_by_what_is_there,
            what_is_written_and_read_is_told,
        );
        contract!(@of $backend, topics:
            a_topic_is_put_changed_deleted_and_made_again,
            a_topic_that_changed_meanwhile_is_decided_on_anew,
            members_are_added_changed_and_removed,
            members_page_by_user_id,
            a_user_lists_the_topics_they_are_in,
            deleting_a_topic_ends_its_memberships,
            who_teaches_whom_follows_their_topics,
        );
        contract!(@of $backend, unreported:
            those_that_wait_longest_are_asked_for_first_whosever_they_are,
            what_is_open_or_has_ended_is_not_asked_for,
            of_two_who_would_ask_one_does,
            an_overtaken_message_is_asked_for_unless_it_ended,
        );
    };
    (@of $backend:expr, $file:ident: $($case:ident,)+) => {
        mod $file {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let world = crate::contract::world::World::new($backend).await;
                    crate::contract::$file::$case(world).await;
                }
            )+
        }
    };
}
