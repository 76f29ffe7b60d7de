//! Tests of the commands, run as the binary runs them but for the process around them.
#![allow(clippy::unwrap_used)]

mod backup;
mod vouching;

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::{Cli, execute};
use crate::auth::{KeyConfig, Material, Verifier};
use crate::config::{Config, Environment, Inputs, Loaded};
use crate::keys::{DataLock, open_auth};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A data folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("landfall-{}", uuid::Uuid::now_v7())))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Runs a command that is not `serve` and returns what it printed.
fn run(args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<String> {
    let cli = Cli::try_parse_from([&["landfall"], args].concat())?;
    let env = env.iter().copied().collect::<Environment>();
    let mut out = Vec::new();
    execute(cli.command, env, |_| panic!("not serve"), &mut out)?;
    Ok(String::from_utf8(out)?)
}

/// Verifies a printed token with a key and returns its claims.
fn verify(token: &str, key: &KeyConfig) -> Value {
    let token = token.strip_suffix('\n').unwrap();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["exp", "sub"]);
    validation.validate_aud = false;
    assert_eq!(decode_header(token).unwrap().kid.as_deref(), Some(key.id.as_str()));
    let Material::Secret(secret) = &key.material else { panic!("tokens are signed with secrets") };
    let key = DecodingKey::from_secret(secret.expose().as_bytes());
    decode(token, &key, &validation).unwrap().claims
}

fn config(env: &[(&str, &str)]) -> Config {
    let env = env.iter().copied().collect::<Environment>();
    Config::load(Inputs { env, ..Inputs::default() }).unwrap().config
}

fn keys(env: &[(&str, &str)]) -> Vec<KeyConfig> {
    open_auth(&config(env)).unwrap()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_token_of_a_first_start_verifies_with_the_key_that_serve_will_use() {
    let folder = Folder::new();
    let token = run(&["token", "--sub", "ana", "--data-dir", folder.path()], &[]).unwrap();
    let keys = keys(&[("LANDFALL_SERVER_DATA_DIR", folder.path())]);
    let claims = verify(&token, &keys[0]);
    assert_eq!((&claims["sub"], &claims["tenant"]), (&"ana".into(), &"default".into()));
    assert_eq!(claims["roles"], serde_json::json!([]));
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 3_600);
    assert!(claims["iat"].as_i64().unwrap() > 1_700_000_000);
    assert!(claims.get("scope").is_none() && claims.get("name").is_none());
}

