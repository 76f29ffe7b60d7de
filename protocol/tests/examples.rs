//! Loads every example, reads it into its type and writes it back: nothing may be lost, no file
//! may be without a type, and no type without a file.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use landfall_core::notify::RESERVED_TYPES;
use landfall_protocol::addresses::{
    EndpointNamed, SubscribeRequest, SubscriptionItem, TokenItem, TokenRequest, VapidKeyAnswer,
};
use landfall_protocol::analytics::Analytics;
use landfall_protocol::audit::{AuditItem, VerifyAnswer};
use landfall_protocol::deliveries::{DeliveryItem, ReplayAnswer, ReplayRequest};
use landfall_protocol::events::{
    CalendarAnswer, EventAnswer, EventPatch, EventPost, MomentItem, QuizAnswer, QuizPut,
};
use landfall_protocol::frame::{
    ClientFrame, ClientMessage, ControlFrame, ServerFrame, SyncCompleteFrame, TopicFrame,
};
use landfall_protocol::health::{Health, Ready};
use landfall_protocol::inbox::{AckAnswer, AckRequest, Item, MarkAllRead, UnreadCount};
use landfall_protocol::json;
use landfall_protocol::lessons::{BlobAnswer, LessonAnswer, LessonItem, LessonPut};
use landfall_protocol::list::List;
use landfall_protocol::manual::{ManualAnswer, TestAnswer, TestRequest};
use landfall_protocol::messages::{
    MessageItem, MessagePatch, MessagePost, ParticipationItem, ReadPost, UnreadAnswer,
};
use landfall_protocol::notify::{BatchResult, NotifyAnswer, NotifyRequest, SendAnswer};
use landfall_protocol::preferences::{PreferencesAnswer, PreferencesRequest};
use landfall_protocol::presence::{PresencePost, StatusItem};
use landfall_protocol::problem::{Code, Problem};
use landfall_protocol::revocations::{RevocationItem, RevocationRequest};
use landfall_protocol::suppressions::{SuppressedAddress, SuppressionItem};
use landfall_protocol::sync::{
    ActivitiesAnswer, ActivitiesPost, ActivityItem, CheckAnswer, CheckPost, ConflictItem,
    ConflictResolve, DeltaAnswer, DeltaPost, DeviceItem, PullAnswer, PullPost, PushAnswer,
    PushPost, ResolvedAnswer, RetryPost, SessionItem, SyncActivitiesAnswer, SyncHealthAnswer,
    SyncStatusAnswer,
};
use landfall_protocol::templates::{PreviewAnswer, PreviewRequest, TemplateItem};
use landfall_protocol::timeline::Timeline;
use landfall_protocol::topics::{MemberItem, MemberPut, MembersBulk, MembersBulkAnswer};
use landfall_protocol::topics::{TopicAnswer, TopicPut};
use landfall_protocol::users::{UserAnswer, UserFields};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const DEPTH: usize = 32;

/// Reads a value into a type and back.
type Shape = fn(&Value) -> Value;

fn of<T: DeserializeOwned + Serialize>(value: &Value) -> Value {
    let bytes = serde_json::to_vec(value).unwrap();
    let typed: T = json::parse(&bytes, DEPTH).unwrap_or_else(|bad| panic!("{bad:?} in {value}"));
    serde_json::to_value(&typed).unwrap()
}

fn lines<T: DeserializeOwned + Serialize>(value: &Value) -> Value {
    value.as_array().unwrap().iter().map(of::<T>).collect()
}

fn none(value: &Value) -> Value {
    assert_eq!(*value, Value::Null);
    Value::Null
}

