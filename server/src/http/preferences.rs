//! What the caller wants to be told (S0), and what a tenant sets for all of its users.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::notify::FieldError;
use landfall_core::preference::{PreferenceRule, Resolved};
use landfall_core::zone::Zone;
use landfall_protocol::names::ChannelName;
use landfall_protocol::preferences::{
    Minutes, PreferenceItem, PreferencesAnswer, PreferencesRequest, QuietHoursFields,
    QuietHoursRead, RuleSource, RulesRead,
};
use landfall_protocol::text::Time;

use super::auth::Authenticated;
use super::body::PageJson;
use super::error::ApiError;
use crate::app::App;
use crate::service::people::{
    PreferencesDraft, PreferencesView, QuietDraft, RulesDraft, Source, ViewedRule,
};

/// Gives what holds for the caller: their own rules, their tenant's, and the built-in types.
#[utoipa::path(get, path = "/api/v1/notifications/preferences", tag = "preferences",
    operation_id = "preferences_get",
    responses((status = 200, description = "What holds.", body = PreferencesAnswer)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<PreferencesAnswer>, ApiError> {
    Ok(Json(answer(app.services.own_preferences(&caller).await?)))
}

/// Changes what the caller wants: one rule flat, or `preferences` for all of them.
///
/// What is absent stays as it is, `null` removes. Safe to repeat as it is; an `Idempotency-Key` is
/// not read.
#[utoipa::path(post, path = "/api/v1/notifications/preferences", tag = "preferences",
    operation_id = "preferences_change",
    request_body = PreferencesRequest,
    responses((status = 200, description = "What holds now.", body = PreferencesAnswer)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    PageJson(body): PageJson<PreferencesRequest>,
) -> Result<Json<PreferencesAnswer>, ApiError> {
    let draft = draft(body)?;
    Ok(Json(answer(app.services.change_preferences(&caller, &draft).await?)))
}

/// Gives what the tenant set for all of its users; needs `users:manage`.
#[utoipa::path(get, path = "/api/v1/admin/preferences", tag = "admin",
    operation_id = "tenant_preferences_get",
    responses((status = 200, description = "What holds.", body = PreferencesAnswer)))]
pub(super) async fn tenant_get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<PreferencesAnswer>, ApiError> {
    Ok(Json(answer(app.services.tenant_preferences(&caller).await?)))
}

/// Sets what holds for all users of the tenant who do not say otherwise; needs `users:manage`.
///
/// What is absent is removed.
#[utoipa::path(put, path = "/api/v1/admin/preferences", tag = "admin",
    operation_id = "tenant_preferences_put",
    request_body = PreferencesRequest,
    responses((status = 200, description = "What holds now.", body = PreferencesAnswer)))]
pub(super) async fn tenant_put(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    PageJson(body): PageJson<PreferencesRequest>,
) -> Result<Json<PreferencesAnswer>, ApiError> {
    let draft = draft(body)?;
    Ok(Json(answer(app.services.put_tenant_preferences(&caller, &draft).await?)))
}

fn draft(mut body: PreferencesRequest) -> Result<PreferencesDraft, Vec<FieldError>> {
    let rules = match body.rules()? {
        RulesRead::Untouched => RulesDraft::Untouched,
        RulesRead::One(rule) => RulesDraft::One(rule),
        RulesRead::All(rules) => RulesDraft::All(rules),
    };
    let quiet = |fields: Option<QuietHoursFields>| {
        let read = fields.map(QuietHoursFields::read).transpose()?;
        Ok::<_, Vec<FieldError>>(read.map(|QuietHoursRead { start, end, zone }| QuietDraft {
            start,
            end,
            zone,
        }))
    };
    let zone = |tz: Option<String>| {
        let read = tz.map(|tz| Zone::parse(&tz)).transpose();
        read.map_err(|error| vec![FieldError::new("/tz", error.to_string())])
    };
    Ok(PreferencesDraft {
        rules,
        quiet_hours: body.quiet_hours.map(quiet).transpose()?,
        do_not_disturb_until: body.do_not_disturb_until.map(|at| at.map(|Time(at)| at)),
        locale: body.locale,
        tz: body.tz.map(zone).transpose()?,
    })
}

fn answer(view: PreferencesView) -> PreferencesAnswer {
    let PreferencesView { rules, resolved } = view;
    let Resolved { quiet_hours, do_not_disturb_until, locale, tz, .. } = resolved;
    PreferencesAnswer {
        preferences: rules.into_iter().map(item).collect(),
        quiet_hours: quiet_hours.as_ref().map(QuietHoursFields::from),
        do_not_disturb_until: do_not_disturb_until.map(Time),
        locale,
        tz: tz.map(|zone| zone.name().to_owned()),
    }
}

fn item(ViewedRule { rule, source }: ViewedRule) -> PreferenceItem {
    let PreferenceRule { notification_type, channel, topic, enabled, reminder_minutes } = rule;
    PreferenceItem {
        notification_type,
        channel: channel.map(ChannelName),
        topic_id: topic.map(|topic| topic.to_string()),
        is_enabled: enabled.unwrap_or(true),
        reminder_minutes: reminder_minutes.map(Minutes),
        source: match source {
            Source::Own => RuleSource::Own,
            Source::Tenant => RuleSource::Tenant,
            Source::Default => RuleSource::Default,
        },
    }
}
