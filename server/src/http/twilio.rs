//! Reading what Twilio calls back with: who signed it, and its parameters.
//!
//! Nothing of a body is believed, nor read as JSON, before its signature fits. No signature, key or
//! parameter reaches a log line.

use axum::extract::Request;
use bytes::Bytes;
use landfall_channels::sms::{Content, SharedKey, SignatureHeaders, SigningKeys, verify};
use landfall_core::id::Tenant;
use landfall_protocol::json;
use landfall_protocol::problem::Code;
use serde_json::{Map, Value};

use super::aliases::CalledAs;
use super::body::{essence, is_json, read, require_type};
use super::coding::Coding;
use super::error::ApiError;
use super::observe::Seen;
use super::peer::Origin;
use crate::app::App;

const FORM: &str = "application/x-www-form-urlencoded";

/// What a callback is told by.
type Parameters = Vec<(String, String)>;

/// A body as it is signed: a form by its parameters, JSON by its hash in the URL.
enum Body {
    Form(Parameters),
    Json(Bytes),
}

/// Reads the parameters of a callback that Twilio signed, a form's or a JSON object's; one that it
/// did not is refused, the trail says so, and it counts against the address that it came from as a
/// token that does not hold.
pub(super) async fn signed_parameters(
    app: &App,
    tenant: &Tenant,
    request: Request,
) -> Result<Parameters, ApiError> {
    require_type(request.headers(), |kind| kind == FORM || is_json(kind), "a form or JSON")?;
    Coding::refuse(request.headers())?;
    let Some(token) = &app.twilio.token else {
        return Err(ApiError::new(Code::NotFound, "No text messages are sent from here."));
    };
    let signature = header(&request, "x-twilio-signature").unwrap_or_default();
    let settings = header(&request, "x-twilio-webhooks-signature-settings");
    let url = called(app, &request);
    let seen = request.extensions().get::<Seen>().cloned().unwrap_or_default();
    let Origin(from) = request.extensions().get().copied().unwrap_or_default();
    app.rates.try_token(from)?;
    let is_form = essence(request.headers()) == FORM;
    let bytes = read(request, &app.limits).await?;
    let body = match is_form {
        true => Body::Form(form_urlencoded::parse(&bytes).into_owned().collect()),
        false => Body::Json(bytes),
    };
    let content = match &body {
        Body::Form(parameters) => Content::Form(parameters),
        Body::Json(bytes) => Content::Raw(bytes),
    };
    let shared = app.twilio.keys.iter();
    let shared: Vec<_> =
        shared.map(|key| SharedKey { id: &key.id, secret: key.secret.expose() }).collect();
    let keys = SigningKeys { auth_token: token.expose(), shared: &shared };
    let headers = SignatureHeaders { signature: &signature, settings: settings.as_deref() };
    let is_good = verify(&keys, &url, content, headers).is_ok();
    seen.remember_tenant(tenant);
    if !is_good {
        app.rates.token_refused(from);
        return Err(ApiError::new(Code::Forbidden, "The signature is wrong."));
    }
    match body {
        Body::Form(parameters) => Ok(parameters),
        Body::Json(bytes) => Ok(named(json::parse(&bytes, app.limits.json_depth)?)),
    }
}

/// Gives an object's texts and numbers by their names; of what lies deeper nothing is known.
fn named(object: Map<String, Value>) -> Parameters {
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    object.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

fn header(request: &Request, name: &str) -> Option<String> {
    let value = request.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Gives the URL as Twilio called it, which is what it signed: an alias is not the canonical path.
fn called(app: &App, request: &Request) -> String {
    let base = app.services.links.public_url().unwrap_or_default();
    let alias = request.extensions().get::<CalledAs>();
    let uri = alias.map_or(request.uri(), |CalledAs(uri)| uri);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{base}{path}")
}
