//! Every route, by group: the page that tells what the server can do.
//!
//! A route that is not added through [`Routes`] is in no document, and a test would say so.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::routing::{MethodFilter, on};

use super::pack::packed;
use super::{
    admin, analytics, batch, blobs, calendar, callbacks, deliveries, docs, events, health, inbox,
    lessons, manual, members, messages, metrics, notify, preferences, presence, quizzes,
    revocations, subscriptions, suppressions, sync, templates, timeline, tokens, topics, users,
};
use crate::app::App;

/// A method and a path's template.
pub type Route = (&'static str, &'static str);

/// Routes with the list of what they are.
#[derive(Default)]
struct Routes {
    router: Router<Arc<App>>,
    table: Vec<Route>,
}

impl Routes {
    fn add<H, T>(mut self, method: &'static str, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let route = on(filter_of(method), handler);
        self.table.push((method, path));
        Self { router: self.router.route(path, route), table: self.table }
    }

    /// Adds a call whose answers are packed where the client takes that.
    fn add_packed<H, T>(mut self, method: &'static str, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let route = on(filter_of(method), handler).layer(from_fn(packed));
        self.table.push((method, path));
        Self { router: self.router.route(path, route), table: self.table }
    }
}

fn filter_of(method: &str) -> MethodFilter {
    match method {
        "GET" => MethodFilter::GET,
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "HEAD" => MethodFilter::HEAD,
        _ => MethodFilter::DELETE,
    }
}

impl Routes {
    /// Lists a route that [`super::live_routes`] brings.
    fn elsewhere(mut self, method: &'static str, path: &'static str) -> Self {
        self.table.push((method, path));
        self
    }
}

fn all() -> Routes {
    let routes = topic_calls(inbox_calls(notify_calls(Routes::default())));
    operations(people_calls(sync_calls(lesson_calls(schedule_calls(routes)))))
}

fn notify_calls(routes: Routes) -> Routes {
    routes
        .add("POST", "/api/v1/notify", notify::notify)
        .add("POST", "/api/v1/notify/batch", batch::notify_batch)
        .add("DELETE", "/api/v1/notify/{id}", notify::cancel)
        .add("POST", "/api/v1/notifications/send", manual::send)
        .add("POST", "/api/v1/admin/notifications/send", manual::admin_send)
        .add("POST", "/api/v1/notifications/test", manual::test)
        .add("POST", "/api/v1/receipts/{signed}", callbacks::receipt)
        .add("POST", "/api/v1/callbacks/sms/{signed}", callbacks::sms_report)
        .add("POST", "/api/v1/callbacks/sms/replies/{tenant}", callbacks::sms_reply)
        .add("GET", "/api/v1/unsubscribe/{signed}", callbacks::unsubscribe_page)
        .add("POST", "/api/v1/unsubscribe/{signed}", callbacks::unsubscribe)
        .add("GET", "/api/v1/templates", templates::list)
        .add("POST", "/api/v1/templates/{id}/preview", templates::preview)
}

fn inbox_calls(routes: Routes) -> Routes {
    routes
        .add("GET", "/api/v1/notifications", inbox::list)
        .add("GET", "/api/v1/notifications/unread-count", inbox::unread_count)
        .add("POST", "/api/v1/notifications/mark-all-read", inbox::mark_all_read)
        .add("POST", "/api/v1/notifications/ack", inbox::acknowledge)
        .add("PATCH", "/api/v1/notifications/{id}/mark-read", inbox::mark_read)
        .add("GET", "/api/v1/notifications/{id}", inbox::show)
        .add("DELETE", "/api/v1/notifications/{id}", inbox::delete)
        .add("GET", "/api/v1/notifications/{id}/timeline", timeline::timeline)
        .elsewhere("GET", "/api/v1/stream")
}

fn topic_calls(routes: Routes) -> Routes {
    routes
        .add("GET", "/api/v1/topics", topics::list)
        .add("PUT", "/api/v1/topics/{id}", topics::put)
        .add("GET", "/api/v1/topics/{id}", topics::get)
        .add("DELETE", "/api/v1/topics/{id}", topics::delete)
        .add("GET", "/api/v1/topics/{id}/members", members::list)
        .add("POST", "/api/v1/topics/{id}/members", members::put_many)
        .add("PUT", "/api/v1/topics/{id}/members/{user_id}", members::put)
        .add("DELETE", "/api/v1/topics/{id}/members/{user_id}", members::delete)
        .add("GET", "/api/v1/topics/{id}/messages", messages::list)
        .add("POST", "/api/v1/topics/{id}/messages", messages::send)
        .add("GET", "/api/v1/topics/{id}/messages/{message_id}", messages::get)
        .add("PATCH", "/api/v1/topics/{id}/messages/{message_id}", messages::edit)
        .add("DELETE", "/api/v1/topics/{id}/messages/{message_id}", messages::delete)
        .add("POST", "/api/v1/topics/{id}/read", messages::read)
        .add("GET", "/api/v1/topics/{id}/participation", messages::participation)
}

fn schedule_calls(routes: Routes) -> Routes {
    routes
        .add("POST", "/api/v1/notifications/events", events::create)
        .add("GET", "/api/v1/notifications/events", events::own)
        .add("GET", "/api/v1/notifications/events/class/{id}", events::of_class)
        .add("GET", "/api/v1/notifications/events/{id}", events::get)
        .add("PATCH", "/api/v1/notifications/events/{id}", events::change)
        .add("DELETE", "/api/v1/notifications/events/{id}", events::delete)
        .add("GET", "/api/v1/notifications/events/{id}/timeline", events::timeline)
        .add("POST", "/api/v1/notifications/live-sessions/schedule", events::live_session)
        .add("POST", "/api/v1/notifications/quizzes/{id}/schedule", quizzes::schedule)
        .add("PUT", "/api/v1/quizzes/{id}", quizzes::put)
        .add("GET", "/api/v1/quizzes/{id}", quizzes::get)
        .add("GET", "/api/v1/calendar", calendar::show)
        .add("POST", "/api/v1/calendar", calendar::rotate)
        .add("GET", "/api/v1/calendar/{secret}", calendar::read)
}

