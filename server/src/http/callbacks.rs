//! What devices, providers and mail programs call back: receipts, reports on text messages, answers
//! to them, and the end of a subscription.
//!
//! None of them has a token. A link that the server signed says what the call is about; what comes
//! from a provider is signed by it, too. Nothing is told to who calls.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use landfall_channels::sms::{OptOut, SmsReport, read_reply, read_report};
use landfall_core::delivery::Report;
use landfall_protocol::callbacks::ReceiptRequest;

use super::body::JsonBody;
use super::error::ApiError;
use super::params::{SignedPath, TenantPath};
use super::twilio::signed_parameters;
use crate::app::App;
use crate::service::callbacks::SmsNews;
use crate::service::links::Purpose;
use crate::service::sms_answers::{SmsAnswer, SmsWish};

/// Notes that a push was delivered, shown, clicked or dismissed.
///
/// Called by a service worker with the URL that came in the push; the URL is the permission. The
/// same receipt once more changes nothing.
#[utoipa::path(post, path = "/api/v1/receipts/{signed}", tag = "notify", operation_id = "receipt",
    security(()),
    params(("signed" = String, Path, description = "As it came in the push.")),
    request_body = ReceiptRequest,
    responses((status = 204, description = "Noted.")))]
pub(super) async fn receipt(
    State(app): State<Arc<App>>,
    SignedPath(signed): SignedPath,
    body: JsonBody<ReceiptRequest>,
) -> Result<StatusCode, ApiError> {
    app.services.receipt(&signed, body.value.event.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes Twilio's report on a text message.
///
/// The URL is given to Twilio with each message; the signature in `X-Twilio-Signature` is checked
/// with the account's token. Reports may come late, twice and in any order.
#[utoipa::path(post, path = "/api/v1/callbacks/sms/{signed}", tag = "notify",
    operation_id = "sms_report", security(()),
    params(("signed" = String, Path, description = "As it was given to Twilio.")),
    responses((status = 204, description = "Noted.")))]
pub(super) async fn sms_report(
    State(app): State<Arc<App>>,
    SignedPath(signed): SignedPath,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let about = app.services.linked(Purpose::SmsStatus, &signed)?;
    let parameters = signed_parameters(&app, &about.tenant, request).await?;
    let report = read_report(&parameters);
    // A word that is not known yet is no reason for Twilio to call again.
    if let Some((report, status)) = report.and_then(|r| r.status.map(|status| (r, status))) {
        app.services.sms_report(&signed, &told(report, status)).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn told(report: SmsReport, status: Report) -> SmsNews {
    let SmsReport { sid, status: _, error_code, to, fate } = report;
    SmsNews { sid, status, code: error_code, number: to, fate }
}

/// Takes an answer to a text message, as Twilio passes it on: STOP suppresses the number, START
/// lifts that.
///
/// All tenants send from one number: the answer holds in this tenant, and in every other that
/// knows the number.
#[utoipa::path(post, path = "/api/v1/callbacks/sms/replies/{tenant}", tag = "notify",
    operation_id = "sms_reply", security(()),
    params(("tenant" = String, Path, description = "The tenant whose messages the number sends.")),
    responses((status = 204, description = "Noted.")))]
pub(super) async fn sms_reply(
    State(app): State<Arc<App>>,
    TenantPath(tenant): TenantPath,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let parameters = signed_parameters(&app, &tenant, request).await?;
    if let Some(reply) = read_reply(&parameters) {
        let wish = match reply.opt_out {
            OptOut::Stop => Some(SmsWish::Stop),
            OptOut::Start => Some(SmsWish::Start),
            OptOut::Help | OptOut::None => None,
        };
        if let Some(wish) = wish {
            let answer = SmsAnswer { number: reply.from, wish, message: reply.sid };
            app.services.sms_answer(&tenant, &answer).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a page with a button that ends the e-mails of this kind: mail scanners follow links, so
/// that a look must end nothing.
#[utoipa::path(get, path = "/api/v1/unsubscribe/{signed}", tag = "notify",
    operation_id = "email_end_page", security(()),
    params(("signed" = String, Path, description = "As it came in the mail.")),
    responses((status = 200, description = "A page.", content_type = "text/html")))]
pub(super) async fn unsubscribe_page(
    State(app): State<Arc<App>>,
    SignedPath(signed): SignedPath,
) -> Result<Response, ApiError> {
    let (_, kind) = app.services.unsubscribable(&signed).await?;
    Ok(page(&kind, "<form method=\"post\"><button>End these e-mails</button></form>"))
}

/// Ends the e-mails of this kind for their recipient, with one click (RFC 8058). What is critical
/// still comes.
#[utoipa::path(post, path = "/api/v1/unsubscribe/{signed}", tag = "notify",
    operation_id = "email_end", security(()),
    params(("signed" = String, Path, description = "As it came in the mail.")),
    responses((status = 200, description = "Ended.", content_type = "text/html")))]
pub(super) async fn unsubscribe(
    State(app): State<Arc<App>>,
    SignedPath(signed): SignedPath,
) -> Result<Response, ApiError> {
    let kind = app.services.unsubscribe(&signed).await?;
    Ok(page(&kind, "<p>You will get no more of these e-mails.</p>"))
}

/// A type's name has no sign that means something in HTML: it is letters, digits, `_`, `-` and `.`.
fn page(kind: &str, rest: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>E-mails</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <h1>E-mails about <code>{kind}</code></h1>{rest}</html>"
    );
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}
