//! A process under test: its CPU time and memory out of `/proc`, and a child that ends with its handle. Linux only, and
//! it never touches a process that it did not start.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use anyhow::{Context, bail};

/// `/proc` counts CPU time in hundredths of a second on every Linux (`USER_HZ`).
const TICK_US: u64 = 10_000;

/// A process that used no more CPU time than this in a [`PAUSE`] is quiet.
const QUIET_US: u64 = TICK_US;
const PAUSE: Duration = Duration::from_millis(400);

/// How long a server may take until it is quiet.
const QUIET_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a server may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// CPU time in microseconds that `pid` has used so far, all threads, user and system, in steps of 10 ms.
pub fn cpu_us(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; the state is the first field after it, utime the twelfth.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user + system) * TICK_US),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat without times")),
    }
}

/// CPU time in microseconds that the calling thread has used so far, as its scheduler counts it.
pub fn thread_cpu_us() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns = stat.split_ascii_whitespace().next().and_then(|ns| ns.parse::<f64>().ok());
    ns.map(|ns| ns / 1e3)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "schedstat without a time"))
}

/// Memory of `pid` in KiB that is resident now.
pub fn rss_kib(pid: u32) -> io::Result<u64> {
    rollup(pid, "Rss:")
}

/// Memory of `pid` in KiB that is resident now and no file's: what it allocated, without what it maps of its database.
pub fn anonymous_kib(pid: u32) -> io::Result<u64> {
    rollup(pid, "Anonymous:")
}

fn rollup(pid: u32, field: &str) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let value = rollup.lines().find_map(|line| line.strip_prefix(field));
    value
        .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "smaps_rollup lacks a field"))
}

/// A server that was started for a benchmark; dropping it stops it.
pub struct Subject {
    child: Child,
    addr: SocketAddr,
    lines: Receiver<String>,
}

impl Subject {
    /// Starts `command` and waits until it says on standard error where it listens, in a line that contains
    /// `listening` and an address of 127.0.0.1. Fails when it ends first, with the last thing it said.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stderr = child.stderr.take().expect("standard error was piped");
        let (sender, lines) = sync_channel(256);
        thread::Builder::new().name("bench-log".into()).spawn(move || forward(stderr, &sender))?;
        let mut subject = Self { child, addr: SocketAddr::from(([127, 0, 0, 1], 0)), lines };
        subject.addr = subject.wait_until_listening()?;
        Ok(subject)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// CPU time in microseconds used so far.
    pub fn cpu_us(&self) -> io::Result<u64> {
        cpu_us(self.child.id())
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> io::Result<u64> {
        rss_kib(self.child.id())
    }

    /// Resident memory in KiB that is no file's.
    pub fn anonymous_kib(&self) -> io::Result<u64> {
        anonymous_kib(self.child.id())
    }

    /// Waits until it has worked off what it was given; fails when it never does.
    pub fn wait_until_quiet(&self) -> anyhow::Result<()> {
        let (begun, mut before) = (Instant::now(), self.cpu_us()?);
        while begun.elapsed() < QUIET_TIMEOUT {
            #[expect(clippy::disallowed_methods, reason = "the process is watched from outside")]
            thread::sleep(PAUSE);
            let now = self.cpu_us()?;
            if now - before <= QUIET_US {
                return Ok(());
            }
            before = now;
        }
        bail!("the server was not quiet after {} s", QUIET_TIMEOUT.as_secs())
    }

    /// The child's standard input, once.
    pub fn take_stdin(&mut self) -> anyhow::Result<ChildStdin> {
        self.child.stdin.take().context("the standard input was taken before")
    }

    fn wait_until_listening(&mut self) -> anyhow::Result<SocketAddr> {
        let mut last = String::new();
        loop {
            match self.lines.recv_timeout(START_TIMEOUT) {
                Ok(line) => match listening_addr(&line) {
                    Some(addr) => return Ok(addr),
                    None => last = line,
                },
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the server did not say where it listens; last: {last}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the server ended before it listened; last: {last}")
                }
            }
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes lines on while somebody waits for them and reads on in any case, so that the child never blocks on its log.
fn forward(stderr: impl io::Read, sender: &SyncSender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let _ = sender.try_send(line);
    }
}

fn listening_addr(line: &str) -> Option<SocketAddr> {
    if !line.contains("listening") {
        return None;
    }
    let addr = &line[line.find("127.0.0.1:")?..];
    let end =
        addr.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(addr.len());
    addr[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_in_text_and_json() {
        let check = |line: &str, port: Option<u16>| {
            assert_eq!(listening_addr(line).map(|addr| addr.port()), port)
        };
        check(
            "2026-01-01T00:00:00Z INFO landfall: listening addr=127.0.0.1:4242 tls=false",
            Some(4242),
        );
        check(r#"{"message":"listening","addr":"127.0.0.1:4242"}"#, Some(4242));
        check("listening on 127.0.0.1:4242", Some(4242));
        check("connected addr=127.0.0.1:4242", None);
        check("listening soon", None);
    }

    #[test]
    fn reads_its_own_process() {
        let pid = std::process::id();
        assert!(rss_kib(pid).is_ok_and(|kib| kib > 100));
        assert!(cpu_us(pid).is_ok());
    }
}
