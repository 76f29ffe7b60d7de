//! What settings have to be to each other.
//!
//! Each check is left out while one of its settings is wrong by itself, so that no problem is
//! only the echo of another.

use landfall_core::auth::Role;

use super::problem::Problems;
use super::rules::ROLES;
use super::{Config, Effective, MIN_SECRET_BYTES, Purpose, VapidPairError};

/// Runs every check that needs more than one setting.
pub(super) fn run(
    config: &Config,
    effective: &Effective,
    purpose: Purpose,
    problems: &mut Problems,
) {
    for check in between(config) {
        let mentioned = [check.name, check.other];
        if check.holds || mentioned.iter().any(|path| problems.names(path)) {
            continue;
        }
        let what = format!("{} {}", check.must, check.other);
        // The one that somebody set is the one to look at.
        let origins = mentioned.map(|path| effective.origin(path));
        let set = origins.iter().find(|origin| **origin != super::Origin::Default);
        problems.add(check.name, what, set.unwrap_or(&origins[0]));
    }
    check_vapid(config, effective, problems);
    check_providers(config, effective, problems);
    check_roles(config, effective, problems);
    check_cursor_key(config, effective, problems);
    check_secrets(config, effective, problems);
    if purpose == Purpose::Serve {
        check_shared_keys(config, effective, problems);
    }
}

/// A relation of two settings.
struct Check {
    name: &'static str,
    must: &'static str,
    other: &'static str,
    holds: bool,
}

fn between(config: &Config) -> Vec<Check> {
    let mut checks = Vec::from(sockets_and_store(config));
    checks.extend(limits(config));
    checks.push(tokens(config));
    checks.extend(leases(config));
    checks
}

/// Seconds that an attempt may wait for its provider's pace and its answer for the store.
const AROUND_AN_ATTEMPT: u32 = 25;

/// A delivery whose lease ends under an attempt would be tried by two.
fn leases(Config { outbox, push, fcm, sms, email, .. }: &Config) -> [Check; 4] {
    [
        ("push.timeout_seconds", push.timeout_seconds),
        ("fcm.timeout_seconds", fcm.timeout_seconds),
        ("sms.timeout_seconds", sms.timeout_seconds),
        ("email.timeout_seconds", email.timeout_seconds),
    ]
    .map(|(other, timeout)| Check {
        name: "outbox.lease_seconds",
        must: "must be 25 or more above",
        other,
        holds: outbox.lease_seconds.0 >= timeout.0 + AROUND_AN_ATTEMPT,
    })
}

fn tokens(Config { auth, .. }: &Config) -> Check {
    Check {
        name: "auth.jwks_refetch_seconds",
        must: "must not be above",
        other: "auth.jwks_refresh_seconds",
        holds: auth.jwks_refetch_seconds <= auth.jwks_refresh_seconds,
    }
}

fn sockets_and_store(Config { store, realtime, limits, .. }: &Config) -> [Check; 4] {
    // Characters take up to 6 bytes in JSON (\u0000); 4 KiB are for the frame's other fields.
    let texts = 6 * (limits.title_chars + limits.message_chars);
    let largest_frame = limits.data_kib.bytes() + texts + 4_096;
    [
        Check {
            name: "store.queue_max_units",
            must: "must not be below",
            other: "store.group_max_units",
            holds: store.queue_max_units >= store.group_max_units,
        },
        Check {
            name: "realtime.silence_seconds",
            must: "must be above",
            other: "realtime.heartbeat_seconds",
            holds: realtime.silence_seconds > realtime.heartbeat_seconds,
        },
        Check {
            name: "realtime.queue_max_kib",
            must: "must hold the largest notification that is let in, by limits.message_chars and",
            other: "limits.data_kib",
            holds: realtime.queue_max_kib.bytes() >= largest_frame,
        },
        Check {
            name: "realtime.pending_page",
            must: "must not be above",
            other: "realtime.queue_max_frames",
            holds: realtime.pending_page as usize <= realtime.queue_max_frames,
        },
    ]
}

fn limits(Config { limits, .. }: &Config) -> [Check; 5] {
    [
        Check {
            name: "limits.body_kib",
            must: "must not be below",
            other: "limits.data_kib",
            holds: limits.body_kib >= limits.data_kib,
        },
        Check {
            name: "limits.body_kib",
            must: "must not be below",
            other: "limits.lesson_data_kib",
            holds: limits.body_kib >= limits.lesson_data_kib,
        },
        Check {
            name: "limits.batch_line_kib",
            must: "must not be below",
            other: "limits.data_kib",
            holds: limits.batch_line_kib >= limits.data_kib,
        },
        Check {
            name: "limits.page_default",
            must: "must not be above",
            other: "limits.page_max",
            holds: limits.page_default <= limits.page_max,
        },
        Check {
            name: "limits.connections_per_user",
            must: "must not be above",
            other: "limits.connections_max",
            holds: limits.connections_per_user <= limits.connections_max,
        },
    ]
}

