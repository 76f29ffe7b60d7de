//! The environment as a value, and the names in it that mean something.
//!
//! Must never read the process's environment: the binary's entry point hands it in.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::problem::Problems;
use super::schema::env_name;
use super::suggest::did_you_mean;
use super::{Origin, Raw, Setting};

/// Names the configuration file.
pub const FILE_VARIABLE: &str = "LANDFALL_CONFIG";

/// Variables that the seeds document, with the setting that each of them is.
const ALIASES: [(&str, &str); 10] = [
    ("DATABASE_URL", "store.url"),
    ("JWT_SECRET_KEY", "auth.jwt_secret_key"),
    ("VAPID_PUBLIC_KEY", "vapid.public_key"),
    ("VAPID_PRIVATE_KEY", "vapid.private_key"),
    ("VAPID_SUBJECT", "vapid.subject"),
    ("FIREBASE_CREDENTIALS", "fcm.credentials"),
    ("TWILIO_ACCOUNT_SID", "sms.account_sid"),
    ("TWILIO_AUTH_TOKEN", "sms.auth_token"),
    ("TWILIO_FROM", "sms.from"),
    ("TWILIO_MESSAGING_SERVICE_SID", "sms.messaging_service_sid"),
];

/// Variables that the seeds document for parts that this version does not have.
const UNUSED: [&str; 2] = ["REDIS_URL", "CELERY_BROKER_URL"];

/// Variables of what the seeds used and nothing uses any more, with what replaced them.
const DEAD: [(&str, &str); 3] = [
    ("FIREBASE_SERVER_KEY", "the legacy FCM API was shut down; FIREBASE_CREDENTIALS replaces it"),
    ("FIREBASE_API_URL", "the legacy FCM API was shut down; FIREBASE_CREDENTIALS replaces it"),
    ("CELERY_RESULT_BACKEND", "results are kept in the store that DATABASE_URL names"),
];

/// Holds environment variables, handed in by the entry point or a test.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        // A name that is not UTF-8 is none of ours.
        let named = |(name, value): (K, V)| Some((name.into().into_string().ok()?, value.into()));
        Self(pairs.into_iter().filter_map(named).collect())
    }
}

impl Environment {
    /// Returns the value of a variable as it is, for a path.
    pub fn path(&self, name: &str) -> Option<&OsString> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str, problems: &mut Problems) -> Option<&str> {
        let value = self.0.get(name)?;
        let text = value.to_str();
        if text.is_none() {
            problems.add(name, "must be valid UTF-8", &Origin::Env(name.to_owned()));
        }
        text
    }

    /// Puts what is set here over the given settings.
    pub(super) fn apply(
        &self,
        settings: &mut BTreeMap<String, Setting>,
        problems: &mut Problems,
    ) -> Vec<String> {
        self.refuse_unknown(settings, problems);
        for (path, setting) in settings {
            let aliases = ALIASES.iter().filter(|(_, target)| target == path);
            let names = std::iter::once(env_name(path))
                .chain(aliases.map(|(alias, _)| (*alias).to_owned()))
                .collect::<Vec<_>>();
            if let Some((name, text)) = self.one_of(&names, problems) {
                *setting = Setting { raw: Raw::Text(text), origin: Origin::Env(name) };
            }
        }
        self.one_of(&["REDIS_URL".to_owned(), "CELERY_BROKER_URL".to_owned()], problems);
        self.warnings()
    }

    /// Returns the name and value that is set among names for the same setting.
    fn one_of(&self, names: &[String], problems: &mut Problems) -> Option<(String, String)> {
        let mut found: Option<(String, String)> = None;
        for name in names {
            let Some(text) = self.text(name, problems) else { continue };
            match &found {
                Some((first, value)) if value != text => {
                    let what =
                        format!("says something else than {first}, which is the same setting");
                    problems.add(name, what, &Origin::Env(name.clone()));
                }
                Some(_) => {}
                None => found = Some((name.clone(), text.to_owned())),
            }
        }
        found
    }

    fn refuse_unknown(&self, settings: &BTreeMap<String, Setting>, problems: &mut Problems) {
        let known: Vec<String> = settings.keys().map(|path| env_name(path)).collect();
        for name in self.0.keys().filter(|name| name.starts_with("LANDFALL_")) {
            let ours = name == FILE_VARIABLE || known.contains(name);
            if !ours && !is_service_link(name) {
                let names = known.iter().map(String::as_str).chain([FILE_VARIABLE]);
                let what = format!("is not a setting{}", did_you_mean(name, names));
                problems.add(name, what, &Origin::Env(name.clone()));
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        let set = |name: &str| self.0.get(name).is_some_and(|value| !value.is_empty());
        let unused = UNUSED
            .iter()
            .filter(|name| set(name))
            .map(|name| format!("{name}: accepted, but not used by this version"));
        let dead = DEAD
            .iter()
            .filter(|(name, _)| set(name))
            .map(|(name, why)| format!("{name}: accepted, but has no effect: {why}"));
        unused.chain(dead).collect()
    }
}

/// Tells whether Kubernetes sets this variable in every pod beside a service named `landfall`
/// (LANDFALL_SERVICE_HOST, LANDFALL_PORT_8003_TCP_ADDR and so on).
fn is_service_link(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("LANDFALL_") else { return false };
    let numbered = |tail: &str| tail.starts_with(|digit: char| digit.is_ascii_digit());
    rest == "PORT"
        || rest == "SERVICE_HOST"
        || rest == "SERVICE_PORT"
        || rest.starts_with("SERVICE_PORT_")
        || rest.strip_prefix("PORT_").is_some_and(numbered)
}
