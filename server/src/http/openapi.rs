//! The description of the API, made from the handlers and the wire types (OpenAPI 3.1).
//!
//! Every operation gets its problems and its examples here, so that no handler repeats them.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::examples::{Example, examples};
use super::{
    admin, aliases, analytics, batch, blobs, calendar, callbacks, deliveries, docs, events, health,
    inbox, lessons, manual, members, messages, metrics, notify, preferences, presence, quizzes,
    revocations, stream, subscriptions, suppressions, sync, templates, timeline, tokens, topics,
    users,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Landfall", license(name = "MIT")),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "notify", description = "Sending notifications."),
        (name = "inbox", description = "The caller's own notifications."),
        (name = "realtime", description = "The live stream; sockets are described in docs/realtime.md."),
        (name = "topics", description = "Topics, classes, their members and messages."),
        (name = "schedule", description = "Quizzes, live sessions and other events, and when members hear of them."),
        (name = "lessons", description = "What classes learn from, and the files of it."),
        (name = "sync", description = "Work that was done offline."),
        (name = "users", description = "Profiles."),
        (name = "devices", description = "Push tokens and browsers' subscriptions."),
        (name = "preferences", description = "What the caller wants to be told, and when."),
        (name = "admin", description = "What admins see of their tenant."),
        (name = "server", description = "The server itself."),
    ),
    components(schemas(
        landfall_protocol::problem::Problem,
        landfall_protocol::notify::NotifyAnswer,
        landfall_protocol::notify::SendAnswer,
    )),
    paths(
    notify::notify, batch::notify_batch, notify::cancel, manual::send, manual::admin_send, manual::test, callbacks::receipt, callbacks::sms_report, callbacks::sms_reply, callbacks::unsubscribe_page, callbacks::unsubscribe, templates::list, templates::preview,
        inbox::list, inbox::unread_count, inbox::mark_read, inbox::delete,
        inbox::show, inbox::mark_all_read, inbox::acknowledge, timeline::timeline, stream::answer,
        topics::list, topics::put, topics::get, topics::delete,
        members::list, members::put_many, members::put, members::delete,
        messages::list, messages::send, messages::get, messages::edit, messages::delete,
        messages::read, messages::participation,
        events::create, events::own, events::of_class, events::get, events::change, events::delete,
        events::timeline, events::live_session, quizzes::schedule, quizzes::put, quizzes::get,
        calendar::show, calendar::rotate, calendar::read,
        lessons::list, lessons::put, lessons::get, lessons::delete,
        blobs::head, blobs::put, blobs::get,
        sync::push::push, sync::pull::pull, sync::delta::delta, sync::check::check,
        sync::activities::store, sync::activities::list, sync::activities::sync,
        sync::activities::bulk_store, sync::activities::retry,
        sync::devices::status, sync::devices::history, sync::devices::devices, sync::devices::health,
        sync::conflicts::list, sync::conflicts::resolve,
        users::me, users::put_me, users::patch_me, users::delete_me,
        users::get, users::put, users::patch, users::delete, presence::get, presence::of_many,
        tokens::create, tokens::list, tokens::delete,
        subscriptions::public_key, subscriptions::subscribe, subscriptions::list,
        subscriptions::unsubscribe, subscriptions::unsubscribe_by_endpoint,
        preferences::get, preferences::change, preferences::tenant_get, preferences::tenant_put,
        admin::notifications, admin::audit, admin::verify,
        deliveries::list, deliveries::replay, analytics::analytics,
        revocations::create, revocations::list, revocations::delete,
        suppressions::list, suppressions::delete,
        health::health, health::ready, metrics::metrics, docs::openapi, docs::page,
    ),
)]
struct Api;

/// Adds how callers show who they are.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let http = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(http));
    }
}

/// Makes the description.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Api::openapi()).expect("the description is JSON");
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    add_problems(&mut document);
    add_event(&mut document);
    for example in examples() {
        add_example(&mut document, example);
    }
    document
}

/// Shows an event as it goes over the wire.
fn add_event(document: &mut Value) {
    let event = include_str!("../../../protocol/examples/events/notification_plain.txt");
    let content = &mut document["paths"]["/api/v1/stream"]["get"]["responses"]["200"]["content"];
    content["text/event-stream"]["example"] = json!(event);
}

/// Statuses and when they are answered; each is a problem.
const PROBLEMS: [(&str, &str); 9] = [
    ("400", "The body cannot be read."),
    ("401", "No token, or one that does not hold."),
    ("403", "The token does not allow it."),
    ("404", "Not there, or not the caller's."),
    ("409", "The same key is under way, or others changed it at the same time."),
    ("413", "The body is too large."),
    ("415", "The body has another media type."),
    ("422", "Readable, but a field is wrong; `errors` names each."),
    ("503", "The store is away or the server drains; see `Retry-After`."),
];

fn add_problems(document: &mut Value) {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            let fits: Vec<_> = PROBLEMS
                .into_iter()
                .filter(|(status, _)| can_answer(operation, path, status))
                .collect();
            let Some(responses) = operation["responses"].as_object_mut() else { continue };
            for (status, description) in fits {
                let content = json!({ "application/problem+json": { "schema": schema } });
                let response = json!({ "description": description, "content": content });
                responses.entry(status).or_insert(response);
            }
        }
    }
}

fn can_answer(operation: &Value, path: &str, status: &str) -> bool {
    let is_open = operation["security"].as_array().is_some_and(|needs| needs == &[json!({})]);
    let reads_body = operation["requestBody"].is_object();
    let is_call = path.starts_with("/api/");
    match status {
        "400" | "413" | "415" => reads_body,
        "401" | "403" => !is_open,
        "404" => path.contains('{') || path == "/api/v1/notify" || path.ends_with("/send"),
        "409" => is_call && reads_body,
        "422" => is_call && (reads_body || operation["parameters"].is_array()),
        _ => is_call || path == "/health/ready",
    }
}

/// Puts an example beside the operation that it calls.
fn add_example(document: &mut Value, example: Example) {
    let Example { name, method, path, request, status, answer } = example;
    let path = path.split('?').next().unwrap_or_default();
    let path = aliases::canonical(path).unwrap_or_else(|| path.to_owned());
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let found = paths.iter_mut().find(|(template, item)| {
        fits(template, &path) && item.get(method.to_ascii_lowercase()).is_some()
    });
    let Some((_, item)) = found else { return };
    let operation = &mut item[method.to_ascii_lowercase()];
    put(&mut operation["requestBody"], name, &request);
    put(&mut operation["responses"][status.to_string()], name, &answer);
}

/// Puts a value under `content/*/examples`; lines of NDJSON as the text that they are.
fn put(message: &mut Value, name: &str, value: &Value) {
    let Some(content) = message.get_mut("content").and_then(Value::as_object_mut) else { return };
    for (kind, media) in content {
        let shown = match value.as_array() {
            Some(lines) if kind.ends_with("ndjson") => {
                json!(lines.iter().map(|line| format!("{line}\n")).collect::<String>())
            }
            // An example of the other form.
            None if kind.ends_with("ndjson") => continue,
            _ => value.clone(),
        };
        if !media["examples"].is_object() {
            media["examples"] = Value::Object(Map::new());
        }
        media["examples"][name] = json!({ "value": shown });
    }
}

/// Says whether a path is one of a template's. A fixed segment never fits a variable one here:
/// `/notifications/ack` is no notification.
fn fits(template: &str, path: &str) -> bool {
    let is_same = |(t, p): (&str, &str)| t == p || t.starts_with('{');
    template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(is_same)
}
