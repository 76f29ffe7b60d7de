//! The forms that a text setting can have: addresses, URLs, scopes.
//!
//! Pure checks. Must never put a password that a URL may carry into what they answer.

use std::net::{IpAddr, SocketAddr};

use axum::http::Uri;
use landfall_core::auth::Scope;
use landfall_store::postgres::Address;

use super::network::Network;
use super::suggest::did_you_mean;
use crate::templates::{is_link, is_locale};

/// Checks a scope; says which known one looks most like a wrong one.
pub(super) fn scope(text: &str) -> Result<(), String> {
    let wrong = |error| format!("{text:?} is {error}{}", did_you_mean(text, Scope::names()));
    Scope::parse(text).map(|_| ()).map_err(wrong)
}

pub(super) fn any(_: &str) -> Result<(), String> {
    Ok(())
}

pub(super) fn filled(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) }
}

pub(super) fn locale(text: &str) -> Result<(), String> {
    if is_locale(text) {
        return Ok(());
    }
    Err(format!("must name a language, such as es or pt-BR, not {text:?}"))
}

pub(super) fn address(text: &str) -> Result<(), String> {
    let wanted = "must be an IP address and a port, such as 127.0.0.1:8003 or [::]:8003";
    text.parse::<SocketAddr>().map(|_| ()).map_err(|_| format!("{wanted}, not {text:?}"))
}

pub(super) fn url_or_empty(text: &str) -> Result<(), String> {
    let plain = |uri: &Uri| uri.query().is_none() && !text.ends_with('/');
    if text.is_empty() || http_uri(text).as_ref().is_some_and(plain) {
        return Ok(());
    }
    Err("must be http:// or https:// with a host, and no slash or query at the end".to_owned())
}

/// Where something of the app is: a path of it, or a URL.
pub(super) fn link_or_empty(text: &str) -> Result<(), String> {
    if text.is_empty() || is_link(&text.replace("{topic_id}", "x")) {
        return Ok(());
    }
    Err(format!("must be a path such as /topics/{{topic_id}}, or https://, not {text:?}"))
}

/// The base of a provider's API.
pub(super) fn url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("must be http:// or https:// with a host".to_owned());
    }
    url_or_empty(text)
}

/// A network, a host, or one of them with a port.
pub(super) fn reachable(text: &str) -> Result<(), String> {
    landfall_channels::connect::Allow::parse(&[text])
        .map(|_| ())
        .map_err(|(_, fault)| format!("{fault}, not {text:?}"))
}

/// An origin is a scheme, a host and perhaps a port (RFC 6454, section 6.1), as browsers write it.
pub(super) fn origin(text: &str) -> Result<(), String> {
    let plain = |uri: &Uri| {
        let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority());
        authority.is_some_and(|a| text == format!("{scheme}://{a}").to_ascii_lowercase())
    };
    if text == "*" || http_uri(text).as_ref().is_some_and(plain) {
        return Ok(());
    }
    Err(format!("must be * or an origin such as https://app.example.org, not {text:?}"))
}

pub(super) fn network(text: &str) -> Result<(), String> {
    Network::parse(text).map(|_| ()).map_err(|error| format!("{error}, not {text:?}"))
}

fn http_uri(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let sound = !authority.host().is_empty() && !authority.as_str().contains('@');
    (known && sound).then_some(uri)
}

/// Checks the address of a key set. Whoever can change what comes from there can sign for everybody, so it has to be
/// https unless it never leaves this machine. A password has no place in it: settings are printed.
pub(super) fn issuer_url(text: &str) -> Result<(), String> {
    let wanted = "must be https:// with a host (http:// is for this machine alone), without user or fragment";
    let uri = http_uri(text).filter(|_| !text.contains('#')).ok_or(wanted)?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if uri.scheme_str() == Some("https") || is_here { Ok(()) } else { Err(wanted.to_owned()) }
}

pub(super) fn contact_or_empty(text: &str) -> Result<(), String> {
    let mail = text.strip_prefix("mailto:").is_some_and(|to| to.contains('@'));
    let page = text.starts_with("https://") && http_uri(text).is_some();
    if text.is_empty() || mail || page {
        return Ok(());
    }
    Err("must be mailto:ADDRESS or an https:// address".to_owned())
}

/// A field of an entity that makes its id.
pub(super) fn field(text: &str) -> Result<(), String> {
    if (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(format!("{text:?} is no field: it needs 1 to 128 characters, none of them control"))
}

pub(super) fn store_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let forms = "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE";
    let Some((scheme, path)) = text.split_once(':') else {
        return Err(format!("must be {forms}"));
    };
    if ["postgres", "postgresql"].contains(&scheme) {
        return Address::parse(text).map(|_| ()).map_err(|error| error.to_string());
    }
    if scheme != "sqlite" {
        // Only the scheme is repeated: what follows may hold a password.
        return Err(format!("{scheme} is not a store of this version; it must be {forms}"));
    }
    // Libraries disagree on whether sqlite:///x is relative, so the slashes are refused.
    let odd = path.starts_with("//") || path.contains(['?', '#']);
    let unsafe_name = path.starts_with(':') || path.starts_with("file:") || path.ends_with('/');
    if path.is_empty() || odd || unsafe_name {
        return Err(format!("must be sqlite:PATH with the path of a file, not {text:?}"));
    }
    Ok(())
}

/// Shows a store's URL without what it holds of secrets.
pub(super) fn shown_store_url(text: &str) -> String {
    Address::parse(text).map_or_else(|_| text.to_owned(), |address| address.to_string())
}