const CALLS: &[(&str, Shape, Shape)] = &[
    ("activities_bulk_store", of::<ActivitiesPost>, of::<ActivitiesAnswer>),
    ("activities_list", none, of::<List<ActivityItem>>),
    ("activities_retry", of::<RetryPost>, of::<ActivitiesAnswer>),
    ("activities_sync", of::<Value>, of::<SyncActivitiesAnswer>),
    ("activity_store", of::<Value>, of::<ActivityItem>),
    ("activity_store_page", of::<Value>, of::<ActivityItem>),
    ("admin_audit", none, of::<List<AuditItem>>),
    ("admin_audit_verify", none, of::<VerifyAnswer>),
    ("admin_audit_verify_broken", none, of::<VerifyAnswer>),
    ("admin_deliveries", none, of::<List<DeliveryItem>>),
    ("admin_deliveries_replay", of::<ReplayRequest>, of::<ReplayAnswer>),
    ("admin_deliveries_replay_all", of::<ReplayRequest>, of::<ReplayAnswer>),
    ("admin_notifications", none, of::<List<Item>>),
    ("admin_notifications_send", of::<NotifyRequest>, of::<ManualAnswer>),
    ("analytics", none, of::<Analytics>),
    ("analytics_class", none, of::<Analytics>),
    ("blob_get", none, of::<Value>),
    ("blob_put", of::<Value>, of::<BlobAnswer>),
    ("calendar_rotate", none, of::<CalendarAnswer>),
    ("calendar_show", none, of::<CalendarAnswer>),
    ("conflict_resolve", of::<ConflictResolve>, of::<ResolvedAnswer>),
    ("conflicts_list", none, of::<List<ConflictItem>>),
    ("event_change", of::<EventPatch>, of::<EventAnswer>),
    ("event_change_occurrence", of::<EventPatch>, of::<EventAnswer>),
    ("event_create", of::<EventPost>, of::<EventAnswer>),
    ("event_delete", none, none),
    ("event_get", none, of::<EventAnswer>),
    ("event_timeline", none, of::<List<MomentItem>>),
    ("events_of_class", none, of::<List<EventAnswer>>),
    ("events_own", none, of::<List<EventAnswer>>),
    ("health", none, of::<Health>),
    ("health_ready", none, of::<Ready>),
    ("lesson_delete", none, none),
    ("lesson_get", none, of::<LessonAnswer>),
    ("lesson_put", of::<LessonPut>, of::<LessonAnswer>),
    ("lessons_list", none, of::<List<LessonItem>>),
    ("live_session_schedule", of::<EventPost>, of::<EventAnswer>),
    ("member_delete", none, none),
    ("member_put", of::<MemberPut>, of::<MemberItem>),
    ("members_bulk", of::<MembersBulk>, of::<MembersBulkAnswer>),
    ("members_list", none, of::<List<MemberItem>>),
    ("message_delete", none, none),
    ("message_edit", of::<MessagePatch>, of::<MessageItem>),
    ("message_get", none, of::<MessageItem>),
    ("message_send", of::<MessagePost>, of::<MessageItem>),
    ("messages_list", none, of::<List<MessageItem>>),
    ("messages_list_after", none, of::<List<MessageItem>>),
    ("notification_delete", none, none),
    ("notification_get", none, of::<Item>),
    ("notification_mark_read", none, of::<Item>),
    ("notification_timeline", none, of::<Timeline>),
    ("notification_timeline_waiting", none, of::<Timeline>),
    ("notifications_ack", of::<AckRequest>, of::<AckAnswer>),
    ("notifications_list", none, of::<List<Item>>),
    ("notifications_list_after", none, of::<List<Item>>),
    ("notifications_mark_all_read", none, of::<MarkAllRead>),
    ("notifications_send", of::<NotifyRequest>, of::<ManualAnswer>),
    ("notifications_send_dry_run", of::<NotifyRequest>, of::<ManualAnswer>),
    ("notifications_test", of::<TestRequest>, of::<TestAnswer>),
    ("notifications_unread_count", none, of::<UnreadCount>),
    ("notify", of::<NotifyRequest>, of::<NotifyAnswer>),
    ("notify_admin_message", of::<NotifyRequest>, of::<NotifyAnswer>),
    ("notify_batch", lines::<NotifyRequest>, lines::<BatchResult>),
    ("notify_class", of::<NotifyRequest>, of::<SendAnswer>),
    ("notify_deadline_warning", of::<NotifyRequest>, of::<NotifyAnswer>),
    ("notify_later", of::<NotifyRequest>, of::<NotifyAnswer>),
    ("notify_later_local", of::<NotifyRequest>, of::<SendAnswer>),
    ("notify_topic", of::<NotifyRequest>, of::<SendAnswer>),
    ("notify_users", of::<NotifyRequest>, of::<SendAnswer>),
    ("preferences_change", of::<PreferencesRequest>, of::<PreferencesAnswer>),
    ("preferences_change_all", of::<PreferencesRequest>, of::<PreferencesAnswer>),
    ("preferences_get", none, of::<PreferencesAnswer>),
    ("quiz_get", none, of::<QuizAnswer>),
    ("quiz_put", of::<QuizPut>, of::<QuizAnswer>),
    ("quiz_schedule", of::<EventPost>, of::<EventAnswer>),
    ("revocation_create", of::<RevocationRequest>, of::<RevocationItem>),
    ("revocation_delete", none, none),
    ("revocations_list", none, of::<List<RevocationItem>>),
    ("subscribe", of::<SubscribeRequest>, of::<SubscriptionItem>),
    ("subscribe_flat", of::<SubscribeRequest>, of::<SubscriptionItem>),
    ("subscriptions_list", none, of::<List<SubscriptionItem>>),
    ("suppression_delete", of::<SuppressedAddress>, none),
    ("suppressions_list", none, of::<List<SuppressionItem>>),
    ("sync_check", of::<CheckPost>, of::<CheckAnswer>),
    ("sync_delta", of::<DeltaPost>, of::<DeltaAnswer>),
    ("sync_devices", none, of::<List<DeviceItem>>),
    ("sync_health", none, of::<SyncHealthAnswer>),
    ("sync_history", none, of::<List<SessionItem>>),
    ("sync_pull", of::<PullPost>, of::<PullAnswer>),
    ("sync_pull_deltas", of::<PullPost>, of::<PullAnswer>),
    ("sync_push", of::<PushPost>, of::<PushAnswer>),
    ("sync_push_conflict", of::<PushPost>, of::<PushAnswer>),
    ("sync_push_pull", of::<PushPost>, of::<PushAnswer>),
    ("sync_status", none, of::<SyncStatusAnswer>),
    ("template_preview", of::<PreviewRequest>, of::<PreviewAnswer>),
    ("templates_list", none, of::<List<TemplateItem>>),
    ("tenant_preferences_get", none, of::<PreferencesAnswer>),
    ("tenant_preferences_put", of::<PreferencesRequest>, of::<PreferencesAnswer>),
    ("token_create", of::<TokenRequest>, of::<TokenItem>),
    ("token_delete", none, none),
    ("tokens_list", none, of::<List<TokenItem>>),
    ("topic_delete", none, none),
    ("topic_get", none, of::<TopicAnswer>),
    ("topic_participation", none, of::<List<ParticipationItem>>),
    ("topic_put", of::<TopicPut>, of::<TopicAnswer>),
    ("topic_read", of::<ReadPost>, of::<UnreadAnswer>),
    ("topic_read_messages", of::<ReadPost>, of::<UnreadAnswer>),
    ("unsubscribe", none, none),
    ("unsubscribe_by_endpoint", of::<EndpointNamed>, none),
    ("user_delete", none, none),
    ("user_get", none, of::<UserAnswer>),
    ("user_me_delete", none, none),
    ("user_me_get", none, of::<UserAnswer>),
    ("user_me_patch", of::<UserFields>, of::<UserAnswer>),
    ("user_me_put", of::<UserFields>, of::<UserAnswer>),
    ("user_patch", of::<UserFields>, of::<UserAnswer>),
    ("user_presence", none, of::<StatusItem>),
    ("user_put", of::<UserFields>, of::<UserAnswer>),
    ("users_presence", of::<PresencePost>, of::<List<StatusItem>>),
    ("vapid_public_key", none, of::<VapidKeyAnswer>),
];

