//! Sends that a person makes by hand, and a test of one's own channels (S0, S4, contract 3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::auth::Caller;
use landfall_core::channel::Channel;
use landfall_core::plan::Step;
use landfall_protocol::manual::{
    ChannelForecast, ForecastAnswer, Intent, ManualAnswer, ManualOutcome, SmsForecast, TestAnswer,
    TestRequest, TestedChannel,
};
use landfall_protocol::names::{ReasonName, StateName};
use landfall_protocol::notify::NotifyRequest;
use landfall_protocol::text::{FeedNumber, Time};

use super::auth::Authenticated;
use super::body::{JsonBody, OptionalJson};
use super::error::ApiError;
use super::headers::Idempotency;
use super::notify::{counted, many, one, rejected};
use crate::app::App;
use crate::service::forecast::{self, Forecast};
use crate::service::manual::{Desk, DryRun, TestWords, Tested};
use crate::service::notify::{Notified, RequestKey};

const SEND: &str = "POST /api/v1/notifications/send";
const ADMIN_SEND: &str = "POST /api/v1/admin/notifications/send";
/// Types of what names none (S0, S4).
const USUAL: &str = "manual";
const ADMIN_USUAL: &str = "admin_message";

/// Sends a notification by hand, or says what that would do.
///
/// Takes what `/notify` takes, with the same rights: a teacher reaches whom they teach. `body` is
/// another name of `message`; the type is `manual` where there is neither a type nor a template.
/// `forecast` says for how many recipients each channel is planned or skipped, and what the text
/// messages come to; with `dry_run` that is all, and nothing is stored.
#[utoipa::path(post, path = "/api/v1/notifications/send", tag = "notify",
    operation_id = "notifications_send",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    request_body = NotifyRequest,
    responses(
        (status = 202, description = "Stored.", body = ManualAnswer),
        (status = 200, description = "A dry run: nothing was stored.", body = ManualAnswer)))]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: JsonBody<NotifyRequest>,
) -> Result<(StatusCode, Json<ManualAnswer>), ApiError> {
    let key = idempotency.key(&caller, SEND, body.digest);
    at_desk(&app, &caller, (Desk::Staff, USUAL), body.value, key).await
}

/// Sends a notification by hand as an admin, or says what that would do; needs `admin`.
///
/// As `/api/v1/notifications/send`; the type is `admin_message` where there is neither a type nor
/// a template.
#[utoipa::path(post, path = "/api/v1/admin/notifications/send", tag = "admin",
    operation_id = "admin_notifications_send",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    request_body = NotifyRequest,
    responses(
        (status = 202, description = "Stored.", body = ManualAnswer),
        (status = 200, description = "A dry run: nothing was stored.", body = ManualAnswer)))]
pub(super) async fn admin_send(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: JsonBody<NotifyRequest>,
) -> Result<(StatusCode, Json<ManualAnswer>), ApiError> {
    let key = idempotency.key(&caller, ADMIN_SEND, body.digest);
    at_desk(&app, &caller, (Desk::Admin, ADMIN_USUAL), body.value, key).await
}

async fn at_desk(
    app: &App,
    caller: &Caller,
    (desk, usual): (Desk, &str),
    request: NotifyRequest,
    key: Option<RequestKey>,
) -> Result<(StatusCode, Json<ManualAnswer>), ApiError> {
    let (draft, intent) = request.manual(usual)?;
    app.rates.send(&caller.tenant)?;
    if intent == Intent::Forecast {
        let DryRun { rejected: strangers, forecast } =
            app.services.dry_run(caller, desk, draft).await?;
        let outcome = ManualOutcome::Nothing { rejected: rejected(strangers) };
        let answer = ManualAnswer { dry_run: true, outcome, forecast: told(forecast) };
        return Ok((StatusCode::OK, Json(answer)));
    }
    let notified = app.services.send_by_hand(caller, desk, draft, key).await;
    let (outcome, forecast) = match counted(app, caller, notified)? {
        Notified::One(mut accepted) => {
            let forecast = accepted.forecast.take();
            (ManualOutcome::Notification(one(accepted)), forecast)
        }
        Notified::Many(mut send) => {
            let forecast = send.forecast.take();
            (ManualOutcome::Send(many(send)), forecast)
        }
    };
    let forecast = told(forecast.map(|forecast| *forecast).unwrap_or_default());
    Ok((StatusCode::ACCEPTED, Json(ManualAnswer { dry_run: false, outcome, forecast })))
}

fn told(forecast: Forecast) -> ForecastAnswer {
    let Forecast { recipients, is_capped, channels, messages, segments, seconds } = forecast;
    let channels = Channel::ALL.into_iter().zip(channels).map(|(channel, forecast)| {
        let forecast::ChannelForecast { planned, held, skipped } = forecast;
        (channel, ChannelForecast { planned, held, skipped })
    });
    ForecastAnswer {
        recipients,
        capped: is_capped,
        channels: channels.collect(),
        sms: SmsForecast { messages, segments, seconds },
    }
}

/// Sends the caller a notification over each of their own channels at once, and says what became
/// of it.
///
/// Waits up to ten seconds for the outcomes; what has none by then says `queued`. Three at once,
/// and three a minute after that.
#[utoipa::path(post, path = "/api/v1/notifications/test", tag = "inbox",
    operation_id = "notifications_test", request_body = Option<TestRequest>,
    responses((status = 202, description = "Stored and tried.", body = TestAnswer)))]
pub(super) async fn test(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    OptionalJson(request): OptionalJson<TestRequest>,
) -> Result<(StatusCode, Json<TestAnswer>), ApiError> {
    let (title, message) = request.words()?;
    app.rates.test(&caller)?;
    app.rates.send(&caller.tenant)?;
    let words = TestWords { title, message };
    let tested = app.services.send_test(&caller, words, &app.drain).await?;
    app.metrics.notifications_accepted.inc();
    Ok((StatusCode::ACCEPTED, Json(outcome(&tested))))
}

fn outcome(Tested { accepted, outcome }: &Tested) -> TestAnswer {
    let channel = |step: &Step| {
        let delivery = outcome.best(step.channel);
        let tested = TestedChannel {
            state: StateName(step.state),
            reason: ReasonName(step.reason),
            provider: delivery.and_then(|one| one.provider.clone()),
            code: delivery.and_then(|one| one.code.clone()),
        };
        (step.channel, tested)
    };
    TestAnswer {
        notification_id: accepted.id.to_string(),
        replay_id: FeedNumber(accepted.number.unwrap_or_default()),
        timestamp: Time(accepted.created_at),
        websocket_connections: accepted.connections as u64,
        channels: outcome.plan.iter().map(channel).collect(),
    }
}
