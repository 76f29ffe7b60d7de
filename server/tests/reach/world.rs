//! A server with every provider at hand, its people, and the story of what it sent them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use landfall_core::time::Timestamp;
use landfall_fixtures::push_service::{Browser, PushService};
use landfall_fixtures::{Callback, FcmServer, Protection, SmtpServer, TwilioAccount, TwilioServer};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Landfall, NOON, soon, token, until};

/// Where clients reach the server, as it was told: a proxy would stand there.
pub const PUBLIC: &str = "https://reach.example";
const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const TWILIO_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// What `outbox.lease_seconds` is by default.
const LEASE_MS: i64 = 60_000;
/// All channels, in the order in which they follow each other.
pub const FULL: [&str; 4] = ["websocket", "push", "sms", "email"];

/// Settings, named as in the environment.
type Setting = (String, String);

/// The servers that stand for the providers.
pub struct Providers {
    pub push: PushService,
    pub fcm: FcmServer,
    pub twilio: TwilioServer,
    pub smtp: SmtpServer,
}

impl Providers {
    /// Starts them; the two that look at a clock see this second.
    pub async fn start(clock: fn() -> i64) -> Self {
        let (sid, auth_token) = (ACCOUNT.to_owned(), TWILIO_TOKEN.to_owned());
        let account = TwilioAccount { sid, auth_token, api_keys: vec![] };
        Self {
            push: PushService::start(clock).await.unwrap(),
            fcm: FcmServer::start(clock()).await.unwrap(),
            twilio: TwilioServer::start(account).await.unwrap(),
            smtp: SmtpServer::start(Protection::None).await.unwrap(),
        }
    }