#[test]
fn every_claim_can_be_given() {
    let given = "token --sub s --role teacher --role admin --name Ana --tenant t \
        --scope notify:send --scope metrics:read --ttl 15m --locale es-MX --tz America/Mexico_City";
    let args: Vec<&str> = given.split_whitespace().collect();
    let env = [
        ("JWT_SECRET_KEY", SECRET),
        ("LANDFALL_AUTH_ISSUER", "me"),
        ("LANDFALL_AUTH_AUDIENCE", "you"),
    ];
    let token = run(&args, &env).unwrap();
    let auth = config(&env).auth;
    let verifier = Verifier::new(auth.keys.clone(), auth.policy()).unwrap();
    let caller = verifier.verify(token.trim_end(), crate::clock::now_ms()).unwrap();
    assert_eq!((caller.user.as_str(), caller.tenant.as_str()), ("s", "t"));
    let claims = verify(&token, &auth.keys[0]);
    assert_eq!(claims["roles"], serde_json::json!(["teacher", "admin"]));
    assert_eq!(claims["scope"], "notify:send metrics:read");
    for (claim, value) in [
        ("name", "Ana"),
        ("tenant", "t"),
        ("locale", "es-MX"),
        ("tz", "America/Mexico_City"),
        ("iss", "me"),
        ("aud", "you"),
    ] {
        assert_eq!(claims[claim], value);
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
}

#[test]
fn two_tokens_have_different_ids() {
    let env = [("JWT_SECRET_KEY", SECRET)];
    let jti =
        || verify(&run(&["token", "--sub", "a"], &env).unwrap(), &keys(&env)[0])["jti"].clone();
    assert_ne!(jti(), jti());
}

#[test]
fn the_first_key_that_may_speak_for_the_tenant_signs() {
    let key = |id: &str, tenant: &str| {
        format!(
            "{{ id = \"{id}\", alg = \"HS256\", secret = \"{SECRET}{id}\", tenants = [\"{tenant}\"] }}"
        )
    };
    let list = format!("[{}, {}]", key("a", "one"), key("b", "two"));
    let env = [("LANDFALL_AUTH_KEYS", list.as_str())];
    let token = run(&["token", "--sub", "x", "--tenant", "two"], &env).unwrap();
    verify(&token, &keys(&env)[1]);
    let error = run(&["token", "--sub", "x"], &env).unwrap_err().to_string();
    assert_eq!(error, "no configured HS256 key may speak for the tenant \"default\"");
}

#[test]
fn public_keys_alone_cannot_sign() {
    let pem = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
        -----END PUBLIC KEY-----\n";
    let list = format!("[{{ id = \"a\", alg = \"EdDSA\", pem = {pem:?} }}]");
    let error = run(&["token", "--sub", "x"], &[("LANDFALL_AUTH_KEYS", &list)]).unwrap_err();
    assert!(error.to_string().starts_with("only public keys are configured"), "{error}");
}

#[test]
fn a_wrong_call_is_a_usage_error() {
    for args in [
        vec![],
        vec!["token"],
        vec!["token", "--sub", ""],
        vec!["token", "--sub", " a"],
        vec!["token", "--sub", "a", "--tenant", ""],
        vec!["token", "--sub", "a", "--role", "a\n"],
        vec!["token", "--sub", "a", "--ttl", "soon"],
        vec!["token", "--sub", "a", "--scope", "notify:sent"],
        vec!["serve", "--port", "1"],
    ] {
        let error = Cli::try_parse_from([vec!["landfall"], args].concat()).err().unwrap();
        assert_eq!(error.exit_code(), 2);
    }
    for args in [["landfall", "--help"], ["landfall", "--version"]] {
        assert_eq!(Cli::try_parse_from(args).err().unwrap().exit_code(), 0);
    }
}

#[test]
fn vapid_prints_a_pair_that_the_configuration_takes() {
    let printed = run(&["vapid"], &[]).unwrap();
    let lines: Vec<_> = printed.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!([lines[0].0, lines[1].0], ["VAPID_PUBLIC_KEY", "VAPID_PRIVATE_KEY"]);
    let checked = run(&["check"], &lines).unwrap();
    assert!(checked.contains("# environment VAPID_PRIVATE_KEY"), "{checked}");
    assert!(!checked.contains(lines[1].1), "{checked}");
}

#[test]
fn check_prints_settings_and_warnings_and_makes_no_file() {
    let folder = Folder::new();
    let args = ["check", "--data-dir", folder.path()];
    let printed = run(&args, &[("REDIS_URL", "redis://x")]).unwrap();
    assert!(printed.contains("# flag --data-dir"), "{printed}");
    assert!(printed.contains("# warning: REDIS_URL: accepted, but not used"), "{printed}");
    assert!(!folder.0.exists());
}

#[test]
fn check_fails_with_every_problem() {
    let env = [("LANDFALL_LOG_LEVEL", "loud"), ("LANDFALL_NOTIFY_CHUNK", "0")];
    let error = run(&["check"], &env).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn serve_gets_what_was_loaded() {
    let got: RefCell<Option<Loaded>> = RefCell::default();
    let args = ["landfall", "serve", "--listen", "127.0.0.1:0", "--data-dir", "elsewhere"];
    let code = super::run(args.map(OsString::from), Environment::default(), |loaded| {
        got.replace(Some(loaded));
        Ok(())
    });
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
    let server = got.take().unwrap().config.server;
    assert_eq!(server.listen.port(), 0);
    assert_eq!(server.data_dir, PathBuf::from("elsewhere"));
}

#[test]
fn migrate_makes_the_store_once() {
    let folder = Folder::new();
    let args = ["migrate", "--data-dir", folder.path()];
    let made = run(&args, &[]).unwrap();
    assert!(folder.0.join("landfall.db").exists());
    let latest = made.strip_prefix("schema 0 -> ").unwrap().trim_end();
    assert_eq!(run(&args, &[]).unwrap(), format!("schema {latest}: nothing to do\n"));
}

#[test]
fn migrate_leaves_the_store_of_a_running_server_alone() {
    let folder = Folder::new();
    let _running = DataLock::take(&folder.0).unwrap();
    let error = run(&["migrate", "--data-dir", folder.path()], &[]).unwrap_err().to_string();
    assert!(error.contains("in use by another server"), "{error}");
    assert!(!folder.0.join("landfall.db").exists());
}

#[test]
fn migrate_names_the_store_that_it_cannot_open() {
    let folder = Folder::new();
    let url = format!("sqlite:{}/none/x.db", folder.path());
    let args = ["migrate", "--data-dir", folder.path()];
    let error = run(&args, &[("DATABASE_URL", &url)]).unwrap_err();
    assert!(format!("{error:#}").contains("none/x.db: the store is not available"), "{error:#}");
}
