//! Settings of `[server]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Network, Seconds};

/// Listening, data folder and drain.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Folder of the embedded store and the self-made keys.
    pub data_dir: PathBuf,
    /// Where clients reach this server, without a slash at the end; empty when not set.
    pub public_url: String,
    /// What open requests and sockets get after SIGTERM.
    pub drain_seconds: Seconds,
    /// Connections waiting to be accepted.
    pub backlog: u32,
    /// Origins of web pages that may call; `*` is any.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}