    /// Tells a server where they are.
    pub fn settings(&self) -> Vec<Setting> {
        let smtp = format!("smtp://127.0.0.1:{}?tls=none", self.smtp.port());
        let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        [
            ("LANDFALL_SERVER_PUBLIC_URL", PUBLIC.to_owned()),
            ("LANDFALL_OUTBOUND_ALLOW", "127.0.0.0/8".to_owned()),
            ("LANDFALL_SECRETS_KEYS", format!("k1:{key}")),
            ("LANDFALL_SECRETS_LOOKUP", "a lookup key of more than thirty-two bytes".to_owned()),
            ("LANDFALL_VAPID_SUBJECT", "mailto:ops@reach.example".to_owned()),
            ("LANDFALL_FCM_CREDENTIALS", self.fcm.credentials()),
            ("LANDFALL_FCM_BASE_URL", self.fcm.base_url()),
            ("LANDFALL_SMS_ACCOUNT_SID", ACCOUNT.to_owned()),
            ("LANDFALL_SMS_AUTH_TOKEN", TWILIO_TOKEN.to_owned()),
            ("LANDFALL_SMS_FROM", "+15005550006".to_owned()),
            ("LANDFALL_SMS_BASE_URL", self.twilio.base_url()),
            ("LANDFALL_SMS_SEGMENTS_PER_SECOND", "1000".to_owned()),
            ("LANDFALL_EMAIL_URL", smtp),
            ("LANDFALL_EMAIL_FROM", "School <news@school.example>".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// A server, its providers and an HTTP client without cookies.
pub struct World {
    pub landfall: Landfall,
    pub on: Providers,
    http: reqwest::Client,
}

impl World {
    /// Starts a server whose clock stands at noon.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a server with more settings, whose clock stands at noon.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        let on = Providers::start(|| NOON).await;
        let settings = on.settings();
        let landfall = Landfall::at_noon(&with_more(&settings, more)).await;
        Self { landfall, on, http: client() }
    }

    /// Starts a server with more settings, whose clock goes.
    pub async fn live(more: &[(&str, &str)]) -> Self {
        let on = Providers::start(|| landfall_server::clock::now_ms() / 1_000).await;
        let settings = on.settings();
        let landfall = Landfall::with(&with_more(&settings, more)).await;
        Self { landfall, on, http: client() }
    }

    /// Stops the server and starts it again on its folder, so many seconds after noon.
    pub async fn restart_at(self, after_noon: i64) -> Self {
        self.restart_with(after_noon, &[]).await
    }

    /// Stops the server and starts it again on its folder with more settings, so many seconds after
    /// noon.
    pub async fn restart_with(self, after_noon: i64, more: &[(&str, &str)]) -> Self {
        let Self { landfall, on, http } = self;
        let (clock, folder) = (landfall.clock.clone(), landfall.stop().await);
        clock.set(Timestamp::from_ms((NOON + after_noon) * 1_000));
        let settings = on.settings();
        let landfall = Landfall::on(folder, &with_more(&settings, more), clock).await;
        Self { landfall, on, http }
    }

    /// Gives the client, which has no cookies.
    pub fn client(&self) -> &reqwest::Client {
        &self.http
    }

    /// Makes it so many seconds after noon, and lets the outbox look.
    pub fn go_to(&self, after_noon: i64) {
        self.landfall.set_clock(after_noon);
        self.landfall.server.app.services.outbox.woken.notify_one();
    }

    /// Begins a call without a token of what a link of the server leads to.
    pub fn open(&self, method: &str, link: &str) -> RequestBuilder {
        let path = link.strip_prefix(PUBLIC).unwrap_or(link);
        let url = format!("http://{}{path}", self.landfall.address);
        self.http.request(method.parse().unwrap(), url)
    }

    /// Calls back as Twilio does; gives the status.
    pub async fn call_back(&self, callback: &Callback) -> u16 {
        let mut request = self.open("POST", &callback.url).form(&callback.parameters);
        for (name, value) in callback.headers() {
            request = request.header(name, value);
        }
        soon("a callback", request.send()).await.unwrap().status().as_u16()
    }

    /// Calls with a token and gives status and body, whatever they are.
    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Value,
    ) -> (u16, Value) {
        let url = format!("http://{}{path}", self.landfall.address);
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = soon(path, request.send()).await.unwrap();
        let status = response.status().as_u16();
        let text = soon(path, response.text()).await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Asks with a token.
    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.try_call("GET", path, token, Value::Null).await
    }

    /// Registers a number and a mailbox of somebody.
    pub async fn person(&self, user: &str, phone: &str) {
        let body = json!({ "email": format!("{user}@home.example"), "phone": phone });
        let path = format!("/api/v1/users/{user}");
        self.landfall.call("PUT", &path, &token("root", "admin"), Some(body)).await;
    }

    /// Subscribes a browser of somebody.
    pub async fn browser(&self, user: &str) -> Browser {
        let token = token(user, "student");
        let path = "/api/v1/notifications/vapid-public-key";
        let key = self.landfall.call("GET", path, &token, None).await;
        let key = BASE64.decode(key["public_key"].as_str().unwrap()).unwrap();
        let browser = self.on.push.subscribe(Some(&key));
        self.landfall.call("POST", "/push/subscribe", &token, Some(subscription(&browser))).await;
        browser
    }

    /// Registers the token of somebody's app.
    pub async fn app(&self, user: &str, app_token: &str) {
        let body = json!({ "token": app_token, "platform": "android", "device_id": app_token });
        let path = "/api/v1/notifications/tokens";
        self.landfall.call("POST", path, &token(user, "student"), Some(body)).await;
    }

    /// Sets preferences of somebody.
    pub async fn prefer(&self, user: &str, wishes: Value) {
        let path = "/api/v1/notifications/preferences";
        self.landfall.call("POST", path, &token(user, "student"), Some(wishes)).await;
    }

    /// Notifies somebody on these channels; gives the notification's id.
    pub async fn notify(&self, user: &str, channels: &[&str], more: Value) -> String {
        let mut fields = json!({ "channels": channels });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.landfall.notify_with(user, "Trip", fields).await;
        answer["notification_id"].as_str().unwrap().to_owned()
    }

    /// Gives a notification's timeline as an admin sees it.
    pub async fn timeline(&self, id: &str) -> Value {
        let path = format!("/api/v1/notifications/{id}/timeline?limit=500");
        self.landfall.call("GET", &path, &token("root", "admin"), None).await
    }

    /// Gives what happened, a line each: event, channel, state, reason and rule.
    pub async fn story(&self, id: &str) -> Vec<String> {
        let timeline = self.timeline(id).await;
        timeline["items"].as_array().unwrap().iter().map(line).collect()
    }

    /// Waits until a channel of a notification stands so.
    pub async fn until_stands(&self, id: &str, channel: &str, state: &str) {
        let wait = async {
            loop {
                let timeline = self.timeline(id).await;
                if timeline["channels"][channel]["state"] == state {
                    return;
                }
            }
        };
        if tokio::time::timeout(crate::harness::DEADLINE, wait).await.is_err() {
            panic!("{channel} is not {state}: {:#?}", self.story(id).await);
        }
    }

    /// Waits until a channel of a notification stands so, for such a reason.
    pub async fn until_for(&self, id: &str, channel: &str, state: &str, reason: &str) {
        self.until_stands(id, channel, state).await;
        until(reason, async || self.timeline(id).await["channels"][channel]["reason"] == reason)
            .await;
    }

    /// Lists the deliveries of a notification as the admins' log has them.
    pub async fn deliveries(&self, user: &str, id: &str) -> Vec<Value> {
        let path = format!("/api/v1/admin/deliveries?limit=500&user_id={user}");
        let list = self.landfall.call("GET", &path, &token("root", "admin"), None).await;
        let items = list["items"].as_array().unwrap().iter();
        items.filter(|item| item["notification_id"] == id).cloned().collect()
    }

    /// Waits until the outbox has nothing that is due now, and nothing is under way.
    pub async fn until_quiet(&self, id: &str, user: &str) {
        let now = self.landfall.clock.now();
        // While the clock stands, what is under way is due again at the end of its lease.
        let (now, leased) = (now.to_string(), now.plus_ms(LEASE_MS).to_string());
        until("nothing is due", async || {
            let is_due = |at: &str| at <= now.as_str() || at == leased;
            let all = self.deliveries(user, id).await;
            !all.iter().any(|one| one["due_at"].as_str().is_some_and(is_due))
        })
        .await;
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn with_more<'a>(settings: &'a [Setting], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    settings.chain(more.iter().copied()).collect()
}

/// Writes a subscription as a page posts it.
pub fn subscription(browser: &Browser) -> Value {
    let keys =
        json!({ "p256dh": BASE64.encode(&browser.p256dh), "auth": BASE64.encode(&browser.auth) });
    json!({ "endpoint": browser.endpoint, "keys": keys })
}

/// Writes one event on a line.
pub fn line(item: &Value) -> String {
    let mut text = item["event"].as_str().unwrap().to_owned();
    for field in ["channel", "state"] {
        if let Some(value) = item[field].as_str() {
            text.push_str(&format!(" {value}"));
        }
    }
    if let Some(reason) = item["reason"].as_str() {
        text.push_str(&format!(": {reason}"));
    }
    if let Some(rule) = item["rule"].as_u64() {
        text.push_str(&format!(" ({rule})"));
    }
    text
}
