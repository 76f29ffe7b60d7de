//! The schemas of the OpenAPI document name the same fields as the examples.

#![cfg(feature = "openapi")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use landfall_protocol::addresses::{SubscriptionItem, TokenItem};
use landfall_protocol::analytics::Analytics;
use landfall_protocol::attachments::AttachmentItem;
use landfall_protocol::audit::AuditItem;
use landfall_protocol::deliveries::DeliveryItem;
use landfall_protocol::health::Health;
use landfall_protocol::inbox::Item;
use landfall_protocol::lessons::{BlobAnswer, LessonAnswer, LessonItem, LessonPut};
use landfall_protocol::list::List;
use landfall_protocol::manual::{ForecastAnswer, TestAnswer, TestRequest, TestedChannel};
use landfall_protocol::names::ChannelName;
use landfall_protocol::notify::{BatchResult, NotifyAnswer, NotifyRequest, SendAnswer};
use landfall_protocol::preferences::{PreferenceItem, PreferencesAnswer};
use landfall_protocol::problem::Problem;
use landfall_protocol::suppressions::{SuppressedAddress, SuppressionItem};
use landfall_protocol::templates::{EmailPreview, PreviewAnswer, PreviewRequest, TemplateItem};
use landfall_protocol::timeline::{Timeline, TimelineItem};
use landfall_protocol::topics::TopicAnswer;
use landfall_protocol::users::{UserAnswer, UserFields};
use serde_json::{Value, json};
use utoipa::PartialSchema;

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn fields<T: PartialSchema>() -> BTreeSet<String> {
    keys(&serde_json::to_value(T::schema()).unwrap()["properties"])
}

fn example(path: &str, part: &str) -> BTreeSet<String> {
    let path = format!("{}/examples/{path}.json", env!("CARGO_MANIFEST_DIR"));
    let value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    keys(value.pointer(part).unwrap())
}

#[test]
fn schemas_have_the_fields_of_the_examples() {
    assert_eq!(fields::<Item>(), example("calls/notifications_list", "/answer/items/0"));
    assert_eq!(fields::<List<Item>>(), example("calls/notifications_list", "/answer"));
    assert_eq!(fields::<AuditItem>(), example("calls/admin_audit", "/answer/items/0"));
    assert_eq!(fields::<DeliveryItem>(), example("calls/admin_deliveries", "/answer/items/0"));
    let suppressions = "calls/suppressions_list";
    assert_eq!(fields::<SuppressionItem>(), example(suppressions, "/answer/items/0"));
    assert_eq!(fields::<SuppressedAddress>(), example("calls/suppression_delete", "/request"));
    assert_eq!(fields::<Timeline>(), example("calls/notification_timeline", "/answer"));
    let last = example("calls/notification_timeline", "/answer/items/6");
    assert!(fields::<TimelineItem>().is_superset(&last));
    assert_eq!(fields::<Analytics>(), example("calls/analytics", "/answer"));
    assert_eq!(fields::<NotifyAnswer>(), example("calls/notify", "/answer"));
    assert_eq!(fields::<SendAnswer>(), example("calls/notify_users", "/answer"));
    assert_eq!(
        fields::<ForecastAnswer>(),
        example("calls/notifications_send_dry_run", "/answer/forecast")
    );
    assert_eq!(fields::<TestRequest>(), example("calls/notifications_test", "/request"));
    assert_eq!(fields::<TestAnswer>(), example("calls/notifications_test", "/answer"));
    let tested = example("calls/notifications_test", "/answer/channels/push");
    assert_eq!(fields::<TestedChannel>(), tested);
    assert_eq!(fields::<Problem>(), example("errors/invalid", ""));
    assert_eq!(fields::<TemplateItem>(), example("calls/templates_list", "/answer/items/0"));
    assert_eq!(fields::<PreviewRequest>(), example("calls/template_preview", "/request"));
    assert_eq!(fields::<PreviewAnswer>(), example("calls/template_preview", "/answer"));
    assert_eq!(fields::<EmailPreview>(), example("calls/template_preview", "/answer/email"));
    assert_eq!(fields::<UserAnswer>(), example("calls/user_get", "/answer"));
    assert_eq!(fields::<UserFields>(), example("calls/user_put", "/request"));
    assert_eq!(fields::<TokenItem>(), example("calls/token_create", "/answer"));
    assert_eq!(fields::<SubscriptionItem>(), example("calls/subscribe", "/answer"));
    assert_eq!(fields::<PreferencesAnswer>(), example("calls/preferences_get", "/answer"));
    let item = "/answer/preferences/0";
    assert_eq!(fields::<PreferenceItem>(), example("calls/preferences_get", item));
    assert!(fields::<Health>().is_superset(&example("calls/health", "/answer")));
    assert!(fields::<NotifyRequest>().is_superset(&example("calls/notify", "/request")));
    assert!(fields::<TopicAnswer>().is_superset(&example("calls/topic_get", "/answer")));
}

#[test]
fn schemas_of_lessons_have_the_fields_of_the_examples() {
    assert_eq!(fields::<LessonPut>(), example("calls/lesson_put", "/request"));
    assert_eq!(fields::<LessonAnswer>(), example("calls/lesson_get", "/answer"));
    assert_eq!(fields::<LessonItem>(), example("calls/lessons_list", "/answer/items/0"));
    let attachment = "/answer/attachments/0";
    assert_eq!(fields::<AttachmentItem>(), example("calls/lesson_get", attachment));
    assert_eq!(fields::<BlobAnswer>(), example("calls/blob_put", "/answer"));
}

#[test]
fn closed_lists_are_enumerated() {
    let channel = serde_json::to_value(ChannelName::schema()).unwrap();
    assert_eq!(channel["enum"], json!(["websocket", "push", "sms", "email"]));
    let batch = serde_json::to_value(BatchResult::schema()).unwrap().to_string();
    assert!(batch.contains("\"line\""), "{batch}");
}
