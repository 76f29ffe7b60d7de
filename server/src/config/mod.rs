//! The configuration: one typed struct for each section of `config.default.toml`.
//!
//! Loading merges default < file < environment < flags, keeps where each value came from and
//! reports everything that is wrong at once. Must never read the process's environment, and
//! nothing outside this module reads settings from anywhere else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Value;

use crate::service::sync::kinds::Kinds;

mod audit;
mod auth;
mod auth_keys;
mod blobs;
mod checks;
mod effective;
mod entity_schemas;
mod entity_types;
mod environment;
mod file;
mod forms;
mod limits;
mod log;
mod merge_rules;
mod network;
mod notify;
mod origin;
mod outbox;
mod problem;
mod providers;
mod realtime;
mod rules;
mod schema;
mod secrets;
mod server;
mod store;
mod suggest;
mod sync;
mod templates;
#[cfg(test)]
mod tests;
mod tls;
mod topics;
mod units;
mod vapid;

pub use audit::AuditSettings;
pub use auth::AuthSettings;
pub use auth_keys::MIN_SECRET_BYTES;
pub(crate) use auth_keys::SELF_KEY_ID;
pub use blobs::BlobSettings;
pub use effective::Effective;
pub use environment::{Environment, FILE_VARIABLE};
pub use limits::Limits;
pub use log::{LogFormat, LogLevel, LogSettings};
pub use network::Network;
pub use notify::NotifySettings;
pub use origin::Origin;
pub use outbox::{OutboundSettings, OutboxSettings};
pub use problem::{Problem, Problems};
pub use providers::{CallbackKey, EmailSettings, FcmSettings, PushSettings, SmsSettings};
pub use realtime::RealtimeSettings;
pub use schema::DEFAULT_FILE;
pub use secrets::{SealingKey, SecretsSettings};
pub use server::ServerSettings;
pub use store::{Backend, StoreSettings, store_settings};
pub use sync::SyncSettings;
pub use templates::TemplateSettings;
pub use tls::TlsSettings;
pub use topics::TopicSettings;
pub use units::{Days, Hours, Kib, Mib, Millis, Seconds};
pub use vapid::{VapidPair, VapidPairError, VapidSettings};

/// What the configuration is made from.
#[derive(Default)]
pub struct Inputs {
    /// The file of `--config`; without it, the one of `LANDFALL_CONFIG`.
    pub file: Option<PathBuf>,
    /// The environment, handed in as a value.
    pub env: Environment,
    /// What the command line sets.
    pub flags: Flags,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a configuration is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To serve, or to sign as the server does: every key has to be there.
    #[default]
    Serve,
    /// To do something with the store alone.
    Store,
}

/// Settings that have a flag of their own.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--data-dir`, over `server.data_dir`.
    pub data_dir: Option<String>,
    /// `--listen`, over `server.listen`.
    pub listen: Option<String>,
}

/// A sound configuration and what is worth telling its operator.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings in force.
    pub config: Config,
    /// What is allowed and yet worth a second look, one sentence each.
    pub warnings: Vec<String>,
    /// The settings in force with their origins, to be printed.
    pub effective: Effective,
}

/// Every setting, by section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listening, data folder, drain.
    pub server: ServerSettings,
    /// The store.
    pub store: StoreSettings,
    /// The certificate of the server's own port.
    pub tls: TlsSettings,
    /// Tokens, keys, roles.
    pub auth: AuthSettings,
    /// The Web Push identity.
    pub vapid: VapidSettings,
    /// The keys that seal what leads to people.
    pub secrets: SecretsSettings,
    /// Sockets.
    pub realtime: RealtimeSettings,
    /// Notifications.
    pub notify: NotifySettings,
    /// Deliveries on their way to providers.
    pub outbox: OutboxSettings,
    /// Where users' addresses may lead.
    pub outbound: OutboundSettings,
    /// Web Push.
    pub push: PushSettings,
    /// Firebase.
    pub fcm: FcmSettings,
    /// Text messages.
    pub sms: SmsSettings,
    /// E-mail.
    pub email: EmailSettings,
    /// Templates.
    pub templates: TemplateSettings,
    /// The files that lessons and messages refer to.
    pub blobs: BlobSettings,
    /// Offline work.
    pub sync: SyncSettings,
    /// Topics and their messages.
    pub topics: TopicSettings,
    /// The audit trail.
    pub audit: AuditSettings,
    /// Every limit on what comes in.
    pub limits: Limits,
    /// Logs.
    pub log: LogSettings,
    /// The types of `[sync.types]`.
    #[serde(skip)]
    pub entity_types: Kinds,
}

/// A value as its layer spells it: typed in a file, text elsewhere.
enum Raw {
    Toml(Value),
    Text(String),
}

/// A value that has not been checked yet, and where it came from.
struct Setting {
    raw: Raw,
    origin: Origin,
}

impl Config {
    /// Loads the configuration: default < file < environment < flags.
    ///
    /// Reads the configuration file and the keys, certificates and templates that it names, and
    /// nothing else.
    ///
    /// # Errors
    /// Everything that is wrong, each with its name and where it came from.
    pub fn load(inputs: Inputs) -> Result<Loaded, Problems> {
        let mut problems = Problems::default();
        let mut settings = defaults();
        let named = || inputs.env.path(FILE_VARIABLE).map(PathBuf::from);
        if let Some(path) = inputs.file.clone().or_else(named) {
            file::apply(&path, &mut settings, &mut problems);
        }
        let mut warnings = inputs.env.apply(&mut settings, &mut problems);
        inputs.flags.apply(&mut settings);

        let effective = Effective::read(settings, &mut problems);
        let mut config = effective.typed();
        config.auth.collect_keys(&effective, &mut problems);
        config.entity_types = entity_types::collect(&effective, &mut problems);
        checks::run(&config, &effective, inputs.purpose, &mut problems);
        config.tls.check(&effective, &mut problems, &mut warnings);
        config.sms.warn(&config.server.public_url, &mut warnings);
        config.email.warn(&config.server.public_url, &mut warnings);
        config.check_templates(&effective, &mut problems);
        if problems.is_empty() { Ok(Loaded { config, warnings, effective }) } else { Err(problems) }
    }
}

fn defaults() -> BTreeMap<String, Setting> {
    let setting = |value| Setting { raw: Raw::Toml(value), origin: Origin::Default };
    schema::leaves().into_iter().map(|(path, value)| (path, setting(value))).collect()
}

impl Flags {
    fn apply(self, settings: &mut BTreeMap<String, Setting>) {
        let given = [
            ("server.data_dir", "--data-dir", self.data_dir),
            ("server.listen", "--listen", self.listen),
        ];
        for (path, flag, text) in given {
            if let Some(text) = text {
                let setting = Setting { raw: Raw::Text(text), origin: Origin::Flag(flag) };
                settings.insert(path.to_owned(), setting);
            }
        }
    }
}
