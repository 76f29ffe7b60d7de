//! `GET /api/v1/notifications/{id}/timeline` (contract 3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::feed::Number;
use landfall_core::notification::Notification;
use landfall_protocol::list::List;
use landfall_protocol::names::{ChannelName, PriorityName, StateName};
use landfall_protocol::query::PageQuery;
use landfall_protocol::text::Time;
use landfall_protocol::timeline::{Timeline, TimelineItem};

use super::auth::Authenticated;
use super::cursors::{Listing, at_number, small_offset};
use super::error::ApiError;
use super::params::{NotificationPath, Params};
use crate::app::App;
use crate::service::timeline::Happened;
use crate::service::trail::Told;

const LIST: &str = "/api/v1/notifications/{id}/timeline";

/// Tells what became of a notification: every decision and attempt with its reason, oldest first.
///
/// For its owner, and for admins of the tenant, who see it after it was deleted too. One that goes out later
/// has a timeline from the start, which its sender may read until it does. `rule` is the
/// place in the order of say from which a decision follows; `channels` says how each stands now.
#[utoipa::path(get, path = "/api/v1/notifications/{id}/timeline", tag = "inbox",
    operation_id = "notification_timeline",
    params(("id" = String, Path, description = "The notification."), PageQuery),
    responses((status = 200, description = "Its story.", body = Timeline)))]
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    NotificationPath(id): NotificationPath,
    Params(query): Params<PageQuery>,
) -> Result<Json<Timeline>, ApiError> {
    let page = query.read(app.pages)?;
    let spelled = id.to_string();
    let listing = Listing::new(&app, &caller, LIST, &spelled);
    let after = listing.place(&page)?.map_or(Number::ZERO, |place| place.number);
    let skipped = small_offset(&page)?.saturating_add(usize::try_from(after.0).unwrap_or(0));
    let story = app.services.timeline(&caller, id).await?;
    // What happens later comes at the end. A line that is told late may shift those behind it by one, so that
    // a page repeats what the one before it had, and leaves nothing out.
    let numbered = (1..).map(Number).zip(story.events).skip(skipped).collect();
    let List { items, next_cursor } =
        listing.answer(numbered, &page, |(number, _)| at_number(*number), |(_, one)| item(one));
    let Notification { id, user, content, channels, .. } = &story.notification;
    Ok(Json(Timeline {
        notification_id: id.to_string(),
        user_id: user.to_string(),
        notification_type: content.notification_type.clone(),
        priority: PriorityName(content.priority),
        created_at: Time(story.notification.created_at),
        deliver_at: story.due_at.map(Time),
        expires_at: story.notification.expires_at.map(Time),
        delivered_at: story.notification.delivered_at.map(Time),
        read_at: story.notification.read_at.map(Time),
        canceled_at: story.canceled_at.map(Time),
        deleted: story.notification.deleted,
        channels: channels.iter().map(|step| (step.channel, step.into())).collect(),
        items,
        next_cursor,
    }))
}

fn item(happened: &Happened) -> TimelineItem {
    let Happened { at, event, told } = happened;
    let Told { channel, delivery: _, state, reason, rule, attempt, provider, code, device } = told;
    TimelineItem {
        at: Time(*at),
        event: event.clone(),
        channel: channel.map(ChannelName),
        state: state.map(StateName),
        reason: reason.clone(),
        rule: *rule,
        attempt: *attempt,
        provider: provider.clone(),
        code: code.clone(),
        device: device.clone(),
    }
}
