//! What an operator reads when the server starts, or does not.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// No test waits longer than this.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);

const SECRET: &str = "a secret of more than thirty-two bytes for this test alone";

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
    for made in ["jwt-hs256.key", "cursor-mac.key", "vapid.json", "sealing.key", "lookup.key"] {
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
    for missing in [
        "auth.jwt_secret_key",
        "auth.cursor_key",
        "vapid.private_key",
        "secrets.keys",
        "secrets.lookup",
    ] {
        assert!(bare.contains(missing), "{missing}: {bare}");
    }
    assert!(!data.exists(), "nothing is made for a start that is refused");
    let secret = "0123456789abcdef0123456789abcdef";
    let made = landfall(&["vapid"], &[]);
    let mut env = vec![("DATABASE_URL", url.as_str())];
    env.extend([("JWT_SECRET_KEY", secret), ("LANDFALL_AUTH_CURSOR_KEY", secret)]);
    let sealing = format!("k1:{}", "A".repeat(43));
    env.extend([("LANDFALL_SECRETS_KEYS", &*sealing), ("LANDFALL_SECRETS_LOOKUP", secret)]);
    env.extend(made.lines().map(|line| line.split_once('=').unwrap()));

    let made = landfall(&["migrate"], &env);
    let latest = made.strip_prefix("schema 0 -> ").unwrap().trim_end();
    assert_eq!(landfall(&["migrate"], &env), format!("schema {latest}: nothing to do\n"));
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

/// A token for a server that runs elsewhere would be refused, and nobody would know why.
#[test]
fn a_token_of_a_folder_that_no_server_uses_says_so() {
    let data = folder("start-token").join("data");
    let token = |env: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.args(["token", "--sub", "ana", "--data-dir", "data"]);
        command.current_dir(data.parent().unwrap()).env_clear().envs(env.iter().copied());
        let output = command.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!((printed.lines().count(), printed.matches('.').count()), (1, 2), "{printed}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(token(&[("JWT_SECRET_KEY", SECRET)]), "");
    let told = token(&[]);
    assert!(told.contains(data.join("keys/jwt-hs256.key").to_str().unwrap()), "{told}");
    assert!(told.contains("no server has made") && told.contains("--data-dir"), "{told}");
    assert_eq!(token(&[]), "", "it is there now");

    std::fs::remove_dir_all(&data).unwrap();
    said(&mut serve(&data));
    assert_eq!(token(&[]), "");
    let help = landfall(&["token", "--help"], &[]);
    assert!(help.contains("made if it is not there"), "{help}");
}

#[test]
fn open_files_are_raised_and_what_does_not_fit_is_told() {
    let data = folder("start-files").join("data");
    let mut command = Command::new("sh");
    let script = r#"ulimit -S -n 100 && ulimit -H -n 700 && exec "$0" serve --listen 127.0.0.1:0 --data-dir "$1""#;
    command.args(["-c", script, env!("CARGO_BIN_EXE_landfall")]).arg(&data);
    let mut process = Process(command.env_clear().stderr(Stdio::piped()).spawn().unwrap());
    let text = said(&mut process);
    assert!(text.contains("open_files=700"), "{text}");
    let told = text.lines().find(|line| line.contains("limits.connections_max")).unwrap();
    assert!(told.contains("WARN") && told.contains("444"), "{told}");
}

/// Sends SIGTERM.
fn terminate(process: &Process) {
    let sent = Command::new("kill").args(["-TERM", &process.0.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_second_signal_ends_a_drain_at_once() {
    let data = folder("start-signals").join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data);
    command.env_clear().env("JWT_SECRET_KEY", SECRET);
    command.env("LANDFALL_SERVER_DRAIN_SECONDS", "3600");
    let mut process = Process(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let listening = lines.find(|line| line.contains("listening")).unwrap();
    let address = listening.split("addr=").nth(1).unwrap().trim();

    // A request whose body never comes holds up the drain.
    let mut held = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/v1/notify HTTP/1.1\r\nHost: landfall\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        token()
    );
    held.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    held.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");

    terminate(&process);
    assert!(lines.any(|line| line.contains("draining")));
    assert!(process.0.try_wait().unwrap().is_none(), "something is under way");
    terminate(&process);
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(lines.collect::<Vec<String>>()));
    let rest = ended.recv_timeout(DEADLINE).expect("the second signal ends it");
    assert_eq!(process.0.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("second signal")), "{rest:?}");
}

/// Whoever restores that backup has what devices forget.
#[test]
fn a_server_hears_of_a_backup_that_was_vouched_for() {
    let folder = folder("start-vouched");
    let data = folder.join("data");
    let mut running = serve(&data);
    said(&mut running);
    let (data_dir, file) = (data.to_str().unwrap(), folder.join("backup"));
    let file = file.to_str().unwrap();
    let made = landfall(&["backup", file, "--quiet", "--data-dir", data_dir], &[]);
    assert!(made.contains("made at"), "{made}");
    let vouch = ["restore", "--check", "--vouch", file, "--quiet", "--data-dir", data_dir];
    let vouched = landfall(&vouch, &[]);
    let up_to = vouched.split("answered before ").nth(1).unwrap().trim();
    drop(running);

    let mut running = serve(&data);
    let lines = BufReader::new(running.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let (sender, heard) = std::sync::mpsc::channel();
    let mut told = lines.filter(|line| line.contains("devices may forget"));
    std::thread::spawn(move || sender.send(told.next()));
    let line = heard.recv_timeout(DEADLINE).unwrap().unwrap();
    assert!(line.contains(up_to), "{line}: {vouched}");
}

fn token() -> String {
    let claims = serde_json::json!({ "sub": "app", "roles": ["service"], "exp": 4_102_444_800u64 });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}