fn lesson_calls(routes: Routes) -> Routes {
    routes
        .add("GET", "/api/v1/lessons", lessons::list)
        .add("PUT", "/api/v1/lessons/{id}", lessons::put)
        .add("GET", "/api/v1/lessons/{id}", lessons::get)
        .add("DELETE", "/api/v1/lessons/{id}", lessons::delete)
        .add("HEAD", "/api/v1/blobs/{sha256}", blobs::head)
        .add("PUT", "/api/v1/blobs/{sha256}", blobs::put)
        .add("GET", "/api/v1/blobs/{sha256}", blobs::get)
}

fn sync_calls(routes: Routes) -> Routes {
    routes
        .add_packed("POST", "/api/v1/sync/push", sync::push::push)
        .add_packed("POST", "/api/v1/sync/pull", sync::pull::pull)
        .add_packed("POST", "/api/v1/sync/delta", sync::delta::delta)
        .add_packed("POST", "/api/v1/sync/check", sync::check::check)
        .add_packed("POST", "/api/v1/sync/activities", sync::activities::store)
        .add_packed("GET", "/api/v1/sync/activities", sync::activities::list)
        .add_packed("POST", "/api/v1/sync/sync", sync::activities::sync)
        .add_packed("POST", "/api/v1/sync/bulk-store", sync::activities::bulk_store)
        .add_packed("POST", "/api/v1/sync/retry", sync::activities::retry)
        .add_packed("GET", "/api/v1/sync/status", sync::devices::status)
        .add_packed("GET", "/api/v1/sync/history", sync::devices::history)
        .add_packed("GET", "/api/v1/sync/devices", sync::devices::devices)
        .add_packed("GET", "/api/v1/sync/health", sync::devices::health)
        .add_packed("GET", "/api/v1/sync/conflicts", sync::conflicts::list)
        .add_packed("POST", "/api/v1/sync/conflicts/{id}/resolve", sync::conflicts::resolve)
}

fn people_calls(routes: Routes) -> Routes {
    routes
        .add("GET", "/api/v1/users/me", users::me)
        .add("PUT", "/api/v1/users/me", users::put_me)
        .add("PATCH", "/api/v1/users/me", users::patch_me)
        .add("DELETE", "/api/v1/users/me", users::delete_me)
        .add("GET", "/api/v1/users/{id}", users::get)
        .add("PUT", "/api/v1/users/{id}", users::put)
        .add("PATCH", "/api/v1/users/{id}", users::patch)
        .add("DELETE", "/api/v1/users/{id}", users::delete)
        .add("GET", "/api/v1/users/{id}/presence", presence::get)
        .add("POST", "/api/v1/users/presence", presence::of_many)
        .add("POST", "/api/v1/notifications/tokens", tokens::create)
        .add("GET", "/api/v1/notifications/tokens", tokens::list)
        .add("DELETE", "/api/v1/notifications/tokens/{token}", tokens::delete)
        .add("GET", "/api/v1/notifications/vapid-public-key", subscriptions::public_key)
        .add("POST", "/api/v1/notifications/subscribe", subscriptions::subscribe)
        .add("GET", "/api/v1/notifications/subscriptions", subscriptions::list)
        .add("DELETE", "/api/v1/notifications/unsubscribe/{id}", subscriptions::unsubscribe)
        .add(
            "DELETE",
            "/api/v1/notifications/unsubscribe-by-endpoint",
            subscriptions::unsubscribe_by_endpoint,
        )
        .add("GET", "/api/v1/notifications/preferences", preferences::get)
        .add("POST", "/api/v1/notifications/preferences", preferences::change)
        .add("GET", "/api/v1/admin/preferences", preferences::tenant_get)
        .add("PUT", "/api/v1/admin/preferences", preferences::tenant_put)
}

fn operations(routes: Routes) -> Routes {
    routes
        .add("GET", "/api/v1/admin/notifications", admin::notifications)
        .add("GET", "/api/v1/admin/deliveries", deliveries::list)
        .add("POST", "/api/v1/admin/deliveries/replay", deliveries::replay)
        .add("GET", "/api/v1/analytics", analytics::analytics)
        .add("GET", "/api/v1/admin/audit", admin::audit)
        .add("GET", "/api/v1/admin/audit/verify", admin::verify)
        .add("POST", "/api/v1/admin/revocations", revocations::create)
        .add("GET", "/api/v1/admin/revocations", revocations::list)
        .add("DELETE", "/api/v1/admin/revocations/{id}", revocations::delete)
        .add("GET", "/api/v1/admin/suppressions", suppressions::list)
        .add("DELETE", "/api/v1/admin/suppressions", suppressions::delete)
        .add("GET", "/health", health::health)
        .add("GET", "/health/ready", health::ready)
        .add("GET", "/metrics", metrics::metrics)
        .add("GET", "/openapi.json", docs::openapi)
        .add("GET", "/docs", docs::page)
}

/// Builds the routes.
pub(super) fn routes() -> Router<Arc<App>> {
    all().router
}

/// Lists the routes: methods and templates of canonical paths.
pub fn table() -> Vec<Route> {
    all().table
}
