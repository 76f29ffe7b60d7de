//! What each setting may be, taken alone.
//!
//! One table from path to rule. Must never look at a second setting: that is `checks`, and never
//! put a secret's value into what it answers.

use toml::Value;

use super::Raw;
use super::forms;
use super::{entity_types, providers, secrets};

/// Says what a setting may be.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// A whole number between the two, both included.
    Int(u32, u32),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text that the function accepts.
    Text(fn(&str) -> Result<(), String>),
    /// A list of texts, each of which the function accepts.
    List(fn(&str) -> Result<(), String>),
    /// A text that is never shown.
    Secret,
    /// A list of texts that the function accepts and that are shown by name alone.
    SecretList(fn(&str) -> Result<(), String>),
    /// The store's URL, shown without its password.
    StoreUrl,
    /// The array of tables `auth.keys`, looked into by `auth_keys`.
    Keys,
    /// True or false.
    Flag,
    /// Rules of merging that the function accepts.
    Merge(fn(&Value) -> Result<(), String>),
    /// The path of a JSON Schema, or the schema itself as a table.
    Schema,
}

/// The open map: its entries are settings, and a file may add more.
pub(super) const ROLES: &str = "auth.roles";

const RULES: &[(&str, Rule)] = &[
    ("server.listen", Rule::Text(forms::address)),
    ("server.data_dir", Rule::Text(forms::filled)),
    ("server.public_url", Rule::Text(forms::url_or_empty)),
    ("server.drain_seconds", Rule::Int(0, 3_600)),
    ("server.backlog", Rule::Int(1, 65_535)),
    ("server.allowed_origins", Rule::List(forms::origin)),
    ("server.trusted_proxies", Rule::List(forms::network)),
    ("store.url", Rule::StoreUrl),
    ("store.readers", Rule::Int(1, 64)),
    ("store.group_max_units", Rule::Int(1, 65_536)),
    ("store.queue_max_units", Rule::Int(1, 1_000_000)),
    ("store.cache_mib", Rule::Int(1, 65_536)),
    ("store.mmap_mib", Rule::Int(0, 1_048_576)),
    ("store.max_mib", Rule::Int(0, 16_000_000)),
    ("store.connections", Rule::Int(1, 1_000)),
    ("store.committers", Rule::Int(1, 64)),
    ("store.connect_seconds", Rule::Int(1, 300)),
    ("store.wait_seconds", Rule::Int(1, 300)),
    ("store.statement_seconds", Rule::Int(1, 3_600)),
    ("tls.cert", Rule::Text(forms::any)),
    ("tls.key", Rule::Text(forms::any)),
    ("tls.reload_seconds", Rule::Int(1, 86_400)),
    ("auth.leeway_seconds", Rule::Int(0, 600)),
    ("auth.first_message_seconds", Rule::Int(1, 120)),
    ("auth.jwks_refresh_seconds", Rule::Int(10, 86_400)),
    ("auth.jwks_refetch_seconds", Rule::Int(1, 3_600)),
    ("auth.jwks_timeout_seconds", Rule::Int(1, 60)),
    ("auth.revocation_days", Rule::Int(1, 36_500)),
    ("auth.issuer", Rule::Text(forms::any)),
    ("auth.audience", Rule::Text(forms::any)),
    ("auth.jwt_secret_key", Rule::Secret),
    ("auth.cursor_key", Rule::Secret),
    ("auth.keys", Rule::Keys),
    ("vapid.public_key", Rule::Text(forms::any)),
    ("vapid.private_key", Rule::Secret),
    ("vapid.former_private_keys", Rule::Secret),
    ("vapid.subject", Rule::Text(forms::contact_or_empty)),
    ("secrets.keys", Rule::SecretList(secrets::form)),
    ("secrets.lookup", Rule::Secret),
    ("realtime.heartbeat_seconds", Rule::Int(1, 3_600)),
    ("realtime.silence_seconds", Rule::Int(2, 7_200)),
    ("realtime.replay_max", Rule::Int(1, 10_000)),
    ("realtime.pending_page", Rule::Int(1, 1_000)),
    ("realtime.queue_max_frames", Rule::Int(1, 1_000_000)),
    ("realtime.queue_max_kib", Rule::Int(1, 1_048_576)),
    ("realtime.replay_reads", Rule::Int(1, 10_000)),
    ("realtime.send_buffer_kib", Rule::Int(2, 65_536)),
    ("realtime.read_mark_seconds", Rule::Int(1, 3_600)),
    ("realtime.presence_audience", Rule::Choice(&["tenant", "topic", "nobody"])),
    ("realtime.presence_grace_seconds", Rule::Int(0, 600)),
    // Below that, a node that waits for its store would be taken for dead.
    ("realtime.presence_lease_seconds", Rule::Int(3, 3_600)),
    ("notify.ttl_default_seconds", Rule::Int(0, 315_360_000)),
    // More than 500 recipients in a transaction hold up every other writer of their feeds.
    ("notify.chunk", Rule::Int(1, 500)),
    ("notify.idempotency_hours", Rule::Int(1, 720)),
    ("notify.keep_days", Rule::Int(0, 36_500)),
    ("notify.batch_max_lines", Rule::Int(1, 1_000_000)),
    ("outbox.concurrency", Rule::Int(1, 100_000)),
    ("outbox.attempts_max", Rule::Int(1, 100)),
    ("outbox.lease_seconds", Rule::Int(10, 3_600)),
    ("outbox.keep_days", Rule::Int(1, 36_500)),
    ("topics.link", Rule::Text(forms::link_or_empty)),
    ("topics.notice_window_seconds", Rule::Int(1, 86_400)),
    // What lost against what can be brought back for 90 days at least.
    ("sync.keep_days", Rule::Int(90, 36_500)),
    ("outbound.allow", Rule::List(forms::reachable)),
    ("push.timeout_seconds", Rule::Int(1, 120)),
    ("push.concurrency", Rule::Int(1, 100_000)),
    ("push.per_second", Rule::Int(0, 1_000_000)),
    ("fcm.credentials", Rule::Secret),
    ("fcm.base_url", Rule::Text(forms::url)),
    ("fcm.timeout_seconds", Rule::Int(1, 120)),
    ("fcm.concurrency", Rule::Int(1, 100_000)),
    ("fcm.per_second", Rule::Int(0, 1_000_000)),
    ("fcm.ramp_seconds", Rule::Int(0, 3_600)),
    ("sms.account_sid", Rule::Text(forms::any)),
    ("sms.auth_token", Rule::Secret),
    ("sms.callback_keys", Rule::SecretList(providers::callback_key_form)),
    ("sms.api_key", Rule::Text(forms::any)),
    ("sms.api_secret", Rule::Secret),
    ("sms.from", Rule::Text(forms::any)),
    ("sms.messaging_service_sid", Rule::Text(forms::any)),
    ("sms.base_url", Rule::Text(forms::url)),
    ("sms.timeout_seconds", Rule::Int(1, 120)),
    ("sms.concurrency", Rule::Int(1, 100_000)),
    ("sms.segments_per_second", Rule::Int(1, 100_000)),
    ("email.url", Rule::Secret),
    ("email.from", Rule::Text(forms::any)),
    ("email.reply_to", Rule::Text(forms::any)),
    ("email.timeout_seconds", Rule::Int(1, 300)),
    ("email.concurrency", Rule::Int(1, 1_000)),
    ("email.per_second", Rule::Int(0, 1_000_000)),
    ("notify.locale", Rule::Text(forms::locale)),
    ("templates.dir", Rule::Text(forms::any)),
    ("blobs.dir", Rule::Text(forms::any)),
    ("blobs.max_mib", Rule::Int(1, 1_048_576)),
    ("blobs.member_max_mib", Rule::Int(1, 1_048_576)),
    ("blobs.member_mib", Rule::Int(1, u32::MAX)),
    ("blobs.tenant_mib", Rule::Int(1, u32::MAX)),
    ("blobs.orphan_hours", Rule::Int(1, 87_600)),
    // An entry is promised to be chained within a second.
    ("audit.seal_ms", Rule::Int(10, 1_000)),
    ("audit.keep_days", Rule::Int(0, 36_500)),
    ("limits.body_kib", Rule::Int(1, 65_536)),
    ("limits.batch_line_kib", Rule::Int(1, 65_536)),
    // The HTTP library reads into 8 KiB at least.
    ("limits.header_kib", Rule::Int(8, 1_024)),
    // The JSON parser itself stops at 128.
    ("limits.json_depth", Rule::Int(4, 127)),
    ("limits.title_chars", Rule::Int(1, 10_000)),
    ("limits.message_chars", Rule::Int(1, 1_000_000)),
    ("limits.data_kib", Rule::Int(1, 16_384)),
    ("limits.recipients_max", Rule::Int(1, 1_000_000)),
    ("limits.members_bulk_max", Rule::Int(1, 1_000_000)),
    ("limits.page_default", Rule::Int(1, 10_000)),
    ("limits.page_max", Rule::Int(1, 10_000)),
    ("limits.frame_kib", Rule::Int(1, 16_384)),
    ("limits.frame_seconds", Rule::Int(1, 600)),
    ("limits.dead_peer_seconds", Rule::Int(2, 7_200)),
    ("limits.frames_per_second", Rule::Int(0, 1_000_000)),
    ("limits.connections_max", Rule::Int(1, 10_000_000)),
    ("limits.connections_per_user", Rule::Int(1, 100_000)),
    ("limits.header_seconds", Rule::Int(1, 300)),
    ("limits.body_seconds", Rule::Int(1, 300)),
    ("limits.body_kib_per_second", Rule::Int(1, 1_048_576)),
    ("limits.user_requests_per_second", Rule::Int(0, 1_000_000)),
    ("limits.tenant_requests_per_second", Rule::Int(0, 1_000_000)),
    ("limits.tenant_notifications_per_second", Rule::Int(0, 1_000_000)),
    ("limits.refused_tokens_per_second", Rule::Int(0, 1_000_000)),
    ("limits.burst_seconds", Rule::Int(1, 3_600)),
    ("limits.lessons_per_class_max", Rule::Int(1, 100_000)),
    ("limits.lesson_attachments_max", Rule::Int(0, 1_000)),
    ("limits.lesson_data_kib", Rule::Int(1, 16_384)),
    ("limits.sync_body_kib", Rule::Int(64, 65_536)),
    ("limits.sync_operations_max", Rule::Int(1, 100_000)),
    ("limits.pull_max", Rule::Int(1, 100_000)),
    ("log.format", Rule::Choice(&["text", "json"])),
    ("log.level", Rule::Choice(&["error", "warn", "info", "debug", "trace"])),
];

