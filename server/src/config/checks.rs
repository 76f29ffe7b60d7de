//! What settings have to be to each other.
//!
//! Each check is left out while one of its settings is wrong by itself, so that no problem is
//! only the echo of another.

use super::problem::Problems;
use super::{Config, Effective, VapidPairError};

/// Runs every check that needs more than one setting.
pub(super) fn run(config: &Config, effective: &Effective, problems: &mut Problems) {
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
}

/// A relation of two settings.
struct Check {
    name: &'static str,
    must: &'static str,
    other: &'static str,
    holds: bool,
}

fn between(config: &Config) -> [Check; 8] {
    let Config { store, realtime, limits, .. } = config;
    let check = |name, must, other, holds| Check { name, must, other, holds };
    // Characters take up to 6 bytes in JSON (\u0000); 4 KiB are for the frame's other fields.
    let texts = 6 * (limits.title_chars + limits.message_chars);
    let largest_frame = limits.data_kib.bytes() + texts + 4_096;
    [
        check(
            "store.queue_max_units",
            "must not be below",
            "store.group_max_units",
            store.queue_max_units >= store.group_max_units,
        ),
        check(
            "realtime.silence_seconds",
            "must be above",
            "realtime.heartbeat_seconds",
            realtime.silence_seconds > realtime.heartbeat_seconds,
        ),
        check(
            "realtime.queue_max_kib",
            "must hold the largest notification that is let in, by limits.message_chars and",
            "limits.data_kib",
            realtime.queue_max_kib.bytes() >= largest_frame,
        ),
        check(
            "limits.body_kib",
            "must not be below",
            "limits.data_kib",
            limits.body_kib >= limits.data_kib,
        ),
        check(
            "limits.batch_line_kib",
            "must not be below",
            "limits.data_kib",
            limits.batch_line_kib >= limits.data_kib,
        ),
        check(
            "limits.page_default",
            "must not be above",
            "limits.page_max",
            limits.page_default <= limits.page_max,
        ),
        check(
            "limits.connections_per_user",
            "must not be above",
            "limits.connections_max",
            limits.connections_per_user <= limits.connections_max,
        ),
        check(
            "realtime.pending_page",
            "must not be above",
            "realtime.queue_max_frames",
            realtime.pending_page as usize <= realtime.queue_max_frames,
        ),
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
