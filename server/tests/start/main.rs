//! What an operator reads when the server starts, or does not.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn serve(data_dir: &Path) -> Process {
    serve_with(data_dir, &[])
}

fn serve_with(data_dir: &Path, env: &[(&str, &str)]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    let env = env.iter().copied();
    Process(command.env_clear().envs(env).stderr(Stdio::piped()).spawn().unwrap())
}

/// Reads what it says until it listens or ends.
fn said(process: &mut Process) -> String {
    let mut text = String::new();
    for line in BufReader::new(process.0.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        text.push_str(&line);
        text.push('\n');
        if line.contains("listening") {
            break;
        }
    }
    text
}

#[test]
fn a_start_says_what_it_uses_and_what_it_made() {
    let data = folder("start-says").join("data");
    let first = said(&mut serve(&data));
    let named = [data.to_str().unwrap(), env!("CARGO_PKG_VERSION"), "landfall.db", "listening"];
    for part in named {
        assert!(first.contains(part), "{part}: {first}");
    }
    for made in ["jwt-hs256.key", "cursor-mac.key", "vapid.json"] {
        let lines = first.lines().filter(|line| line.contains(made));
        assert_eq!(lines.filter(|line| line.contains("made")).count(), 1, "{made}: {first}");
    }
    let again = said(&mut serve(&data));
    assert!(again.contains("landfall.db") && !again.contains("made"), "{again}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named_once_with_what_to_do() {
    let folder = folder("start-refused");
    let file = folder.join("file");
    std::fs::write(&file, "").unwrap();
    let text = said(&mut serve(&file.join("data")));
    assert_eq!(text.matches("os error").count(), 1, "{text}");
    assert!(text.contains("cannot be read or written") && text.contains("--data-dir"), "{text}");
}

/// Runs a command of the program to its end; gives what it said.
fn landfall(arguments: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    let output = command.args(arguments).env_clear().envs(env.iter().copied()).output().unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
}

#[test]
fn a_start_on_postgres_needs_every_shared_key_and_shows_no_secret() {
    let server = landfall_fixtures::Postgres::shared();
    let database = server.database().unwrap();
    let (url, data) = (database.url(), folder("start-postgres").join("data"));
    let password = url.split([':', '@']).nth(2).unwrap();
    let bare = said(&mut serve_with(&data, &[("DATABASE_URL", &url)]));
    for missing in ["auth.jwt_secret_key", "auth.cursor_key", "vapid.private_key"] {
        assert!(bare.contains(missing), "{missing}: {bare}");
    }
    assert!(!data.exists(), "nothing is made for a start that is refused");
    let secret = "0123456789abcdef0123456789abcdef";
    let made = landfall(&["vapid"], &[]);
    let mut env = vec![("DATABASE_URL", url.as_str())];
    env.extend([("JWT_SECRET_KEY", secret), ("LANDFALL_AUTH_CURSOR_KEY", secret)]);
    env.extend(made.lines().map(|line| line.split_once('=').unwrap()));

    assert_eq!(landfall(&["migrate"], &env), "schema 0 -> 1\n");
    assert_eq!(landfall(&["migrate"], &env), "schema 1: nothing to do\n");
    let text = said(&mut serve_with(&data, &env));
    assert!(text.contains("store=postgres://***@127.0.0.1:"), "{text}");
    assert!(text.contains("listening") && !text.contains("made"), "{text}");
    let check = landfall(&["check"], &env);
    server.stop().unwrap();
    let away = said(&mut serve_with(&data, &env));
    assert!(away.contains("cannot be opened") && away.contains("refused"), "{away}");
    for shown in [bare, text, check, away] {
        assert!(!shown.contains(password), "{shown}");
    }
}