/// Returns the rule of a setting; every leaf of the default file has one.
pub(super) fn rule_of(path: &str) -> Option<Rule> {
    if role_of(path).is_some() {
        return Some(Rule::List(forms::scope));
    }
    if let Some(rule) = entity_types::rule_of(path) {
        return Some(rule);
    }
    RULES.iter().find(|(known, _)| *known == path).map(|(_, rule)| *rule)
}

/// Returns the role that a path below `auth.roles` is about.
pub(super) fn role_of(path: &str) -> Option<&str> {
    path.strip_prefix(ROLES)?.strip_prefix('.')
}

impl Rule {
    /// Reads a raw value by this rule.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that starts with the setting's name.
    pub(super) fn read(self, raw: &Raw) -> Result<Value, String> {
        match self {
            Self::Int(low, high) => read_int(raw, low, high),
            Self::Choice(words) => read_text(raw, |text| one_of(words, text)),
            Self::Text(check) => read_text(raw, check),
            Self::Secret => read_text(raw, forms::any),
            Self::StoreUrl => read_text(raw, forms::store_url),
            Self::List(check) | Self::SecretList(check) => read_list(raw, check),
            Self::Keys => read_keys(raw),
            Self::Flag => read_flag(raw),
            Self::Merge(check) => {
                let value = bare(raw);
                check(&value).map(|()| value)
            }
            Self::Schema => match bare(raw) {
                value @ (Value::String(_) | Value::Table(_)) => Ok(value),
                other => Err(wrong_type("the path of a JSON Schema or a table", &other)),
            },
        }
    }
}

