//! `landfall check`: the configuration, checked and printed with where each value came from.
//!
//! Makes no file. Must never print a secret.

use std::io::Write;

use super::ConfigArgs;
use crate::config::Environment;

pub(super) fn run(args: ConfigArgs, env: Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let loaded = args.load(env, None)?;
    write!(out, "{}", loaded.effective)?;
    for warning in &loaded.warnings {
        writeln!(out, "# warning: {warning}")?;
    }
    Ok(())
}
