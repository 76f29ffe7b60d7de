//! What admins see of their whole tenant: notifications and the audit trail (S4, contract 3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::id::NotificationId;
use landfall_core::notification::Notification;
use landfall_protocol::audit::{AuditItem, Broken, VerifyAnswer, hash_text};
use landfall_protocol::inbox::Item;
use landfall_protocol::list::List;
use landfall_protocol::query::{
    AuditFilter, AuditQuery, NotificationFilter, NotificationsQuery, Page,
};
use landfall_protocol::text::Time;
use landfall_store::{AdminFilter, AuditRecord, Verification};

use super::auth::Authenticated;
use super::cursors::{Listing, at_id, at_number, offset, small_offset};
use super::error::ApiError;
use super::inbox::refuse;
use super::params::Params;
use crate::app::App;

const NOTIFICATIONS: &str = "/api/v1/admin/notifications";
const AUDIT: &str = "/api/v1/admin/audit";

/// Lists notifications of the whole tenant, newest first; needs `admin`.
#[utoipa::path(get, path = "/api/v1/admin/notifications", tag = "admin",
    operation_id = "admin_notifications", params(NotificationsQuery),
    responses((status = 200, description = "A page.", body = List<Item>)))]
pub(super) async fn notifications(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<NotificationsQuery>,
) -> Result<Json<List<Item>>, ApiError> {
    let (page, mut filter) = tenant_filter(query.read(app.pages)?)?;
    let spelled = format!("{filter:?}");
    let listing = Listing::new(&app, &caller, NOTIFICATIONS, &spelled);
    filter.below = listing.place(&page)?.and_then(|p| NotificationId::parse(&p.of).ok());
    (filter.offset, filter.limit) = (offset(&page), page.limit + 1);
    let rows = app.services.all_notifications(&caller, filter).await?;
    let at = |row: &Notification| at_id(row.id);
    Ok(Json(listing.answer(rows, &page, at, |row| Item::from(row))))
}

/// A filter that would silently not apply is refused.
fn tenant_filter(filter: NotificationFilter) -> Result<(Page, AdminFilter), ApiError> {
    let own = [
        ("/query/after", filter.after.is_some()),
        ("/query/before", filter.before.is_some()),
        ("/query/read", filter.read.is_some()),
    ];
    refuse(own, "is a filter of the owner's list alone")?;
    let found = AdminFilter {
        user: filter.user,
        notification_type: filter.notification_type,
        delivered: filter.delivered,
        channel: filter.channel,
        since: filter.since,
        until: filter.until,
        ..AdminFilter::default()
    };
    Ok((filter.page, found))
}

/// Lists the audit trail of the tenant, newest first; needs `admin`.
#[utoipa::path(get, path = "/api/v1/admin/audit", tag = "admin", operation_id = "admin_audit",
    params(AuditQuery),
    responses((status = 200, description = "A page.", body = List<AuditItem>)))]
pub(super) async fn audit(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AuditQuery>,
) -> Result<Json<List<AuditItem>>, ApiError> {
    let (page, mut filter) = trail_filter(query.read(app.pages)?);
    let spelled = format!("{filter:?}");
    let listing = Listing::new(&app, &caller, AUDIT, &spelled);
    let skipped = small_offset(&page)?;
    filter.below = listing.place(&page)?.map(|place| place.number.0);
    filter.limit = skipped + page.limit + 1;
    let mut rows = app.services.audit(&caller, filter).await?;
    rows.drain(..skipped.min(rows.len()));
    let at = |row: &AuditRecord| at_number(landfall_core::feed::Number(row.number));
    Ok(Json(listing.answer(rows, &page, at, entry)))
}

fn trail_filter(filter: AuditFilter) -> (Page, landfall_store::AuditFilter) {
    let AuditFilter { page, action, entity_type, entity_id, actor, target, since, until } = filter;
    let (below, limit) = (None, 0);
    let filter = landfall_store::AuditFilter {
        action,
        entity_type,
        entity_id,
        actor,
        target,
        since,
        until,
        below,
        limit,
    };
    (page, filter)
}

fn entry(record: &AuditRecord) -> AuditItem {
    let AuditRecord {
        number,
        at,
        action,
        entity_type,
        entity_id,
        actor,
        target,
        metadata,
        block,
        is_sealed,
        is_erased,
    } = record;
    AuditItem {
        id: number.to_string(),
        at: Time(*at),
        action: action.clone(),
        entity_type: entity_type.clone(),
        entity_id: entity_id.clone(),
        user_id: actor.clone(),
        target_user_id: target.clone(),
        metadata: metadata.as_deref().and_then(AuditItem::metadata),
        sealed: *is_sealed,
        block: *block,
        erased: *is_erased,
    }
}

/// Recomputes the audit trail's chain; needs `admin`.
///
/// Reads the whole trail of the tenant. Keep `head` elsewhere to notice a trail that was rewritten
/// from its beginning.
#[utoipa::path(get, path = "/api/v1/admin/audit/verify", tag = "admin",
    operation_id = "admin_audit_verify",
    responses((status = 200, description = "What it found.", body = VerifyAnswer)))]
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<VerifyAnswer>, ApiError> {
    let found = app.services.verify_audit(&caller).await?;
    let Verification { blocks, entries, unsealed, erased, head, broken } = found;
    Ok(Json(VerifyAnswer {
        ok: broken.is_none(),
        blocks,
        entries,
        unsealed,
        erased,
        broken: broken.map(|(block, detail)| Broken { block, detail }),
        head: head.as_ref().map(hash_text),
    }))
}
