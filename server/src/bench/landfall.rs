//! A Landfall that was started for a benchmark: this very binary with a folder, a secret and limits of its own. What
//! serves people is never touched.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

use crate::clock;
use crate::keys::generate_vapid;

use super::hub_server::Round;
use super::process::Subject;
use super::visitor::Visit;

/// How long tokens hold: longer than any benchmark.
const TTL_SECONDS: u64 = 24 * 3600;

/// A running server, its folder and the secret of its tokens; both end with it.
pub struct Landfall {
    /// The process.
    pub subject: Subject,
    secret: String,
    // Dropped after the process that uses it.
    dir: Scratch,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    roles: [&'static str; 1],
    iat: u64,
    exp: u64,
}

impl Landfall {
    /// Starts `landfall serve` on a free port with its data in a new folder below `dir`.
    pub fn start(dir: &Path) -> anyhow::Result<Self> {
        Self::start_as(&["serve"], dir, None)
    }

    /// Starts `landfall serve` on a free port with its data in the database that `url` names.
    pub fn start_on(url: &str, dir: &Path) -> anyhow::Result<Self> {
        Self::start_as(&["serve"], dir, Some(url))
    }

    /// Starts `landfall serve` on a free port on a SQLite file that stays.
    pub fn start_on_file(file: &Path, dir: &Path) -> anyhow::Result<Self> {
        let scratch = Scratch::create(dir)?;
        // SQLite keeps its log beside the file itself, so that whole it stays however the server ends.
        let file = file.canonicalize()?;
        std::os::unix::fs::symlink(file, scratch.path().join("landfall.db"))?;
        Self::start_in(scratch, &["serve"], None)
    }

    /// Starts a server without load on its store: its hub carries `round`'s changes whenever it is told to.
    pub fn start_hub(dir: &Path, round: &Round) -> anyhow::Result<Self> {
        let users = round.users.to_string();
        Self::start_as(&["bench", "hub-server", "--users", &users], dir, None)
    }

    fn start_as(args: &[&str], dir: &Path, store: Option<&str>) -> anyhow::Result<Self> {
        Self::start_in(Scratch::create(dir)?, args, store)
    }

    fn start_in(scratch: Scratch, args: &[&str], store: Option<&str>) -> anyhow::Result<Self> {
        let secret = new_secret();
        let mut command = command(args, scratch.path(), &secret)?;
        // One user stands for thousands of people here.
        command.env("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "100000");
        command.env("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "0");
        // Members who were told of a topic's messages are not told again while anything is measured.
        command.env("LANDFALL_TOPICS_NOTICE_WINDOW_SECONDS", "86400");
        if let Some(url) = store {
            // What nodes on one database share has to be given to each.
            let pair = generate_vapid()?;
            command.env("DATABASE_URL", url).env("LANDFALL_AUTH_CURSOR_KEY", new_secret());
            command.env("LANDFALL_SECRETS_KEYS", format!("bench:{}", "A".repeat(43)));
            command.env("LANDFALL_SECRETS_LOOKUP", new_secret());
            command.env("VAPID_PUBLIC_KEY", &pair.public_key);
            command.env("VAPID_PRIVATE_KEY", pair.private_key.expose());
        }
        let subject = Subject::start(command)?;
        Ok(Self { subject, secret, dir: scratch })
    }

    /// `devices` devices that open their sockets, with `query` after what names them; they belong to the users `u0`,
    /// `u1` and so on in turn.
    pub fn devices(&self, users: usize, devices: usize, query: &str) -> anyhow::Result<Vec<Visit>> {
        let tokens = (0..users).map(|user| self.token(&format!("u{user}"), "student"));
        let tokens: Vec<String> = tokens.collect::<anyhow::Result<_>>()?;
        let visit = |device: usize| {
            Visit::to(format!("/ws?token={}&device_id=d{device}{query}", tokens[device % users]))
        };
        Ok((0..devices).map(visit).collect())
    }

    /// Its store, where that is a file of its own.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("landfall.db")
    }

    /// A token for `sub` with `role`.
    pub fn token(&self, sub: &str, role: &'static str) -> anyhow::Result<String> {
        let iat = clock::now_ms().unsigned_abs() / 1_000;
        let claims = Claims { sub, roles: [role], iat, exp: iat + TTL_SECONDS };
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        jsonwebtoken::encode(&Header::default(), &claims, &key).context("cannot sign a token")
    }
}

/// A secret of a benchmark protects nothing, but two of them must not take each other's tokens.
pub fn new_secret() -> String {
    uuid::Uuid::now_v7().simple().to_string().repeat(2)
}

/// This very binary with its data in `data_dir`, on a free port.
pub fn command(args: &[&str], data_dir: &Path, secret: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(args).args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    command.env("JWT_SECRET_KEY", secret).env("NO_COLOR", "1");
    // A benchmark says itself where its rows go.
    command.env_remove("DATABASE_URL");
    Ok(command)
}

/// A folder that is removed when it is no longer needed.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new folder below `dir`.
    pub fn create(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(format!("landfall-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind is a nuisance, not a wrong result.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