fn examples(folder: &str) -> BTreeMap<String, Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
    let files = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let named = files.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".json").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name.to_owned(), value)
    });
    named.collect()
}

fn check_keys(name: &str, example: &Value, needed: &[&str], allowed: &[&str]) {
    let keys: BTreeSet<&str> = example.as_object().unwrap().keys().map(String::as_str).collect();
    for key in needed {
        assert!(keys.contains(key), "{name} has no {key}");
    }
    for key in keys {
        assert!(needed.contains(&key) || allowed.contains(&key), "{name} has {key}");
    }
}

#[test]
fn every_call_survives_its_type() {
    let calls = examples("calls");
    let names: Vec<&str> = calls.keys().map(String::as_str).collect();
    let known: Vec<&str> = CALLS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, known);
    let needed = ["method", "path", "request", "status", "answer"];
    for (name, request, answer) in CALLS {
        let call = &calls[*name];
        check_keys(name, call, &needed, &["request_headers"]);
        assert_eq!(request(&call["request"]), call["request"], "{name}");
        assert_eq!(answer(&call["answer"]), call["answer"], "{name}");
    }
}

#[test]
fn every_notification_to_send_makes_a_draft() {
    for (name, call) in examples("calls") {
        if !name.starts_with("notify") || name == "notify_batch" {
            continue;
        }
        let bytes = serde_json::to_vec(&call["request"]).unwrap();
        let request: NotifyRequest = json::parse(&bytes, DEPTH).unwrap();
        request.draft().unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
    }
}

