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
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    Process(command.env_clear().stderr(Stdio::piped()).spawn().unwrap())
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
