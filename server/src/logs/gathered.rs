//! Log lines on their way out: they gather for a moment and go out together, by a thread of their own.
//!
//! Whoever logs neither makes a system call nor waits for the one who reads, unless that one has stood still for long.
//! No line is lost, but for those of the last moment where the process is killed.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather.
const MOMENT: Duration = Duration::from_millis(10);
/// So many bytes go out without waiting for the moment to end.
const ENOUGH: usize = 64 * 1_024;
/// With so many bytes waiting, whoever logs waits too.
const BYTES_MAX: usize = 1_024 * 1_024;

/// Takes lines; every copy leads to the same place.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Lines came, or nothing more will.
    came: Condvar,
    /// Lines went.
    went: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    is_closed: bool,
}

/// Dropping it writes what has gathered; lines that come later go out one by one.
#[derive(Debug)]
pub struct Gathering {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and gives what has gathered of them; nothing once it is closed and empty.
    fn take(&self) -> Option<Vec<u8>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.is_closed;
        let few = |state: &mut State| state.waiting.len() < ENOUGH && !state.is_closed;
        let state = self.came.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let gathered = self.came.wait_timeout_while(state, MOMENT, few);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut state.waiting);
        self.went.notify_all();
        (!taken.is_empty()).then_some(taken)
    }
}

/// Begins to carry lines to `out`.
pub(super) fn gather(mut out: impl Write + Send + 'static) -> io::Result<(Lines, Gathering)> {
    let shared = Shared { state: Mutex::default(), came: Condvar::new(), went: Condvar::new() };
    let lines = Lines(Arc::new(shared));
    let theirs = Arc::clone(&lines.0);
    let thread = std::thread::Builder::new().name("logs".into()).spawn(move || {
        while let Some(taken) = theirs.take() {
            // There is nobody left to tell that nobody reads the log.
            let _ = out.write_all(&taken).and_then(|()| out.flush());
        }
    })?;
    Ok((lines.clone(), Gathering { lines, thread: Some(thread) }))
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shared = &*self.0;
        let full = |state: &mut State| state.waiting.len() >= BYTES_MAX && !state.is_closed;
        let state = shared.went.wait_while(shared.lock(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            drop(state);
            return io::stderr().write(line);
        }
        let before = state.waiting.len();
        state.waiting.extend_from_slice(line);
        if before == 0 || before < ENOUGH && state.waiting.len() >= ENOUGH {
            shared.came.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let shared = &*self.lines.0;
        shared.lock().is_closed = true;
        shared.came.notify_all();
        shared.went.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    /// Tells of every call.
    struct Calls(Sender<Vec<u8>>);

    impl Write for Calls {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_go_out_together_in_order_and_none_stays_behind() {
        let (sender, calls) = channel();
        let (lines, gathering) = gather(Calls(sender)).unwrap();
        let mut expected = Vec::new();
        for n in 0..1_000 {
            let line = format!("line {n}\n");
            (&lines).write_all(line.as_bytes()).unwrap();
            expected.extend_from_slice(line.as_bytes());
        }
        drop(gathering);
        let calls: Vec<Vec<u8>> = calls.iter().collect();
        assert_eq!(calls.concat(), expected);
        assert!(calls.len() < 100, "{} calls", calls.len());
    }

    #[test]
    fn a_single_line_does_not_wait_for_others() {
        let (sender, calls) = channel();
        let (lines, _gathering) = gather(Calls(sender)).unwrap();
        (&lines).write_all(b"alone\n").unwrap();
        assert_eq!(calls.recv_timeout(Duration::from_secs(10)).unwrap(), b"alone\n");
    }
}
