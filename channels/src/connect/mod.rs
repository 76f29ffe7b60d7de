//! How requests leave the server: through the guard where a user supplied the URL, plainly where
//! an operator did.
//!
//! Must never follow a redirect, ask a proxy of the environment, read an answer without a bound,
//! or put a URL into a text: endpoints are secrets.

mod address;
mod allow;
mod exchange;
mod guard;
mod missed;
mod resolve;
mod retry_after;

pub use allow::{Allow, AllowFault};
pub use exchange::{Answer, ConnectFault, Connections, GuardedClient, PlainClient};
pub use guard::{Destination, Guard, UrlFault};
pub use missed::Missed;
pub(crate) use missed::{is_refused, is_tls};
pub use retry_after::read as read_retry_after;
