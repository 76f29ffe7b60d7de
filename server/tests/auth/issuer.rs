//! An issuer of tokens: keys that it signs with, and a local server that publishes what a test says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream;
use serde_json::{Value, json};

use crate::signing::{claims, compact};

/// An Ed25519 key with the name under which it is published.
pub struct Signer {
    pair: Ed25519KeyPair,
    kid: Option<String>,
}

impl Signer {
    pub fn named(kid: &str) -> Self {
        Self { kid: Some(kid.to_owned()), ..Self::nameless() }
    }

    pub fn nameless() -> Self {
        Self { pair: Ed25519KeyPair::generate().unwrap(), kid: None }
    }

    pub fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        let mut jwk = json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "x": x });
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    pub fn token(&self, changes: Value) -> String {
        self.token_named(json!({ "alg": "EdDSA", "kid": self.kid }), changes)
    }

    pub fn token_named(&self, header: Value, changes: Value) -> String {
        let claims = claims(changes).to_string();
        compact(&header, &claims, |message| self.pair.sign(message).as_ref().to_vec())
    }
}

/// What the address answers with.
#[derive(Clone)]
pub enum Says {
    /// A key set and, unless it is empty, a `Cache-Control`.
    Keys(Vec<Value>, &'static str),
    Text(String),
    Status(u16),
    RedirectTo(String),
    /// Bytes without an end.
    Flood,
    /// Nothing, for ever.
    Silence,
    /// Headers, and then nothing more.
    Half,
}

pub struct Issuer {
    pub url: String,
    says: Arc<Mutex<Says>>,
    hits: Arc<AtomicUsize>,
}

impl Issuer {
    pub async fn start(says: Says) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (says, hits) = (Arc::new(Mutex::new(says)), Arc::new(AtomicUsize::new(0)));
        let (theirs, counted) = (Arc::clone(&says), Arc::clone(&hits));
        let answer = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let says = theirs.lock().unwrap().clone();
            answer(says)
        };
        let router = Router::new().route("/keys", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, says, hits }
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, signers: &[&Signer]) {
        self.say(keys(signers));
    }

    pub fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }
}

pub fn keys(signers: &[&Signer]) -> Says {
    Says::Keys(signers.iter().map(|signer| signer.jwk()).collect(), "")
}

async fn answer(says: Says) -> Response<Body> {
    let plain = |text: String| Response::new(Body::from(text));
    match says {
        Says::Keys(keys, caching) => Response::builder()
            .header("cache-control", caching)
            .body(Body::from(json!({ "keys": keys }).to_string()))
            .unwrap(),
        Says::Text(text) => plain(text),
        Says::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            Response::builder().status(status).body(Body::from("{\"keys\":[]}")).unwrap()
        }
        Says::RedirectTo(url) => {
            Response::builder().status(302).header("location", url).body(Body::empty()).unwrap()
        }
        Says::Flood => {
            let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65_536]));
            Response::new(Body::from_stream(stream::repeat_with(piece)))
        }
        Says::Silence => std::future::pending().await,
        Says::Half => {
            let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"keys\":["))]);
            let rest = futures_util::StreamExt::chain(begun, stream::pending());
            Response::new(Body::from_stream(rest))
        }
    }
}

/// Asks again and again until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    waited.unwrap_or_else(|_| panic!("{what}: took too long"));
}