fn check_vapid(config: &Config, effective: &Effective, problems: &mut Problems) {
    let Err(error) = config.vapid.pair() else { return };
    let missing_public = error == VapidPairError::Half && config.vapid.public_key.is_empty();
    let (name, set) = match missing_public {
        true => ("vapid.public_key", "vapid.private_key"),
        false if error == VapidPairError::Half => ("vapid.private_key", "vapid.public_key"),
        false => ("vapid.public_key", "vapid.public_key"),
    };
    problems.add(name, error.to_string(), &effective.origin(set));
}

/// A provider that is in use needs the rest of its settings.
fn check_providers(config: &Config, effective: &Effective, problems: &mut Problems) {
    let Config { sms, email, .. } = config;
    let needed = [
        (
            "sms.account_sid",
            !sms.account_sid.is_empty(),
            "sms.auth_token",
            sms.auth_token.is_empty(),
        ),
        ("sms.api_key", !sms.api_key.is_empty(), "sms.api_secret", sms.api_secret.is_empty()),
        ("email.url", !email.url.is_empty(), "email.from", email.from.is_empty()),
    ];
    for (by, is_used, name, is_missing) in needed {
        if is_used && is_missing && !problems.names(name) {
            problems.add(name, format!("must be set where {by} is"), &effective.origin(by));
        }
    }
}

fn check_roles(config: &Config, effective: &Effective, problems: &mut Problems) {
    for name in config.auth.roles.keys() {
        if let Err(error) = Role::parse(name) {
            let path = format!("{ROLES}.{name}");
            let what = format!("is no name for a role: {error}");
            problems.add(&path.escape_debug().to_string(), what, &effective.origin(&path));
        }
    }
}

fn check_cursor_key(config: &Config, effective: &Effective, problems: &mut Problems) {
    let bytes = config.auth.cursor_key().map_or(MIN_SECRET_BYTES, |key| key.expose().len());
    if bytes < MIN_SECRET_BYTES {
        let what = format!("has {bytes} bytes, but needs {MIN_SECRET_BYTES} or more");
        problems.add("auth.cursor_key", what, &effective.origin("auth.cursor_key"));
    }
}

fn check_secrets(config: &Config, effective: &Effective, problems: &mut Problems) {
    if let Some(id) = config.secrets.double_id() {
        let what = format!("names the key {id:?} twice; each key needs its own name");
        problems.add("secrets.keys", what, &effective.origin("secrets.keys"));
    }
    let bytes = config.secrets.lookup().map_or(MIN_SECRET_BYTES, |key| key.expose().len());
    if bytes < MIN_SECRET_BYTES {
        let what = format!("has {bytes} bytes, but needs {MIN_SECRET_BYTES} or more");
        problems.add("secrets.lookup", what, &effective.origin("secrets.lookup"));
    }
}

/// Keys that a node made for itself would be wrong on every other node of the same store.
fn check_shared_keys(config: &Config, effective: &Effective, problems: &mut Problems) {
    if !config.store.is_shared() {
        return;
    }
    let missing = [
        (
            "auth.jwt_secret_key",
            config.auth.keys.is_empty(),
            "set JWT_SECRET_KEY, or [[auth.keys]] in the configuration file",
        ),
        (
            "auth.cursor_key",
            config.auth.cursor_key().is_none(),
            "set LANDFALL_AUTH_CURSOR_KEY, such as to what `openssl rand -hex 32` prints",
        ),
        (
            "vapid.private_key",
            config.vapid.public_key.is_empty() && config.vapid.private_key.is_empty(),
            "set VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY to what `landfall vapid` prints once",
        ),
        (
            "secrets.keys",
            config.secrets.ring().is_empty(),
            "set LANDFALL_SECRETS_KEYS, such as to k1: and what `openssl rand -base64 32` prints",
        ),
        (
            "secrets.lookup",
            config.secrets.lookup().is_none(),
            "set LANDFALL_SECRETS_LOOKUP, such as to what `openssl rand -hex 32` prints, for good",
        ),
    ];
    // A key that is there and wrong was told already.
    let missing =
        missing.iter().filter(|(name, is_missing, _)| *is_missing && !problems.names(name));
    for (name, _, remedy) in missing.collect::<Vec<_>>() {
        let what =
            format!("is missing, and every node on the same PostgreSQL needs the same: {remedy}");
        problems.add(name, what, &effective.origin("store.url"));
    }
}
