//! Templates: which there are, and what one would say (contract 3). Nothing here sends.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_protocol::list::List;
use landfall_protocol::names::{ChannelName, PriorityName};
use landfall_protocol::templates::{
    EmailPreview, PreviewAnswer, PreviewAsk, PreviewRequest, TemplateItem,
};

use super::auth::Authenticated;
use super::body::OptionalJson;
use super::error::ApiError;
use super::params::TemplatePath;
use crate::app::App;
use crate::service::templates::Preview;
use crate::templates::{Rendered, Template};

/// Lists the templates, all on one page; needs `notify:send`.
#[utoipa::path(get, path = "/api/v1/templates", tag = "notify", operation_id = "templates_list",
    responses((status = 200, description = "Every template.", body = List<TemplateItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<List<TemplateItem>>, ApiError> {
    let items = app.services.list_templates(&caller)?.map(item).collect();
    Ok(Json(List { items, next_cursor: None }))
}

/// Shows what a template would say on every channel; sends nothing. Needs `notify:send`.
#[utoipa::path(post, path = "/api/v1/templates/{id}/preview", tag = "notify",
    operation_id = "template_preview",
    params(("id" = String, Path, description = "The template.")),
    request_body = PreviewRequest,
    responses((status = 200, description = "Its words.", body = PreviewAnswer)))]
pub(super) async fn preview(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TemplatePath(id): TemplatePath,
    OptionalJson(request): OptionalJson<PreviewRequest>,
) -> Result<Json<PreviewAnswer>, ApiError> {
    let PreviewAsk { data, locale, tz } = request.read()?;
    let rendered = app.services.preview(&caller, &id, &Preview { data, locale, tz })?;
    Ok(Json(answer(id, rendered)))
}

fn item(template: &Template) -> TemplateItem {
    let texts = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
    TemplateItem {
        id: template.id().to_owned(),
        description: template.description().to_owned(),
        locales: texts(&mut template.locales()),
        channels: template.channels().iter().copied().map(ChannelName).collect(),
        priority: PriorityName(template.priority()),
        required: texts(&mut template.required()),
        optional: texts(&mut template.optional()),
    }
}

fn answer(template_id: String, rendered: Rendered) -> PreviewAnswer {
    let Rendered { locale, title, message, sms, email } = rendered;
    let email = email.map(|email| EmailPreview {
        subject: email.subject,
        text: email.text,
        html: email.html,
    });
    PreviewAnswer {
        template_id,
        locale,
        title,
        message,
        sms: sms.expect("a preview asks for every channel"),
        email: email.expect("a preview asks for every channel"),
    }
}