fn read_int(raw: &Raw, low: u32, high: u32) -> Result<Value, String> {
    let number = match raw {
        Raw::Toml(Value::Integer(number)) => *number,
        Raw::Toml(other) => return Err(wrong_type("a whole number", other)),
        Raw::Text(text) => {
            text.trim().parse().map_err(|_| format!("must be a whole number, not {text:?}"))?
        }
    };
    if number < i64::from(low) || number > i64::from(high) {
        return Err(format!("must be between {low} and {high}, not {number}"));
    }
    Ok(Value::Integer(number))
}

fn read_text(raw: &Raw, check: impl Fn(&str) -> Result<(), String>) -> Result<Value, String> {
    let text = match raw {
        Raw::Toml(Value::String(text)) | Raw::Text(text) => text,
        Raw::Toml(other) => return Err(wrong_type("a text", other)),
    };
    check(text)?;
    Ok(Value::String(text.clone()))
}

fn read_list(raw: &Raw, check: impl Fn(&str) -> Result<(), String>) -> Result<Value, String> {
    let items = match raw {
        Raw::Toml(Value::Array(items)) => items.clone(),
        Raw::Toml(other) => return Err(wrong_type("a list of texts", other)),
        Raw::Text(text) if text.trim_start().starts_with('[') => parse_array(text)?,
        Raw::Text(text) => split(text),
    };
    for item in &items {
        let Value::String(text) = item else {
            return Err(format!("must be a list of texts, but holds {}", type_name(item)));
        };
        check(text)?;
    }
    Ok(Value::Array(items))
}

