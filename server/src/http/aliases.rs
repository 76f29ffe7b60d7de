//! The table of aliases: paths that seeds document, and the canonical ones they stand for.
//!
//! The only place that knows two names of one thing; no handler exists twice. A trailing slash is
//! no alias.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

const CANONICAL: &str = "/api/v1/";
const SHORT: &str = "/api/";

/// Paths outside `/api` that stand for one inside (S2).
const ALIASES: &[(&str, &str)] = &[
    ("/notify", "/api/v1/notify"),
    ("/push/subscribe", "/api/v1/notifications/subscribe"),
    ("/analytics", "/api/v1/analytics"),
];

/// A request's address before it got its canonical path; with those alone that came by an alias.
#[derive(Debug, Clone)]
pub(super) struct CalledAs(pub Uri);

/// Gives a request its canonical path; the query stays. Gives what it was called by, where that
/// was an alias.
pub(super) fn rewrite(uri: &mut Uri) -> Option<CalledAs> {
    let path = canonical(uri.path())?;
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(text).ok();
    let canonical = Uri::from_parts(parts).ok()?;
    Some(CalledAs(std::mem::replace(uri, canonical)))
}

/// Gives the canonical path of an alias; nothing for a path that is none.
pub(super) fn canonical(path: &str) -> Option<String> {
    if let Some((_, to)) = ALIASES.iter().find(|(from, _)| *from == path) {
        return Some((*to).to_owned());
    }
    let rest = path.strip_prefix(SHORT).filter(|_| !path.starts_with(CANONICAL))?;
    (rest != "v1").then(|| format!("{CANONICAL}{rest}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(path: &str, expected: &str) {
        let mut uri: Uri = path.parse().unwrap();
        let called = rewrite(&mut uri).map_or(uri.clone(), |CalledAs(called)| called);
        assert_eq!(uri.to_string(), expected, "{path}");
        assert_eq!(called.to_string(), path);
    }

    #[test]
    fn documented_names_lead_to_the_canonical_path() {
        check("/notify", "/api/v1/notify");
        check("/push/subscribe", "/api/v1/notifications/subscribe");
        check("/notify?a=b%20c", "/api/v1/notify?a=b%20c");
        check("/api/notifications?limit=2", "/api/v1/notifications?limit=2");
        check("/analytics?start_date=2025-09-01", "/api/v1/analytics?start_date=2025-09-01");
        check("/api/topics/a%2Fb", "/api/v1/topics/a%2Fb");
        check("http://h:1/api/notify", "http://h:1/api/v1/notify");
    }

    #[test]
    fn everything_else_stays() {
        for path in ["/api/v1/notify", "/api/v1", "/api", "/notify/", "/notify/x", "/health", "/"] {
            check(path, path);
        }
        check("/api/v1/api/notify", "/api/v1/api/notify");
        check("/api/v2/notify", "/api/v1/v2/notify");
    }
}
