//! The command line: `landfall COMMAND`.
//!
//! Parses, loads the configuration and hands over. Results go to standard output, everything
//! else to standard error; exit code 2 is a wrong call, 1 a failure. Must never read the
//! process's environment: the entry point hands it in.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Environment, Flags, Inputs, Loaded, Problems, Purpose};

mod backup;
mod check;
mod migrate;
mod progress;
mod restore;
mod serve;
#[cfg(test)]
mod tests;
mod token;
mod ttl;
mod vapid;
mod vouch;

/// Notifications that reach people live, or when they come back.
#[derive(Parser)]
#[command(name = "landfall", version, arg_required_else_help = true)]
#[command(after_help = "Settings come from the defaults in the program, a file, the environment \
    and flags; later ones win. `landfall check` prints every setting and where it came from.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until SIGTERM or SIGINT, then drain and stop.
    Serve(serve::ServeArgs),
    /// Print a token for a user or a service, signed with a key of this server.
    Token(token::TokenArgs),
    /// Print a new key pair for Web Push, as lines for the environment; store nothing.
    Vapid,
    /// Check the settings and print each with where it came from.
    Check(ConfigArgs),
    /// Bring the store up to date without serving; the server must not be running.
    Migrate(ConfigArgs),
    /// Write the store and its keys to one file; a server may be running meanwhile.
    Backup(backup::BackupArgs),
    /// Put a backup in the store's place and begin a new epoch; no server may be running.
    Restore(restore::RestoreArgs),
    /// Measure this machine: Landfall against the least that any server could do.
    Bench(crate::bench::Args),
}

/// Where a command finds its configuration.
#[derive(Args, Default)]
struct ConfigArgs {
    /// File with the settings that differ from the defaults [env: LANDFALL_CONFIG].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the embedded store and the keys made on the first start [default: ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

impl ConfigArgs {
    fn load(self, env: Environment, listen: Option<String>) -> Result<Loaded, Problems> {
        let flags = Flags { data_dir: self.data_dir, listen };
        Config::load(Inputs { file: self.config, env, flags, purpose: Purpose::Serve })
    }

    /// Loads it for a command that only touches the store.
    fn load_for_store(self, env: Environment) -> Result<Loaded, Problems> {
        let flags = Flags { data_dir: self.data_dir, listen: None };
        Config::load(Inputs { file: self.config, env, flags, purpose: Purpose::Store })
    }
}

/// Runs one command of `landfall` and returns its exit code.
///
/// `args` starts with the program's name. `serve` is the body of `landfall serve`; it gets a
/// sound configuration and returns when the server has stopped.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    env: Environment,
    serve: impl FnOnce(Loaded) -> anyhow::Result<()>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return answer_usage(&error),
    };
    // Buffered rather than locked, since a running server must not hold standard output.
    let mut out = Vec::new();
    let result = execute(cli.command, env, serve, &mut out);
    let written = io::stdout().lock().write_all(&out).map_err(anyhow::Error::from);
    match result.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn execute(
    command: Command,
    env: Environment,
    serve: impl FnOnce(Loaded) -> anyhow::Result<()>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve(args.load(env)?),
        Command::Token(args) => token::run(args, env, out),
        Command::Vapid => vapid::run(out),
        Command::Check(args) => check::run(args, env, out),
        Command::Migrate(args) => migrate::run(args, env, out),
        Command::Backup(args) => backup::run(args, env, out),
        Command::Restore(args) => restore::run(args, env, out),
        Command::Bench(args) => crate::bench::run(args),
    }
}

/// Prints help to standard output with 0, and a wrong call to standard error with 2.
fn answer_usage(error: &clap::Error) -> ExitCode {
    // A closed pipe leaves nobody to tell.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn report(error: &anyhow::Error) {
    let mut stderr = io::stderr().lock();
    // Nothing is left to say it to when this fails.
    let _ = match error.downcast_ref::<Problems>() {
        Some(problems) => {
            let lines = problems.to_string().replace('\n', "\n  ");
            writeln!(stderr, "landfall: the configuration is wrong\n  {lines}")
        }
        None => writeln!(stderr, "landfall: {error:#}"),
    };
}
