//! The names that the seeds document, and unknown ones.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::super::{Backend, Config, Environment, Inputs, Loaded, Problems};
use super::{with_env, wrong};
use crate::auth::Tenants;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Tokens that the server signed with a key of its own making go on, once that key is configured.
#[test]
fn jwt_secret_key_makes_the_key_env_which_answers_to_self_too() {
    let loaded = with_env(&[("JWT_SECRET_KEY", SECRET)]).unwrap();
    let keys: Vec<_> =
        loaded.config.auth.keys.iter().map(|key| (key.id.as_str(), &key.tenants)).collect();
    assert_eq!(keys, [("env", &Tenants::Any), ("self", &Tenants::Any)]);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn a_short_or_forgotten_secret_is_refused() {
    let short = wrong(with_env(&[("JWT_SECRET_KEY", "0123456789abcdef0123456789abcde")]));
    assert_eq!(short, ["auth.jwt_secret_key: has 31 bytes, but needs 32 or more"]);
    let empty = wrong(with_env(&[("JWT_SECRET_KEY", "")]));
    assert!(empty[0].contains("is set but empty"), "{empty:?}");
}

#[test]
fn database_url_names_the_store() {
    let loaded = with_env(&[("DATABASE_URL", "sqlite:/srv/landfall.db")]).unwrap();
    let path = loaded.config.store.sqlite_path(Path::new("data"));
    assert_eq!(path, Path::new("/srv/landfall.db"));
    let default = Config::load(Inputs::default()).unwrap().config.store;
    assert_eq!(default.sqlite_path(Path::new("data")), Path::new("data/landfall.db"));
}

#[test]
fn another_database_stops_the_start_without_its_password() {
    for url in [
        "mysql://app:hunter2@db/app",
        "postgres://app:hunter2@db/app?sslmode=hunter2",
        "sqlite:",
        "sqlite:///x.db",
        "sqlite::memory:",
    ] {
        let problems = with_env(&[("DATABASE_URL", url)]).unwrap_err();
        let text = problems.to_string();
        assert!(text.starts_with("store.url: "), "{text}");
        assert!(text.ends_with("(environment DATABASE_URL)"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// What every node on one database has to be told, besides the database.
fn shared_keys() -> Vec<(&'static str, String)> {
    let pair = crate::keys::generate_vapid().unwrap();
    vec![
        ("JWT_SECRET_KEY", SECRET.to_owned()),
        ("LANDFALL_AUTH_CURSOR_KEY", SECRET.to_owned()),
        ("VAPID_PUBLIC_KEY", pair.public_key),
        ("VAPID_PRIVATE_KEY", pair.private_key.expose().to_owned()),
        ("LANDFALL_SECRETS_KEYS", format!("k1:{}", "A".repeat(43))),
        ("LANDFALL_SECRETS_LOOKUP", SECRET.to_owned()),
    ]
}

fn with_postgres(keys: &[(&'static str, String)]) -> Result<Loaded, Problems> {
    let url = ("DATABASE_URL", "postgres://app:hunter2@db:5433/app?sslmode=require");
    let keys = keys.iter().map(|(name, value)| (*name, value.as_str()));
    with_env(&keys.chain([url]).collect::<Vec<_>>())
}

#[test]
fn postgres_is_opened_as_the_settings_say_and_shown_without_its_password() {
    let loaded = with_postgres(&shared_keys()).unwrap();
    let Backend::Postgres(settings) = Backend::of(&loaded.config) else { panic!("another store") };
    assert_eq!((settings.connections, settings.committers), (16, 4));
    assert_eq!(settings.statement_timeout.as_secs(), 30);
    let shown = format!("{} {:?}", loaded.effective, loaded.config);
    assert!(shown.contains("store.url = \"postgres://***@db:5433/app\""), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn postgres_needs_every_key_that_nodes_share() {
    let all = wrong(with_postgres(&[]));
    let named = [
        "auth.cursor_key",
        "auth.jwt_secret_key",
        "vapid.private_key",
        "secrets.keys",
        "secrets.lookup",
    ];
    assert_eq!(all.len(), named.len(), "{all:?}");
    for name in named {
        assert!(all.iter().any(|problem| problem.starts_with(name)), "{name}: {all:?}");
    }
    assert!(all.iter().any(|problem| problem.contains("`landfall vapid`")), "{all:?}");
    let mut short = shared_keys();
    short[1].1 = "short".to_owned();
    short[5].1 = "short".to_owned();
    let short = wrong(with_postgres(&short));
    let expected = ["auth.cursor_key", "secrets.lookup"]
        .map(|name| format!("{name}: has 5 bytes, but needs 32 or more"));
    assert_eq!(short, expected);
}

#[test]
fn sealing_keys_are_checked_and_shown_by_name_alone() {
    let good = format!("k2:{},k1:{}=", "A".repeat(43), "B".repeat(42) + "A");
    let loaded = with_env(&[("LANDFALL_SECRETS_KEYS", &good)]).unwrap();
    let ring = loaded.config.secrets.ring();
    let names: Vec<&str> = ring.iter().map(|key| key.id.as_str()).collect();
    assert_eq!(names, ["k2", "k1"]);
    let shown = format!("{} {:?}", loaded.effective, loaded.config);
    assert!(shown.contains(r#"secrets.keys = ["k2:***", "k1:***"]"#), "{shown}");
    assert!(!shown.contains("AAAA") && !shown.contains("BBBB"), "{shown}");
    let twice = format!("k1:{0},k1:{0}", "A".repeat(43));
    for bad in [&twice, "k1:QUJD", "k1", "secret-without-name"] {
        let problems = wrong(with_env(&[("LANDFALL_SECRETS_KEYS", bad)]));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("secrets.keys: "), "{problems:?}");
        let told = ["AAAA", "QUJD", "without"].map(|part| problems[0].contains(part));
        assert_eq!(told, [false; 3], "{problems:?}");
    }
}

#[test]
fn vapid_variables_are_a_pair() {
    let pair = crate::keys::generate_vapid().unwrap();
    let other = crate::keys::generate_vapid().unwrap();
    let private = pair.private_key.expose();
    let subject = ("VAPID_SUBJECT", "mailto:admin@example.org");
    let set =
        [("VAPID_PUBLIC_KEY", pair.public_key.as_str()), ("VAPID_PRIVATE_KEY", private), subject];
    let vapid = with_env(&set).unwrap().config.vapid;
    assert_eq!(vapid.pair(), Ok(Some(pair.clone())));
    assert_eq!(vapid.subject, subject.1);

    let mixed = [("VAPID_PUBLIC_KEY", other.public_key.as_str()), ("VAPID_PRIVATE_KEY", private)];
    let what = "vapid.public_key: the public key does not belong to the private key";
    assert_eq!(wrong(with_env(&mixed)), [what]);
    let half = wrong(with_env(&mixed[1..]));
    assert_eq!(half, ["vapid.public_key: public and private key must be set both or neither"]);
}

#[test]
fn variables_of_later_parts_give_one_warning_each() {
    for name in ["REDIS_URL", "CELERY_BROKER_URL"] {
        let warnings = with_env(&[(name, "x")]).unwrap().warnings;
        assert_eq!(warnings, [format!("{name}: accepted, but not used by this version")]);
        assert!(with_env(&[(name, "")]).unwrap().warnings.is_empty());
    }
}

#[test]
fn twilio_is_set_by_its_own_variables_and_waits_for_a_sender() {
    let account = [("TWILIO_ACCOUNT_SID", "AC1"), ("TWILIO_AUTH_TOKEN", "secret")];
    let loaded = with_env(&account).unwrap();
    assert!(!loaded.config.sms.is_configured());
    assert!(loaded.warnings[0].contains("TWILIO_FROM"), "{:?}", loaded.warnings);
    for sender in ["TWILIO_FROM", "TWILIO_MESSAGING_SERVICE_SID"] {
        let set = [account[0], account[1], (sender, "x")];
        let loaded = with_env(&set).unwrap();
        assert!(loaded.config.sms.is_configured());
        assert!(loaded.warnings[0].starts_with("server.public_url: "), "{:?}", loaded.warnings);
        let home = ("LANDFALL_SERVER_PUBLIC_URL", "https://notify.example.org");
        let loaded = with_env(&[set[0], set[1], set[2], home]).unwrap();
        assert!(loaded.warnings.is_empty());
    }
    let without = "sms.auth_token: must be set where sms.account_sid is";
    assert_eq!(wrong(with_env(&account[..1])), [without]);
    let firebase = with_env(&[("FIREBASE_CREDENTIALS", "keys.json")]).unwrap().config.fcm;
    assert_eq!(firebase.credentials.expose(), "keys.json");
}

#[test]
fn keys_of_callbacks_are_checked_and_shown_by_name_alone() {
    let name = "LANDFALL_SMS_CALLBACK_KEYS";
    let loaded = with_env(&[(name, "SK1:planted:one,SK2:planted two")]).unwrap();
    let keys = loaded.config.sms.callback_keys();
    let keys: Vec<_> = keys.iter().map(|key| (&*key.id, key.secret.expose())).collect();
    assert_eq!(keys, [("SK1", "planted:one"), ("SK2", "planted two")]);
    let shown = format!("{} {:?}", loaded.effective, loaded.config);
    assert!(shown.contains(r#"sms.callback_keys = ["SK1:***", "SK2:***"]"#), "{shown}");
    assert!(!shown.contains("planted"), "{shown}");
    for bad in ["planted", ":planted", "SK1:", "S K:planted"] {
        let problems = wrong(with_env(&[(name, bad)]));
        assert!(problems[0].starts_with("sms.callback_keys: "), "{problems:?}");
        assert!(!problems[0].contains("planted"), "{problems:?}");
    }
}

#[test]
fn dead_variables_name_what_replaced_them() {
    for (name, successor) in [
        ("FIREBASE_SERVER_KEY", "FIREBASE_CREDENTIALS"),
        ("FIREBASE_API_URL", "FIREBASE_CREDENTIALS"),
        ("CELERY_RESULT_BACKEND", "DATABASE_URL"),
    ] {
        let warnings = with_env(&[(name, "x")]).unwrap().warnings;
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with(name) && warnings[0].contains(successor), "{warnings:?}");
    }
}

#[test]
fn two_names_of_one_setting_must_agree() {
    for (first, second) in [
        ("LANDFALL_STORE_URL", "DATABASE_URL"),
        ("LANDFALL_VAPID_SUBJECT", "VAPID_SUBJECT"),
        ("REDIS_URL", "CELERY_BROKER_URL"),
    ] {
        let value = if first.contains("URL") { "sqlite:a" } else { "mailto:a@b" };
        let agreed = with_env(&[(first, value), (second, value)]);
        assert!(agreed.is_ok());
        let problems = wrong(with_env(&[(first, value), (second, "sqlite:b")]));
        let what = format!("{second}: says something else than {first}, which is the same setting");
        assert!(problems.contains(&what), "{problems:?}");
    }
}

#[test]
fn an_unknown_variable_is_refused_with_a_suggestion() {
    let problems = wrong(with_env(&[("LANDFALL_SERVER_LISTENS", "x"), ("LANDFALL", "x")]));
    let what = "is not a setting; did you mean LANDFALL_SERVER_LISTEN?";
    assert_eq!(problems, [format!("LANDFALL_SERVER_LISTENS: {what}")]);
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_are_no_settings() {
    let names = ["LANDFALL_PORT", "LANDFALL_SERVICE_HOST", "LANDFALL_PORT_8003_TCP_ADDR"];
    with_env(&names.map(|name| (name, "tcp://10.0.0.1:8003"))).unwrap();
}

#[test]
fn text_that_is_not_utf8_is_a_problem_only_where_it_is_read() {
    let broken = || OsString::from_vec(vec![0xff]);
    let load = |name: &str| {
        let env = [(OsString::from(name), broken())].into_iter().collect::<Environment>();
        Config::load(Inputs { env, ..Inputs::default() })
    };
    assert!(load("HOME").is_ok());
    assert_eq!(wrong(load("LANDFALL_LOG_LEVEL")), ["LANDFALL_LOG_LEVEL: must be valid UTF-8"]);
}