fn read_keys(raw: &Raw) -> Result<Value, String> {
    match raw {
        Raw::Toml(Value::Array(items)) => Ok(Value::Array(items.clone())),
        Raw::Toml(other) => Err(wrong_type("a list of tables", other)),
        Raw::Text(text) => parse_array(text).map(Value::Array),
    }
}

fn read_flag(raw: &Raw) -> Result<Value, String> {
    match raw {
        Raw::Toml(Value::Boolean(flag)) => Ok(Value::Boolean(*flag)),
        Raw::Toml(other) => Err(wrong_type("true or false", other)),
        Raw::Text(text) => match text.trim().parse() {
            Ok(flag) => Ok(Value::Boolean(flag)),
            Err(_) => Err(format!("must be true or false, not {text:?}")),
        },
    }
}

/// Reads a text that is a table of TOML, or else a bare word.
fn bare(raw: &Raw) -> Value {
    match raw {
        Raw::Toml(value) => value.clone(),
        Raw::Text(text) if text.trim_start().starts_with('{') => {
            text.trim().parse().unwrap_or_else(|_| Value::String(text.clone()))
        }
        Raw::Text(text) => Value::String(text.clone()),
    }
}

fn parse_array(text: &str) -> Result<Vec<Value>, String> {
    match text.trim().parse() {
        Ok(Value::Array(items)) => Ok(items),
        // The parser's own words quote the text, which may hold a secret.
        _ => Err("must be a TOML array".to_owned()),
    }
}

fn split(text: &str) -> Vec<Value> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| Value::String(item.to_owned())).collect()
}

fn one_of(words: &[&str], text: &str) -> Result<(), String> {
    if words.contains(&text) {
        return Ok(());
    }
    Err(format!("must be one of {}, not {text:?}", words.join(", ")))
}

fn wrong_type(expected: &str, found: &Value) -> String {
    format!("must be {expected}, not {}", type_name(found))
}

/// Names a TOML type in plain words.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
