//! Where benchmarks print: results as JSON lines and sentences to a given writer, progress to standard error. It
//! computes nothing.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

/// The results of a benchmark on their way to a writer.
pub struct Report<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Report<'a> {
    /// Prints to `out`, normally a locked standard output.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    /// Prints one run as one line of JSON; fails when the writer does.
    pub fn result(&mut self, run: &impl Serialize) -> io::Result<()> {
        let line = serde_json::to_string(run)?;
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// Prints a line for people; fails when the writer does.
    pub fn line(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }
}

/// Tells whoever waits what is going on.
pub fn progress(line: fmt::Arguments<'_>) {
    // Nobody reads it any more when this fails, and the benchmark goes on.
    let _ = writeln!(io::stderr(), "{line}");
}