#[test]
fn every_frame_survives_its_type() {
    let (mut server, mut client) = (BTreeSet::new(), BTreeSet::new());
    for (name, example) in examples("frames") {
        check_keys(&name, &example, &["from", "frame"], &[]);
        let frame = &example["frame"];
        let kind = frame["type"].as_str().unwrap().to_owned();
        let bytes = serde_json::to_vec(frame).unwrap();
        let back = if example["from"] == json!("server") {
            let frame = ServerFrame::decode(&bytes).unwrap();
            server.insert(if matches!(frame, ServerFrame::Notification(_)) {
                "notification".to_owned()
            } else {
                kind
            });
            frame.encode()
        } else {
            client.insert(kind);
            ClientMessage::decode(&bytes, DEPTH).unwrap().encode()
        };
        assert_eq!(serde_json::from_slice::<Value>(&back).unwrap(), *frame, "{name}");
    }
    let mut known: BTreeSet<String> = ControlFrame::TYPES.map(str::to_owned).into();
    known.extend(["notification", SyncCompleteFrame::TYPE].map(str::to_owned));
    known.extend(TopicFrame::TYPES.map(str::to_owned));
    assert_eq!(server, known);
    assert_eq!(client, ClientFrame::TYPES.map(str::to_owned).into());
}

#[test]
fn every_frame_of_the_server_is_shown_as_an_event() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/events");
    let mut shown: BTreeSet<String> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for (name, example) in examples("frames") {
        // An event stream has nobody to answer, and nobody who subscribes.
        const NEVER: [&str; 9] = [
            "authenticated",
            "change_notification",
            "change_notification_any",
            "change_notification_topic",
            "conflict_notification",
            "pong",
            "subscribed",
            "sync_complete",
            "unsubscribed",
        ];
        let kind = example["frame"]["type"].as_str().unwrap();
        let never = NEVER.contains(&&*name) || TopicFrame::TYPES.contains(&kind);
        if example["from"] != json!("server") || never {
            continue;
        }
        let bytes = serde_json::to_vec(&example["frame"]).unwrap();
        let event = ServerFrame::decode(&bytes).unwrap().encode_event();
        let file = format!("{name}.txt");
        assert!(shown.remove(&file), "there is no {file}");
        let text = std::fs::read(root.join(&file)).unwrap();
        assert_eq!(String::from_utf8(text), String::from_utf8(event), "{file}");
    }
    assert!(shown.is_empty(), "no frame has these: {shown:?}");
}

#[test]
fn the_list_of_control_frames_is_complete() {
    // Serde names every variant when it meets one that it does not know.
    let error = serde_json::from_value::<ControlFrame>(json!({"type": "?"})).unwrap_err();
    let error = error.to_string();
    let named: BTreeSet<&str> = error.split('`').skip(3).step_by(2).collect();
    assert_eq!(named, ControlFrame::TYPES.into(), "{error}");
}

#[test]
fn every_error_has_its_problem() {
    let errors = examples("errors");
    let names: BTreeSet<&str> = errors.keys().map(String::as_str).collect();
    assert_eq!(names, Code::ALL.map(Code::as_str).into());
    for (name, example) in &errors {
        assert_eq!(of::<Problem>(example), *example, "{name}");
        let code = Code::parse(name).unwrap();
        let made = serde_json::to_value(Problem::new(code, "x")).unwrap();
        for field in ["type", "title", "status"] {
            assert_eq!(made[field], example[field], "{name}");
        }
    }
}

#[test]
fn every_frame_type_is_a_reserved_name() {
    let of_server = ControlFrame::TYPES.iter().chain([&SyncCompleteFrame::TYPE]);
    let of_server = of_server.chain(&TopicFrame::TYPES);
    for name in of_server.chain(&ClientFrame::TYPES) {
        assert!(RESERVED_TYPES.contains(name), "{name}");
    }
}
