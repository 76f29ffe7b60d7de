//! `landfall token`: a token signed with a shared secret of this server.
//!
//! Meant for services, scripts and trying things out. Must never print anything beside the token
//! to standard output.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use jsonwebtoken::{EncodingKey, Header};
use landfall_core::auth::{Role, Scope};
use landfall_core::id::{Tenant, UserId};
use serde::Serialize;
use uuid::Builder;

use super::ConfigArgs;
use super::ttl::Ttl;
use crate::auth::{DEFAULT_TENANT, KeyConfig, Material};
use crate::clock::now_ms;
use crate::config::Environment;
use crate::keys;

#[derive(Args)]
#[command(
    after_help = "Signs with the first HS256 key that is configured for the tenant, else with \
    the key in the data folder, which is made if it is not there: name the folder of the server \
    that is to take the token.\n\nExample: landfall token --sub sarah --role student --name Sarah"
)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Id of the user or service that the token stands for.
    #[arg(long, value_name = "ID", value_parser = UserId::parse)]
    sub: UserId,
    /// Role: student, teacher, service, admin or another of auth.roles; may be repeated.
    #[arg(long = "role", value_name = "R", value_parser = Role::parse)]
    roles: Vec<Role>,
    /// Name of the user, shown to others as the sender.
    #[arg(long, value_name = "N")]
    name: Option<String>,
    /// Tenant that the token is for.
    #[arg(long, value_name = "T", default_value = DEFAULT_TENANT, value_parser = Tenant::parse)]
    tenant: Tenant,
    /// Scope beyond those of the roles, such as notify:send; may be repeated.
    #[arg(long = "scope", value_name = "S", value_parser = Scope::parse)]
    scopes: Vec<Scope>,
    /// How long the token holds: 90s, 15m, 1h, 30d.
    #[arg(long, value_name = "TTL", default_value = "1h")]
    ttl: Ttl,
    /// Language, such as es-MX.
    #[arg(long, value_name = "L")]
    locale: Option<String>,
    /// Time zone, such as America/Mexico_City.
    #[arg(long, value_name = "Z")]
    tz: Option<String>,
}

/// The claims of a token (contract, section 1).
#[derive(Serialize)]
struct Claims {
    sub: String,
    tenant: String,
    roles: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tz: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    iat: i64,
    exp: i64,
    jti: String,
}

pub(super) fn run(args: TokenArgs, env: Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let TokenArgs { config, sub, roles, name, tenant, scopes, ttl, locale, tz } = args;
    let config = config.load(env, None)?.config;
    let made = keys::missing_auth(&config);
    let keys = keys::open_auth(&config)?;
    if let Some(file) = made {
        tell_made(&file)?;
    }
    let (id, key) = signing_key(&keys, &tenant)?;
    let now = now_ms();
    let iat = now / 1_000;
    let claims = Claims {
        sub: sub.to_string(),
        tenant: tenant.to_string(),
        roles: roles.iter().map(Role::to_string).collect(),
        scope: scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" "),
        name,
        locale,
        tz,
        iss: config.auth.issuer().map(str::to_owned),
        aud: config.auth.audience().map(str::to_owned),
        iat,
        exp: iat + ttl.seconds(),
        jti: token_id(now)?,
    };
    let header = Header { kid: Some(id.to_owned()), ..Header::default() };
    writeln!(out, "{}", jsonwebtoken::encode(&header, &claims, &key)?)?;
    Ok(())
}

/// Says on standard error that the token is signed with a key that no server knows so far.
fn tell_made(file: &Path) -> io::Result<()> {
    writeln!(
        io::stderr().lock(),
        "landfall: no server has made a key in this data folder, so one was made: {}\n\
         landfall: a server with another folder or another key refuses the token: name its folder \
         with --data-dir, or give its JWT_SECRET_KEY",
        std::path::absolute(file)?.display()
    )
}

/// Makes an id whose time is the clock's, like every other time of the token.
fn token_id(now_ms: i64) -> anyhow::Result<String> {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).context("the system gives no random bytes")?;
    let millis = u64::try_from(now_ms).unwrap_or_default();
    Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string())
}

/// Returns the first shared secret that may speak for the tenant.
fn signing_key<'a>(
    keys: &'a [KeyConfig],
    tenant: &Tenant,
) -> anyhow::Result<(&'a str, EncodingKey)> {
    let shared = keys.iter().filter_map(|key| match &key.material {
        Material::Secret(secret) => Some((key, secret)),
        Material::Pem(_) | Material::Jwks(_) => None,
    });
    let shared: Vec<_> = shared.collect();
    if shared.is_empty() {
        bail!("only public keys are configured: tokens come from whoever holds the private keys");
    }
    match shared.into_iter().find(|(key, _)| key.tenants.contains(tenant)) {
        Some((key, secret)) => Ok((&key.id, EncodingKey::from_secret(secret.expose().as_bytes()))),
        None => bail!("no configured HS256 key may speak for the tenant {:?}", tenant.as_str()),
    }
}
