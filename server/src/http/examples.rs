//! The examples of `protocol/examples/calls`, compiled in for the API's description.

use serde_json::Value;

macro_rules! examples {
    ($($name:literal),+ $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../../../protocol/examples/calls/", $name, ".json")),
        )),+]
    };
}

const TEXTS: &[(&str, &str)] = examples![
    "activities_bulk_store",
    "activities_list",
    "activities_retry",
    "activities_sync",
    "activity_store",
    "activity_store_page",
    "admin_audit",
    "admin_audit_verify",
    "admin_audit_verify_broken",
    "admin_deliveries",
    "admin_deliveries_replay",
    "admin_deliveries_replay_all",
    "admin_notifications",
    "admin_notifications_send",
    "analytics",
    "analytics_class",
    "blob_get",
    "blob_put",
    "conflict_resolve",
    "conflicts_list",
    "health",
    "health_ready",
    "lesson_delete",
    "lesson_get",
    "lesson_put",
    "lessons_list",
    "member_delete",
    "member_put",
    "members_bulk",
    "members_list",
    "message_delete",
    "message_edit",
    "message_get",
    "message_send",
    "messages_list",
    "messages_list_after",
    "notification_delete",
    "notification_get",
    "notification_mark_read",
    "notification_timeline",
    "notification_timeline_waiting",
    "notifications_ack",
    "notifications_list",
    "notifications_list_after",
    "notifications_mark_all_read",
    "notifications_send",
    "notifications_send_dry_run",
    "notifications_test",
    "notifications_unread_count",
    "notify",
    "notify_admin_message",
    "notify_batch",
    "notify_class",
    "notify_deadline_warning",
    "notify_later",
    "notify_later_local",
    "notify_topic",
    "notify_users",
    "preferences_change",
    "preferences_change_all",
    "preferences_get",
    "revocation_create",
    "revocation_delete",
    "revocations_list",
    "suppression_delete",
    "suppressions_list",
    "sync_check",
    "sync_delta",
    "sync_devices",
    "sync_health",
    "sync_history",
    "sync_pull",
    "sync_pull_deltas",
    "sync_push",
    "sync_push_conflict",
    "sync_push_pull",
    "sync_status",
    "template_preview",
    "templates_list",
    "subscribe",
    "subscribe_flat",
    "subscriptions_list",
    "tenant_preferences_get",
    "tenant_preferences_put",
    "token_create",
    "token_delete",
    "tokens_list",
    "topic_delete",
    "topic_get",
    "topic_participation",
    "topic_put",
    "topic_read",
    "topic_read_messages",
    "unsubscribe",
    "unsubscribe_by_endpoint",
    "user_delete",
    "user_get",
    "user_me_delete",
    "user_me_get",
    "user_me_patch",
    "user_me_put",
    "user_patch",
    "user_presence",
    "user_put",
    "users_presence",
    "vapid_public_key",
];

/// A documented call.
pub(super) struct Example {
    pub name: &'static str,
    pub method: String,
    /// As it is called: perhaps an alias, with its query.
    pub path: String,
    pub request: Value,
    pub status: u64,
    pub answer: Value,
}

/// Reads every example.
pub(super) fn examples() -> Vec<Example> {
    TEXTS.iter().map(|(name, text)| read(name, text)).collect()
}

fn read(name: &'static str, text: &str) -> Example {
    let mut file: Value = serde_json::from_str(text).expect("the examples are JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Example {
        name,
        method: text(&file["method"]),
        path: text(&file["path"]),
        status: file["status"].as_u64().unwrap_or_default(),
        request: file["request"].take(),
        answer: file["answer"].take(),
    }
}
