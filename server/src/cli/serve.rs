//! `landfall serve`: the arguments. The server itself is handed in by the entry point.

use clap::Args;

use super::ConfigArgs;
use crate::config::{Environment, Loaded, Problems};

#[derive(Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address and port to listen on; port 0 takes any free one [default: 127.0.0.1:8003].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl ServeArgs {
    pub(super) fn load(self, env: Environment) -> Result<Loaded, Problems> {
        self.config.load(env, self.listen)
    }
}
