//! The one value that every edge shares: services, limits, metrics, and whether the server drains.
//!
//! Built once at the start and in tests alike. Must hold no logic of a use case.

use std::sync::Arc;

use landfall_protocol::query::PageLimits;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Verifier;
use crate::config::{CallbackKey, Limits, Network, ServerSettings, SmsSettings, TlsSettings};
use crate::judge::Judge;
use crate::metrics::Metrics;
use crate::rates::Rates;
use crate::secret::Secret;
use crate::service::Services;

pub use crate::metrics::{Connected, LiveCounters, LiveStats};

/// Everything that a request or a socket needs.
pub struct App {
    /// The use cases.
    pub services: Arc<Services>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Every limit on what comes in.
    pub limits: Limits,
    /// Bounds of a page of a list.
    pub pages: PageLimits,
    /// Lines of one batch call.
    pub batch_max_lines: usize,
    /// What Twilio signs its callbacks with.
    pub twilio: CallbackKeys,
    /// Judges the tokens that come.
    pub judge: Arc<Judge>,
    /// How fast everybody may go.
    pub rates: Arc<Rates>,
    /// What web pages and proxies are believed.
    pub web: WebSettings,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What the live connections say of themselves.
    pub live: Arc<dyn LiveStats>,
    /// Cancelled when the server begins to drain.
    pub drain: CancellationToken,
    /// Tasks that outlive the request that began them; whoever stops the server waits for them.
    pub tasks: TaskTracker,
    /// Version of the server, as `/health` says it.
    pub version: &'static str,
}

/// What an [`App`] is built from.
pub struct AppParts {
    /// The use cases.
    pub services: Arc<Services>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Every limit on what comes in.
    pub limits: Limits,
    /// Lines of one batch call.
    pub batch_max_lines: usize,
    /// What Twilio signs its callbacks with.
    pub twilio: CallbackKeys,
    /// What web pages and proxies are believed.
    pub web: WebSettings,
    /// What the live connections say of themselves.
    pub live: Arc<dyn LiveStats>,
    /// Cancelled when the server begins to drain.
    pub drain: CancellationToken,
}

/// What Twilio signs its callbacks with.
#[derive(Debug, Clone, Default)]
pub struct CallbackKeys {
    /// The account's token; nothing where no text messages are sent.
    pub token: Option<Secret>,
    /// Keys that were made for signing.
    pub keys: Vec<CallbackKey>,
}

impl CallbackKeys {
    /// Reads the settings.
    pub fn new(sms: &SmsSettings) -> Self {
        let token = Some(sms.auth_token.clone()).filter(|token| !token.is_empty());
        Self { token, keys: sms.callback_keys() }
    }
}

/// What web pages and proxies are believed.
#[derive(Debug, Clone, Default)]
pub struct WebSettings {
    /// Origins whose pages may call; none named is any.
    pub origins: Option<Vec<String>>,
    /// Proxies whose word on where a request came from counts.
    pub proxies: Vec<Network>,
    /// Whether clients reach the server by https alone.
    pub is_https: bool,
}

impl WebSettings {
    /// Reads the settings.
    pub fn new(server: &ServerSettings, tls: &TlsSettings) -> Self {
        let origins = &server.allowed_origins;
        Self {
            origins: (!origins.iter().any(|origin| origin == "*")).then(|| origins.clone()),
            proxies: server.trusted_proxies.clone(),
            is_https: server.public_url.starts_with("https://") || tls.files().is_some(),
        }
    }
}

impl App {
    /// Builds the value, with metrics that begin at zero.
    pub fn new(parts: AppParts) -> Arc<Self> {
        let AppParts { services, verifier, limits, batch_max_lines, twilio, web, live, drain } =
            parts;
        let pages =
            PageLimits { default: limits.page_default as usize, max: limits.page_max as usize };
        let rates = Arc::new(Rates::new(&limits, services.clock.clone()));
        let metrics =
            Arc::new(Metrics::new(Arc::clone(&live), Arc::clone(&verifier), services.now()));
        let judge = Arc::new(Judge {
            verifier: Arc::clone(&verifier),
            services: Arc::clone(&services),
            rates: Arc::clone(&rates),
            metrics: Arc::clone(&metrics),
        });
        Arc::new(Self {
            services,
            verifier,
            limits,
            pages,
            batch_max_lines,
            twilio,
            judge,
            rates,
            web,
            metrics,
            live,
            drain,
            tasks: TaskTracker::new(),
            version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// Says whether the server is draining: what is under way ends, nothing new should begin.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }
}
