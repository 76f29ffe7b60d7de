//! Logs: one line per event, for people or for machines.
//!
//! What is written is chosen where it happens; nothing may hand a token, a body, a phone number or
//! a raw path to it. Sets up the writer, once.

use tracing::Level;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt as _};

use crate::config::{LogFormat, LogSettings};

/// Writes logs to standard error from now on.
///
/// # Errors
/// When the process writes logs already.
pub fn start(settings: &LogSettings) -> Result<(), SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber(settings, std::io::stderr))
}

/// Makes what [`start`] installs, over any writer.
pub fn subscriber<W>(settings: &LogSettings, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = Level::from(settings.level);
    // Libraries speak of single connections and frames, which may hold what users sent.
    let filter = EnvFilter::new(format!("warn,landfall_server={level},landfall={level}"));
    let writer = BoxMakeWriter::new(writer);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    Registry::default().with(filter).with(lines)
}
