//! How far a long command is, on a terminal; nothing is said where nobody watches.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// Between two words.
const PAUSE: Duration = Duration::from_millis(250);

/// What the command line said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(super) struct Loudness {
    /// Say nothing of how far it is.
    #[arg(long)]
    quiet: bool,
}

/// Tells on standard error which table is under way and how many of its rows are done.
pub(super) struct Progress {
    is_watched: bool,
    told: Instant,
}

impl Progress {
    pub(super) fn new(Loudness { quiet }: Loudness) -> Self {
        Self { is_watched: !quiet && io::stderr().is_terminal(), told: Instant::now() }
    }

    pub(super) fn tell(&mut self, table: &str, rows: u64) {
        if self.is_watched && self.told.elapsed() >= PAUSE {
            self.told = Instant::now();
            // A terminal that is gone needs no news.
            let _ = write!(io::stderr().lock(), "\r\x1b[K{table}: {rows} rows");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_watched {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
